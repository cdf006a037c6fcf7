import { afterAll, describe, expect, test } from "bun:test";
import schema from "#policies/schema.cedarschema" with { type: "text" };
import allowOneConnection from "#policies/templates/allow-one-connection.cedar" with { type: "text" };
import cosignWrites from "#policies/templates/cosign-writes.cedar" with { type: "text" };
import denyList from "#policies/templates/deny-list.cedar" with { type: "text" };
import readOnly from "#policies/templates/read-only.cedar" with { type: "text" };
import { createAuthorizer } from "#src/policy/authorizer.ts";
import { builtinPolicies } from "#src/policy/builtin.ts";
import { checkSchema, validatePolicies } from "#src/policy/cedar.ts";
import type { PolicyRequest } from "#src/policy/closure.ts";
import { decideTwice } from "#src/policy/decide-twice.ts";
import { PolicyIndex } from "#src/policy/slice.ts";
import { compiled, entity, requestOf, uid } from "./support.ts";

const authorizer = createAuthorizer({ maxSets: 16 });
afterAll(() => authorizer.dispose());

/** As a connector adds its commands. */
const COMMANDS = `
action "/github" in ["tier:read"];
${(["read", "write", "danger"] as const)
  .map(
    (tier) => `action "/github/${tier}-it" in ["/github", "tier:${tier}"] appliesTo {
    principal: [Agent], resource: [GitHub::Repository, Npm::Package, Http::Endpoint], context: CommandContext };`,
  )
  .join("\n")}`;

function outcome(source: string, request: PolicyRequest): string {
  const result = decideTwice(authorizer, PolicyIndex.build(compiled(source)), request);
  return result.decision === "deny" ? result.reason : result.decision;
}

function as(tier: "read" | "write" | "danger", group: string, more: Partial<PolicyRequest> = {}): PolicyRequest {
  const request = requestOf(tier, more);
  return {
    ...request,
    entities: [...request.entities, entity(uid("Agent", "member"), [uid("AgentGroup", group)])],
    principal: uid("Agent", "member"),
  };
}

describe("the base schema", () => {
  test("parses, with a connector's commands as well", () => {
    expect(checkSchema(schema)).toEqual([]);
    expect(checkSchema(schema + COMMANDS)).toEqual([]);
    expect(checkSchema(`${schema} entity Broken in [Nowhere];`)).not.toEqual([]);
  });

  test("what is shipped validates against it, strictly", () => {
    const shipped = { builtin: "", readOnly, allowOneConnection, cosignWrites, denyList };
    for (const [name, source] of Object.entries(shipped)) {
      const policies = name === "builtin" ? builtinPolicies() : compiled(source);
      const texts = new Map(policies.map(({ id, text }) => [id, text]));
      expect([name, validatePolicies(texts, schema + COMMANDS)]).toEqual([name, []]);
    }
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

describe("the starter templates do what their comments say", () => {
  test("read-only", () => {
    expect(outcome(readOnly, as("read", "readers"))).toBe("allow");
    expect(outcome(readOnly, as("write", "readers"))).toBe("no_permit");
    expect(outcome(readOnly, as("danger", "readers"))).toBe("no_permit");
    expect(outcome(readOnly, as("read", "others"))).toBe("no_permit");
  });

  test("allow-one-connection", () => {
    const over = (tier: "read" | "write" | "danger", connection: string, agent = "builder") =>
      requestOf(tier, {
        principal: uid("Agent", agent),
        resource: uid("Npm::Package", "left-pad"),
        entities: [
          entity(uid("Npm::Package", "left-pad"), [uid("Connection", connection)]),
          entity(uid("Action", "/x/do"), [uid("Action", `tier:${tier}`)]),
        ],
      });
    expect(outcome(allowOneConnection, over("write", "npm"))).toBe("allow");
    expect(outcome(allowOneConnection, over("danger", "npm"))).toBe("step_up");
    expect(outcome(allowOneConnection, over("write", "other"))).toBe("no_permit");
    expect(outcome(allowOneConnection, over("write", "npm", "other"))).toBe("no_permit");
  });

  test("cosign-writes", () => {
    expect(outcome(cosignWrites, as("read", "assistants"))).toBe("allow");
    expect(outcome(cosignWrites, as("write", "assistants"))).toBe("step_up");
    expect(outcome(cosignWrites, as("danger", "assistants"))).toBe("step_up");
    expect(outcome(cosignWrites, as("write", "others"))).toBe("no_permit");
  });

  test("deny-list", () => {
    const both = `permit(principal, action, resource);\n${denyList}`;
    const on = (id: string, owner?: string) =>
      requestOf("read", {
        resource: uid("GitHub::Repository", id),
        entities: [
          entity(uid("GitHub::Repository", id), [], owner === undefined ? {} : { owner }),
          entity(uid("Action", "/x/do"), [uid("Action", "tier:read")]),
        ],
      });
    expect(outcome(both, on("acme/app", "acme"))).toBe("allow");
    expect(outcome(both, on("acme/payroll", "acme"))).toBe("forbidden");
    expect(outcome(both, on("secret-lab/x", "secret-lab"))).toBe("forbidden");
    expect(outcome(both, on("secret-lab/x"))).toBe("allow");
    expect(outcome(denyList, on("acme/app", "acme"))).toBe("no_permit");
  });
});
