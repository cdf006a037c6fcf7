import { expect, test } from "bun:test";
import { hkdf } from "@noble/hashes/hkdf.js";
import { hmac } from "@noble/hashes/hmac.js";
import { sha256 as nobleSha256 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { concatBytes, toHex, utf8 } from "#src/base/bytes.ts";
import {
  createSha256,
  deriveKey,
  equalInConstantTime,
  hmacSha256,
  sha256,
  sha256Hex,
  sha256Noble,
} from "#src/crypto/hash.ts";
import { randomBytes } from "#src/crypto/random.ts";

const bytes = fc.uint8Array({ maxLength: 400 });

test("FIPS 180-4 examples", () => {
  expect(sha256Hex("abc")).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  expect(sha256Hex()).toBe("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
});

test("native, running and reference agree, however the input is split", () => {
  fc.assert(
    fc.property(bytes, bytes, fc.string({ unit: "binary" }), (one, two, text) => {
      const whole = concatBytes(one, utf8(text), two);
      const expected = toHex(sha256Noble(whole));
      expect(toHex(sha256(one, text, two))).toBe(expected);
      expect(sha256Hex(whole)).toBe(expected);
      const running = createSha256();
      for (const part of [one, utf8(text), two]) running.update(part);
      expect(running.digestHex()).toBe(expected);
    }),
  );
});

test("HMAC and HKDF agree with the reference", () => {
  fc.assert(
    fc.property(bytes, bytes, fc.string(), fc.string(), (key, message, salt, info) => {
      expect(toHex(hmacSha256(key, message))).toBe(toHex(hmac(nobleSha256, key, message)));
      expect(toHex(deriveKey(key, salt, info))).toBe(toHex(hkdf(nobleSha256, key, utf8(salt), utf8(info), 32)));
    }),
  );
});

test("salt and info both separate keys", () => {
  const secret = randomBytes(32);
  const keys = [
    ["a", "b"],
    ["ab", ""],
    ["", "ab"],
    ["b", "a"],
  ].map(([salt, info]) => toHex(deriveKey(secret, salt!, info!)));
  expect(new Set(keys).size).toBe(4);
});

test("constant-time comparison", () => {
  fc.assert(
    fc.property(bytes, bytes, (one, two) => {
      expect(equalInConstantTime(one, two)).toBe(toHex(one) === toHex(two));
      expect(equalInConstantTime(one, Uint8Array.from(one))).toBe(true);
    }),
  );
});

test("random bytes are of the length asked for, not shared, and do not repeat", () => {
  for (const length of [0, 1, 255, 256, 257, 10_000]) expect(randomBytes(length)).toHaveLength(length);
  const seen = new Set(Array.from({ length: 5000 }, () => toHex(randomBytes(16))));
  expect(seen.size).toBe(5000);
  const first = randomBytes(8);
  const copy = toHex(first);
  randomBytes(8).fill(0);
  expect(toHex(first)).toBe(copy);
});
