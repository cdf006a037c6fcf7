import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parsePolicyText } from "#src/policy/cedar.ts";
import { ClauseParser, splitClauses } from "#src/policy/clause-parser.ts";
import { compilePolicies } from "#src/policy/policy-set.ts";
import { createShapeParser } from "#src/policy/shape-parser.ts";

const HEADS = [
  "permit (principal, action, resource)",
  '@id("a;b}") @when("x { }") forbid (principal == Agent::"when { }", action, resource)',
  '// when { false }\n@unless\npermit (principal, action in [Action::"a", Action::"b"], resource is GitHub::Repository)',
];
const CLAUSES = [
  "when { true }",
  'unless { context.writ.tier == "}" }',
  'when\n// a brace }\n{ principal == Agent::"\\"}" }',
  'when { {"a": {"b": [1, 2]}}.a.b.contains(1) }',
  "unless{if resource has when then false else true}",
  'when { "//" == "unless { }" && resource like "*{*" }',
  "when { } ",
  "when { context.writ.cosigned == }",
  "when { true } }",
  "whenever { true }",
];

/** As it is parsed by itself, and what is known of it beside others. */
function bothWays(texts: readonly string[]) {
  const parser = new ClauseParser(createShapeParser());
  parser.prepare(texts);
  return texts.map((text) => ({ alone: parsePolicyText(text), together: parser.parse(text) }));
}

describe("conditions that are parsed together", () => {
  test("are what they are alone, whatever stands beside them", () => {
    const policyOf = (clauses: readonly string[]) =>
      fc
        .tuple(
          fc.constantFrom(...HEADS),
          fc.array(fc.constantFrom(...clauses), { maxLength: 4 }),
          fc.constantFrom("\n", " ", " // it { ends\n"),
        )
        .map(([head, stated, between]) => `${[head, ...stated].join(between)};`);
    const good = fc.array(policyOf(CLAUSES.slice(0, 6)), { maxLength: 40 });
    const any = fc.array(policyOf(CLAUSES), { maxLength: 8 });
    let together = 0;
    fc.assert(
      fc.property(fc.oneof(good, any), (texts) => {
        for (const each of bothWays(texts)) {
          if (each.together === undefined) continue;
          together += 1;
          expect(each.together).toEqual(each.alone as never);
        }
      }),
      { numRuns: 60 },
    );
    expect(together).toBeGreaterThan(50);
  });

  test("are known for the ordinary policy", () => {
    const texts = Array.from(
      { length: 100 },
      (_, i) => `@id("p${i}") permit (principal, action, resource) when { context.writ.run.calls > ${i} };`,
    );
    for (const { alone, together } of bothWays(texts)) expect(together).toEqual(alone as never);
  });

  test.each([
    "permit (principal, action, resource) when { true }",
    "permit (principal, action, resource) when { true }; permit (principal, action, resource);",
    "permit (principal, action, resource) when { true } }; //",
    "permit (principal, action, resource) when { true ;",
    'permit (principal, action, resource) when { "open };',
    "permit (principal, action, resource) when { true } and { false };",
  ])("nothing is taken from %s", (text) => {
    expect(splitClauses(text)).toBeUndefined();
  });

  test("one that does not parse is named in its own words, and spoils no other", () => {
    const good = (id: string) => `@id("${id}") permit (principal, action, resource) when { context.n == "${id}" };`;
    const result = compilePolicies(`${good("a")}\npermit (principal, action, resource) when { 1 + };\n${good("b")}`);
    const own = parsePolicyText("permit (principal, action, resource) when { 1 + };");
    expect(result).toEqual({
      errors: [
        expect.objectContaining({
          line: 2,
          message: (own as readonly { message: string }[])[0]?.message.replace(/^[^:]*: /, "") ?? "",
        }),
      ],
    });
  });

  test("conditions that would end the policy early stay inside of it", () => {
    const source =
      "permit (principal, action, resource) when { true }\n};\nforbid (principal, action, resource) when { true };";
    expect("errors" in compilePolicies(source)).toBe(true);
  });
});
