import { afterAll, describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { resolve } from "node:path";
import fc from "fast-check";
import { createAuthorizer } from "#src/policy/authorizer.ts";
import { parsePolicyText } from "#src/policy/cedar.ts";
import { renderLiterals, type SlotKind, type SlotValue } from "#src/policy/cedar-literal.ts";
import { parsePolicyTests } from "#src/policy/policy-test-file.ts";
import { runPolicyTests } from "#src/policy/policy-tests.ts";
import { PolicyIndex } from "#src/policy/slice.ts";
import { renderTemplate, type SlotValues } from "#src/policy/template.ts";
import { type ShippedTemplate, shippedTemplates } from "#src/policy/template-library.ts";
import { validatePolicySet } from "#src/policy/validate-set.ts";
import { schemaWith } from "./schema-support.ts";
import { compiled } from "./support.ts";

const authorizer = createAuthorizer({ maxSets: 64 });
afterAll(() => authorizer.dispose());
const schema = schemaWith();
const templates = [...shippedTemplates().values()];

describe("the shipped templates", () => {
  test("are all that there are in the folder, at least 25", () => {
    const names = readdirSync(resolve(import.meta.dir, "../../policies/templates"))
      .filter((name) => name.endsWith(".cedar"))
      .map((name) => name.replace(/\.cedar$/, ""));
    expect(templates.map(({ name }) => name)).toEqual(names.sort());
    expect(names.length).toBeGreaterThanOrEqual(25);
  });

  test("validate strictly, all together", () => {
    const source = templates.map((template) => renderTemplate(template, {}, { useExamples: true })).join("\n");
    const result = validatePolicySet(source, schema);
    expect("errors" in result ? result.errors : result.warnings).toEqual([]);
  });

  for (const template of templates) {
    test(`${template.name} passes its tests, which see each policy and both sides of each condition`, () => {
      const parsed = parsePolicyTests(template.tests);
      if ("errors" in parsed) throw new Error(JSON.stringify(parsed.errors));
      const own = compiled(renderTemplate(template, {}, { useExamples: true }));
      const index = PolicyIndex.build([...own, ...compiled(template.beside)]);
      const report = runPolicyTests(parsed.file, { authorizer, index, policies: own, schema });
      expect(
        report.results.flatMap(({ test: { name }, failures }) => failures.map((failure) => `${name}: ${failure}`)),
      ).toEqual([]);
      expect(report.passed).toBeGreaterThan(1);
      const { policies, conditions } = report.covered;
      expect([policies[0], conditions[0]]).toEqual([policies[1], conditions[1]]);
      expect(template.about.length).toBeGreaterThan(20);
      for (const slot of template.slots) expect(template.text).toContain(`"$${slot.name}"`);
    });
  }
});

/** The shape of a policy: everything but the literals, and how many each list has. */
function shapeOf(text: string): unknown {
  return compiled(text).map((policy) => {
    const json = parsePolicyText(policy.text);
    return strip({ ...json, annotations: Object.keys((json as { annotations?: object }).annotations ?? {}) });
  });
}

function strip(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(strip);
  if (typeof node !== "object" || node === null) return node;
  if ("Value" in node) {
    const entity = (node.Value as { __entity?: { type: string } } | null)?.__entity;
    return { Value: entity === undefined ? typeof node.Value : entity.type };
  }
  if ("type" in node && "id" in node) return { type: node.type };
  if ("pattern" in node && "left" in node) return { left: strip(node.left), pattern: "…" };
  return Object.fromEntries(Object.entries(node).map(([name, member]) => [name, strip(member)]));
}

const HOSTILE = [
  '"',
  '\\"',
  "\\",
  '"); permit(principal, action, resource); //',
  '" }; permit(principal, action, resource) when { "a" == "a',
  "x\npermit(principal, action, resource);",
  "// comment\r\n*/",
  "$group",
  "$&$1$`$'",
  '"$id"',
  'Agent::"x"',
  "\0",
  "\u2028\u202e\u200b\ufeff",
  "é😀\u{10ffff}",
  "\\u{0}",
  "__proto__",
  "?principal",
  "",
  "a".repeat(10_000),
];

const hostile = fc.oneof(
  fc.constantFrom(...HOSTILE),
  fc.string({ unit: "binary", maxLength: 40 }).filter((s) => s.isWellFormed()),
);

function hostileValue(kind: SlotKind, example: SlotValue): fc.Arbitrary<SlotValue> {
  switch (kind) {
    case "entity":
    case "string":
    case "pattern":
      return hostile;
    case "entities":
    case "strings": {
      const { length } = example as readonly string[];
      return fc.array(hostile, { minLength: length, maxLength: length });
    }
    case "long":
      return fc.maxSafeNat();
    default:
      return fc.constant(example);
  }
}

function renderHostile(template: ShippedTemplate, values: SlotValues) {
  return renderTemplate(template, values, { useExamples: true });
}

describe("rendering", () => {
  for (const template of templates) {
    test(`${template.name} keeps its structure whatever text is in its slots`, () => {
      const plain = shapeOf(renderTemplate(template, {}, { useExamples: true }));
      const values = fc.record(
        Object.fromEntries(template.slots.map(({ name, kind, example }) => [name, hostileValue(kind, example)])),
      );
      fc.assert(
        fc.property(values, (filled) => {
          expect(shapeOf(renderHostile(template, filled))).toEqual(plain);
        }),
        { numRuns: 8 },
      );
    });
  }

  test("gives Cedar exactly the value that was filled in", () => {
    const template = shippedTemplates().get("per-owner");
    if (template === undefined) throw new Error("none");
    fc.assert(
      fc.property(hostile, hostile, (group, owner) => {
        const [policy] = compiled(renderTemplate(template, { group, owner }));
        const json = parsePolicyText(policy?.text ?? "");
        expect(policy?.scope.principal).toEqual({ op: "in", entities: [{ type: "AgentGroup", id: group }] });
        expect(JSON.stringify(json)).toContain(JSON.stringify({ Value: owner }));
      }),
      { numRuns: 60 },
    );
  });

  test("takes a star in a pattern for any text, and nothing else", () => {
    const [literal] = renderLiterals("pattern", 'a*"\\b');
    const json = parsePolicyText(`permit(principal, action, resource) when { "x" like ${literal} };`);
    expect(JSON.stringify(json)).toContain(
      '"pattern":[{"Literal":"a"},"Wildcard",{"Literal":"\\""},{"Literal":"\\\\"},{"Literal":"b"}]',
    );
  });

  test.each<[SlotKind, SlotValue]>([
    ["entity", 5],
    ["entity", ["a"]],
    ["entity", "\ud800"],
    ["string", "a".repeat(16_385)],
    ["strings", []],
    ["strings", "a"],
    ["entities", [5 as unknown as string]],
    ["command", '/github/issues/create"); permit'],
    ["command", "github"],
    ["command", "/GitHub"],
    ["commands", ["/a/b", "x"]],
    ["long", 1.5],
    ["long", 2 ** 53],
    ["long", "5"],
    ["count", 0],
    ["duration", ""],
    ["duration", "8"],
    ["duration", '8h"'],
    ["datetime", "2026-02-30"],
    ["datetime", "2026-01-01T25:00:00Z"],
    ["datetime", "tomorrow"],
  ])("refuses for a %s the value %j", (kind, value) => {
    expect(() => renderLiterals(kind, value)).toThrow(expect.objectContaining({ code: "invalid_argument" }));
  });

  test("names the slot that is missing, unknown or wrong, and the id that cannot be", () => {
    const template = shippedTemplates().get("read-only");
    if (template === undefined) throw new Error("none");
    expect(() => renderTemplate(template, {})).toThrow("`group`");
    expect(() => renderTemplate(template, { grup: "a" })).toThrow("did you mean `group`");
    expect(() => renderTemplate(template, { group: 5 })).toThrow("`group`: a string");
    for (const id of ["writ.x", 'a"b', "", "A"])
      expect(() => renderTemplate(template, { group: "a" }, { id })).toThrow("id");
    expect(compiled(renderTemplate(template, { group: "a" }, { id: "team-a" }))[0]?.id).toBe("team-a");
  });
});
