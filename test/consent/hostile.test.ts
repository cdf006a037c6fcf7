import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { systemClock } from "#src/base/clock.ts";
import { isWritError } from "#src/base/errors.ts";
import { newId } from "#src/base/ids.ts";
import { CHALLENGE_MS, createChallenges, MAX_WAITING_EACH } from "#src/consent/challenges.ts";
import { createCeremonies, createOpenCeremonies, MAX_OPEN_EACH } from "#src/consent/passkey-ceremonies.ts";
import { systemIdSource } from "#src/crypto/random.ts";
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
  tenant = await instance.tenant(`h${count}`);
  await tenant.connection({ url: upstream.origin });
  await tenant.policies(PERMIT_ALL);
  agent = await tenant.agent();
  owner = await enrolOwner(instance, tenant);
});

const WRITE: TestCall = { method: "POST", path: "/a", body: "one" };
const asking = (annotations: string): string =>
  `${PERMIT_ALL} @id("ask") ${annotations} forbid (principal, action in Action::"tier:write", resource)
    unless { context.writ.cosigned };`;

async function ask(call = WRITE, who = agent): Promise<string> {
  const answer = await tenant.call(who, "api", call);
  if (answer.kind !== "decided" || answer.outcome.decision !== "step_up") throw new Error(`no step-up: ${answer.kind}`);
  return answer.outcome.approval.id;
}

async function outcomeOf(call = WRITE, who = agent): Promise<string> {
  const answer = await tenant.call(who, "api", call);
  return answer.kind === "response" ? "response" : answer.outcome.decision;
}

const asOwner = () => ({ kind: "person", subject: owner.subject, roles: owner.principal.person.roles }) as const;
const show = (approval: string) => instance.services.approvals.show(tenant.id, approval);

describe("a yes of somebody who is no approver any more", () => {
  const LOSSES: readonly (readonly [string, string, (person: TestPerson) => Promise<void>])[] = [
    ["who was revoked", "", (person) => instance.services.people.revoke(tenant.id, asOwner(), person.id)],
    [
      "who lost the role",
      "",
      (person) => instance.services.people.setRoles(tenant.id, asOwner(), person.id, ["member"]),
    ],
    [
      "who left the group",
      `@approvers("security")`,
      () => instance.services.approverGroups.set(tenant.id, owner.subject, "security", [owner.id]),
    ],
  ];
  test.each(LOSSES)("%s is not counted towards a quorum", async (_, annotations, lose) => {
    await tenant.policies(asking(`@quorum("2") ${annotations}`));
    const gone = await enrolPerson(instance, tenant, owner, ["approver"]);
    const third = await enrolPerson(instance, tenant, owner, ["approver"]);
    const { approverGroups } = instance.services;
    await approverGroups.set(tenant.id, owner.subject, "security", [gone.id, owner.id]);
    const approval = await ask();
    expect(await gone.decide(approval)).toMatchObject({ state: "pending", votes: 1 });
    await lose(gone);
    expect(await owner.decide(approval)).toMatchObject({ state: "pending", votes: 1 });
    expect(await instance.services.approvals.voters(tenant.id, (await show(approval)).id)).toEqual([owner.id]);
    await approverGroups.set(tenant.id, owner.subject, "security", [third.id, owner.id]);
    expect(await third.decide(approval)).toMatchObject({ state: "approved", votes: 2 });
    const votes = (await instance.events(tenant)).filter(({ type }) => /^approval\.(vouched|approved)$/.test(type));
    expect(votes.map(({ data }) => (data as { votes: number }).votes)).toEqual([1, 1, 2]);
  });
});

describe("a person behind the agent", () => {
  test("does not vouch by stepping aside for a moment, nor by stepping up after the yes", async () => {
    const { agents } = instance.services;
    await agents.setOwner(tenant.id, owner.subject, agent.agent.id, owner.id);
    await tenant.policies(asking(""));
    const approval = await ask();
    await agents.setOwner(tenant.id, owner.subject, agent.agent.id, null);
    expect(await rejection(owner.decide(approval))).toBe("self_approval");

    const second = { ...WRITE, body: "second" };
    await owner.decide(await ask(second));
    await agents.setOwner(tenant.id, owner.subject, agent.agent.id, owner.id);
    expect(await outcomeOf(second)).toBe("step_up");
    await agents.setOwner(tenant.id, owner.subject, agent.agent.id, null);
    expect(await outcomeOf(second)).toBe("response");
  });
});

