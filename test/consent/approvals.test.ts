import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { SPOOL_LIMITS } from "#src/consent/spool.ts";
import type { Outcome } from "#src/decision/outcome.ts";
import type { ProxyAnswer } from "#src/gateway/proxy-call.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import { rejection } from "#test/support/scenario.ts";
import { bodyOf, PERMIT_ALL, type TestAgent, type TestCall, type TestTenant } from "#test/support/tenant.ts";
import { startUpstream, type TestUpstream } from "#test/support/upstream.ts";

let instance: TestInstance;
let upstream: TestUpstream;
let tenant: TestTenant;
let agent: TestAgent;
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
  tenant = await instance.tenant(`t${count}`);
  await tenant.policies(PERMIT_ALL);
  await tenant.connection({ url: upstream.origin });
  agent = await tenant.agent();
  upstream.requests.length = 0;
});

const SECRET_BODY = "the body of a call that waits for a person";
const CALL: TestCall = {
  method: "DELETE",
  path: "/a",
  query: "x=1",
  headers: [["if-match", '"v"']],
  body: SECRET_BODY,
};

async function ask(call = CALL, who = agent, connection = "api"): Promise<string> {
  const answer = await tenant.call(who, connection, call);
  if (answer.kind !== "decided" || answer.outcome.decision !== "step_up") throw new Error(`no step-up: ${answer.kind}`);
  return answer.outcome.approval.id;
}

const kindOf = (answer: ProxyAnswer): string => (answer.kind === "response" ? "response" : answer.outcome.decision);
const types = async (): Promise<string[]> => (await instance.events(tenant)).map(({ type }) => type);
const stateOf = async (approval: string): Promise<string> =>
  (await instance.services.approvals.show(tenant.id, approval)).state;
const spoolOf = (): string[] => {
  const folder = join(instance.folder, "spool", tenant.id);
  return existsSync(folder) ? readdirSync(folder) : [];
};

