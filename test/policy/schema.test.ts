import { describe, expect, test } from "bun:test";
import { actionGroups } from "#src/connector/table.ts";
import { checkSchema, validateStrictly } from "#src/policy/cedar.ts";
import { buildSchema, schemaText, schemaTierOf } from "#src/policy/schema.ts";
import { reduceSchema } from "#src/policy/schema-reduction.ts";
import { entityKey } from "#src/policy/scope.ts";
import { CONNECTORS, schemaWith } from "./schema-support.ts";
import { uid } from "./support.ts";

const whole = schemaWith();

function errorsOf(extension: string) {
  const result = buildSchema(CONNECTORS, extension);
  return "errors" in result ? result.errors : [];
}

describe("the generated schema", () => {
  test("has every command of every connector in its groups and its tier's", () => {
    let count = 0;
    for (const { commands } of CONNECTORS) {
      for (const [command, tiers] of commands) {
        const action = whole.actions.get(entityKey(uid("Action", command)));
        for (const tier of [tiers].flat()) {
          for (const group of actionGroups(command, tier)) {
            expect(action?.groups.has(entityKey(uid("Action", group)))).toBe(true);
          }
        }
        count += 1;
      }
    }
    expect(count).toBeGreaterThan(350);
  });

  test("applies them to agents and to the resources of their routes", () => {
    const action = whole.actions.get(entityKey(uid("Action", "/github/issues/create")));
    expect(action).toMatchObject({ principals: ["Agent"], resources: ["GitHub::Repository"] });
    expect(whole.actions.get(entityKey(uid("Action", "/http/connection/get")))?.resources).toEqual(["Http::Endpoint"]);
  });

  test("is one that Cedar reads back from its own syntax", () => {
    expect(checkSchema(schemaText(whole))).toEqual([]);
  });

  test("knows tiers, the strictest of several, and takes an unknown command for dangerous", () => {
    expect(schemaTierOf(whole, "/github/issues/list")).toBe("read");
    expect(schemaTierOf(whole, "/file/write")).toBe("write");
    expect(schemaTierOf(whole, "/shell/exec")).toBe("danger");
    expect(schemaTierOf(whole, "/nobody/knows")).toBe("danger");
  });

  test("has a hash of its own", () => {
    expect(schemaWith().hash).toBe(whole.hash);
    expect(schemaWith("entity Invoice;").hash).not.toBe(whole.hash);
  });
});

describe("a tenant's extension", () => {
  const EXTENSION = `
    namespace Shop { entity Order in [Connection] { total: Long, buyer?: Person }; }
    namespace GitHub { entity Repository { tier?: String }; }
    type Claimed = { purpose?: String };
    entity Agent { team?: String };
    action "/shop";
    action "/shop/refund" in ["/shop", "tier:danger"] appliesTo { principal: [Agent], resource: [Shop::Order], context: CommandContext };`;

  test("adds types, actions and optional attributes", () => {
    const schema = schemaWith(EXTENSION);
    const policy = `permit(principal, action == Action::"/shop/refund", resource) when {
      resource.total < 100 && principal has team && principal.team == "x" && context has claimed &&
      context.claimed has purpose && context.claimed.purpose == "p" };
      `;
    expect(validateStrictly(new Map([["p", policy]]), schema.json)).toEqual({ errors: [], warnings: [] });
    expect(schemaTierOf(schema, "/shop/refund")).toBe("danger");
    expect(schema.actions.get(entityKey(uid("Action", "/github/issues/create")))?.resources).toEqual([
      "GitHub::Repository",
    ]);
  });

  test("cannot change what is there, and is told where", () => {
    expect(errorsOf(`\n  action "/github/issues/create";`)).toEqual([
      { message: expect.stringContaining("there already"), line: 2, column: 11 },
    ]);
    expect(errorsOf("type Writ = { cosigned: String };")).toHaveLength(1);
    expect(errorsOf("type CommandContext = {};")).toHaveLength(1);
    expect(errorsOf("type Claimed = { sure: Bool };")[0]?.message).toContain("optional");
    expect(errorsOf("type Claimed = String;")).toHaveLength(1);
    expect(errorsOf("entity Agent { team: String };")[0]).toMatchObject({
      column: 16,
      help: expect.stringContaining("team?"),
    });
    expect(errorsOf("namespace GitHub { entity Repository { owner?: Long }; }")[0]?.message).toContain("owner");
    expect(errorsOf('entity Agent enum ["a"];')).toHaveLength(1);
  });

  test("that does not parse or names what is not there is refused with its place", () => {
    expect(errorsOf("entity Order;\nentity { };")[0]).toMatchObject({ line: 2 });
    expect(errorsOf("entity Order;\nentity Line in [Ordr];")[0]).toMatchObject({
      line: 2,
      message: expect.stringContaining("Ordr"),
    });
    expect(errorsOf('action "/x/do" in ["/nowhere"];')).toHaveLength(1);
  });
});

describe("the reduced schema", () => {
  const POLICIES = [
    "permit(principal, action, resource);",
    'permit(principal, action in Action::"tier:read", resource is GitHub::Repository) when { resource has owner && resource.owner == "x" };',
    'forbid(principal, action == Action::"/github/issues/create", resource) when { context.writ.tier == 5 };',
    'permit(principal, action in Action::"/npm-registry", resource is GitHub::Repository);',
    "permit(principal, action, resource) when { resource.ref == 1 };",
    'permit(principal, action, resource) when { action in Action::"/github" && resource is Npm::Package };',
    'permit(principal, action, resource) unless { action == Action::"/github/issues/create" };',
    'permit(principal, action in [Action::"tier:write", Action::"/github/issues"], resource) when { resource has labels && resource.labels.contains("a") };',
    'permit(principal == Person::"x", action, resource);',
    'permit(principal, action == Action::"tier:read", resource);',
  ];

  test("finds in each policy what the whole one finds", () => {
    const plain = ({ message }: { message: string }) =>
      message.replace(/^for policy `\w+`, /, "").replace(/Action::"[^"]*"$/, "");
    const all = validateStrictly(new Map(POLICIES.map((policy, i) => [`p${i}`, policy])), whole.json);
    for (const [i, policy] of POLICIES.entries()) {
      const named = new Set(
        [...policy.matchAll(/Action::"([^"]*)"/g)].map(([, id]) => entityKey(uid("Action", id ?? ""))),
      );
      const reduced = reduceSchema(whole, named);
      const part = validateStrictly(new Map([[`p${i}`, policy]]), reduced);
      for (const kind of ["errors", "warnings"] as const) {
        const ofWhole = all[kind].filter(({ policyId }) => policyId === `p${i}`).map(plain);
        expect([policy, [...new Set(part[kind].map(plain))].sort()]).toEqual([policy, [...new Set(ofWhole)].sort()]);
      }
      expect(Object.keys(reduced[""]?.actions ?? {}).length).toBeLessThan(60);
    }
  });
});
