import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import { rejection } from "#test/support/scenario.ts";
import { PERMIT_ALL, type TestAgent, type TestCall, type TestTenant } from "#test/support/tenant.ts";
import { startUpstream, type TestUpstream } from "#test/support/upstream.ts";
import { enrolOwner, enrolPerson, type TestPerson } from "./people-support.ts";

let instance: TestInstance;
let upstream: TestUpstream;
let tenant: TestTenant;
let agent: TestAgent;
let owner: TestPerson;
let count = 0;

beforeAll(async () => {
  instance = await startInstance();
  upstream = await startUpstream();
});
afterAll(async () => {
  upstream.stop();
  await instance.stop();
});
beforeEach(async () => {
  count += 1;
  tenant = await instance.tenant(`e${count}`);
  await tenant.connection({ url: upstream.origin });
  await tenant.connection({ name: "other", url: upstream.origin });
  await tenant.policies(PERMIT_ALL);
  agent = await tenant.agent();
  owner = await enrolOwner(instance, tenant);
});

const CALL: TestCall = { method: "DELETE", path: "/a" };
const asked = (changes = {}) => ({
  agent: "builder",
  command: "/http/api",
  reason: "the site is down",
  seconds: 600,
  ...changes,
});

async function outcomeOf(call = CALL, who = agent, connection = "api"): Promise<string> {
  const answer = await tenant.call(who, connection, call);
  return answer.kind === "response" ? "response" : answer.outcome.decision;
}
const emergencies = () => instance.services.emergencies;
async function open(changes = {}, who = owner): Promise<string> {
  const { options } = await emergencies().openingChallenge(tenant.id, who.id, asked(changes));
  return (await emergencies().open(tenant.id, who.id, who.authenticator.get(options))).id;
}
async function review(id: string, who = owner): Promise<string> {
  const { options } = await emergencies().reviewChallenge(tenant.id, who.id, id, "it was needed");
  return (await emergencies().review(tenant.id, who.id, id, who.authenticator.get(options))).state;
}

