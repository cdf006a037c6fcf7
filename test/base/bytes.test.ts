import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  concatBytes,
  equalBytes,
  fromBase64,
  fromBase64Url,
  fromHex,
  fromUtf8,
  toBase64,
  toBase64Url,
  toHex,
  utf8,
} from "#src/base/bytes.ts";

const refused = expect.objectContaining({ code: "invalid_argument" }) as never;

test("every encoding gives the bytes back, and agrees with the runtime's buffer", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      expect(fromHex(toHex(bytes))).toEqual(Uint8Array.from(bytes));
      expect(fromBase64(toBase64(bytes))).toEqual(Uint8Array.from(bytes));
      expect(fromBase64Url(toBase64Url(bytes))).toEqual(Uint8Array.from(bytes));
      expect(toHex(bytes)).toBe(Buffer.from(bytes).toString("hex"));
      expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString("base64"));
      expect(toBase64Url(bytes)).toBe(Buffer.from(bytes).toString("base64url"));
    }),
  );
});

test("a text that decodes is the only text of its bytes", () => {
  const text = fc.string({ unit: fc.constantFrom(..."AQgw_-+/=azZ09 \n"), maxLength: 12 });
  const pairs = [
    [fromBase64, toBase64],
    [fromBase64Url, toBase64Url],
  ] as const;
  fc.assert(
    fc.property(text, (candidate) => {
      for (const [decode, encode] of pairs) {
        let bytes: Uint8Array;
        try {
          bytes = decode(candidate);
        } catch {
          continue;
        }
        expect(encode(bytes)).toBe(candidate);
      }
    }),
    { numRuns: 5000 },
  );
});

describe("refused", () => {
  test.each(["0", "0g", "0x00", " 00", "00 ", "00\n", "é0", "0-"])("hex %j", (text) => {
    expect(() => fromHex(text)).toThrow(refused);
  });
  test.each(["A", "AA", "AA=", "AAA", "AB==", "AAB=", "AA==\n", "A A=", "AA-_", "====", "AA==AA==", "\u00c1A=="])(
    "base64 %j",
    (text) => {
      expect(() => fromBase64(text)).toThrow(refused);
    },
  );
  test.each(["A", "AA==", "AB", "AAB", "AA\n", " AA", "+/AA", "AA=", "A.A"])("base64url %j", (text) => {
    expect(() => fromBase64Url(text)).toThrow(refused);
  });
  test.each(["80", "c0af", "eda080", "f4908080", "c3", "e282", "ff", "fe", "f8888080"])("utf-8 %s", (hex) => {
    expect(() => fromUtf8(fromHex(hex))).toThrow(refused);
  });
});

test("utf-8 keeps a byte order mark and every code point", () => {
  expect(fromUtf8(fromHex("efbbbf41"))).toBe("\ufeffA");
  fc.assert(
    fc.property(fc.string({ unit: "binary" }), (text) => {
      expect(fromUtf8(utf8(text))).toBe(text);
    }),
  );
});

test("concatenation and comparison", () => {
  expect(concatBytes()).toEqual(new Uint8Array());
  expect(concatBytes(Uint8Array.of(1), new Uint8Array(), Uint8Array.of(2, 3))).toEqual(Uint8Array.of(1, 2, 3));
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 2))).toBe(true);
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1, 3))).toBe(false);
  expect(equalBytes(Uint8Array.of(1, 2), Uint8Array.of(1))).toBe(false);
  expect(equalBytes(Uint8Array.of(), Uint8Array.of())).toBe(true);
});
