import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Json } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import { createPolicyReplays } from "#src/decision/replays.ts";
import { databasePath } from "#src/store/database.ts";
import { createReaderPool } from "#src/store/reader-pool.ts";
import { startInstance, type TestInstance } from "../support/composed.ts";
import type { TestTenant } from "../support/tenant.ts";

let instance: TestInstance;
beforeAll(async () => {
  instance = await startInstance();
});
afterAll(() => instance.stop());

const uid = (type: string, id: string) => ({ type, id });
const REPOSITORY = uid("GitHub::Repository", "acme/app");
const LIST = { command: "/github/issues/list", resource: REPOSITORY };
const DELETE = { method: "DELETE", path: "/things/1" };

async function put(tenant: TestTenant, ...entities: readonly Json[]): Promise<void> {
  await instance.services.entities.put(tenant.id, instance.services.instance.operator, entities);
}

const replay = (tenant: TestTenant, against: Parameters<typeof instance.services.replays.replay>[1] = "recorded") =>
  instance.services.replays.replay(tenant.id, against, 0);

describe("every kind of decision", () => {
  test("comes out under its own version as it is recorded, however the world has changed since", async () => {
    const tenant = await instance.tenant("kinds");
    const { services } = instance;
    const agent = await tenant.agent("helper", { groups: ["crew"] });
    const connection = await tenant.connection({ url: "http://127.0.0.1:9" });
    const outcomes: string[] = [];
    const note = async (deciding: Promise<{ readonly decision: string }>) => outcomes.push((await deciding).decision);

    await note(tenant.state(agent, LIST));
    await tenant.policies(`
      @id("crew") permit (principal in AgentGroup::"crew", action in Action::"tier:read", resource is GitHub::Repository);
      @id("level") permit (principal, action == Action::"/github/issues/create", resource)
        when { principal.level > 2 && resource.labels.contains("open") };
      @id("claims") forbid (principal, action, resource) when { context.claimed has mood && context.claimed.mood == "bad" };
      @id("self") permit (principal, action, resource is Agent) when { resource.level > 2 };
      @id("person") permit (principal, action in Action::"tier:danger", resource);
      @id("call") permit (principal, action, resource is Http::Endpoint) when { resource.query like "*page*" };
      @id("errs") forbid (principal, action == Action::"/github/issues/update", resource) when { resource.absent == 1 };`);
    await note(tenant.state(agent, LIST));
    await note(tenant.state(agent, { ...LIST, resource: { ...REPOSITORY, attributes: { stated: 1 } } }));
    await note(tenant.state(agent, LIST, { claimed: { mood: "bad" } }));
    await note(tenant.state(agent, { ...LIST, command: "/github/issues/create" }));
    await put(
      tenant,
      { uid: uid("Agent", "helper"), attrs: { level: 3, peer: { __entity: uid("Agent", "other") } }, parents: [] },
      { uid: uid("Agent", "other"), attrs: { level: 1 }, parents: [] },
      { uid: REPOSITORY, attrs: { labels: ["open"] }, parents: [uid("Project", "p")] },
      { uid: uid("AgentGroup", "crew"), attrs: {}, parents: [uid("AgentGroup", "all")] },
    );
    await note(tenant.state(agent, { ...LIST, command: "/github/issues/create" }));
    await note(tenant.state(agent, { command: LIST.command, resource: uid("Agent", "helper") }));
    await note(tenant.state(agent, { ...LIST, command: "/github/issues/update" }));
    await note(tenant.authorize(agent, connection.name, { path: "/things/1", query: "page=2" }));
    const waiting = await tenant.authorize(agent, connection.name, DELETE);
    if (waiting.decision !== "step_up") throw new Error(waiting.decision);
    await tenant.answer(waiting.approval.id);
    await note(tenant.authorize(agent, connection.name, DELETE));
    expect(outcomes).toEqual([
      ...["deny", "allow", "allow", "deny", "deny", "allow"],
      ...["allow", "deny", "allow", "allow"],
    ]);

    await services.agents.setGroups(tenant.id, services.instance.operator, agent.agent.id, []);
    await put(tenant, { uid: uid("Agent", "helper"), attrs: {}, parents: [] });
    await tenant.policies("");
    const { differences, ...report } = await replay(tenant);
    expect(differences).toEqual([]);
    expect(report).toMatchObject({ replayed: 11, reproduced: 11, changed: 0, erased: 0, failed: 0 });
  });

  test("is reproduced as a step-up where no approval had room", async () => {
    const tenant = await instance.tenant("crowded");
    const agent = await tenant.agent("helper");
    const { name } = await tenant.connection({ url: "http://127.0.0.1:9" });
    await tenant.policies(`@id("a") permit (principal, action, resource);`);
    const ask = (i: number) => tenant.authorize(agent, name, { method: "DELETE", path: `/things/${i}` });
    for (let i = 0; i < 100; i += 1) await ask(i);
    expect(await ask(100)).toMatchObject({ decision: "deny", reasons: [{ code: "too_many_pending" }] });
    expect(await replay(tenant)).toMatchObject({ replayed: 101, reproduced: 101 });
  });

  test("differs where the record was not what policies say", async () => {
    const tenant = await instance.tenant("differs");
    const agent = await tenant.agent("helper");
    const first = await tenant.policies(`@id("a") permit (principal, action, resource);`);
    await tenant.state(agent, LIST);
    await tenant.policies(`@id("b") permit (principal, action, resource);`);
    await tenant.state(agent, LIST);
    expect(await replay(tenant)).toMatchObject({ replayed: 2, reproduced: 2 });
    const report = await replay(tenant, { version: first });
    expect(report).toMatchObject({ replayed: 2, reproduced: 1, sameOutcome: 1, changed: 0 });
    expect(report.differences).toHaveLength(1);
    expect(await replay(tenant, { source: "" })).toMatchObject({ changed: 2 });
  });
});

describe("a record that cannot be read", () => {
  test("is counted apart where its subject was erased", async () => {
    const tenant = await instance.tenant("erased");
    const agent = await tenant.agent("helper");
    await tenant.policies(`permit (principal, action, resource);`);
    await tenant.state(agent, LIST, { claimed: { secret: "x" } });
    await tenant.state(agent, LIST);
    const { reader, replays } = instance.services;
    expect(await replays.replay(tenant.id, "recorded", 0)).toMatchObject({ replayed: 2 });
    const pool = createReaderPool(databasePath(instance.folder));
    const erased = createPolicyReplays({ reader, pool, opener: { openPersonal: async () => undefined } });
    expect(await erased.replay(tenant.id, "recorded", 0)).toMatchObject({ replayed: 1, reproduced: 1, erased: 1 });
    const garbled = createPolicyReplays({
      reader,
      pool,
      opener: { openPersonal: () => Promise.reject(new WritError("crypto_failed")) },
    });
    expect(await codeOf(garbled.replay(tenant.id, "recorded", 0))).toBe("verification_failed");
    await pool.close();
  });
});

async function codeOf(work: Promise<unknown>): Promise<string | undefined> {
  try {
    await work;
    return undefined;
  } catch (error) {
    return error instanceof WritError ? error.code : undefined;
  }
}
