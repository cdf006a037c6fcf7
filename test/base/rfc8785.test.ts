import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { fromHex, toHex, utf8 } from "#src/base/bytes.ts";
import { canonicalize } from "#src/base/canonical-json.ts";
import { isWritError } from "#src/base/errors.ts";
import { parseStrictJson } from "#src/base/strict-json.ts";
import { describeShared, sharedData } from "#test/support/shared-data.ts";

describeShared("the published pairs", () => {
  test("each input gives its output, byte for byte", () => {
    const names = readdirSync(sharedData("jcs/input"));
    expect(names.length).toBeGreaterThan(4);
    for (const name of names) {
      const bytes = utf8(canonicalize(JSON.parse(readFileSync(sharedData(`jcs/input/${name}`), "utf8"))));
      expect(toHex(bytes)).toBe(readFileSync(sharedData(`jcs/output/${name}`)).toHex());
      const hex = readFileSync(sharedData(`jcs/outhex/${name.replace(".json", ".txt")}`), "utf8").replace(/\s/g, "");
      expect(toHex(bytes)).toBe(toHex(fromHex(hex)));
    }
  });
});

test("numbers of RFC 8785, appendix B", () => {
  const table: readonly (readonly [string, string])[] = [
    ["0000000000000000", "0"],
    ["8000000000000000", "0"],
    ["0000000000000001", "5e-324"],
    ["8000000000000001", "-5e-324"],
    ["7fefffffffffffff", "1.7976931348623157e+308"],
    ["4340000000000000", "9007199254740992"],
    ["c340000000000000", "-9007199254740992"],
    ["4430000000000000", "295147905179352830000"],
    ["44b52d02c7e14af5", "9.999999999999997e+22"],
    ["44b52d02c7e14af6", "1e+23"],
    ["444b1ae4d6e2ef4e", "999999999999999700000"],
    ["444b1ae4d6e2ef50", "1e+21"],
    ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
    ["3eb0c6f7a0b5ed8d", "0.000001"],
    ["41b3de4355555557", "333333333.33333343"],
    ["becbf647612f3696", "-0.0000033333333333333333"],
  ];
  for (const [bits, text] of table) {
    const view = new DataView(fromHex(bits).buffer);
    expect(canonicalize(view.getFloat64(0))).toBe(text);
  }
});

test("members are sorted by UTF-16 code units, not by code points or bytes", () => {
  // U+FB33 is before U+1F600 as a code point, behind it as code units.
  expect(canonicalize({ "\ufb33": 1, "\u{1f600}": 2, z: 3, a: 4, "": 5 })).toBe(
    '{"":5,"a":4,"z":3,"\u{1f600}":2,"\ufb33":1}',
  );
});

test("strings are escaped as the standard says and no further", () => {
  expect(canonicalize('\u0000\b\t\n\f\r\u001f"\\/\u007f\u0080\u2028\u20ac')).toBe(
    '"\\u0000\\b\\t\\n\\f\\r\\u001f\\"\\\\/\u007f\u0080\u2028\u20ac"',
  );
});

test("undefined members are left out, null ones are not", () => {
  expect(canonicalize({ b: undefined, a: null })).toBe('{"a":null}');
  expect(canonicalize({ a: undefined })).toBe("{}");
});

test("a prototype's members do not show, and `__proto__` is a key like any other", () => {
  const hostile = parseStrictJson('{"__proto__":{"admin":true},"constructor":1}');
  expect(canonicalize(hostile)).toBe('{"__proto__":{"admin":true},"constructor":1}');
});

test("what is not JSON is refused", () => {
  const values: unknown[] = [Number.NaN, Number.POSITIVE_INFINITY, 1n, () => 1, Symbol("x"), undefined, [undefined]];
  values.push(new Date(0), new Map([["a", 1]]), Uint8Array.of(1), { a: Number.NaN }, Object.create({ a: 1 }));
  for (const value of values) {
    try {
      canonicalize(value);
      throw new Error(`accepted ${String(value)}`);
    } catch (error) {
      if (!isWritError(error, "invalid_argument")) throw error;
    }
  }
});

test("half a surrogate pair is refused in values and keys", () => {
  for (const value of ["\ud800", "a\udc00", { "\ud83d": 1 }, ["\ude00\ud83d"]]) {
    expect(() => canonicalize(value)).toThrow(expect.objectContaining({ code: "json_lone_surrogate" }) as never);
  }
});

test("parsing the canonical form gives the value back, and canonicalizing again the same text", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6, stringUnit: "binary" }), (value) => {
      const text = canonicalize(value);
      expect(canonicalize(JSON.parse(text))).toBe(text);
      expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
    { numRuns: 1000 },
  );
});

test("the order in which members were set does not show", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string(), fc.integer()), (record) => {
      const reversed = Object.fromEntries(Object.entries(record).reverse());
      expect(canonicalize(reversed)).toBe(canonicalize(record));
    }),
  );
});
