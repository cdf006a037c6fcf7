import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { RunId } from "#src/base/ids.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
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
  tenant = await instance.tenant(`g${count}`);
  await tenant.connection({ url: upstream.origin });
  await tenant.policies(PERMIT_ALL);
  agent = await tenant.agent();
  owner = await enrolOwner(instance, tenant);
  upstream.requests.length = 0;
});

const CALL: TestCall = { method: "DELETE", path: "/a", query: "x=1", body: "the body" };

/** A policy that asks for a person before any call, with these annotations. */
const asking = (annotations: string): string =>
  `${PERMIT_ALL} @id("ask") ${annotations} forbid (principal, action in Action::"tier:write", resource)
    unless { context.writ.cosigned };`;
const CALL_IN: TestCall = { method: "POST", path: "/outside", body: "one" };
const WRITE: TestCall = { method: "POST", path: "/a", body: "one" };

async function ask(call = CALL, who = agent, connection = "api"): Promise<string> {
  const answer = await tenant.call(who, connection, call);
  if (answer.kind !== "decided" || answer.outcome.decision !== "step_up") throw new Error(`no step-up: ${answer.kind}`);
  return answer.outcome.approval.id;
}

async function outcomeOf(call = CALL, who = agent): Promise<string> {
  const answer = await tenant.call(who, "api", call);
  return answer.kind === "response" ? "response" : answer.outcome.decision;
}

const eventsOf = async (type: string) => (await instance.events(tenant)).filter((event) => event.type === type);

describe("a grant", () => {
  test("is one use unless a policy leaves more to the approver", async () => {
    const approval = await ask();
    for (const grant of [{ uses: 2 }, { seconds: 60 }, { scope: "resource" as const }, { uses: 0 }]) {
      expect(await rejection(owner.decide(approval, { grant }))).toBe("grant_refused");
    }
    expect(await owner.decide(approval, { grant: { uses: 1 } })).toMatchObject({ remaining: 1 });
  });

  test("of a number of uses ends with the last one, also when they come at once", async () => {
    await tenant.policies(asking(`@grant("uses:3")`));
    const approval = await ask(WRITE);
    expect(await rejection(owner.decide(approval, { grant: { uses: 4 } }))).toBe("grant_refused");
    await owner.decide(approval, { grant: { uses: 3 } });
    const outcomes = await Promise.all(Array.from({ length: 8 }, () => outcomeOf(WRITE)));
    expect(outcomes.filter((outcome) => outcome === "response")).toHaveLength(3);
    expect(await instance.services.approvals.show(tenant.id, approval)).toMatchObject({
      state: "used",
      remaining: 0,
      used: 3,
    });
    expect(upstream.requests).toHaveLength(3);
  });

  test("for a time covers any number of uses until then", async () => {
    await tenant.policies(asking(`@grant("until:1h")`));
    const approval = await ask(WRITE);
    expect(await rejection(owner.decide(approval, { grant: { seconds: 3601 } }))).toBe("grant_refused");
    expect(await owner.decide(approval, { grant: { seconds: 3600 } })).toMatchObject({ remaining: null });
    for (let i = 0; i < 3; i += 1) expect(await outcomeOf(WRITE)).toBe("response");
    expect(await instance.services.approvals.show(tenant.id, approval)).toMatchObject({ state: "approved", used: 3 });
    instance.clock.advance(3_600_000);
    expect(await outcomeOf(WRITE)).toBe("step_up");
  });

  test("for the resource covers another body, and nothing else", async () => {
    await tenant.policies(asking(`@grant("uses:5, resource")`));
    await tenant.connection({ name: "twin", url: upstream.origin });
    await owner.decide(await ask(WRITE), { grant: { uses: 5, scope: "resource" } });
    expect(await outcomeOf({ ...WRITE, body: "two" })).toBe("response");
    expect(await outcomeOf({ ...WRITE, method: "PUT" })).toBe("step_up");
    expect(await outcomeOf({ ...WRITE, path: "/b" })).toBe("step_up");
    expect(await outcomeOf(WRITE, await tenant.agent("other"))).toBe("step_up");
    const twin = await tenant.call(agent, "twin", WRITE);
    expect(twin.kind).toBe("decided");
  });

  test("that the policies of now would not leave to a person is void", async () => {
    await tenant.policies(asking(`@grant("uses:5, until:1h, resource")`));
    await owner.decide(await ask(WRITE), { grant: { seconds: 3600, scope: "resource" } });
    expect(await outcomeOf(WRITE)).toBe("response");
    for (const narrower of [
      `@grant("until:1h")`,
      `@grant("uses:5, resource")`,
      `@grant("until:59m, resource")`,
      `@grant("until:1h, resource") @quorum("2")`,
      `@grant("until:1h, resource") @approvers("security")`,
      `@grant("until:1h, resource") @comment("required")`,
    ]) {
      await tenant.policies(asking(narrower));
      expect([narrower, await outcomeOf(WRITE)]).toEqual([narrower, "step_up"]);
    }
    await tenant.policies(asking(`@grant("until:2h, resource")`));
    expect(await outcomeOf(WRITE)).toBe("response");
  });

  test("can be taken back, and cuts a stream that runs under it", async () => {
    await tenant.policies(asking(`@grant("until:1h")`));
    const approval = await ask(WRITE);
    await owner.decide(approval, { grant: { seconds: 3600 } });
    expect(await outcomeOf(WRITE)).toBe("response");
    await instance.services.approvals.revoke(tenant.id, owner.subject, approval);
    expect(await outcomeOf(WRITE)).toBe("step_up");
    expect(await instance.services.approvals.show(tenant.id, approval)).toMatchObject({ state: "revoked" });
  });
});