describe("a person whose device acts for the agent", () => {
  test("does not vouch for it, and a yes that they gave to the agent itself does not cover their device", async () => {
    await tenant.policies(asking(`@grant("uses:9")`));
    const { principal, ...rest } = await tenant.key(agent);
    const onDevice = {
      ...rest,
      principal: { ...principal, device: { id: newId("device", systemIdSource), person: owner.id } },
    };
    const asked = await tenant.authorize(onDevice, "api", WRITE);
    if (asked.decision !== "step_up") throw new Error(asked.decision);
    expect(await rejection(owner.decide(asked.approval.id))).toBe("self_approval");
    const colleague = await enrolPerson(instance, tenant, owner, ["approver"]);
    await colleague.decide(asked.approval.id, { grant: { uses: 2 } });
    expect((await tenant.authorize(onDevice, "api", WRITE)).decision).toBe("allow");

    const second = { ...WRITE, body: "second" };
    await owner.decide(await ask(second), { grant: { uses: 9 } });
    expect((await tenant.authorize(onDevice, "api", second)).decision).toBe("step_up");
    expect(await outcomeOf(second)).toBe("response");
  });
});

describe("a grant", () => {
  test("of one use for a long time is void once policies leave no time", async () => {
    await tenant.policies(asking(`@grant("until:1d")`));
    await owner.decide(await ask(), { grant: { uses: 1, seconds: 86_400 } });
    await tenant.policies(asking(""));
    expect(await outcomeOf()).toBe("step_up");
    await tenant.policies(asking(`@grant("until:1d")`));
    expect(await outcomeOf()).toBe("response");
  });

  test("gives no writ that outlives it", async () => {
    await tenant.policies(asking(`@grant("until:1h")`));
    const approval = await ask();
    const { expiresAt } = await owner.decide(approval, { grant: { seconds: 30 } });
    const outcome = await tenant.authorize(agent, "api", WRITE, 300);
    if (outcome.decision !== "allow") throw new Error(outcome.decision);
    expect(outcome.writ?.expiresAt).toBeLessThanOrEqual(expiresAt);
    expect(outcome.writ?.expiresAt).toBeGreaterThan(instance.clock.now());
  });

  test("is used up by one of two who come at its last moment, and by nobody after it", async () => {
    await tenant.policies(asking(`@grant("until:1h, uses:5")`));
    const approval = await ask();
    await owner.decide(approval, { grant: { uses: 1, seconds: 60 } });
    instance.clock.advance((await show(approval)).expiresAt - instance.clock.now() - 1);
    const outcomes = await Promise.all([outcomeOf(), outcomeOf(), outcomeOf()]);
    expect(outcomes.filter((outcome) => outcome === "response")).toHaveLength(1);
    instance.clock.advance(1);
    expect(await outcomeOf()).toBe("step_up");
  });
});

describe("an emergency grant", () => {
  const open = async (by: TestPerson): Promise<string> => {
    const { emergencies } = instance.services;
    const asked = { agent: agent.agent.name, command: "/http", reason: "down", seconds: 60 };
    const { options } = await emergencies.openingChallenge(tenant.id, by.id, asked);
    return (await emergencies.open(tenant.id, by.id, by.authenticator.get(options))).id;
  };

  test("is not reviewed by whoever opened it, where anybody else could", async () => {
    const { emergencies } = instance.services;
    const id = await open(owner);
    await emergencies.close(tenant.id, owner.subject, id);
    const auditor = await enrolPerson(instance, tenant, owner, ["auditor"]);
    expect(await rejection(emergencies.reviewChallenge(tenant.id, owner.id, id, "all well"))).toBe("self_approval");
    const { options } = await emergencies.reviewChallenge(tenant.id, auditor.id, id, "all well");
    const signed = auditor.authenticator.get(options);
    expect((await emergencies.review(tenant.id, auditor.id, id, signed)).state).toBe("reviewed");
  });

  test("gives no writ that outlives it", async () => {
    const { expiresAt } = await instance.services.emergencies.show(tenant.id, await open(owner));
    const outcome = await tenant.authorize(agent, "api", { ...WRITE, method: "DELETE" }, 300);
    if (outcome.decision !== "allow") throw new Error(outcome.decision);
    expect(outcome.writ?.expiresAt).toBeLessThanOrEqual(expiresAt);
  });
});

