import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { approvalChallenge } from "#src/ledger/approval-challenge.ts";
import { parseDelegation } from "#src/ucan/delegation.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import { rejection } from "#test/support/scenario.ts";
import { bodyOf, PERMIT_ALL, type TestAgent, type TestCall, type TestTenant } from "#test/support/tenant.ts";
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
  tenant = await instance.tenant(`d${count}`);
  await tenant.connection({ url: upstream.origin });
  await tenant.policies(PERMIT_ALL);
  agent = await tenant.agent();
  owner = await enrolOwner(instance, tenant);
  upstream.requests.length = 0;
});

const CALL: TestCall = { method: "DELETE", path: "/a", query: "x=1", body: "the body" };

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
const decisions = () => instance.services.approvalDecisions;
const challengeFor = (approval: string, who = owner) =>
  decisions().challenge(tenant.id, who.id, approval, { verdict: "approved" });

describe("a decision by passkey", () => {
  test("is a signature over exactly what was decided, kept whole", async () => {
    const approval = await ask();
    const { preimage, options } = await challengeFor(approval);
    expect(Object.keys(preimage).sort()).toEqual([
      "approval",
      "approver",
      "call_digest",
      "expires_at",
      "grant",
      "nonce",
      "policy_version",
      "verdict",
    ]);
    expect(options.challenge).toBe(Buffer.from(approvalChallenge("approval", preimage)).toString("base64url"));
    expect(options.userVerification).toBe("required");
    const assertion = owner.authenticator.get(options);
    const decided = await decisions().decide(tenant.id, owner.id, approval, assertion);
    expect(decided).toMatchObject({ state: "approved", remaining: 1, votes: 1, decidedBy: owner.subject });

    const [event] = await eventsOf("approval.approved");
    expect(event?.actor).toBe(owner.subject);
    expect(event?.data).toMatchObject({
      approval,
      method: "passkey",
      preimage,
      cosigner: decided.cosigner,
      assertion: {
        credential_id: assertion.id,
        authenticator_data: assertion.response.authenticatorData,
        client_data: assertion.response.clientDataJSON,
        signature: assertion.response.signature,
      },
    });
    expect(await bodyOf(await tenant.call(agent, "api", CALL))).toBe("ok");
    const [used] = await eventsOf("decision.allowed");
    expect(used?.data).toMatchObject({ cosigned: true, approval, cosigner: decided.cosigner });
    expect(await outcomeOf()).toBe("step_up");
  });

  test("that is a no is signed as well, and grants nothing", async () => {
    const approval = await ask();
    expect(await owner.decide(approval, { verdict: "denied", comment: "not on a friday" })).toMatchObject({
      state: "denied",
      remaining: 0,
      cosigner: null,
    });
    const [event] = await eventsOf("approval.denied");
    expect(event?.data).toMatchObject({
      method: "passkey",
      comment: "not on a friday",
      preimage: { verdict: "denied" },
    });
    const bytes = await instance.services.reader.get<{ bytes: string }>(
      "SELECT bytes FROM events WHERE tenant_id = ? AND type = 'approval.denied'",
      [tenant.id],
    );
    expect(bytes?.bytes.includes("friday")).toBe(false);
    expect(await outcomeOf()).toBe("step_up");
    expect(upstream.requests).toEqual([]);
  });

  test("counts once: an assertion that is presented again decides nothing", async () => {
    const [first, second] = [await ask(), await ask({ ...CALL, body: "another" })];
    const { options } = await challengeFor(first);
    const assertion = owner.authenticator.get(options);
    // Meant for the first: the second does not take it, and it is spent by the attempt.
    expect(await rejection(decisions().decide(tenant.id, owner.id, second, assertion))).toBe("challenge_unknown");
    expect(await rejection(decisions().decide(tenant.id, owner.id, first, assertion))).toBe("challenge_unknown");
    await owner.decide(first);
    expect(await rejection(decisions().decide(tenant.id, owner.id, first, assertion))).toBe("challenge_unknown");
    expect((await instance.services.approvals.show(tenant.id, second)).state).toBe("pending");
  });

  test("is the person's and the tenant's whose challenge it was", async () => {
    const approval = await ask();
    const colleague = await enrolPerson(instance, tenant, owner, ["approver"]);
    const { options } = await challengeFor(approval);
    // Another person answers the challenge with a passkey of their own, or with the right person's answer.
    const allowed = { ...options, allowCredentials: [] };
    const stolen = colleague.authenticator.get(allowed);
    expect(await rejection(decisions().decide(tenant.id, colleague.id, approval, stolen))).toBe("challenge_unknown");
    expect(await rejection(decisions().decide(tenant.id, owner.id, approval, stolen))).toBe("passkey_refused");
    const assertion = owner.authenticator.get((await challengeFor(approval)).options);
    expect(await rejection(decisions().decide(tenant.id, colleague.id, approval, assertion))).toBe("challenge_unknown");

    const other = await instance.tenant(`other${count}`);
    const stranger = await enrolOwner(instance, other);
    expect(await rejection(decisions().decide(other.id, stranger.id, approval, assertion))).toBe("challenge_unknown");
    expect(await rejection(decisions().challenge(other.id, stranger.id, approval, { verdict: "approved" }))).toBe(
      "not_found",
    );
    expect(await rejection(decisions().challenge(tenant.id, stranger.id, approval, { verdict: "approved" }))).toBe(
      "forbidden",
    );
    expect((await instance.services.approvals.show(tenant.id, approval)).state).toBe("pending");
  });

  test("with anything wrong about the assertion is refused, and nothing is recorded", async () => {
    const approval = await ask();
    const before = (await instance.events(tenant)).length;
    for (const wrong of [
      { userVerified: false },
      { origin: "https://evil.example" },
      { rpId: "evil.example" },
      { signedBytes: new Uint8Array(69) },
      { type: "webauthn.create" },
      { crossOrigin: true },
    ]) {
      expect(await rejection(owner.decide(approval, {}, wrong))).toBe("passkey_refused");
    }
    expect(await rejection(owner.decide(approval, {}, { challenge: "AAAA" }))).toBe("challenge_unknown");
    expect((await instance.events(tenant)).length).toBe(before);
    await owner.decide(approval, {}, { counter: 9 });
    const again = await ask({ ...CALL, body: "again" });
    expect(await rejection(owner.decide(again, {}, { counter: 9 }))).toBe("passkey_refused");
  });

  test("comes too late after the expiry of the request, or of the challenge", async () => {
    const approval = await ask();
    const { options } = await challengeFor(approval);
    instance.clock.advance(300_000);
    const late = owner.authenticator.get(options);
    expect(await rejection(decisions().decide(tenant.id, owner.id, approval, late))).toBe("challenge_unknown");
    const fresh = await challengeFor(approval);
    instance.clock.advance(299_000);
    await decisions().decide(tenant.id, owner.id, approval, owner.authenticator.get(fresh.options));
    const second = await ask({ ...CALL, body: "second" });
    instance.clock.advance(15 * 60_000 - 1000);
    const last = await challengeFor(second);
    instance.clock.advance(1000);
    const tooLate = owner.authenticator.get(last.options);
    expect(await rejection(decisions().decide(tenant.id, owner.id, second, tooLate))).toBe("approval_expired");
    expect(await rejection(challengeFor(second))).toBe("approval_expired");
  });

  test("of two at once, one wins", async () => {
    const colleague = await enrolPerson(instance, tenant, owner, ["approver"]);
    const approval = await ask();
    const results = await Promise.all([
      rejection(owner.decide(approval)),
      rejection(colleague.decide(approval, { verdict: "denied" })),
    ]);
    expect(results.filter((result) => result === "approval_decided")).toHaveLength(1);
    const decided = (await instance.events(tenant)).filter(({ type }) => /^approval\.(approved|denied)$/.test(type));
    expect(decided).toHaveLength(1);
  });

  test("is nobody's who lost the role, or was removed, between challenge and signature", async () => {
    const { people } = instance.services;
    const actor = { kind: "person", subject: owner.subject, roles: ["owner"] } as const;
    const approver = await enrolPerson(instance, tenant, owner, ["approver"]);
    const approval = await ask();
    const { options } = await challengeFor(approval, approver);
    await people.setRoles(tenant.id, actor, approver.id, ["auditor"]);
    const assertion = approver.authenticator.get(options);
    expect(await rejection(decisions().decide(tenant.id, approver.id, approval, assertion))).toBe("forbidden");
    await people.setRoles(tenant.id, actor, approver.id, ["approver"]);
    const second = await challengeFor(approval, approver);
    await people.revoke(tenant.id, actor, approver.id);
    const gone = approver.authenticator.get(second.options);
    expect(["forbidden", "passkey_refused"]).toContain(
      await rejection(decisions().decide(tenant.id, approver.id, approval, gone)),
    );
    expect((await instance.services.approvals.show(tenant.id, approval)).state).toBe("pending");
  });

  test("that loses its role while it is being recorded is not counted", async () => {
    const { people } = instance.services;
    const approver = await enrolPerson(instance, tenant, owner, ["approver"]);
    const approval = await ask();
    instance.hooks.beforeSubmit = async (unit) => {
      if (unit.event.type !== "approval.approved") return;
      instance.hooks.beforeSubmit = undefined;
      const actor = { kind: "person", subject: owner.subject, roles: ["owner"] } as const;
      await people.setRoles(tenant.id, actor, approver.id, ["auditor"]);
    };
    expect(await rejection(approver.decide(approval))).toBe("forbidden");
    expect(await outcomeOf()).toBe("step_up");
  });

  test("ends what the host may say", async () => {
    const approval = await ask();
    const { operator } = instance.services.instance;
    for (const verdict of ["approved", "denied"] as const) {
      expect(await rejection(decisions().decideOnHost(tenant.id, operator, approval, { verdict }))).toBe(
        "passkey_required",
      );
    }
  });

  test("is no agent's owner's to give", async () => {
    await instance.services.agents.setOwner(tenant.id, owner.subject, agent.agent.id, owner.id);
    const approval = await ask();
    expect(await rejection(owner.decide(approval))).toBe("self_approval");
    const colleague = await enrolPerson(instance, tenant, owner, ["approver"]);
    await colleague.decide(approval);
    expect(await outcomeOf()).toBe("response");
    const second = await ask({ ...CALL, body: "second" });
    expect(await owner.decide(second, { verdict: "denied" })).toMatchObject({ state: "denied" });
  });
});

