import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { verifyDataFolder } from "#src/audit/verify.ts";
import { toBase64Url, utf8 } from "#src/base/bytes.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { assertionCheck } from "#src/ledger/assertion-check.ts";
import { type EnrolmentLine, enrolmentLine, parseEnrolmentLine } from "#src/ledger/enrolment.ts";
import { type ParsedEvent, parseEvent } from "#src/ledger/event.ts";
import { DEFAULT_ORIGIN } from "#test/support/authenticator.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import { PERMIT_ALL, type TestAgent, type TestTenant } from "#test/support/tenant.ts";
import { startUpstream, type TestUpstream } from "#test/support/upstream.ts";
import { enrolOwner, enrolPerson, type TestPerson } from "./people-support.ts";

let instance: TestInstance;
let upstream: TestUpstream;
let tenant: TestTenant;
let agent: TestAgent;
let people: TestPerson[];
let enrolments: EnrolmentLine[];
let events: ParsedEvent[];

beforeAll(async () => {
  instance = await startInstance();
  upstream = await startUpstream();
  tenant = await instance.tenant("audited");
  await tenant.connection({ url: upstream.origin });
  await tenant.policies(PERMIT_ALL);
  agent = await tenant.agent();
  const early = await ask("before any passkey");
  await tenant.answer(early, "denied");
  const owner = await enrolOwner(instance, tenant, { algorithm: "ES256" });
  people = [
    owner,
    await enrolPerson(instance, tenant, owner, ["owner"], { algorithm: "EdDSA" }),
    await enrolPerson(instance, tenant, owner, ["approver"], { algorithm: "RS256", counts: false }),
  ];
  for (const [i, person] of people.entries()) {
    await person.decide(await ask(`yes ${i}`));
    await person.decide(await ask(`no ${i}`), { verdict: "denied", comment: "no" });
  }
  await tenant.policies(`${PERMIT_ALL} @id("ask") @quorum("2") @grant("uses:2")
    forbid (principal, action in Action::"tier:write", resource) unless { context.writ.cosigned };`);
  const answer = await tenant.call(agent, "api", { method: "POST", path: "/a" });
  if (answer.kind !== "decided" || answer.outcome.decision !== "step_up") throw new Error("no step-up");
  await people[0]?.decide(answer.outcome.approval.id, { grant: { uses: 2 } });
  await people[2]?.decide(answer.outcome.approval.id);
  await openAndReview(owner, people[1] as TestPerson);
  const passkeys: EnrolmentLine[] = [];
  for await (const passkey of instance.services.passkeys.all(tenant.id)) {
    const person = people.find(({ id }) => id === passkey.person) as TestPerson;
    passkeys.push({
      tenant: tenant.id,
      passkey: passkey.id,
      person: passkey.person,
      subject: person.subject,
      credentialId: passkey.credentialId,
      publicKey: passkey.publicKey,
      algorithm: passkey.algorithm,
      rpId: "localhost",
      origin: DEFAULT_ORIGIN,
      enrolledAt: toRfc3339(passkey.createdAt),
    });
  }
  enrolments = passkeys;
  const rows = await instance.services.reader.all<{ bytes: string }>(
    "SELECT bytes FROM events WHERE tenant_id = ? ORDER BY seq",
    [tenant.id],
  );
  events = rows.map(({ bytes }) => parseEvent(bytes));
});
afterAll(async () => {
  upstream.stop();
  await instance.stop();
});

async function ask(body: string): Promise<string> {
  const answer = await tenant.call(agent, "api", { method: "DELETE", path: "/a", body });
  if (answer.kind !== "decided" || answer.outcome.decision !== "step_up") throw new Error("no step-up");
  return answer.outcome.approval.id;
}

async function openAndReview(owner: TestPerson, reviewer: TestPerson): Promise<void> {
  const { emergencies } = instance.services;
  const asked = { agent: agent.agent.name, command: "/http", reason: "the site is down", seconds: 600 };
  const opening = await emergencies.openingChallenge(tenant.id, owner.id, asked);
  const { id } = await emergencies.open(tenant.id, owner.id, owner.authenticator.get(opening.options));
  await emergencies.close(tenant.id, owner.subject, id);
  const review = await emergencies.reviewChallenge(tenant.id, reviewer.id, id, "it was needed");
  await emergencies.review(tenant.id, reviewer.id, id, reviewer.authenticator.get(review.options));
}

/** What is found when one event is another than it was. */
function findings(change: (event: ParsedEvent) => ParsedEvent = (event) => event, lines = enrolments): string[] {
  const run = assertionCheck(lines).begin(tenant.id);
  return events.flatMap((event) => run.event(change(event), "")).map(({ code, message }) => `${code}: ${message}`);
}

type Data = Record<string, unknown>;
const of = (type: string, change: (data: Data) => Data) => (event: ParsedEvent) =>
  event.type === type && event.data["method"] === "passkey"
    ? ({ ...event, data: change(structuredClone(event.data) as Data) } as unknown as ParsedEvent)
    : event;
const within = (member: string, name: string, value: unknown) => (data: Data) => ({
  ...data,
  [member]: { ...(data[member] as Data), [name]: value },
});
const KINDS = [
  ["approval.approved", 4],
  ["approval.denied", 3],
  ["approval.vouched", 1],
  ["emergency.opened", 1],
  ["emergency.reviewed", 1],
] as const;

