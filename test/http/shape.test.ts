import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { Json } from "#src/base/canonical-json.ts";
import { isWritError } from "#src/base/errors.ts";
import { parseStrictJson } from "#src/base/strict-json.ts";
import {
  anyObject,
  choice,
  flag,
  instant,
  integer,
  integerText,
  list,
  object,
  optional,
  type Shape,
  text,
  textMap,
  union,
} from "#src/http/shape.ts";

const SHAPE = object({
  name: text({ max: 5 }),
  count: optional(integer(0, 10)),
  nested: optional(object({ id: text(), tags: list(choice(["a", "b"]), 2) })),
  flag: optional(flag()),
  any: optional(anyObject()),
  headers: optional(textMap(text({ min: 0 }), 2)),
});

function read(shape: Shape<unknown>, json: string): unknown {
  return readValue(shape, parseStrictJson(json));
}

function readValue(shape: Shape<unknown>, json: Json): unknown {
  try {
    return shape.parse(json, "");
  } catch (error) {
    if (!isWritError(error, "invalid_argument")) throw error;
    return error.message;
  }
}

describe("shapes", () => {
  const cases: readonly (readonly [json: string, answer: unknown])[] = [
    ['{"name":"a"}', { name: "a" }],
    ['{"name":"a","count":10,"flag":false}', { name: "a", count: 10, flag: false }],
    ['{"name":"a","nested":{"id":"x","tags":["a","b"]}}', { name: "a", nested: { id: "x", tags: ["a", "b"] } }],
    ['{"name":"a","headers":{"x":""}}', { name: "a", headers: [["x", ""]] }],
    ["{}", "`name` is missing"],
    ["[]", "the body must be an object"],
    ["null", "the body must be an object"],
    ['{"name":null}', "`name` must be a string"],
    ['{"name":""}', "`name` must have 1 to 5 characters"],
    ['{"name":"abcdef"}', "`name` must have 1 to 5 characters"],
    ['{"name":"a","count":null}', "`count` must be a whole number from 0 to 10"],
    ['{"name":"a","count":1.5}', "`count` must be a whole number from 0 to 10"],
    ['{"name":"a","count":11}', "`count` must be a whole number from 0 to 10"],
    ['{"name":"a","flag":0}', "`flag` must be true or false"],
    ['{"name":"a","any":[]}', "`any` must be an object"],
    ['{"name":"a","nested":{"tags":[]}}', "`nested.id` is missing"],
    ['{"name":"a","nested":{"id":"x","tags":["c"]}}', "`nested.tags[0]` must be one of a, b"],
    ['{"name":"a","nested":{"id":"x","tags":["a","a","a"]}}', "`nested.tags` must have at most 2 entries"],
    ['{"name":"a","nested":{"id":"x","tags":[],"more":1}}', "`nested.more` is not a known field"],
    ['{"name":"a","headers":{"x":1}}', "`headers.x` must be a string"],
    ['{"name":"a","headers":{"a":"","b":"","c":""}}', "`headers` must have at most 2 members"],
    ['{"name":"a","__proto__":{}}', "`__proto__` is not a known field"],
    ['{"name":"a","constructor":1}', "`constructor` is not a known field"],
    ['{"name":"a","toString":1}', "`toString` is not a known field"],
  ];
  for (const [json, answer] of cases) test(json, () => expect(read(SHAPE, json)).toEqual(answer));

  test("an unknown name is cut where it is told", () => {
    expect(String(read(SHAPE, `{"name":"a","${"x".repeat(5000)}":1}`)).length).toBeLessThan(100);
  });

  test("variants are told apart by their tag", () => {
    const shape = union("kind", {
      none: object({ kind: choice(["none"]) }),
      some: object({ kind: choice(["some"]), value: text() }),
    });
    expect(read(shape, '{"kind":"some","value":"x"}')).toEqual({ kind: "some", value: "x" });
    expect(read(shape, '{"kind":"none","value":"x"}')).toBe("`value` is not a known field");
    expect(read(shape, '{"kind":"__proto__"}')).toBe("`kind` must be one of none, some");
    expect(read(shape, '{"value":"x"}')).toBe("`kind` must be one of none, some");
  });

  test("integers of a query are decimal and plain", () => {
    const shape = integerText(0, 60);
    for (const good of ["0", "7", "60"]) expect(shape.parse(good, "q")).toBe(Number(good));
    for (const bad of ["", "-1", "+1", "01", "1e1", "0x1", " 1", "61", "1.0", "99999999999999999999"]) {
      expect(() => shape.parse(bad, "q")).toThrow("must be a whole number");
    }
  });

  test("times are RFC 3339", () => {
    const shape = instant();
    expect(shape.parse("2026-01-31T23:59:59Z", "t")).toBe(Date.UTC(2026, 0, 31, 23, 59, 59));
    expect(shape.parse("2026-01-31T23:59:59.5+01:00", "t")).toBe(Date.UTC(2026, 0, 31, 22, 59, 59, 500));
    for (const bad of ["2026-01-31", "yesterday", "2026-13-01T00:00:00Z", "", "1700000000"]) {
      expect(() => shape.parse(bad, "t")).toThrow("must be a time");
    }
  });

  test("whatever comes, the answer is a value of declared members or an error that is told", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (value) => {
        const answer = readValue(SHAPE, value as Json);
        if (typeof answer === "string") return;
        const known = new Set(["name", "count", "nested", "flag", "any", "headers"]);
        expect(Object.keys(answer as object).every((name) => known.has(name))).toBe(true);
        expect((answer as { name: Json }).name).toBeString();
      }),
      { numRuns: 300 },
    );
  });
});