describe("an approval", () => {
  test("lets exactly the call that was asked for through, once", async () => {
    const approval = await ask();
    expect(await stateOf(approval)).toBe("pending");
    expect(upstream.requests).toEqual([]);
    await tenant.answer(approval);
    const others: TestCall[] = [
      { ...CALL, body: "another" },
      { ...CALL, headers: [] },
      { ...CALL, headers: [["if-match", '"w"']] },
      { ...CALL, query: "x=2" },
      { ...CALL, query: "" },
      { ...CALL, path: "/b" },
    ];
    for (const other of others) expect(kindOf(await tenant.call(agent, "api", other))).toBe("step_up");
    await tenant.connection({ name: "twin", url: upstream.origin });
    expect(kindOf(await tenant.call(agent, "twin", CALL))).toBe("step_up");
    expect(kindOf(await tenant.call(await tenant.agent("other"), "api", CALL))).toBe("step_up");
    expect(upstream.requests).toEqual([]);

    const answer = await tenant.call(agent, "api", CALL);
    expect(await bodyOf(answer)).toBe("ok");
    expect(upstream.requests).toHaveLength(1);
    expect(upstream.requests[0]).toMatchObject({ method: "DELETE", target: "/a?x=1", body: SECRET_BODY });
    expect(await stateOf(approval)).toBe("used");
    const used = (await instance.events(tenant)).find(({ type }) => type === "decision.allowed");
    expect(used?.data).toMatchObject({ cosigned: true, approval, decision: "allow" });
    expect(kindOf(await tenant.call(agent, "api", CALL))).toBe("step_up");
  });

  test("is used once by 50 attempts at once; the rest wait for one new one", async () => {
    await tenant.answer(await ask());
    const answers = await Promise.all(Array.from({ length: 50 }, () => tenant.call(agent, "api", CALL)));
    expect(answers.filter(({ kind }) => kind === "response")).toHaveLength(1);
    expect(upstream.requests).toHaveLength(1);
    const waiting = new Set(
      answers.flatMap((answer) =>
        answer.kind === "decided" && answer.outcome.decision === "step_up" ? [answer.outcome.approval.id] : [],
      ),
    );
    expect(waiting.size).toBe(1);
    expect(spoolOf()).toEqual([`${[...waiting][0]}.sealed`]);
  });

  test("is asked for once by 20 attempts at once", async () => {
    const approvals = await Promise.all(Array.from({ length: 20 }, () => ask()));
    expect(new Set(approvals).size).toBe(1);
    expect(spoolOf()).toHaveLength(1);
  });

  test("is good for a writ that its call can use once", async () => {
    await tenant.answer(await ask());
    const outcome = (await tenant.authorize(agent, "api", CALL)) as Extract<Outcome, { decision: "allow" }>;
    expect(outcome.writ?.singleUse).toBe(true);
    const writ = Buffer.from(outcome.writ?.token ?? "", "base64url");
    expect(await rejection(tenant.callWith(new Uint8Array(writ), "api", { ...CALL, body: "x" }))).toBe("writ_mismatch");
    expect(await bodyOf(await tenant.callWith(new Uint8Array(writ), "api", CALL))).toBe("ok");
    expect(await rejection(tenant.callWith(new Uint8Array(writ), "api", CALL))).toBe("writ_used");
    expect((await tenant.authorize(agent, "api", CALL)).decision).toBe("step_up");
  });

  test("that is denied, revoked or past its time lets nothing through", async () => {
    const { approvals } = instance.services;
    const actor = instance.services.instance.operator;
    const denied = await ask();
    await tenant.answer(denied, "denied");
    expect(await stateOf(denied)).toBe("denied");
    const revoked = await ask();
    expect(revoked).not.toBe(denied);
    await tenant.answer(revoked);
    await approvals.revoke(tenant.id, actor, revoked);
    expect(await stateOf(revoked)).toBe("revoked");
    const late = await ask();
    instance.clock.advance(15 * 60_000);
    expect(await stateOf(late)).toBe("expired");
    expect(await rejection(tenant.answer(late))).toBe("approval_expired");
    const approved = await ask();
    await tenant.answer(approved);
    instance.clock.advance(15 * 60_000 - 1);
    const stillGood = await tenant.authorize(agent, "api", { ...CALL, body: "x" });
    expect(stillGood.decision).toBe("step_up");
    instance.clock.advance(1);
    expect(kindOf(await tenant.call(agent, "api", CALL))).toBe("step_up");
    expect(upstream.requests).toEqual([]);
    for (const approval of [denied, revoked]) {
      expect(await rejection(tenant.answer(approval))).toBe("approval_decided");
      expect(await rejection(approvals.revoke(tenant.id, actor, approval))).toBe("approval_decided");
    }
  });

  test("is decided by one of two who decide at once", async () => {
    const approval = await ask();
    const results = await Promise.all([
      rejection(tenant.answer(approval, "approved")),
      rejection(tenant.answer(approval, "denied")),
    ]);
    expect(results.filter((result) => result === "approval_decided")).toHaveLength(1);
    expect((await types()).filter((type) => type.startsWith("approval."))).toHaveLength(1);
  });

  test("is void under newer policies that forbid, or that ask for something else", async () => {
    await tenant.answer(await ask());
    await tenant.policies(`${PERMIT_ALL} @id("stop") forbid (principal, action, resource);`);
    expect(kindOf(await tenant.call(agent, "api", CALL))).toBe("deny");
    await tenant.policies(`@id("other") permit (principal, action == Action::"/http/api/get", resource);`);
    expect(kindOf(await tenant.call(agent, "api", CALL))).toBe("deny");
    expect(upstream.requests).toEqual([]);
    await tenant.policies(PERMIT_ALL);
    expect(kindOf(await tenant.call(agent, "api", CALL))).toBe("response");
  });

  test("is void once the agent is disabled, the key revoked or the connection disabled", async () => {
    const { agents, connections, tokens } = instance.services;
    const actor = instance.services.instance.operator;
    await tenant.answer(await ask());
    const { id } = await connections.show(tenant.id, "api");
    await connections.disable(tenant.id, actor, id);
    expect(await rejection(tenant.call(agent, "api", CALL))).toBe("connection_disabled");
    await connections.enable(tenant.id, actor, id);
    await agents.disable(tenant.id, actor, agent.agent.id);
    expect(await rejection(tenant.call(agent, "api", CALL))).toBe("agent_disabled");
    await agents.enable(tenant.id, actor, agent.agent.id);
    await tokens.revoke(tenant.id, actor, agent.principal.token);
    expect(await rejection(tenant.call(agent, "api", CALL))).toBe("unauthenticated");
    expect(upstream.requests).toEqual([]);
    expect(kindOf(await tenant.call(await tenant.key(agent), "api", CALL))).toBe("response");
  });

  test("that is taken back between the decision and its record is not used", async () => {
    const approval = await ask();
    await tenant.answer(approval);
    instance.hooks.beforeSubmit = async (unit) => {
      if (unit.event.type !== "decision.allowed") return;
      instance.hooks.beforeSubmit = undefined;
      await instance.services.approvals.revoke(tenant.id, instance.services.instance.operator, approval);
    };
    expect(kindOf(await tenant.call(agent, "api", CALL))).toBe("step_up");
    expect(upstream.requests).toEqual([]);
  });

  test("is another tenant's to nobody", async () => {
    const approval = await ask();
    const other = await instance.tenant(`other${count}`);
    const stranger = await other.agent();
    const { approvals } = instance.services;
    const actor = instance.services.instance.operator;
    for (const id of [approval, "apr_00000000000000000000000000", "x"]) {
      expect(await rejection(approvals.show(other.id, id))).toBe("not_found");
      expect(await rejection(approvals.details(other.id, id))).toBe("not_found");
      const { approvalDecisions } = instance.services;
      expect(await rejection(approvalDecisions.decideOnHost(other.id, actor, id, { verdict: "approved" }))).toBe(
        "not_found",
      );
      expect(await rejection(approvals.revoke(other.id, actor, id))).toBe("not_found");
      expect(await rejection(approvals.show(tenant.id, id, stranger.agent.id))).toBe("not_found");
    }
    expect(await approvals.list(other.id, "pending")).toEqual([]);
  });
});