describe("an auditor with the enrolled passkeys", () => {
  test("finds every signature good, whatever its algorithm, and the data folder verified", async () => {
    expect(events.filter(({ type }) => type === "approval.approved")).toHaveLength(4);
    expect(findings()).toEqual([]);
    const lines = enrolments.map((line) => parseEnrolmentLine(enrolmentLine(line)));
    const report = await verifyDataFolder(instance.folder, { checks: [assertionCheck(lines)] });
    expect(report.ok).toBe(true);
  });

  test.each(KINDS)("finds what is wrong with %s", (type, count) => {
    const signature = (data: Data) => {
      const bytes = Buffer.from((data["assertion"] as Data)["signature"] as string, "base64url");
      bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
      return within("assertion", "signature", toBase64Url(bytes))(data);
    };
    const authenticatorData = (at: number, mask: number) => (data: Data) => {
      const bytes = Buffer.from((data["assertion"] as Data)["authenticator_data"] as string, "base64url");
      bytes[at] = (bytes[at] ?? 0) & mask;
      return within("assertion", "authenticator_data", toBase64Url(bytes))(data);
    };
    const client = (changes: Data) => (data: Data) => {
      const text = Buffer.from((data["assertion"] as Data)["client_data"] as string, "base64url").toString();
      const changed = JSON.stringify({ ...JSON.parse(text), ...changes });
      return within("assertion", "client_data", toBase64Url(utf8(changed)))(data);
    };
    const all: readonly (readonly [(data: Data) => Data, RegExp])[] = [
      [signature, /signature does not verify|assertion_invalid/],
      [within("preimage", "nonce", "another"), /digest of the preimage/],
      [authenticatorData(32, 0xfb), /not verified/],
      [authenticatorData(0, 0x00), /RP id/],
      [client({ origin: "https://evil.example" }), /another origin/],
      [client({ type: "webauthn.create" }), /not an assertion's/],
      [client({ crossOrigin: true }), /another site/],
      [(data) => ({ ...data, method: "host" }), /assertion_missing/],
      [(data) => ({ ...data, assertion: undefined }), /assertion_missing/],
      [within("assertion", "credential_id", "AAAA"), /approver_unknown/],
    ];
    for (const [change, found] of all) {
      const result = findings(of(type, change));
      expect(result).toHaveLength(count);
      expect(result[0]).toMatch(found);
    }
  });

  test("finds an approval that says otherwise than was signed", () => {
    const grant = (data: Data) => within("grant", "uses", 99)(data);
    expect(findings(of("approval.approved", grant))[0]).toMatch(/`grant` was signed with another value/);
    for (const name of ["approval", "call_digest", "policy_version", "expires_at"]) {
      const [first] = findings(of("approval.approved", (data) => ({ ...data, [name]: "other" })));
      expect(first).toMatch(new RegExp(`\`${name}\` was signed with another value`));
    }
    const turned = (event: ParsedEvent) =>
      event.type === "approval.denied" ? { ...event, type: "approval.approved" } : event;
    expect(findings(turned).length).toBeGreaterThan(0);
    expect(
      findings((event) => (event.type === "approval.approved" ? { ...event, actor: "sub_x" } : event)),
    ).toHaveLength(4);
  });

  test("finds a passkey that is unknown, another person's, not there yet, removed, or answered twice", () => {
    expect(findings(undefined, [])).toHaveLength(10);
    const changed = (changes: Partial<EnrolmentLine>) => enrolments.map((line) => ({ ...line, ...changes }));
    expect(findings(undefined, changed({ subject: "sub_other" }))[0]).toMatch(/not the one that the chain has/);
    expect(findings(undefined, changed({ subject: "sub_other" })).join()).toMatch(/another person's/);
    expect(findings(undefined, changed({ enrolledAt: "2999-01-01T00:00:00.000Z" }))[0]).toMatch(/enrolled later/);
    expect(findings(undefined, changed({ removedAt: "2000-01-01T00:00:00.000Z" }))[0]).toMatch(/removed before/);
    expect(findings(undefined, changed({ origin: "https://other.example" })).join()).toMatch(/another origin/);
    const run = assertionCheck(enrolments).begin(tenant.id);
    const twice = events.find(({ type }) => type === "approval.approved") as ParsedEvent;
    expect(run.event(twice, "")).toEqual([]);
    expect(run.event(twice, "")[0]?.message).toMatch(/answered before/);
  });

  test("finds what was signed after the chain itself says that passkey or person is gone", () => {
    const yes = events.find(({ type }) => type === "approval.approved") as ParsedEvent;
    const credential_id = (yes.data["assertion"] as Data)["credential_id"] as string;
    for (const [type, data] of [
      ["passkey.removed", { credential_id }],
      ["person.revoked", { subject: yes.actor }],
    ] as const) {
      const run = assertionCheck(enrolments).begin(tenant.id);
      expect(run.event({ ...yes, type, data } as ParsedEvent, "")).toEqual([]);
      expect(run.event(yes, "")[0]?.message).toMatch(/removed before/);
    }
  });

  test("finds the host's word after the first passkey, also where the chain before is not there", () => {
    const early = events.find(
      ({ type, data }) => type === "approval.denied" && data["method"] === "host",
    ) as ParsedEvent;
    const at = "2999-01-01T00:00:00.000Z";
    const run = assertionCheck(enrolments).begin(tenant.id);
    expect(run.event(early, "")).toEqual([]);
    expect(run.event({ ...early, at }, "")[0]).toMatchObject({ code: "assertion_missing" });
  });
});
