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
    await tenant.schema(`entity Agent { level?: Long, peer?: Agent }; entity Project;
      namespace GitHub { entity Repository in [Project]; }
      type Claimed = { mood?: String };
      action "/self/look" in ["tier:read"] appliesTo { principal: [Agent], resource: [Agent], context: CommandContext };`);
    await tenant.policies(`
      @id("crew") permit (principal in AgentGroup::"crew", action in Action::"tier:read", resource is GitHub::Repository);
      @id("level") permit (principal, action == Action::"/github/issues/create", resource)
        when { principal has level && principal.level > 2 && resource has labels && resource.labels.contains("open") };
      @id("claims") forbid (principal, action, resource) when { context has claimed && context.claimed has mood && context.claimed.mood == "bad" };
      @id("self") permit (principal, action, resource is Agent) when { resource has level && resource.level > 2 };
      @id("person") permit (principal, action in Action::"tier:danger", resource);
      @id("call") permit (principal, action, resource is Http::Endpoint) when { resource has path && resource.path like "/things*" };
      @id("errs") forbid (principal, action == Action::"/github/issues/update", resource) when { 9007199254740992 * 2048 == 0 };`);
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
    await note(tenant.state(agent, { command: "/self/look", resource: uid("Agent", "helper") }));
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

  test("includes AuthZEN's answers, one by one and in a batch, and those that no policy could see are left out", async () => {
    const tenant = await instance.tenant("answers");
    const agent = await tenant.agent("helper");
    await tenant.policies(`
      @id("a") permit (principal, action in Action::"tier:read", resource);
      @id("ask") forbid (principal, action == Action::"/github/issues/create", resource)
        unless { context.writ.cosigned };
      @id("create") permit (principal, action == Action::"/github/issues/create", resource);`);
    const { services } = instance;
    const { text } = await services.tokens.issue(tenant.id, services.instance.operator, { kind: "pdp" });
    const caller = await services.authenticator.authenticate(text, "127.0.0.1");
    const question = (name: string, type = "GitHub::Repository") => ({
      subject: { type: "Agent", id: agent.agent.name },
      action: { name },
      resource: { type, id: "acme/app" },
    });
    const [list, create, update] = ["list", "create", "update"].map((name) => question(`/github/issues/${name}`)) as [
      ReturnType<typeof question>,
      ReturnType<typeof question>,
      ReturnType<typeof question>,
    ];
    const single = await services.pdp.evaluate(caller, [create]);
    expect(single.decisions[0]).toMatchObject({ decision: false, reasons: [{ code: "approval_needed" }] });
    await services.pdp.evaluate(caller, [list]);
    const odd = question("/github/issues/list", "not a type");
    const batch = await services.pdp.evaluate(caller, [list, odd, update]);
    expect(batch.decisions.map(({ decision }) => decision)).toEqual([true, false, false]);
    const { differences, ...report } = await replay(tenant);
    expect(differences).toEqual([]);
    expect(report).toMatchObject({ replayed: 4, reproduced: 4, erased: 0, failed: 0 });
    const changed = await replay(tenant, { source: `@id("b") permit (principal, action, resource);` });
    expect(changed).toMatchObject({ changed: 2, sameOutcome: 2 });
    expect(changed.groups.map(({ from, to, command }) => [from, to, command])).toEqual(
      expect.arrayContaining([
        ["step_up", "allow", "/github/issues/create"],
        ["deny", "allow", "/github/issues/update"],
      ]),
    );
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
    const withKey = (key: Uint8Array | null) =>
      createPolicyReplays({
        reader,
        pool,
        validator: { check: () => Promise.reject(new WritError("internal")) },
        keys: { subjectKeys: async (_tenant, subjects) => new Map(subjects.map((subject) => [subject, key])) },
      });
    expect(await withKey(null).replay(tenant.id, "recorded", 0)).toMatchObject({
      replayed: 1,
      reproduced: 1,
      erased: 1,
    });
    const garbled = withKey(new Uint8Array(32));
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
