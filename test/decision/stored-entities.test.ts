import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Json } from "#src/base/canonical-json.ts";
import { EMPTY_BODY_HASH } from "#src/decision/call-digest.ts";
import { startInstance, type TestInstance } from "../support/composed.ts";
import type { TestTenant } from "../support/tenant.ts";

let instance: TestInstance;
beforeAll(async () => {
  instance = await startInstance();
});
afterAll(() => instance.stop());

const NO_BODY = { hash: async () => EMPTY_BODY_HASH, bytes: async () => new Uint8Array(0) };
const uid = (type: string, id: string) => ({ type, id });
const STATED = { command: "/github/issues/list", resource: { type: "GitHub::Repository", id: "acme/app" } };

async function put(tenant: TestTenant, ...entities: readonly Json[]): Promise<void> {
  const { operator } = instance.services.instance;
  await instance.services.entities.put(tenant.id, operator, entities);
}

describe("what is stored of agents and resources", () => {
  test("decides what an agent may do: the resource's attributes, what it is in, and the agent's own", async () => {
    const tenant = await instance.tenant("stored");
    const agent = await tenant.agent("helper", { groups: ["crew"] });
    await tenant.schema(`entity Project in [Project]; entity Agent { clearance?: Long, trusted?: Bool };
      namespace GitHub { entity Repository in [Project]; }`);
    await tenant.policies(`permit (principal in AgentGroup::"division", action, resource in Project::"open")
      when { resource has labels && resource.labels.contains("public") && principal has clearance &&
        principal.clearance > 2 && resource has created_by && resource.created_by has trusted && resource.created_by.trusted };`);
    const decide = async () => (await tenant.state(agent, STATED)).decision;
    expect(await decide()).toBe("deny");
    await put(
      tenant,
      {
        uid: STATED.resource,
        attrs: { labels: ["public"], created_by: { __entity: uid("Agent", "maker") } },
        parents: [uid("Project", "sub")],
      },
      { uid: uid("Project", "sub"), attrs: {}, parents: [uid("Project", "open")] },
      { uid: uid("Agent", "maker"), attrs: { trusted: true }, parents: [] },
      { uid: uid("Agent", "helper"), attrs: { clearance: 3 }, parents: [] },
      { uid: uid("AgentGroup", "crew"), attrs: {}, parents: [uid("AgentGroup", "division")] },
    );
    expect(await decide()).toBe("allow");
    const event = (await instance.events(tenant)).at(-1);
    const data = JSON.parse(JSON.stringify(event?.data)) as Record<string, { value: unknown }>;
    expect(JSON.stringify(data["stored_entities"])).toContain(`"clearance":3`);
    expect(JSON.stringify(data["stored_entities"])).toContain(agent.agent.id);
    expect(JSON.stringify(data["resource_entity"])).toContain("public");
    await put(tenant, { uid: uid("Agent", "helper"), attrs: { clearance: 1 }, parents: [] });
    expect(await decide()).toBe("deny");
    await put(tenant, { uid: uid("Agent", "helper"), attrs: { clearance: 3 }, parents: [] });
    await instance.services.entities.remove(tenant.id, instance.services.instance.operator, uid("Project", "sub"));
    expect(await decide()).toBe("deny");
  });

  test("does not change what a call shows of itself", async () => {
    const tenant = await instance.tenant("derived");
    const agent = await tenant.agent("helper");
    await tenant.connection({ name: "code", connector: "github", url: "http://127.0.0.1:9" });
    await tenant.policies(
      `permit (principal, action, resource) when { resource has owner && resource.owner == "acme" };`,
    );
    await put(tenant, { uid: uid("GitHub::Repository", "other/app"), attrs: { owner: "acme" }, parents: [] });
    const resource = uid("GitHub::Repository", "other/app");
    const call = { connection: "code", method: "GET", path: "/repos/other/app", query: "", headers: [], body: NO_BODY };
    const stated = { command: "/github/repositories/get", resource };
    expect((await tenant.state(agent, stated)).decision).toBe("allow");
    const outcome = await instance.services.decider.decide({ principal: agent.principal, call, claimed: {} });
    expect([outcome.target.resource, outcome.decision]).toEqual([resource, "deny"]);
  });

  test("is sealed in the event", async () => {
    const tenant = await instance.tenant("sealed");
    const agent = await tenant.agent("helper");
    await tenant.policies("permit (principal, action, resource);");
    await put(tenant, { uid: STATED.resource, attrs: { owner: "mallory@example.com" }, parents: [] });
    await tenant.state(agent, STATED);
    const page = await instance.services.audit.list(tenant.id, {}, { limit: 5 }, { openPersonal: false });
    expect(JSON.stringify(page)).not.toContain("mallory");
  });

  test("an agent that asks for itself is one entity", async () => {
    const tenant = await instance.tenant("itself");
    const agent = await tenant.agent("helper", { groups: ["crew"] });
    await tenant.schema(`entity Agent { a?: Long };
      action "/self/look" in ["tier:read"] appliesTo { principal: [Agent], resource: [Agent], context: CommandContext };`);
    await tenant.policies(
      `permit (principal, action, resource is Agent) when { resource has a && resource.a == 1 && principal in AgentGroup::"crew" };`,
    );
    await put(tenant, { uid: uid("Agent", "helper"), attrs: { a: 1 }, parents: [] });
    const stated = { command: "/self/look", resource: uid("Agent", "helper") };
    expect((await tenant.state(agent, stated)).decision).toBe("allow");
  });

  test("that reaches too far is no yes", async () => {
    const tenant = await instance.tenant("far");
    const agent = await tenant.agent("helper");
    await tenant.policies("permit (principal, action, resource);");
    const far = [...Array(2100)].map((_, i) => ({
      uid: uid("Far", `f${i}`),
      attrs: {},
      parents: [uid("Far", `f${i + 1}`)],
    }));
    await put(tenant, ...far, { uid: STATED.resource, attrs: {}, parents: [uid("Far", "f0")] });
    const answer = await tenant.state(agent, STATED).catch((error: { code: string }) => error.code);
    expect(answer).toBe("invalid_argument");
  });
});