describe("challenges that wait", () => {
  const ids = systemIdSource;
  const clientData = ({ type, challenge }: { type: string; challenge: Uint8Array }) =>
    Buffer.from(
      JSON.stringify({ type, challenge: Buffer.from(challenge).toString("base64url"), origin: "http://localhost" }),
    ).toString("base64url");
  const taken = (act: () => unknown): boolean => {
    try {
      act();
      return true;
    } catch (error) {
      if (isWritError(error, "passkey_refused")) return false;
      throw error;
    }
  };
  const answer = (challenge: Uint8Array) => ({
    response: {
      clientDataJSON: Buffer.from(JSON.stringify({ challenge: Buffer.from(challenge).toString("base64url") })).toString(
        "base64url",
      ),
    },
  });

  test("are a person's own: who floods them drowns nobody else's", () => {
    const now = systemClock.now();
    const challenges = createChallenges<number>("approval");
    const [victim, flooder] = [newId("person", ids), newId("person", ids)];
    const first = challenges.issue(tenant.id, victim, { nonce: "victim" }, 1, now);
    const flood = Array.from({ length: 10 * MAX_WAITING_EACH }, (_, i) =>
      challenges.issue(tenant.id, flooder, { nonce: String(i) }, i, now),
    );
    expect(challenges.take(tenant.id, victim, answer(first.challenge), now).kept).toBe(1);
    const oldest = flood[0] as (typeof flood)[0];
    const newest = flood.at(-1) as (typeof flood)[0];
    expect(() => challenges.take(tenant.id, flooder, answer(oldest.challenge), now)).toThrow();
    expect(challenges.take(tenant.id, flooder, answer(newest.challenge), now).kept).toBe(flood.length - 1);
    expect(() => challenges.take(tenant.id, flooder, answer(newest.challenge), now)).toThrow();
    const late = challenges.issue(tenant.id, victim, { nonce: "late" }, 2, now);
    expect(() => challenges.take(tenant.id, victim, answer(late.challenge), now + CHALLENGE_MS)).toThrow();
  });

  test("to enrol are a link's or session's own", () => {
    const clock = { now: () => 1_800_000_000_000 };
    const ceremonies = createCeremonies<{ link: string }>(ids, clock, ({ link }) => link);
    const answerOf = (challenge: Uint8Array) => clientData({ type: "webauthn.create", challenge });
    const victim = ceremonies.begin({ link: "victim" });
    const flood = Array.from({ length: 3 * MAX_OPEN_EACH }, () => ceremonies.begin({ link: "flooder" }));
    expect(ceremonies.take(answerOf(victim)).subject).toEqual({ link: "victim" });
    const good = flood.filter((challenge) => taken(() => ceremonies.take(answerOf(challenge))));
    expect(good).toEqual(flood.slice(-MAX_OPEN_EACH));
  });

  test("to sign in are of this process, for five minutes, answered once, and nobody can make or stretch one", () => {
    let now = 1_800_000_000_000;
    const clock = { now: () => now };
    const ceremonies = createOpenCeremonies(ids, clock);
    const challenge = ceremonies.begin();
    const answerOf = (bytes: Uint8Array) => clientData({ type: "webauthn.get", challenge: bytes });
    for (let at = 0; at < challenge.length; at += 1) {
      const changed = Uint8Array.from(challenge);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect([at, taken(() => ceremonies.read(answerOf(changed)))]).toEqual([at, false]);
    }
    for (const other of [challenge.slice(1), challenge.slice(0, -1), new Uint8Array(), new Uint8Array(56)]) {
      expect(taken(() => ceremonies.read(answerOf(other)))).toBe(false);
    }
    expect(taken(() => createOpenCeremonies(ids, clock).read(answerOf(challenge)))).toBe(false);
    const both = [ceremonies.read(answerOf(challenge)), ceremonies.read(answerOf(challenge))] as const;
    expect(taken(() => ceremonies.spend(both[0]))).toBe(true);
    expect(taken(() => ceremonies.spend(both[1]))).toBe(false);
    expect(taken(() => ceremonies.read(answerOf(challenge)))).toBe(false);
    const late = ceremonies.begin();
    now += 300_000;
    expect(taken(() => ceremonies.read(answerOf(late)))).toBe(false);
  });

  test("to show the passkey again outlast any number of strangers who begin to sign in", async () => {
    const { signIn } = instance.services;
    const options = await signIn.reauthenticationOptions(owner.principal);
    for (let i = 0; i < 10_001; i += 1) signIn.options();
    expect(await signIn.reauthenticate(owner.principal, owner.authenticator.get(options))).toMatchObject({
      proof: expect.any(String),
    });
  });
});