describe("the cosigner's token", () => {
  test("says what was vouched for, and without it nothing is released", async () => {
    const approval = await ask();
    const decided = await owner.decide(approval);
    const row = await instance.services.reader.get<{ cosigner: Uint8Array }>(
      "SELECT cosigner FROM approvals WHERE tenant_id = ? AND approval_id = ?",
      [tenant.id, approval],
    );
    const token = parseDelegation(row?.cosigner ?? new Uint8Array());
    expect(token.cid).toBe(decided.cosigner ?? "");
    expect(token.issuer).toBe(token.subject ?? "");
    expect(token.command).toBe("/http/api/delete");
    expect(token.policy.source).toEqual([
      ["==", ".approval", approval],
      ["==", ".scope", "call"],
      ["==", ".digest", decided.callDigest],
    ]);
    expect(token.expiresAt).toBe(Math.floor(decided.expiresAt / 1000));

    // Another approval's token in its place, as somebody with the database could put it there.
    const other = await ask({ ...CALL, body: "other" });
    await owner.decide(other);
    instance.services.recorder.touch([
      {
        sql: `UPDATE approvals SET cosigner = (SELECT cosigner FROM approvals AS o WHERE o.approval_id = ?)
          WHERE tenant_id = ? AND approval_id = ?`,
        params: [other, tenant.id, approval],
      },
    ]);
    await tenant.policies(PERMIT_ALL);
    expect(await outcomeOf()).toBe("step_up");
    expect(await outcomeOf({ ...CALL, body: "other" })).toBe("response");
  });

  test("that is revoked by its CID releases nothing, nor does a writ that rests on it", async () => {
    const first = await owner.decide(await ask());
    const writ = await tenant.authorize(agent, "api", CALL);
    if (writ.decision !== "allow" || writ.writ === undefined) throw new Error("no writ");
    const bytes = new Uint8Array(Buffer.from(writ.writ.token, "base64url"));
    await instance.services.revocations.revokeCid(tenant.id, owner.subject, first.cosigner ?? "");
    expect(await rejection(tenant.callWith(bytes, "api", CALL))).toBe("writ_revoked");
    const second = await owner.decide(await ask());
    await instance.services.revocations.revokeCid(tenant.id, owner.subject, second.cosigner ?? "");
    expect(await outcomeOf()).toBe("step_up");
    expect(upstream.requests).toEqual([]);
  });
});