describe("an approval that a policy binds to the resource", () => {
  const BOUND = `${PERMIT_ALL}
@id("ask") @bind("resource") forbid (principal, action in Action::"tier:write", resource) unless { context.writ.cosigned };`;
  const WRITE: TestCall = { method: "POST", path: "/a", body: "one" };

  test("covers another body, over the same connection alone", async () => {
    await tenant.policies(BOUND);
    await tenant.connection({ name: "gh", connector: "github", url: upstream.origin });
    await tenant.connection({ name: "gh-prod", connector: "github", url: upstream.origin });
    const issue = (body: string): TestCall => ({ method: "POST", path: "/repos/acme/app/issues", body });
    await tenant.answer(await ask(issue("one"), agent, "gh"));
    expect(kindOf(await tenant.call(agent, "gh-prod", issue("one")))).toBe("step_up");
    expect(kindOf(await tenant.call(agent, "gh", issue("two")))).toBe("response");
    expect(upstream.requests.map(({ body }) => body)).toEqual(["two"]);
  });

  test("can be asked for without a call", async () => {
    await tenant.policies(BOUND);
    const stated = { command: "/http/api/post", resource: { type: "Http::Endpoint", id: "/a" } };
    const first = await tenant.state(agent, stated);
    if (first.decision !== "step_up") throw new Error(first.decision);
    await tenant.answer(first.approval.id);
    const second = (await tenant.state(agent, stated)) as Extract<Outcome, { decision: "allow" }>;
    expect(second.decision).toBe("allow");
    const writ = new Uint8Array(Buffer.from(second.writ?.token ?? "", "base64url"));
    expect(await bodyOf(await tenant.callWith(writ, "api", WRITE))).toBe("ok");
    expect(await rejection(tenant.callWith(writ, "api", WRITE))).toBe("writ_used");
  });

  test("is not one for a call once the policies ask for the call", async () => {
    await tenant.policies(BOUND);
    await tenant.answer(await ask(WRITE));
    await tenant.policies(BOUND.replace('@bind("resource")', ""));
    expect(kindOf(await tenant.call(agent, "api", WRITE))).toBe("step_up");
    expect(
      await rejection(
        tenant.state(agent, { command: "/http/api/post", resource: { type: "Http::Endpoint", id: "/a" } }),
      ),
    ).toBe("call_required");
  });
});