describe("an emergency grant", () => {
  test("lets through what asks for a person, for one agent below one command, and is counted", async () => {
    const id = await open();
    expect(await outcomeOf()).toBe("response");
    expect(await outcomeOf({ ...CALL, path: "/b" })).toBe("response");
    expect(await outcomeOf(CALL, agent, "other")).toBe("step_up");
    expect(await outcomeOf(CALL, await tenant.agent("another"))).toBe("step_up");
    const shown = await emergencies().show(tenant.id, id);
    expect(shown).toMatchObject({ state: "open", used: 2, reason: "the site is down", openedBy: owner.subject });
    const events = await instance.events(tenant);
    const used = events.filter(({ data }) => data["emergency"] === id && data["decision"] === "allow");
    expect(used.map(({ data }) => data["cosigner"])).toEqual([shown.cosigner, shown.cosigner]);
    const bytes = await instance.services.reader.get<{ bytes: string }>(
      "SELECT bytes FROM events WHERE tenant_id = ? AND type = 'emergency.opened'",
      [tenant.id],
    );
    expect(bytes?.bytes).not.toContain("the site is down");
  });

  test("opens nothing that the policies forbid whoever vouches", async () => {
    await open({ command: "/" });
    await tenant.policies(`${PERMIT_ALL} @id("never") forbid (principal, action in Action::"tier:danger", resource);`);
    expect(await outcomeOf()).toBe("deny");
  });

  test("ends by itself, and its review is due until somebody signs it", async () => {
    const id = await open();
    expect(await rejection(review(id))).toBe("conflict");
    instance.clock.advance(600_000);
    expect(await outcomeOf()).toBe("step_up");
    expect((await emergencies().show(tenant.id, id)).state).toBe("review_due");
    expect(await emergencies().closeOverdue(tenant.id)).toBe(1);
    expect(await emergencies().closeOverdue(tenant.id)).toBe(0);
    const auditor = await enrolPerson(instance, tenant, owner, ["auditor"]);
    expect(await review(id, auditor)).toBe("reviewed");
    expect(await rejection(review(id))).toBe("conflict");
    expect(await emergencies().show(tenant.id, id)).toMatchObject({ reviewedBy: auditor.subject });
  });

  test("can be ended before, with the writs that rest on it", async () => {
    const id = await open();
    const decided = await tenant.authorize(agent, "api", CALL);
    if (decided.decision !== "allow" || decided.writ === undefined) throw new Error("no writ");
    const writ = new Uint8Array(Buffer.from(decided.writ.token, "base64url"));
    await instance.services.revocations.revokeCid(
      tenant.id,
      owner.subject,
      (await emergencies().show(tenant.id, id)).cosigner,
    );
    expect(await outcomeOf()).toBe("step_up");
    expect((await emergencies().close(tenant.id, owner.subject, id)).state).toBe("review_due");
    expect(await rejection(emergencies().close(tenant.id, owner.subject, id))).toBe("conflict");
    expect(await rejection(tenant.callWith(writ, "api", CALL))).toBe("writ_revoked");
  });

  test("is an owner's to open, once for each signature, in their own tenant", async () => {
    for (const role of ["admin", "approver", "auditor"] as const) {
      const person = await enrolPerson(instance, tenant, owner, [role]);
      expect(await rejection(open({}, person))).toBe("forbidden");
    }
    const { options } = await emergencies().openingChallenge(tenant.id, owner.id, asked());
    const assertion = owner.authenticator.get(options);
    const other = await instance.tenant(`eother${count}`);
    const stranger = await enrolOwner(instance, other);
    expect(await rejection(emergencies().open(other.id, stranger.id, assertion))).toBe("challenge_unknown");
    const { id } = await emergencies().open(tenant.id, owner.id, assertion);
    expect(await rejection(emergencies().open(tenant.id, owner.id, assertion))).toBe("challenge_unknown");
    expect(await rejection(emergencies().show(other.id, id))).toBe("not_found");
    expect(await rejection(emergencies().close(other.id, stranger.subject, id))).toBe("not_found");
    expect(await emergencies().list(other.id)).toEqual([]);
    // A signature for an approval opens no emergency, and the other way round.
    const answer = await tenant.call(agent, "other", CALL);
    if (answer.kind !== "decided" || answer.outcome.decision !== "step_up") throw new Error("no step-up");
    const { approvalDecisions } = instance.services;
    const approval = answer.outcome.approval.id;
    const challenge = await approvalDecisions.challenge(tenant.id, owner.id, approval, { verdict: "approved" });
    const signed = owner.authenticator.get(challenge.options);
    expect(await rejection(emergencies().open(tenant.id, owner.id, signed))).toBe("challenge_unknown");
    expect(await rejection(approvalDecisions.decide(tenant.id, owner.id, approval, assertion))).toBe(
      "challenge_unknown",
    );
  });

  test("has a reason, an agent, a command and a short time", async () => {
    for (const wrong of [{ reason: " " }, { seconds: 59 }, { seconds: 14_401 }, { seconds: 60.5 }, { command: "x" }]) {
      expect(await rejection(open(wrong))).toBe("invalid_argument");
    }
    expect(await rejection(open({ agent: "nobody" }))).toBe("not_found");
  });
});

