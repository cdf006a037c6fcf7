import { describe, expect, test } from "bun:test";
import { validatePolicySet } from "#src/policy/validate-set.ts";
import { CONNECTORS, schemaWith } from "./schema-support.ts";

const BILLING = {
  routes: [],
  commands: new Map([
    ["/http/billing/get", "read" as const],
    ["/http/billing/patch", "write" as const],
  ]),
};
const schema = schemaWith("entity Order in [Connection] { total: Long };", [...CONNECTORS, BILLING]);

function problemsOf(source: string) {
  const result = validatePolicySet(source, schema);
  return "errors" in result ? result.errors : [];
}

/** The text of a schema extension between `add` and `to the tenant's schema`. */
function declared(help: string | undefined): string {
  return /add `(.*)` to the tenant's schema/.exec(help ?? "")?.[1] ?? "";
}

describe("what a complaint says to do", () => {
  test("an undeclared type and action: lines that make the policy valid once they are in the schema", () => {
    for (const source of [
      'permit (principal is Visitor, action == Action::"view", resource is Document);',
      'permit (principal == Visitor::"a", action == Action::"needs \\"quotes\\"", resource is Document);',
      'permit (principal, action == Action::"/shop/refund", resource is Document);',
    ]) {
      const lines = problemsOf(source).map(({ help }) => declared(help));
      expect(lines).not.toContain("");
      const whole = schemaWith([...new Set(lines)].join("\n"));
      expect(validatePolicySet(source, whole)).toEqual(expect.objectContaining({ warnings: [] }));
    }
  });

  test("the same in a namespace", () => {
    const [problem] = problemsOf('permit (principal, action in Action::"tier:read", resource is Shop::Item);');
    expect(declared(problem?.help)).toBe("namespace Shop { entity Item; }");
  });

  test("a connection that is not there yet, and one that is", () => {
    const helpOf = (action: string) =>
      problemsOf(`permit (principal, action in Action::"${action}", resource);`)[0]?.help;
    expect(helpOf("/http/wiki")).toContain("writ connection create wiki --connector http");
    expect(helpOf("/http/wiki/get")).toContain("`--connection wiki`");
    expect(helpOf("/http/biling/get")).toStartWith("did you mean `/http/billing`?");
    expect(helpOf("/http/billing/path")).toBe('did you mean `Action::"/http/billing/patch"`?');
  });

  test("an attribute that nobody declared, and facts in the wrong place", () => {
    const helpOf = (condition: string) =>
      problemsOf(`permit (principal, action in Action::"/http/billing", resource) when { ${condition} };`)
        .map(({ help }) => help)
        .join("\n");
    expect(declared(helpOf('principal.team == "x"'))).toBe("entity Agent { team?: String };");
    expect(declared(helpOf('context has claimed && context.claimed.ticket == "x"'))).toBe(
      "type Claimed = { ticket?: String };",
    );
    expect(helpOf('context.tier == "read"')).toBe("did you mean `context.writ.tier`?");
    expect(helpOf('resource.labels.contains("x")')).toContain("write `resource has labels && …` before it");
    expect(helpOf("context.writ.run.calls > 3")).toContain("`context.writ has run && ..`");
  });

  test("an attribute that many types may lack is one complaint", () => {
    const problems = problemsOf('permit (principal, action, resource) when { resource.labels.contains("x") };');
    expect(problems).toHaveLength(1);
    expect(problems[0]?.message).toMatch(/on `[^`]+`, `[^`]+` and \d+ more$/);
  });

  test.each([
    [
      'principal, action == Action::"/http/billing/get", resource == Connection::"billing"',
      "`/http/billing/get` acts on `Http::Endpoint`, not on `Connection`",
      'write `resource in Connection::"billing"`',
    ],
    [
      'principal == AgentGroup::"crew", action in Action::"/http", resource',
      "what is in `/http` is for `Agent`, not for `AgentGroup`",
      'write `principal in AgentGroup::"crew"`',
    ],
    ['principal, action == Action::"tier:read", resource', "no command is `tier:read`", "`action in` takes a group"],
    [
      'principal, action == Action::"/github/issues/list", resource is Npm::Package',
      "`/github/issues/list` acts on `GitHub::Repository`, not on `Npm::Package`",
      "widen",
    ],
  ])("a scope that no command meets: %s", (scope, message, help) => {
    expect(problemsOf(`permit (${scope});`)).toEqual([
      expect.objectContaining({
        message: `the policy can never apply: ${message}`,
        help: expect.stringContaining(help),
      }),
    ]);
  });

  test.each([
    ['principal == "builder", action, resource', 'write `Agent::"builder"`'],
    ['principal == Agent::"a", action == "/http/billing/get", resource', 'write `Action::"/http/billing/get"`'],
    ['principal, action in [Action::"a", "b"], resource', 'write `Action::"b"`'],
    ['principal, action, resource == "x"', 'write its type before it, such as `Connection::"x"`'],
  ])("a text in the place of an entity: %s", (scope, help) => {
    expect(problemsOf(`permit (${scope});`)[0]?.help).toBe(help);
  });
});
