import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { utf8 } from "#src/base/bytes.ts";
import { canonicalize, type JsonObject } from "#src/base/canonical-json.ts";
import { parseStrictJson } from "#src/base/strict-json.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { MAX_LEDGER_DEPTH, parseCanonical } from "#src/ledger/canonical-text.ts";
import {
  collectReferences,
  composeEvent,
  digestEvent,
  GENESIS_HASH,
  hashEvent,
  hashEventHex,
  parseEvent,
  parseEventBytes,
} from "#src/ledger/event.ts";
import { leafHash } from "#src/ledger/merkle.ts";
import { collectPersonalValues, isPersonalValue, personalCiphertext, personalValue } from "#src/ledger/personal.ts";

const PARTS = {
  tenant: "ten_1",
  seq: 7,
  id: "evt_1",
  at: "2026-02-28T23:59:59.123Z",
  type: "decision.made",
  actor: "sub_1",
  prev: "ab".repeat(32),
  dataJson: '{"x":1}',
};
const GOOD = composeEvent(PARTS);
const jsonData = fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue(), { maxKeys: 5 });
const isEncodable = (value: unknown): boolean => {
  try {
    parseStrictJson(canonicalize(value));
    return true;
  } catch {
    return false;
  }
};

setDefaultTimeout(30_000);

describe("composeEvent", () => {
  test("gives the canonical form, for any parts", () => {
    fc.assert(
      fc.property(jsonData, fc.nat(), fc.string({ unit: "grapheme" }), (data, seq, actor) => {
        fc.pre(isEncodable(data) && actor.isWellFormed());
        const { dataJson: _, ...plain } = PARTS;
        const composed = composeEvent({ ...PARTS, seq, actor, dataJson: canonicalize(data) });
        expect(composed).toBe(canonicalize({ ...plain, seq, actor, data, v: 1 }));
      }),
    );
  });

  test("what it makes is read back", () => {
    fc.assert(
      fc.property(jsonData, (data) => {
        fc.pre(isEncodable(data));
        const text = composeEvent({ ...PARTS, dataJson: canonicalize(data) });
        const event = parseEventBytes(utf8(text));
        expect(canonicalize(event)).toBe(text);
        expect(Object.getPrototypeOf(event.data)).toBeNull();
      }),
    );
  });
});

test("the hash is SHA-256 of the prefix and the bytes", () => {
  expect(hashEventHex(GOOD)).toBe(sha256Hex(utf8(`writ.audit.v1\n${GOOD}`)));
  expect(hashEvent(utf8(GOOD)).toHex()).toBe(hashEventHex(GOOD));
  expect(GENESIS_HASH).toBe("0".repeat(64));
});

test("both sums at once are the same sums", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      const both = { hash: hashEventHex(text), leaf: leafHash(text), length: utf8(text).length };
      expect(digestEvent(text)).toEqual(both);
      const bytes = utf8(text);
      expect(digestEvent(bytes)).toEqual(both);
      expect(bytes).toEqual(utf8(text));
      expect(leafHash(bytes)).toEqual(both.leaf);
    }),
  );
});

describe("parseEvent refuses", () => {
  const replaced: [string, string, string][] = [
    ["white space", '"seq":7', '"seq": 7'],
    ["another number form", '"seq":7', '"seq":7.0'],
    ["seq 0", '"seq":7', '"seq":0'],
    ["a fractional seq", '"seq":7', '"seq":7.5'],
    ["seq beyond 2^53", '"seq":7', '"seq":9007199254740994'],
    ["seq as text", '"seq":7', '"seq":"7"'],
    ["a needless escape", '"sub_1"', '"\\u0073ub_1"'],
    ["a duplicate key", '"seq":7', '"seq":7,"seq":7'],
    ["another order", '"seq":7,"tenant":"ten_1"', '"tenant":"ten_1","seq":7'],
    ["a missing member", '"seq":7,', ""],
    ["another member", '"seq":7', '"seq":7,"so":1'],
    ["a member __proto__", '{"actor"', '{"__proto__":{},"actor"'],
    ["another version", '"v":1', '"v":2'],
    ["an upper-case hash", "abab", "ABAB"],
    ["a short hash", "abab", "ab"],
    ["a time without milliseconds", ".123Z", "Z"],
    ["a time with an offset", ".123Z", ".123+00:00"],
    ["a day that does not exist", "02-28", "02-29"],
    ["a 31st of November", "02-28", "11-31"],
    ["hour 24", "T23", "T24"],
    ["a leap second", ":59.123", ":60.123"],
    ["a type with capitals", "decision.made", "Decision"],
    ["an empty tenant", '"ten_1"', '""'],
    ["a tenant with a line feed", '"ten_1"', '"ten\\n1"'],
    ["data that is a list", '{"x":1}', "[1]"],
    ["data that is null", '{"x":1}', "null"],
    ["a lone surrogate", '{"x":1}', '{"x":"\\ud800"}'],
    ["a lone surrogate in a key", '{"x":1}', '{"\\udfff":1}'],
    ["an integer beyond 2^53", '{"x":1}', '{"x":9007199254740994}'],
    ["an integer that is rounded", '{"x":1}', '{"x":9007199254740993}'],
    ["1e+21", '{"x":1}', '{"x":1e+21}'],
    ["1e400", '{"x":1}', '{"x":1e400}'],
    ["minus zero", '{"x":1}', '{"x":-0}'],
    ["unsorted integer keys", '{"x":1}', '{"9":1,"10":1}'],
    ["text behind it", '"v":1}', '"v":1} '],
    ["a byte order mark", '{"actor"', '\ufeff{"actor"'],
  ];
  test.each(replaced)("%s", (_, from, to) => {
    expect(GOOD).toContain(from);
    expect(() => parseEvent(GOOD.replace(from, () => to))).toThrow(
      expect.objectContaining({ code: "verification_failed" }),
    );
  });

  test("nesting: 10,000 deep, a million deep, one level too deep; not the deepest allowed", () => {
    const nested = (depth: number) => GOOD.replace('{"x":1}', `{"x":${"[".repeat(depth)}${"]".repeat(depth)}}`);
    for (const depth of [MAX_LEDGER_DEPTH - 1, 10_000, 1_000_000]) {
      expect(() => parseEvent(nested(depth))).toThrow(expect.objectContaining({ code: "verification_failed" }));
    }
    expect(parseEvent(nested(MAX_LEDGER_DEPTH - 2)).seq).toBe(7);
  });

  test("bytes that are not UTF-8", () => {
    const bytes = utf8(GOOD);
    bytes[20] = 0xff;
    expect(() => parseEventBytes(bytes)).toThrow(expect.objectContaining({ code: "verification_failed" }));
  });
});