describe("a grant for a run", () => {
  const { create, end, pause } = {
    create: (parent?: string) => instance.services.runs.create(agent.principal, parent === undefined ? {} : { parent }),
    end: (run: string) => instance.services.runs.end(agent.principal, run, "completed"),
    pause: (run: string) => instance.services.runs.pause(tenant.id, owner.subject, run),
  };
  const inRun = async (run?: RunId, call = WRITE) => {
    const outcome = await instance.services.decider.decide({
      principal: agent.principal,
      call: {
        connection: "api",
        method: call.method ?? "GET",
        path: call.path,
        query: "",
        headers: [],
        body: { hash: async () => sha256Hex(String(call.body)), bytes: async () => Buffer.from(String(call.body)) },
      },
      claimed: {},
      ...(run === undefined ? {} : { run }),
    });
    return outcome.decision === "step_up" ? outcome.approval.id : outcome.decision;
  };

  test("covers it and what is below it, as often as it likes, and nothing else", async () => {
    await tenant.policies(asking(`@grant("run")`));
    const [run, other] = [await create(), await create()];
    const child = await create(run.id);
    const approval = await inRun(run.id);
    const decided = await owner.decide(approval, { grant: { run: true } });
    expect(decided).toMatchObject({ remaining: null, grant: { run: run.id, uses: null } });
    const [event] = await eventsOf("approval.approved");
    expect(event?.data).toMatchObject({ preimage: { grant: { run: run.id } } });
    for (const id of [run.id, run.id, child.id]) expect(await inRun(id)).toBe("allow");
    expect(await inRun(run.id, { ...WRITE, body: "another" })).toMatch(/^apr_/);
    for (const id of [other.id, undefined]) expect(await inRun(id)).toMatch(/^apr_/);
    await pause(run.id);
    expect(await rejection(inRun(child.id))).toBe("run_not_active");
    await instance.services.runs.resume(tenant.id, owner.subject, run.id);
    await end(run.id);
    expect(await rejection(inRun(run.id))).toBe("run_ended");
  });

  test("is what the policies leave, in a run alone, and ends after a day", async () => {
    const run = await create();
    await tenant.policies(asking(`@grant("until:1h")`));
    const approval = await inRun(run.id);
    expect(await rejection(owner.decide(approval, { grant: { run: true } }))).toBe("grant_refused");
    await tenant.policies(asking(`@grant("run, uses:3, resource")`));
    expect(await rejection(owner.decide(await inRun(undefined, CALL_IN), { grant: { run: true } }))).toBe(
      "grant_refused",
    );
    const second = await inRun(run.id, { ...WRITE, body: "second" });
    for (const seconds of [86_401, 0]) {
      expect(await rejection(owner.decide(second, { grant: { run: true, seconds } }))).toBe("grant_refused");
    }
    await owner.decide(second, { grant: { run: true, scope: "resource" } });
    expect(await inRun(run.id, { ...WRITE, body: "whatever" })).toBe("allow");
    await tenant.policies(asking(`@grant("uses:3, resource, until:1d")`));
    expect(await inRun(run.id, { ...WRITE, body: "whatever" })).toMatch(/^apr_/);
    await tenant.policies(asking(`@grant("run, resource")`));
    expect(await inRun(run.id, { ...WRITE, body: "else" })).toBe("allow");
    instance.clock.advance(86_400_000);
    expect(await inRun(run.id, { ...WRITE, body: "third" })).toMatch(/^apr_/);
  });

  test("counted ends with its last use, also when they come at once", async () => {
    await tenant.policies(asking(`@grant("run")`));
    const run = await create();
    await owner.decide(await inRun(run.id), { grant: { run: true, uses: 2 } });
    const outcomes = await Promise.all(Array.from({ length: 6 }, () => inRun(run.id)));
    expect(outcomes.filter((outcome) => outcome === "allow")).toHaveLength(2);
  });
});

