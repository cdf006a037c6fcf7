import { describe, expect, test } from "bun:test";
import { type ValidationResult, validatePolicySet, validatePolicySetInSteps } from "#src/policy/validate-set.ts";
import { schemaWith } from "./schema-support.ts";

const schema = schemaWith();

function errorsOf(source: string) {
  const result = validatePolicySet(source, schema);
  return "errors" in result ? result.errors : [];
}

function when(condition: string, scope = "principal, action, resource"): string {
  return `permit(${scope}) when { ${condition} };`;
}

describe("validatePolicySet", () => {
  test("gives the compiled policies of a good set, in the order of the source", () => {
    const source = `permit(principal, action == Action::"/github/issues/create", resource);
      @id("b") forbid(principal, action, resource) unless { context.writ.environment == "live" };
      permit(principal == Agent::"a", action in Action::"/file", resource in File::Path::"/srv");`;
    const result = validatePolicySet(source, schema);
    expect("policies" in result ? result.policies.map(({ id }) => id) : result.errors).toEqual([
      "policy0",
      "b",
      "policy2",
    ]);
  });

  test("refuses what does not parse, with its place", () => {
    expect(errorsOf("permit(principal, action, resource);\npermit(principl, action, resource);")[0]).toMatchObject({
      line: 2,
      column: 8,
    });
  });

  test("refuses names that the schema does not have, with the nearest that it has", () => {
    expect(errorsOf('// é😀\n\n  permit(principal,\n action == Action::"/github/issues/creat", resource);')).toEqual([
      expect.objectContaining({
        line: 4,
        column: 12,
        message: expect.stringContaining("unrecognized action"),
        help: 'did you mean `Action::"/github/issues/create"`?',
      }),
    ]);
    expect(errorsOf('permit(principal, action in Action::"/zzzzzzzzzz", resource);')[0]?.help).toContain(
      "no connector",
    );
    expect(errorsOf("permit(principal, action, resource is Github::Repository);")[0]).toMatchObject({
      help: expect.stringContaining("GitHub::Repository"),
    });
  });

  test("refuses a wrong type and an attribute that may not be there, once", () => {
    expect(errorsOf(when('context.writ.tier == 5 || context.writ.tier like "r*"'))).toHaveLength(1);
    const missing = errorsOf(when('resource.owner == "acme"', "principal, action, resource is GitHub::Repository"));
    expect(missing).toEqual([expect.objectContaining({ line: 1, help: expect.stringContaining("has owner") })]);
    expect(errorsOf(when("context.claimed.x"))).not.toEqual([]);
  });

  test.each([
    ["a false condition", when("false")],
    ["equal literals", when('1 == 2 && context.writ.tier == "read"')],
    ["an unless that is always true", "permit(principal, action, resource) unless { true };"],
    ["a principal that no command is for", 'permit(principal == Person::"p", action, resource);'],
    [
      "a resource that the command does not act on",
      'permit(principal, action == Action::"/github/issues/create", resource is Npm::Package);',
    ],
    ["a group of actions taken for one", 'permit(principal, action == Action::"tier:read", resource);'],
    ["an attribute that no resource has", when("resource has wings")],
    ["two values of one thing", when('context.writ.tier == "read" && context.writ.tier == "write"')],
    [
      "two values across clauses",
      'permit(principal, action, resource) when { context.writ.tier == "read" } when { "write" == context.writ.tier };',
    ],
    [
      "another principal than the scope's",
      when('principal == Agent::"b"', 'principal == Agent::"a", action, resource'),
    ],
    [
      "a demand that is excluded",
      "forbid(principal, action, resource) when { context.writ.cosigned } unless { context.writ.cosigned };",
    ],
    [
      "a negated demand",
      when(
        '(context.writ has run && context.writ.tier == "read") && !(context.writ.tier == "read" || context.writ.cosigned)',
      ),
    ],
    [
      "numbers beyond two bounds",
      when(
        "context.writ has run && context.writ.run has calls && context.writ.run.calls > 5 && 5 > context.writ.run.calls",
      ),
    ],
    [
      "a number not below what it is below",
      when(
        "context.writ has run && context.writ.run has calls && context.writ.run.calls <= 4 && !(context.writ.run.calls < 5)",
      ),
    ],
  ])("refuses what can never apply: %s", (_name, policy) => {
    expect(errorsOf(`// a comment\n${policy}`)).toEqual([
      expect.objectContaining({ policy: "policy0", line: 2, message: expect.stringContaining("can never apply") }),
    ]);
  });

  test.each([
    when('context.writ.tier == "read" || context.writ.tier == "write"'),
    when(
      "context.writ has run && context.writ.run has calls && context.writ.run.calls >= 5 && 5 >= context.writ.run.calls",
    ),
    when('principal == Agent::"a"', 'principal == Agent::"a", action, resource'),
    when('context.writ.tier == "read" && context.writ.environment == "read"'),
    "permit(principal, action, resource) when { context.writ.cosigned } unless { !context.writ.cosigned };",
  ])("lets pass what some request can meet: %s", (policy) => {
    expect(errorsOf(policy)).toEqual([]);
  });

  test("warns of characters that look like others", () => {
    const result = validatePolicySet(when('context.writ.environment == "lіve"'), schema);
    expect("warnings" in result ? result.warnings : []).toEqual([
      expect.objectContaining({ message: expect.stringContaining("mixed scripts"), policy: "policy0" }),
    ]);
  });

  test("gives every complaint of a large set, in its order", () => {
    const source = Array.from(
      { length: 300 },
      (_, i) => `permit(principal, action == Action::"/nope/${i}", resource);`,
    ).join("\n");
    expect(errorsOf(source).map(({ line }) => line)).toEqual(Array.from({ length: 300 }, (_, i) => i + 1));
  });
});