describe("what waits", () => {
  test("is on the disk sealed, is what the approver sees, and is gone afterwards", async () => {
    const approval = await ask();
    const [file = ""] = spoolOf();
    const bytes = readFileSync(join(instance.folder, "spool", tenant.id, file));
    for (const form of [SECRET_BODY, Buffer.from(SECRET_BODY).toString("base64"), "waits for a person"]) {
      expect(bytes.includes(form)).toBe(false);
    }
    const details = await instance.services.approvals.details(tenant.id, approval);
    expect(new TextDecoder().decode(details.body)).toBe(SECRET_BODY);
    expect(details).toMatchObject({
      agentName: "builder",
      call: { method: "DELETE", path: "/a", query: "x=1", bodyBytes: SECRET_BODY.length },
      connection: { name: "api", origin: upstream.origin },
    });
    await tenant.answer(approval);
    expect(kindOf(await tenant.call(agent, "api", CALL))).toBe("response");
    expect(spoolOf()).toEqual([]);
  });

  test("does not open where it is moved to another approval", async () => {
    const first = await ask();
    const second = await ask({ ...CALL, body: "another body" });
    const folder = join(instance.folder, "spool", tenant.id);
    await Bun.write(join(folder, `${first}.sealed`), Bun.file(join(folder, `${second}.sealed`)));
    expect(await rejection(instance.services.approvals.details(tenant.id, first))).toBe("crypto_failed");
  });

  test("is at most so many requests of an agent, also when they come at once", async () => {
    const calls = Array.from({ length: SPOOL_LIMITS.maxAgentApprovals + 30 }, (_, i) =>
      tenant.call(agent, "api", { ...CALL, query: `n=${i}`, body: "x" }),
    );
    const kinds = (await Promise.all(calls)).map(kindOf);
    expect(kinds.filter((kind) => kind === "step_up")).toHaveLength(SPOOL_LIMITS.maxAgentApprovals);
    const refused = await tenant.call(agent, "api", { ...CALL, query: "n=x" });
    expect(refused).toMatchObject({
      kind: "decided",
      outcome: { decision: "deny", reasons: [{ code: "too_many_pending" }] },
    });
    expect(kindOf(await tenant.call(await tenant.agent("other"), "api", CALL))).toBe("step_up");
    instance.clock.advance(15 * 60_000);
    expect(await instance.services.approvals.expireOverdue(tenant.id)).toBe(100);
    await instance.services.approvals.expireOverdue(tenant.id);
    expect(spoolOf()).toEqual([]);
    expect(kindOf(await tenant.call(agent, "api", CALL))).toBe("step_up");
  });

  test("is at most so many bytes of an agent, also when they come at once", async () => {
    const body = new Uint8Array(4 * 2 ** 20);
    const calls = Array.from({ length: 12 }, (_, i) => tenant.call(agent, "api", { ...CALL, query: `n=${i}`, body }));
    const kinds = (await Promise.all(calls)).map(kindOf);
    expect(kinds.filter((kind) => kind === "step_up")).toHaveLength(8);
    expect(spoolOf()).toHaveLength(8);
    instance.clock.advance(15 * 60_000);
    await instance.services.approvals.expireOverdue(tenant.id);
  });

  test("has a body of at most 4 MiB", async () => {
    const atLimit = new Uint8Array(4 * 2 ** 20);
    expect(kindOf(await tenant.call(agent, "api", { ...CALL, body: atLimit }))).toBe("step_up");
    const before = (await types()).length;
    expect(await rejection(tenant.call(agent, "api", { ...CALL, body: new Uint8Array(atLimit.length + 1) }))).toBe(
      "body_too_large_to_approve",
    );
    expect((await types()).length).toBe(before);
  });

  test("keeps nothing that no open approval needs: what a crash left is swept", async () => {
    const approval = await ask();
    const folder = join(instance.folder, "spool", tenant.id);
    await Bun.write(join(folder, "apr_00000000000000000000000000.sealed"), "left by a crash");
    await Bun.write(join(folder, "note.txt"), "not ours");
    await instance.services.approvals.expireOverdue(tenant.id);
    expect(spoolOf().sort()).toEqual([`${approval}.sealed`, "note.txt"].sort());
    expect((await instance.services.approvals.details(tenant.id, approval)).body).toBeDefined();
  });

  test("keeps nothing on the disk where its record fails, and counts no more", async () => {
    const epoch = instance.services.recorder.epochOf(tenant.id);
    instance.hooks.beforeSubmit = async (unit) => {
      if (unit.event.type !== "decision.step_up") return;
      instance.hooks.beforeSubmit = undefined;
      await tenant.policies(`${PERMIT_ALL} @id("stop") forbid (principal, action, resource);`);
    };
    expect(kindOf(await tenant.call(agent, "api", CALL))).toBe("deny");
    expect(instance.services.recorder.epochOf(tenant.id)).toBe(epoch + 1);
    expect(spoolOf()).toEqual([]);
  });
});