describe("what policies ask of whoever decides", () => {
  test("a quorum is so many different people, and one no ends it", async () => {
    await tenant.policies(asking(`@quorum("2") @grant("uses:2")`));
    const colleague = await enrolPerson(instance, tenant, owner, ["approver"]);
    const approval = await ask(WRITE);
    expect(await owner.decide(approval, { grant: { uses: 2 } })).toMatchObject({ state: "pending", votes: 1 });
    expect(await outcomeOf(WRITE)).toBe("step_up");
    expect(await rejection(owner.decide(approval))).toBe("approval_decided");
    expect(await rejection(colleague.decide(approval, { grant: { uses: 1 } }))).toBe("grant_refused");
    expect(await colleague.decide(approval)).toMatchObject({ state: "approved", votes: 2, remaining: 2 });
    expect((await eventsOf("approval.vouched")).map(({ actor }) => actor)).toEqual([owner.subject]);
    expect(await outcomeOf(WRITE)).toBe("response");

    const second = await ask({ ...WRITE, body: "second" });
    await owner.decide(second);
    expect(await colleague.decide(second, { verdict: "denied" })).toMatchObject({ state: "denied" });
  });

  test("an agent that waits for a quorum is woken by the last yes, not by the first", async () => {
    await tenant.policies(asking(`@quorum("2")`));
    const colleague = await enrolPerson(instance, tenant, owner, ["approver"]);
    const approval = await ask(WRITE);
    const calling = tenant.call(agent, "api", { ...WRITE, waitSeconds: 10 });
    await Bun.sleep(30);
    await owner.decide(approval);
    await Bun.sleep(30);
    await colleague.decide(approval);
    expect((await calling).kind).toBe("response");
  });

  test("a quorum of two is not reached by one person at two browsers", async () => {
    await tenant.policies(asking(`@quorum("2")`));
    const approval = await ask(WRITE);
    const results = await Promise.all([rejection(owner.decide(approval)), rejection(owner.decide(approval))]);
    expect(results.filter((result) => result === "approval_decided")).toHaveLength(1);
    expect(await instance.services.approvals.show(tenant.id, approval)).toMatchObject({ state: "pending", votes: 1 });
  });

  test("two people who say yes at once both count", async () => {
    await tenant.policies(asking(`@quorum("2")`));
    const colleague = await enrolPerson(instance, tenant, owner, ["approver"]);
    const approval = await ask(WRITE);
    const { expiresAt } = await instance.services.approvals.show(tenant.id, approval);
    await Promise.all([owner.decide(approval), colleague.decide(approval)]);
    expect(await instance.services.approvals.show(tenant.id, approval)).toMatchObject({
      state: "approved",
      votes: 2,
      expiresAt: Math.floor(expiresAt / 1000) * 1000,
    });
  });

  test("a group is a role or has names of its own", async () => {
    await tenant.policies(asking(`@approvers("security, admin")`));
    const approver = await enrolPerson(instance, tenant, owner, ["approver"]);
    const approval = await ask(WRITE);
    expect(await rejection(approver.decide(approval))).toBe("approver_needed");
    expect(await rejection(owner.decide(approval))).toBe("approver_needed");
    await instance.services.approverGroups.set(tenant.id, owner.subject, "security", [approver.id]);
    expect(await approver.decide(approval)).toMatchObject({ state: "approved" });
  });

  test("a comment, where one is required", async () => {
    await tenant.policies(asking(`@comment("required")`));
    const approval = await ask(WRITE);
    expect(await rejection(owner.decide(approval))).toBe("comment_required");
    expect(await rejection(owner.decide(approval, { comment: " " }))).toBe("comment_required");
    await owner.decide(approval, { comment: "agreed with the team" });
    const [event] = await eventsOf("approval.approved");
    expect(event?.data["comment"]).toBe("agreed with the team");
  });

  test("others as well, once it has waited for too long", async () => {
    await tenant.policies(asking(`@approvers("security") @escalate("10m:approver")`));
    const approver = await enrolPerson(instance, tenant, owner, ["approver"]);
    const approval = await ask(WRITE);
    expect(await instance.services.approvals.escalateOverdue(tenant.id)).toBe(0);
    instance.clock.advance(600_000);
    expect(await rejection(approver.decide(approval))).toBe("approver_needed");
    expect(await instance.services.approvals.escalateOverdue(tenant.id)).toBe(1);
    expect(await instance.services.approvals.escalateOverdue(tenant.id)).toBe(0);
    expect((await eventsOf("approval.escalated")).map(({ data }) => data["group"])).toEqual(["approver"]);
    expect(await approver.decide(approval)).toMatchObject({ state: "approved" });
  });

  test("in words that nobody can read is refused with the policy", async () => {
    for (const annotation of [
      `@quorum("two")`,
      `@grant("forever")`,
      `@escalate("10m")`,
      `@approvers("")`,
      "@comment",
    ]) {
      expect([annotation, await rejection(tenant.policies(asking(annotation)))]).toEqual([
        annotation,
        "policy_invalid",
      ]);
    }
  });

  test("history, purpose and voters are there for whoever decides", async () => {
    const approval = await ask({ ...CALL, claimed: { purpose: "clean up" } });
    await owner.decide(approval);
    expect((await instance.services.approvals.summary(tenant.id, approval)).claimed).toEqual({ purpose: "clean up" });
    expect(await instance.services.approvals.voters(tenant.id, await Promise.resolve(approval as never))).toEqual([
      owner.id,
    ]);
    await ask({ ...CALL, body: sha256Hex("x") });
    const history = await instance.services.approvals.history(tenant.id, agent.agent.id);
    expect([...history].sort()).toEqual([
      ["approved", 1],
      ["pending", 1],
    ]);
  });
});
