import { expect, test } from "bun:test";
import fc from "fast-check";
import { utf8 } from "#src/base/bytes.ts";
import { randomBytes } from "#src/crypto/random.ts";
import { open, seal } from "#src/crypto/sealing.ts";

const refused = expect.objectContaining({ code: "crypto_failed" }) as never;
const key = randomBytes(32);
const binding = ["ten_1", "secret", "sec_9", "3"];

test("what is sealed opens, whatever it is and whatever it is bound to", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), fc.array(fc.string(), { maxLength: 5 }), (plaintext, parts) => {
      const sealed = seal(key, plaintext, parts);
      expect(sealed).toHaveLength(1 + 24 + plaintext.length + 16);
      expect(sealed[0]).toBe(1);
      expect(open(key, sealed, parts)).toEqual(Uint8Array.from(plaintext));
    }),
  );
});

test("it opens nowhere else", () => {
  const sealed = seal(key, utf8("hunter2"), binding);
  const others = [
    [],
    ["ten_1", "secret", "sec_9"],
    ["ten_1", "secret", "sec_9", "3", ""],
    ["ten_2", "secret", "sec_9", "3"],
    ["ten_1", "secret", "sec_9", "4"],
    ["ten_1", "secret", "sec_93", ""],
    ["ten_1secret", "", "sec_9", "3"],
    ["secret", "ten_1", "sec_9", "3"],
    ["5:ten_16:secret5:sec_91:3"],
    ["ten_16:secret", "sec_9", "3"],
  ];
  for (const other of others) expect(() => open(key, sealed, other)).toThrow(refused);
  expect(() => open(randomBytes(32), sealed, binding)).toThrow(refused);
  expect(() => open(key.subarray(0, 31), sealed, binding)).toThrow(refused);
});

test("bindings that differ never share a ciphertext's room", () => {
  const parts = fc.array(fc.string({ unit: fc.constantFrom(..."01:a\ud800é\u{1f600}"), maxLength: 6 }), {
    maxLength: 4,
  });
  fc.assert(
    fc.property(parts, parts, (one, two) => {
      if (JSON.stringify(one) === JSON.stringify(two)) return;
      expect(() => open(key, seal(key, utf8("x"), one), two)).toThrow(refused);
    }),
    { numRuns: 2000 },
  );
});

test("half a surrogate pair in a binding is refused: as bytes it could be another's", () => {
  for (const part of ["\ud800", "\udfff", "a\ud83d"]) expect(() => seal(key, utf8("x"), [part])).toThrow(refused);
});

test("no changed bit, lost byte or added byte opens", () => {
  const sealed = seal(key, utf8("a secret"), binding);
  for (let bit = 0; bit < sealed.length * 8; bit += 1) {
    const changed = Uint8Array.from(sealed);
    changed[bit >> 3]! ^= 1 << (bit & 7);
    expect(() => open(key, changed, binding)).toThrow(refused);
  }
  for (let length = 0; length < sealed.length; length += 1) {
    expect(() => open(key, sealed.subarray(0, length), binding)).toThrow(refused);
  }
  expect(() => open(key, Uint8Array.of(...sealed, 0), binding)).toThrow(refused);
});

test("an unknown format is refused before anything is tried", () => {
  const sealed = seal(key, utf8("a secret"), binding);
  for (const format of [0, 2, 255]) {
    sealed[0] = format;
    expect(() => open(key, sealed, binding)).toThrow("a sealed value is malformed");
  }
});

test("the same plaintext twice gives two ciphertexts, and a fixed nonce one", () => {
  expect(seal(key, utf8("x"), binding)).not.toEqual(seal(key, utf8("x"), binding));
  const fixed = (length: number) => new Uint8Array(length).fill(7);
  expect(seal(key, utf8("x"), binding, fixed)).toEqual(seal(key, utf8("x"), binding, fixed));
});