describe("waiting for a person", () => {
  test("goes on with the same bytes once the answer is yes", async () => {
    const calling = tenant.call(agent, "api", { ...CALL, waitSeconds: 10 });
    await answerWhenAsked("approved");
    expect(await bodyOf(await calling)).toBe("ok");
    expect(upstream.requests.map(({ body }) => body)).toEqual([SECRET_BODY]);
  });

  test("ends at once with a no", async () => {
    const started = performance.now();
    const calling = tenant.call(agent, "api", { ...CALL, waitSeconds: 10 });
    await answerWhenAsked("denied");
    expect(kindOf(await calling)).toBe("step_up");
    expect(performance.now() - started).toBeLessThan(2000);
    expect(upstream.requests).toEqual([]);
  });

  test("ends at once when the client leaves, before or while", async () => {
    for (const early of [true, false]) {
      const client = new AbortController();
      if (early) client.abort();
      const calling = tenant.call(agent, "api", { ...CALL, waitSeconds: 10, signal: client.signal });
      setTimeout(() => client.abort(), 30);
      expect(kindOf(await calling)).toBe("step_up");
    }
  });

  test("does not outlast the key: what was proven before the wait is looked at again", async () => {
    const calling = tenant.call(agent, "api", { ...CALL, waitSeconds: 10 });
    const approval = await untilAsked();
    await instance.services.tokens.revoke(tenant.id, instance.services.instance.operator, agent.principal.token);
    await tenant.answer(approval);
    expect(await rejection(calling)).toBe("unauthenticated");
    expect(upstream.requests).toEqual([]);
  });

  async function untilAsked(): Promise<string> {
    for (;;) {
      const [first] = await instance.services.approvals.list(tenant.id, "pending");
      if (first !== undefined) return first.id;
      await Bun.sleep(3);
    }
  }

  async function answerWhenAsked(verdict: "approved" | "denied"): Promise<void> {
    await tenant.answer(await untilAsked(), verdict);
  }
});