describe("policies that are alike", () => {
  test("are judged each by what tells them apart", () => {
    const enumerated = schemaWith('entity Color enum ["red", "green"]; entity Agent { color?: Color };');
    const found = (source: string) => {
      const result = validatePolicySet(source, enumerated);
      return "errors" in result ? result.errors.map(({ policy }) => policy) : [];
    };
    const pairs: readonly (readonly [string, string])[] = [
      [
        when('principal has color && principal.color == Color::"red"'),
        when('principal has color && principal.color == Color::"blue"'),
      ],
      [when('context.writ.time > datetime("2026-01-01")'), when('context.writ.time > datetime("2026-13-01")')],
      [when('context.writ.tier == "read" || "a" == "a"'), when('context.writ.tier == "read" && "a" == "b"')],
      [when('"a" == "a" && context.writ.cosigned'), when('"a" == "b" && context.writ.cosigned')],
      [
        when("context.writ.cosigned", 'principal, action in Action::"/github", resource'),
        when("context.writ.cosigned", 'principal, action in Action::"/gitlab", resource'),
      ],
      [
        when('principal == Agent::"a"', 'principal == Agent::"a", action, resource'),
        when('principal == Agent::"b"', 'principal == Agent::"a", action, resource'),
      ],
    ];
    for (const [good, bad] of pairs) {
      expect([bad, found(`${good}\n${bad}\n${good}`)]).toEqual([bad, ["policy1"]]);
      expect([bad, found(`${bad}\n${good}\n${bad}`)]).toEqual([bad, ["policy0", "policy2"]]);
    }
  });

  test("are all named where all are wrong, and warned of each alone", () => {
    expect(errorsOf([1, 2, 3].map((i) => when(`principal.nope == "${i}"`)).join("\n")).map(({ line }) => line)).toEqual(
      [1, 2, 3],
    );
    const result = validatePolicySet(
      `${when('context.writ.environment == "live"')}\n${when('context.writ.environment == "lіve"')}`,
      schema,
    );
    expect("warnings" in result ? result.warnings.map(({ line }) => line) : []).toEqual([2]);
  });
});

describe("validatePolicySetInSteps", () => {
  test("finds the same, and yields between steps", async () => {
    const source = Array.from({ length: 60 }, (_, i) =>
      i === 40
        ? when("context.writ.nope")
        : `permit(principal, action in Action::"/github/issues", resource) when { context.writ has run && context.writ.run has calls && context.writ.run.calls < ${i} };`,
    ).join("\n");
    let turns = 0;
    const yieldToLoop = async () => {
      turns += 1;
    };
    const inSteps: ValidationResult = await validatePolicySetInSteps(source, schema, { stepPolicies: 10, yieldToLoop });
    expect(inSteps).toEqual(validatePolicySet(source, schema));
    expect(turns).toBeGreaterThanOrEqual(6);
  });
});
