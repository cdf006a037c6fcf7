import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { parseTokenCid } from "#src/ucan/envelope.ts";
import type { Ipld } from "#src/ucan/ipld.ts";
import { MAX_POLICY_DEPTH, MAX_POLICY_STATEMENTS, parsePolicy, satisfiesPolicy } from "#src/ucan/policy.ts";
import { describeShared, sharedData } from "#test/support/shared-data.ts";
import { agent, codeOf, delegate, tenant } from "./support.ts";

const satisfies = (policy: unknown, args: Ipld) => satisfiesPolicy(parsePolicy(policy), args);
const holds = (statement: unknown, args: Ipld) => satisfies([statement], args);

interface PolicyCase {
  readonly args: Ipld;
  readonly policies: readonly unknown[];
}

describeShared("the policies of another implementation", () => {
  const file = JSON.parse(readFileSync(sharedData("ucan/policy.json"), "utf8")) as Record<
    "valid" | "invalid",
    PolicyCase[]
  >;
  for (const kind of ["valid", "invalid"] as const) {
    test(`${kind}: there are some`, () => expect(file[kind].length).toBeGreaterThan(0));
    for (const { args, policies } of file[kind]) {
      for (const policy of policies) {
        test(`${kind}: ${JSON.stringify(policy)}`, () => expect(satisfies(policy, args)).toBe(kind === "valid"));
      }
    }
  }
});

