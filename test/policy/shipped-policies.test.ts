import { describe, expect, test } from "bun:test";
import schema from "#policies/schema.cedarschema" with { type: "text" };
import { builtinPolicies } from "#src/policy/builtin.ts";
import { checkSchema, validatePolicies } from "#src/policy/cedar.ts";

/** As a connector adds its commands. */
const COMMANDS = `
action "/github" in ["tier:read"];
${(["read", "write", "danger"] as const)
  .map(
    (tier) => `action "/github/${tier}-it" in ["/github", "tier:${tier}"] appliesTo {
    principal: [Agent], resource: [GitHub::Repository, Npm::Package, Http::Endpoint], context: CommandContext };`,
  )
  .join("\n")}`;

describe("the base schema", () => {
  test("parses, with a connector's commands as well", () => {
    expect(checkSchema(schema)).toEqual([]);
    expect(checkSchema(schema + COMMANDS)).toEqual([]);
    expect(checkSchema(`${schema} entity Broken in [Nowhere];`)).not.toEqual([]);
  });

  test("the built-in policies validate against it, strictly", () => {
    const texts = new Map(builtinPolicies().map(({ id, text }) => [id, text]));
    expect(texts.size).toBeGreaterThan(0);
    expect(validatePolicies(texts, schema + COMMANDS)).toEqual([]);
  });

  test("knows the facts of Writ, and no others", () => {
    const complaints = (condition: string) =>
      validatePolicies(
        new Map([["p", `permit(principal, action, resource) when { ${condition} };`]]),
        schema + COMMANDS,
      );
    expect(
      complaints(
        'context.writ.time < datetime("2030-01-01") && context.writ has run && context.writ.run.id like "run_*"',
      ),
    ).toEqual([]);
    expect(
      complaints("context.writ has limits && context.writ.limits has remaining && context.writ.limits.remaining > 5"),
    ).toEqual([]);
    expect(complaints("context.writ.cosinged")[0]).toMatchObject({
      policyId: "p",
      message: expect.stringContaining("cosinged"),
    });
    expect(complaints('context.writ.run.id == "x"')).not.toEqual([]);
    expect(complaints('principal.team == "x"')).not.toEqual([]);
  });
});
