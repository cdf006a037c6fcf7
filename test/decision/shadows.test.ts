import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { ActivePolicies } from "#src/decision/authority.ts";
import { describeShadow, judgeInShadow } from "#src/decision/shadow-verdict.ts";
import type { Authorizer } from "#src/policy/authorizer.ts";
import type { PolicyRequest } from "#src/policy/closure.ts";
import { createRequestCheck, NO_RULES } from "#src/policy/request-rules.ts";
import { PolicyIndex } from "#src/policy/slice.ts";
import { startInstance, type TestInstance } from "../support/composed.ts";
import { rejection } from "../support/scenario.ts";
import type { TestAgent, TestTenant } from "../support/tenant.ts";

let instance: TestInstance;
beforeAll(async () => {
  instance = await startInstance();
});
afterAll(() => instance.stop());

const REPOSITORY = { type: "GitHub::Repository", id: "acme/app" };
const LIST = { command: "/github/issues/list", resource: REPOSITORY };
const CREATE = { command: "/github/issues/create", resource: REPOSITORY };
const ALL = `@id("all") permit (principal, action, resource);`;
const NO_LISTS = `${ALL}
  @id("no-lists") forbid (principal, action == Action::"/github/issues/list", resource);`;

interface Stage {
  readonly tenant: TestTenant;
  readonly agent: TestAgent;
  readonly draft: number;
}

/** A tenant in which everything is permitted and a version that forbids lists is shadowed. */
async function stage(name: string): Promise<Stage> {
  const tenant = await instance.tenant(name);
  const agent = await tenant.agent("helper");
  const draft = await tenant.policies(NO_LISTS);
  await tenant.policies(ALL);
  await instance.services.shadows.start(tenant.id, instance.services.instance.operator, draft);
  return { tenant, agent, draft };
}

const show = (tenant: TestTenant) => instance.services.shadows.show(tenant.id);