describe("the kill switch", () => {
  const actor = () => owner.subject;
  const READ: TestCall = { path: "/a" };

  test.each([
    [{ kind: "agent", name: "builder" }, "builder", true],
    [{ kind: "connection", name: "api" }, "another", true],
    [{ kind: "tenant" }, "another", true],
  ] as const)("stops %p at once, writs included, until it is lifted", async (order, who) => {
    const { stops } = instance.services;
    const caller = who === "builder" ? agent : await tenant.agent("another");
    const decided = await tenant.authorize(caller, "api", READ);
    if (decided.decision !== "allow" || decided.writ === undefined) throw new Error("no writ");
    const writ = new Uint8Array(Buffer.from(decided.writ.token, "base64url"));
    await stops.stop(tenant.id, actor(), "tenant", order, "something is wrong");
    expect(await rejection(tenant.call(caller, "api", READ))).toBe("stopped");
    expect(await rejection(tenant.authorize(caller, "api", READ))).toBe("stopped");
    expect(await rejection(tenant.callWith(writ, "api", READ))).toBe("stopped");
    await stops.stop(tenant.id, actor(), "tenant", order);
    const [stopped, ...others] = await stops.list(tenant.id);
    expect(others).toEqual([]);
    expect(stopped).toMatchObject({ origin: "tenant", by: actor(), reason: "something is wrong" });
    expect(await rejection(stops.lift(tenant.id, actor(), "instance", order))).toBe("not_found");
    await stops.lift(tenant.id, actor(), "tenant", order);
    expect(await outcomeOf(READ, caller)).toBe("response");
    expect((await tenant.callWith(writ, "api", READ)).kind).toBe("response");
    expect(await rejection(stops.lift(tenant.id, actor(), "tenant", order))).toBe("not_found");
  });

  test("leaves others alone", async () => {
    const { stops } = instance.services;
    await stops.stop(tenant.id, actor(), "tenant", { kind: "agent", name: "builder" });
    expect(await outcomeOf(READ, await tenant.agent("another"))).toBe("response");
    await stops.stop(tenant.id, actor(), "tenant", { kind: "connection", name: "api" });
    expect(await outcomeOf(READ, await tenant.agent("third"), "other")).toBe("response");
    const other = await instance.tenant(`sother${count}`);
    expect(await stops.list(other.id)).toEqual([]);
    expect(await rejection(stops.stop(other.id, actor(), "tenant", { kind: "agent", name: agent.agent.id }))).toBe(
      "not_found",
    );
  });

  test("cuts a stream that runs", async () => {
    const { stops } = instance.services;
    const slow = Bun.serve({
      port: 0,
      fetch: () =>
        new Response(
          new ReadableStream({
            async start(controller) {
              for (let i = 0; i < 200; i += 1) {
                controller.enqueue("x".repeat(100_000));
                await Bun.sleep(20);
              }
              controller.close();
            },
          }),
        ),
    });
    try {
      await tenant.connection({ name: "slow", url: `http://127.0.0.1:${slow.port}` });
      const answer = await tenant.call(agent, "slow", READ);
      if (answer.kind !== "response" || !(answer.body instanceof ReadableStream)) throw new Error("no stream");
      const reader = answer.body.getReader();
      await reader.read();
      const began = performance.now();
      await stops.stop(tenant.id, actor(), "tenant", { kind: "tenant" });
      let ended: unknown;
      try {
        while (!(await reader.read()).done);
      } catch (error) {
        ended = error;
      }
      expect(ended).toBeInstanceOf(Error);
      expect(performance.now() - began).toBeLessThan(2000);
    } finally {
      void slow.stop(true);
    }
  });

  test("stops everything on the host's word, and lifts that alone", async () => {
    const { stops, instance: own } = instance.services;
    await stops.stop(tenant.id, actor(), "tenant", { kind: "tenant" });
    const other = await instance.tenant(`all${count}`);
    await other.connection({ url: upstream.origin });
    await other.policies(PERMIT_ALL);
    const stranger = await other.agent();
    expect(await stops.stopEverything(own.operator, "fire")).toBeGreaterThanOrEqual(2);
    expect(await rejection(other.call(stranger, "api", READ))).toBe("stopped");
    expect(await rejection(stops.lift(other.id, actor(), "tenant", { kind: "tenant" }))).toBe("not_found");
    await stops.liftEverything(own.operator);
    expect((await other.call(stranger, "api", READ)).kind).toBe("response");
    expect(await rejection(tenant.call(agent, "api", READ))).toBe("stopped");
  });
});