describe("policies", () => {
  test("compare by value, in depth", () => {
    const cid = parseTokenCid(delegate(tenant, agent).cid);
    const args = { n: 1, s: "1", m: { a: [1, { b: null }] }, bytes: Uint8Array.of(1, 2), cid, no: false };
    for (const [selector, value] of [
      [".n", 1],
      [".m", { a: [1, { b: null }] }],
      [".bytes", Uint8Array.of(1, 2)],
      [".cid", cid],
      [".no", false],
      [".x?", null],
    ]) {
      expect(holds(["==", selector, value], args)).toBe(true);
      expect(holds(["!=", selector, value], args)).toBe(false);
    }
    for (const [selector, value] of [
      [".n", "1"],
      [".s", 1],
      [".n", true],
      [".m", { a: [1, { b: null }], c: 1 }],
      [".m", { a: [1] }],
      [".m", []],
      [".bytes", [1, 2]],
      [".bytes", Uint8Array.of(1)],
      [".cid", cid.toString()],
      [".no", null],
      [".no", 0],
    ]) {
      expect(holds(["==", selector, value], args)).toBe(false);
      expect(holds(["!=", selector, value], args)).toBe(true);
    }
    const odd = JSON.parse('{"__proto__": {}}') as Ipld;
    expect(holds(["==", ".", odd], {})).toBe(false);
    expect(holds(["==", ".", { other: 1 }], odd)).toBe(false);
    expect(holds(["==", ".", odd], odd)).toBe(true);
  });

  test("order numbers, and nothing else", () => {
    expect(holds([">=", ".a", 1], { a: 1 })).toBe(true);
    expect(holds(["<", ".a", 1.5], { a: 1 })).toBe(true);
    for (const op of ["<", "<=", ">", ">="]) {
      for (const a of ["2", null, true, [2], { b: 2 }]) expect(holds([op, ".a", 1], { a })).toBe(false);
    }
    expect(holds(["like", ".a", "*"], { a: 1 })).toBe(false);
  });

  test("quantify over arrays and maps, and nothing else", () => {
    expect(holds(["all", ".a", [">", ".", 0]], { a: [1, 2] })).toBe(true);
    expect(holds(["all", ".a", [">", ".", 0]], { a: { x: 1, y: 0 } })).toBe(false);
    expect(holds(["any", ".a", ["==", ".", 2]], { a: { x: 1, y: 2 } })).toBe(true);
    expect(holds(["all", ".a", ["==", ".", 2]], { a: [] })).toBe(true);
    expect(holds(["any", ".a", ["==", ".", 2]], { a: [] })).toBe(false);
    for (const a of ["text", 1, null, Uint8Array.of(1)]) {
      expect(holds(["all", ".a", ["or", []]], { a })).toBe(false);
      expect(holds(["any", ".a", ["or", []]], { a })).toBe(false);
    }
  });

  test("what is missing satisfies neither a statement nor its negation", () => {
    const statements = [
      ["==", ".x", 1],
      ["!=", ".x", 1],
      [">", ".x", 1],
      ["like", ".x", "*"],
      ["all", ".x", ["or", []]],
      ["any", ".x", ["or", []]],
    ];
    for (const statement of statements) {
      for (const policy of [
        statement,
        ["not", statement],
        ["not", ["not", statement]],
        ["not", ["and", [statement]]],
        ["not", ["or", [statement]]],
        ["any", ".list", ["not", statement]],
      ]) {
        expect(holds(policy, { y: 1, list: [{ y: 1 }] })).toBe(false);
      }
    }
    expect(
      holds(
        [
          "or",
          [
            ["==", ".x", 1],
            ["==", ".y", 1],
          ],
        ],
        { y: 1 },
      ),
    ).toBe(true);
    expect(
      holds(
        [
          "not",
          [
            "and",
            [
              ["==", ".x", 1],
              ["==", ".y", 2],
            ],
          ],
        ],
        { y: 1 },
      ),
    ).toBe(true);
  });

  test("are refused in any other form", () => {
    const nested = (depth: number): unknown => (depth === 0 ? ["and", []] : ["not", nested(depth - 1)]);
    const deepValue = (depth: number): unknown => (depth === 0 ? 1 : [deepValue(depth - 1)]);
    const malformed: unknown[] = [
      null,
      "x",
      {},
      ["==", ".a", 1],
      [[]],
      [["=="]],
      [["==", ".a"]],
      [["==", ".a", 1, 2]],
      [["==", "a", 1]],
      [["==", 1, 1]],
      [["=", ".a", 1]],
      [["toString", ".a", 1]],
      [[">", ".a", "1"]],
      [[">", ".a", null]],
      [[">", ".a", Number.NaN]],
      [["like", ".a", 1]],
      [["like", ".a", "a".repeat(5000)]],
      [["and", ["==", ".a", 1]]],
      [["and"]],
      [["or", {}]],
      [["not", []]],
      [["not", [["==", ".a", 1]]]],
      [["all", ".a", []]],
      [["any", ".a", [["==", ".", 1]]]],
      [nested(MAX_POLICY_DEPTH)],
      [["==", ".a", deepValue(40)]],
      Array.from({ length: MAX_POLICY_STATEMENTS + 1 }, () => ["==", ".a", 1]),
    ];
    for (const policy of malformed) expect(codeOf(() => parsePolicy(policy))).toBe("writ_invalid");
    expect(codeOf(() => parsePolicy([nested(MAX_POLICY_DEPTH - 1)]))).toBe("no error");
  });

  test("more statements only narrow", () => {
    const args = fc.dictionary(
      fc.constantFrom("a", "b"),
      fc.oneof(fc.integer({ min: 0, max: 2 }), fc.constantFrom("x", "y")),
    );
    fc.assert(
      fc.property(fc.array(statementArbitrary, { maxLength: 3 }), statementArbitrary, args, (policy, more, value) => {
        if (satisfies([...policy, more], value as Ipld)) expect(satisfies(policy, value as Ipld)).toBe(true);
      }),
    );
  });

  test("evaluating never throws, whatever the arguments", () => {
    fc.assert(
      fc.property(statementArbitrary, fc.jsonValue(), (statement, args) => {
        expect(typeof holds(statement, args as Ipld)).toBe("boolean");
      }),
      { numRuns: 500 },
    );
  });

  test("no policy runs long, and one that would is not satisfied", () => {
    const rows = Array.from({ length: 1500 }, (_, i) => ({ id: i, tags: ["a", "b"] }));
    const quantifiers = Array.from({ length: 80 }, () => ["all", ".rows", ["any", ".tags", ["like", ".", "*b*"]]]);
    const equals = Array.from({ length: 200 }, () => [
      "!=",
      ".rows",
      rows.map((row) => ({ ...row, id: row.id === 1499 ? 0 : row.id })),
    ]);
    const wide = Object.fromEntries(rows.map((row) => [`k${row.id}`, row.id]));
    const values = Array.from({ length: 200 }, () => ["==", ".wide[][0]", 0]);
    const patterns = Array.from({ length: 120 }, () => ["not", ["like", ".text", `*${"a".repeat(30)}b*`]]);
    const args = { rows, wide, text: "a".repeat(200_000) };
    for (const policy of [quantifiers, equals, values, patterns]) {
      const parsed = parsePolicy(policy);
      const start = performance.now();
      expect(satisfiesPolicy(parsed, args)).toBe(false);
      expect(performance.now() - start).toBeLessThan(100);
      expect(satisfiesPolicy(parsePolicy(policy.slice(0, 1)), args)).toBe(true);
    }
  });
});

const statementArbitrary: fc.Arbitrary<unknown> = fc.letrec<{ statement: unknown }>((tie) => ({
  statement: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    fc.tuple(
      fc.constantFrom("==", "!="),
      fc.constantFrom(".", ".a", ".b?", ".a[0]", ".[]"),
      fc.constantFrom(0, 1, "x", null),
    ),
    fc.tuple(fc.constantFrom("<", "<=", ">", ">="), fc.constantFrom(".a", ".b"), fc.integer({ min: 0, max: 2 })),
    fc.tuple(fc.constant("like"), fc.constantFrom(".a", ".b"), fc.constantFrom("x*", "*", "y")),
    fc.tuple(fc.constantFrom("and", "or"), fc.array(tie("statement"), { maxLength: 3 })),
    fc.tuple(fc.constant("not"), tie("statement")),
    fc.tuple(fc.constantFrom("all", "any"), fc.constantFrom(".", ".a"), tie("statement")),
  ),
})).statement;