describe("parseCanonical", () => {
  const strict = (text: string): string | undefined => {
    try {
      const again = canonicalize(parseStrictJson(text, { maxDepth: MAX_LEDGER_DEPTH }));
      return again === text ? again : undefined;
    } catch {
      return undefined;
    }
  };
  const quick = (text: string): string | undefined => {
    try {
      return canonicalize(parseCanonical(text, "it"));
    } catch {
      return undefined;
    }
  };
  const keys = fc.constantFrom(
    "__proto__",
    "constructor",
    "1",
    "10",
    "9",
    "a",
    "b",
    "é",
    "\ud83d\ude00",
    "\uffff",
    "toJSON",
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.jsonValue({ maxDepth: 1 }),
      fc.dictionary(keys, tie("tree")),
      fc.array(tie("tree")),
    ),
  }));

  test("accepts exactly what the strict way accepts", () => {
    fc.assert(
      fc.property(tree, (value) => {
        for (const text of [JSON.stringify(value), isEncodable(value) ? canonicalize(value) : "x"]) {
          expect(quick(text)).toBe(strict(text));
        }
      }),
      { numRuns: 120 },
    );
  });

  test("also with characters changed", () => {
    const character = fc.constantFrom(...'{}[]",:0129eE+-.\\u/ntd \n');
    fc.assert(
      fc.property(tree, fc.nat(), character, (value, position, replacement) => {
        fc.pre(isEncodable(value));
        const text = canonicalize(value);
        const at = position % text.length;
        const changed = text.slice(0, at) + replacement + text.slice(at + 1);
        expect(quick(changed)).toBe(strict(changed));
      }),
      { numRuns: 150 },
    );
  });

  test("orders keys by UTF-16 code units, integers too", () => {
    expect(quick('{"10":1,"9":2}')).toBe('{"10":1,"9":2}');
    expect(quick('{"\u{1f600}":1,"\uffff":2}')).toBe('{"\u{1f600}":1,"\uffff":2}');
    expect(quick('{"\uffff":2,"\u{1f600}":1}')).toBeUndefined();
  });

  test("knows a __proto__ for a key like any other", () => {
    const value = parseCanonical('{"__proto__":{"a":1}}', "it") as JsonObject;
    expect(Object.keys(value)).toEqual(["__proto__"]);
    expect(value["a"]).toBeUndefined();
  });
});

test("only direct members of data refer to blobs", () => {
  const ref = { ref: `sha256:${"0a".repeat(32)}` };
  const data = {
    b: ref,
    nested: { ref: ref.ref, more: 1 },
    deep: { claimed: ref },
    list: [ref],
    short: { ref: "sha256:0a" },
  };
  expect(collectReferences(data)).toEqual(["0a".repeat(32)]);
  expect(collectReferences({ ...ref })).toEqual([]);
});

test("personal values are known by their exact shape", () => {
  const value = personalValue("sub_1", Uint8Array.of(1, 2, 255));
  expect(value).toEqual({ sealed: "AQL_", subject: "sub_1" });
  expect(personalCiphertext(value)).toEqual(Uint8Array.of(1, 2, 255));
  expect(collectPersonalValues({ a: [value], b: { c: value, sealed: "x" } })).toEqual([value, value]);
  for (const other of [
    null,
    [],
    "x",
    { ...value, more: 1 },
    { ...value, sealed: "AQL/" },
    { ...value, sealed: "" },
    { sealed: "AQL_" },
  ]) {
    expect(isPersonalValue(other)).toBe(false);
  }
});