describe("a shadowed version", () => {
  test("is recorded beside what was decided, under names of its own, and never enforced", async () => {
    const { tenant, agent, draft } = await stage("beside");
    expect(await tenant.state(agent, LIST)).toMatchObject({ decision: "allow", reasons: [{ code: "permitted" }] });
    expect(await tenant.state(agent, CREATE)).toMatchObject({ decision: "allow" });
    const [listed, created] = (await instance.events(tenant)).slice(-2);
    expect(listed?.type).toBe("decision.allowed");
    expect(listed?.data).toMatchObject({
      decision: "allow",
      policies: ["all"],
      reasons: ["permitted"],
      shadow_decision: "deny",
      shadow: { version: draft, policies: ["no-lists"], reason: "forbidden" },
    });
    expect(created?.data).toMatchObject({ decision: "allow", shadow_decision: "allow" });
    // The verdict is about what was enforced: a replay is not confused by what was tried.
    expect(await instance.services.replays.replay(tenant.id, "recorded", 0)).toMatchObject({
      replayed: 2,
      reproduced: 2,
    });
  });

  test("sees AuthZEN's questions, one by one and in a batch", async () => {
    const { tenant, agent } = await stage("questions");
    const { tokens, authenticator, pdp, instance: home } = instance.services;
    const { text } = await tokens.issue(tenant.id, home.operator, { kind: "pdp" });
    const principal = await authenticator.authenticate(text, "127.0.0.1");
    if (principal.kind === "agent") throw new Error("not a pdp");
    const caller = { kind: "pdp", tenant: tenant.id, subject: principal.subject, token: principal.token } as never;
    const ask = (command: string) => ({
      subject: { type: "Agent", id: agent.agent.name, properties: {} },
      action: { name: command, properties: {} },
      resource: { ...REPOSITORY, properties: {} },
      context: {},
    });
    const single = await pdp.evaluate(caller, [ask(LIST.command)] as never);
    expect(single.decisions[0]?.decision).toBe(true);
    await pdp.evaluate(caller, [ask(LIST.command), ask(CREATE.command)] as never);
    const [one, batch] = (await instance.events(tenant)).slice(-2);
    expect(one?.data).toMatchObject({ decision: "allow", shadow_decision: "deny" });
    expect(batch?.data["decisions"]).toMatchObject([
      { decision: "allow", shadow_decision: "deny" },
      { decision: "allow", shadow_decision: "allow" },
    ]);
    expect((await show(tenant)).counts).toMatchObject({ compared: 3, differ: 2, same: 1 });
  });

  test("has its differences grouped, with examples, since it was started", async () => {
    const { tenant, agent, draft } = await stage("grouped");
    const first = await tenant.state(agent, LIST);
    for (const ask of [LIST, LIST, CREATE]) await tenant.state(agent, ask);
    const { counts, version } = await show(tenant);
    expect(version).toBe(draft);
    expect(counts).toMatchObject({ compared: 4, same: 1, sameOutcome: 0, differ: 3, failed: 0, ungrouped: 0 });
    expect(counts.groups).toEqual([
      {
        decision: "allow",
        shadow: "deny",
        command: LIST.command,
        policies: ["all"],
        shadowPolicies: ["no-lists"],
        count: 3,
        examples: [expect.any(String), expect.any(String), first.decisionId],
      },
    ]);
    // Started again, it begins from nothing: what came before was another trial.
    instance.clock.advance(1000);
    await instance.services.shadows.start(tenant.id, instance.services.instance.operator, draft);
    expect((await show(tenant)).counts.compared).toBe(0);
  });

  test("that needs a person where the active one does is no difference, before and after the person's word", async () => {
    const { tenant, agent, draft } = await stage("vouched");
    const { name } = await tenant.connection({ url: "http://127.0.0.1:9" });
    const call = { method: "DELETE", path: "/things/1" };
    const waiting = await tenant.authorize(agent, name, call);
    if (waiting.decision !== "step_up") throw new Error(waiting.decision);
    await tenant.answer(waiting.approval.id);
    expect((await tenant.authorize(agent, name, call)).decision).toBe("allow");
    expect((await instance.events(tenant)).at(-1)?.data).toMatchObject({
      decision: "allow",
      cosigned: true,
      shadow_decision: "step_up",
      shadow: { version: draft },
    });
    expect((await show(tenant)).counts).toMatchObject({ compared: 2, same: 2, differ: 0 });
  });

  test("that is stopped is evaluated no more; what none is, is not found", async () => {
    const { tenant, agent } = await stage("stopped");
    const { shadows, instance: home } = instance.services;
    await shadows.stop(tenant.id, home.operator);
    await tenant.state(agent, LIST);
    expect((await instance.events(tenant)).at(-1)?.data["shadow"]).toBeUndefined();
    expect(await rejection(shadows.show(tenant.id))).toBe("not_found");
    expect(await rejection(shadows.stop(tenant.id, home.operator))).toBe("not_found");
    expect(await rejection(shadows.start(tenant.id, home.operator, 99))).toBe("not_found");
    expect((await instance.events(tenant)).map(({ type }) => type).filter((type) => type.includes("shadow"))).toEqual([
      "policy.shadow_started",
      "policy.shadow_stopped",
    ]);
  });

  test("is one tenant's own", async () => {
    const { draft } = await stage("mine");
    const other = await instance.tenant("theirs");
    const agent = await other.agent("helper");
    await other.policies(ALL);
    await other.state(agent, LIST);
    expect((await instance.events(other)).at(-1)?.data["shadow"]).toBeUndefined();
    expect(await rejection(show(other))).toBe("not_found");
    const { shadows, instance: home } = instance.services;
    // The other tenant has fewer versions than the number that the first one shadows.
    expect(await rejection(shadows.start(other.id, home.operator, draft + 5))).toBe("not_found");
  });

  test("that fails changes nothing, and says so", async () => {
    const { tenant, agent, draft } = await stage("failing");
    const { authority } = instance.services;
    const policies = await authority.policies(tenant.id);
    (policies as { shadow?: unknown }).shadow = { version: draft, index: undefined };
    expect(await tenant.state(agent, LIST)).toMatchObject({ decision: "allow" });
    expect((await instance.events(tenant)).at(-1)?.data).toMatchObject({
      decision: "allow",
      shadow: { version: draft, failed: "store_failed" },
    });
    expect((await show(tenant)).counts).toMatchObject({ compared: 1, failed: 1, differ: 0 });
  });
});

describe("the cost", () => {
  test("is no call of Cedar where nothing is shadowed, and what throws is a shadow that failed", () => {
    let calls = 0;
    const authorizer: Authorizer = {
      evaluate: () => {
        calls += 1;
        throw new Error("a trap");
      },
      stats: () => ({ sets: 0, parsed: 0 }),
      dispose: () => undefined,
    };
    const index = PolicyIndex.build([]);
    const request = {
      principal: { type: "Agent", id: "a" },
      action: { type: "Action", id: "/x" },
      resource: { type: "R", id: "r" },
      context: { writ: {} },
      entities: [],
    } as PolicyRequest;
    const active: ActivePolicies = { version: 1, index, schemaVersion: 0, requests: createRequestCheck(NO_RULES) };
    expect(judgeInShadow(authorizer, active, request)).toBeUndefined();
    expect([calls, describeShadow(undefined)]).toEqual([0, {}]);
    const verdict = judgeInShadow(authorizer, { ...active, shadow: { version: 2, index } }, request);
    expect([calls, verdict]).toEqual([1, { version: 2, failed: "internal" }]);
    expect(describeShadow(verdict)).toEqual({ shadow: { version: 2, failed: "internal" } });
  });
});
