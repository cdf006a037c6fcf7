import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createAuthenticator } from "#test/support/authenticator.ts";
import { createTestClock, type TestClock } from "#test/support/composed.ts";
import { type Browser, createBrowser, enrolOwner, enrolPerson } from "#test/support/signed-in.ts";
import { type Answered, type Edge, startEdge } from "./support.ts";

const HOUR = 3_600_000;

let edge: Edge;
let clock: TestClock;
let count = 0;

beforeAll(async () => {
  clock = createTestClock();
  edge = await startEdge({}, { clock });
});
afterAll(() => edge.stop());

function outcome({ status, json }: Answered): readonly [number, string | undefined] {
  return [status, json?.code];
}

/** A tenant of its own with an owner. */
async function tenantWithOwner(): Promise<{ readonly name: string; readonly owner: Browser }> {
  count += 1;
  const name = `tenant-${count}`;
  await edge.operate("POST", "/v1/admin/tenants", { body: { name } });
  return { name, owner: await enrolOwner(edge, name) };
}

const personOf = async (browser: Browser, named: string) =>
  (await browser.ask("GET", `/v1/admin/people/${named}`)).json;

describe("people", () => {
  test("are invited by who may, as what they themselves may be", async () => {
    const { owner } = await tenantWithOwner();
    const admin = await enrolPerson(edge, owner, "Ada", ["admin"]);
    const invite = (by: Browser, roles: readonly string[]) =>
      by.ask("POST", "/v1/admin/people", { body: { name: `N ${roles}`, roles } });
    expect((await invite(admin, ["member", "auditor"])).status).toBe(403);
    expect((await invite(admin, ["member"])).status).toBe(201);
    for (const role of ["owner", "approver", "policy_author"]) {
      expect([role, ...outcome(await invite(admin, [role]))]).toEqual([role, 403, "forbidden"]);
    }
    expect(outcome(await invite(owner, []))).toEqual([400, "invalid_argument"]);
    expect(outcome(await invite(owner, ["root"]))).toEqual([400, "invalid_argument"]);
    const ofOwner = await personOf(admin, "Olga%20Owner");
    const demote = await admin.ask("PUT", `/v1/admin/people/${ofOwner.id}/roles`, { body: { roles: ["member"] } });
    expect(outcome(demote)).toEqual([403, "forbidden"]);
    const { id } = await personOf(admin, "Ada");
    const promote = await admin.ask("PUT", `/v1/admin/people/${id}/roles`, { body: { roles: ["owner"] } });
    expect(outcome(promote)).toEqual([403, "forbidden"]);
    const out = await admin.ask("POST", `/v1/admin/people/${ofOwner.id}/link`);
    expect(outcome(out)).toEqual([403, "forbidden"]);
  });

  test("have names without anything invisible in them, and keep markup as it is", async () => {
    const { owner } = await tenantWithOwner();
    const invite = (name: string, email?: string) =>
      owner.ask("POST", "/v1/admin/people", { body: { name, roles: ["member"], ...(email && { email }) } });
    for (const name of [" ", "a\u0000b", "a\u202eb", "a\u2028b", "x".repeat(81)]) {
      expect([name, (await invite(name)).status]).toEqual([name, 400]);
    }
    expect((await invite("X", "no address")).status).toBe(400);
    const markup = "<script>alert(1)</script>";
    expect((await invite(markup, "a@b")).json).toMatchObject({ name: markup, email: "a@b", status: "invited" });
    const both = await owner.ask("GET", "/v1/admin/people/A@B");
    expect(both.json.name).toBe(markup);
  });

  test("sign in anew when their roles change", async () => {
    const { owner } = await tenantWithOwner();
    const guest = await enrolPerson(edge, owner, "Gus", ["member"]);
    const { id } = await personOf(owner, "Gus");
    expect((await guest.ask("POST", "/v1/admin/agents", { body: { name: "a" } })).status).toBe(403);
    const changed = await owner.ask("PUT", `/v1/admin/people/${id}/roles`, { body: { roles: ["admin", "admin"] } });
    expect(changed.json.roles).toEqual(["admin"]);
    expect((await guest.ask("GET", "/v1/session")).status).toBe(401);
    expect((await guest.signIn()).status).toBe(201);
    expect((await guest.ask("POST", "/v1/admin/agents", { body: { name: "a" } })).status).toBe(201);
  });

  test("who are revoked are out at once and for good", async () => {
    const { owner } = await tenantWithOwner();
    const guest = await enrolPerson(edge, owner, "Rex", ["approver"]);
    const codes = (await guest.ask("POST", "/v1/session/recovery-codes")).json.codes as readonly string[];
    const { id } = await personOf(owner, "Rex");
    expect((await owner.ask("POST", `/v1/admin/people/${id}/revocation`)).json.status).toBe("revoked");
    expect((await guest.ask("GET", "/v1/session")).status).toBe(401);
    expect(outcome(await guest.signIn())).toEqual([403, "passkey_refused"]);
    const code = { code: codes[0] };
    expect(outcome(await guest.ask("POST", "/v1/session/recovery", { body: code }))).toEqual([403, "link_invalid"]);
    expect(outcome(await owner.ask("POST", `/v1/admin/people/${id}/link`))).toEqual([409, "conflict"]);
    const back = await owner.ask("PUT", `/v1/admin/people/${id}/roles`, { body: { roles: ["member"] } });
    expect(outcome(back)).toEqual([409, "conflict"]);
  });

  test("of another tenant are not there, whatever is asked of them", async () => {
    const one = await tenantWithOwner();
    const two = await tenantWithOwner();
    const theirs = await personOf(two.owner, "Olga%20Owner");
    const passkey = theirs.passkeys[0].id;
    const absent = theirs.id.replace(/.{4}$/, "0000");
    const attempts: readonly (readonly [string, string, unknown?])[] = [
      ["GET", ""],
      ["PUT", "/roles", { roles: ["member"] }],
      ["POST", "/revocation"],
      ["POST", "/link"],
      ["POST", "/sign-out"],
      ["POST", "/recovery-codes"],
      ["POST", `/passkeys/${passkey}/removal`],
    ];
    for (const [method, path, body] of attempts) {
      const asked = body === undefined ? {} : { body };
      const foreign = await one.owner.ask(method, `/v1/admin/people/${theirs.id}${path}`, asked);
      const nobody = await one.owner.ask(method, `/v1/admin/people/${absent}${path}`, asked);
      expect([path, ...outcome(foreign)]).toEqual([path, 404, "not_found"]);
      expect({ ...foreign.json, request_id: "" }).toEqual({ ...nobody.json, request_id: "" });
    }
    const session = (await two.owner.ask("GET", "/v1/session")).json.session.id;
    expect((await one.owner.ask("POST", `/v1/admin/sessions/${session}/revocation`)).status).toBe(404);
    expect((await one.owner.ask("DELETE", `/v1/session/passkeys/${passkey}`)).status).toBe(404);
    const header = { headers: { "writ-tenant": two.name } };
    expect(outcome(await one.owner.ask("GET", "/v1/admin/people", header))).toEqual([403, "forbidden"]);
    expect((await two.owner.ask("GET", "/v1/session")).status).toBe(200);
    const listed = (await one.owner.ask("GET", "/v1/admin/people")).json.people;
    expect(listed).toHaveLength(1);
  });

  test("cannot re-authenticate or sign in with another person's, or tenant's, passkey", async () => {
    const one = await tenantWithOwner();
    const two = await tenantWithOwner();
    const guest = await enrolPerson(edge, one.owner, "Gil", ["member"]);
    for (const stranger of [guest.authenticator, two.owner.authenticator]) {
      const options = await one.owner.ask("POST", "/v1/session/reauthentication/options");
      const allowed = { ...options.json.publicKey, allowCredentials: [] };
      const credential = stranger.get(allowed);
      const answer = await one.owner.ask("POST", "/v1/session/reauthentication", { body: { credential } });
      expect(outcome(answer)).toEqual([403, "passkey_refused"]);
    }
    const signedIn = await createBrowser(edge, two.owner.authenticator).signIn();
    expect(signedIn.json.person.id).toBe((await personOf(two.owner, "Olga%20Owner")).id);
  });
});

describe("the last owner", () => {
  test("stays one, and keeps a passkey", async () => {
    const { owner } = await tenantWithOwner();
    await enrolPerson(edge, owner, "Ann", ["admin"]);
    const invited = await owner.ask("POST", "/v1/admin/people", { body: { name: "Not Yet", roles: ["owner"] } });
    expect(invited.status).toBe(201);
    const me = await personOf(owner, "Olga%20Owner");
    const demote = await owner.ask("PUT", `/v1/admin/people/${me.id}/roles`, { body: { roles: ["admin"] } });
    expect(outcome(demote)).toEqual([409, "last_owner"]);
    expect(outcome(await owner.ask("POST", `/v1/admin/people/${me.id}/revocation`))).toEqual([409, "last_owner"]);
    const remove = await owner.ask("DELETE", `/v1/session/passkeys/${me.passkeys[0].id}`);
    expect(outcome(remove)).toEqual([409, "last_owner"]);
    expect((await owner.ask("GET", "/v1/session")).status).toBe(200);
  });

  test("is one of two who go at once", async () => {
    const { owner } = await tenantWithOwner();
    const second = await enrolPerson(edge, owner, "Otto", ["owner"]);
    const ids = [(await personOf(owner, "Olga%20Owner")).id, (await personOf(owner, "Otto")).id];
    const [one, two] = await Promise.all([
      owner.ask("POST", `/v1/admin/people/${ids[1]}/revocation`),
      second.ask("POST", `/v1/admin/people/${ids[0]}/revocation`),
    ]);
    // One commits; the other finds nobody left behind it, or is signed out by then.
    expect([one.status, two.status].filter((status) => status === 200)).toHaveLength(1);
    expect([401, 409]).toContain([one.status, two.status].find((status) => status !== 200) as number);
  });

  test("can have several passkeys, name them, and lose one", async () => {
    const { owner } = await tenantWithOwner();
    const options = await owner.ask("POST", "/v1/session/passkeys/options");
    expect(options.json.publicKey.excludeCredentials).toHaveLength(1);
    const spare = createAuthenticator({ algorithm: "EdDSA", counts: false, isBackedUp: true });
    const credential = spare.create(options.json.publicKey);
    const added = await owner.ask("POST", "/v1/session/passkeys", { body: { credential, name: "Spare" } });
    expect(added.json).toMatchObject({ name: "Spare", backup_eligible: true, backed_up: true });
    const renamed = await owner.ask("PUT", `/v1/session/passkeys/${added.json.id}/name`, { body: { name: "Safe" } });
    expect(renamed.json.name).toBe("Safe");
    const { passkeys } = (await owner.ask("GET", "/v1/session/passkeys")).json;
    expect((await owner.ask("DELETE", `/v1/session/passkeys/${passkeys[0].id}`)).status).toBe(200);
    // The session was opened with the one that is gone.
    expect((await owner.ask("GET", "/v1/session")).status).toBe(401);
    const again = createBrowser(edge, spare);
    expect((await again.signIn()).status).toBe(201);
    // A synced passkey counts nothing: 0 every time, and still each answer is good once.
    expect((await again.signIn()).status).toBe(201);
    const left = (await again.ask("GET", "/v1/session/passkeys")).json.passkeys;
    expect(left).toMatchObject([{ name: "Safe", last_used_at: expect.any(String) }]);
  });
});

describe("getting in again", () => {
  test("by a recovery code: each once, and a new set voids the old", async () => {
    const { owner } = await tenantWithOwner();
    const old = (await owner.ask("POST", "/v1/session/recovery-codes")).json.codes as readonly string[];
    const codes = (await owner.ask("POST", "/v1/session/recovery-codes")).json.codes as readonly string[];
    expect(codes).toHaveLength(10);
    const lost = createBrowser(edge);
    const use = (code: string) => lost.ask("POST", "/v1/session/recovery", { body: { code } });
    expect(outcome(await use(old[0] as string))).toEqual([403, "link_invalid"]);
    expect(outcome(await use(`${(codes[0] as string).slice(0, -4)}0000`))).toEqual([403, "link_invalid"]);
    for (const wrong of ["", "x", "0".repeat(28), "' OR 1=1 --", "_".repeat(28)]) {
      expect([400, 403]).toContain((await use(wrong || " ")).status);
    }
    // As somebody reads it from paper.
    const typed = (codes[0] as string).toUpperCase().replaceAll("-", " ").replaceAll("0", "O").replaceAll("1", "l");
    const [first, second] = await Promise.all([use(typed), use(typed)]);
    expect([first.status, second.status].toSorted()).toEqual([201, 403]);
    const { url } = (first.status === 201 ? first : second).json;
    expect((await lost.enrol(url)).json.person.roles).toEqual(["owner"]);
    expect((await lost.ask("GET", "/v1/session/passkeys")).json).toMatchObject({ recovery_codes: 9 });
    expect(outcome(await createBrowser(edge).enrol(url))).toEqual([403, "link_invalid"]);
  });

  test("by another owner, never by oneself", async () => {
    const { owner } = await tenantWithOwner();
    const second = await enrolPerson(edge, owner, "Odo", ["owner"]);
    const { id } = await personOf(owner, "Odo");
    expect(outcome(await second.ask("POST", `/v1/admin/people/${id}/link`))).toEqual([403, "forbidden"]);
    const link = await owner.ask("POST", `/v1/admin/people/${id}/link`);
    expect(link.json.kind).toBe("recovery");
    const back = createBrowser(edge);
    expect((await back.enrol(link.json.url)).json.person.id).toBe(id);
  });

  test("by the host only where no other owner can, loudly, and without approvals for a day", async () => {
    const { name, owner } = await tenantWithOwner();
    const headers = { "writ-tenant": name };
    await edge.operate("POST", "/v1/admin/agents", { headers, body: { name: "helper" } });
    const recover = async (named: string) => {
      const { id } = await personOf(owner, named);
      return edge.operate("POST", `/v1/admin/people/${id}/recovery`, { headers });
    };
    await enrolPerson(edge, owner, "Member", ["member"]);
    expect(outcome(await recover("Member"))).toEqual([409, "conflict"]);
    await enrolPerson(edge, owner, "Other", ["owner"]);
    expect(outcome(await recover("Olga%20Owner"))).toEqual([403, "passkey_required"]);
    const other = await personOf(owner, "Other");
    await owner.ask("POST", `/v1/admin/people/${other.id}/revocation`);

    const link = await recover("Olga%20Owner");
    expect(link.status).toBe(201);
    const back = createBrowser(edge);
    expect((await back.enrol(link.json.url)).status).toBe(201);
    const events = await edge.operate("GET", "/v1/audit/events?type=people.recovered_by_host", { headers });
    expect(events.json.events).toHaveLength(1);
    // Everybody sees it, and nobody approves: not even whoever kept a passkey, who can undo it.
    const emergency = { agent: "helper", reason: "fire", seconds: 600 };
    for (const browser of [back, owner]) {
      const status = await browser.ask("GET", "/v1/admin/people-status");
      expect(Date.parse(status.json.approvals_held_until)).toBe(clock.now() + 24 * HOUR);
      const open = await browser.ask("POST", "/v1/admin/break-glass/challenge", { body: emergency });
      expect(outcome(open)).toEqual([403, "approvals_held"]);
    }
    const { passkeys } = (await owner.ask("GET", "/v1/session/passkeys")).json;
    expect(passkeys).toHaveLength(2);
    expect((await owner.ask("DELETE", `/v1/session/passkeys/${passkeys[1].id}`)).status).toBe(200);
    expect((await back.ask("GET", "/v1/session")).status).toBe(401);
    clock.advance(24 * HOUR);
    await owner.signIn();
    expect((await owner.ask("GET", "/v1/admin/people-status")).json.approvals_held_until).toBeUndefined();
    expect((await owner.ask("POST", "/v1/admin/break-glass/challenge", { body: emergency })).status).toBe(200);
  });

  test("the host makes nobody once there was a passkey, and a token never", async () => {
    const { name } = await tenantWithOwner();
    const headers = { "writ-tenant": name };
    const body = { name: "Mallory", roles: ["approver"] };
    const byHost = await edge.operate("POST", "/v1/admin/people", { headers, body });
    expect(outcome(byHost)).toEqual([403, "passkey_required"]);
    const { token } = (await edge.operate("POST", "/v1/admin/tokens", { headers, body: { kind: "admin" } })).json;
    expect(outcome(await edge.ask("POST", "/v1/admin/people", { token, body }))).toEqual([403, "forbidden"]);
    expect((await edge.ask("GET", "/v1/admin/people", { token })).json.people).toHaveLength(1);
  });

  test("an invitation of the host from before the first passkey is void after it", async () => {
    count += 1;
    const tenant = `tenant-${count}`;
    await edge.operate("POST", "/v1/admin/tenants", { body: { name: tenant } });
    const headers = { "writ-tenant": tenant };
    const body = { name: "Early", roles: ["owner"] };
    const early = await edge.operate("POST", "/v1/admin/people", { headers, body });
    expect(early.status).toBe(201);
    const approver = { name: "Mallory", roles: ["approver"] };
    expect((await edge.operate("POST", "/v1/admin/people", { headers, body: approver })).status).toBe(400);
    // Whom the host made something else in the meantime is not the first to come in: nobody could make an owner then.
    const changed = { roles: ["approver"] };
    await edge.operate("PUT", `/v1/admin/people/${early.json.id}/roles`, { headers, body: changed });
    expect(outcome(await createBrowser(edge).enrol(early.json.link.url))).toEqual([409, "conflict"]);
    await enrolOwner(edge, tenant);
    expect(outcome(await createBrowser(edge).enrol(early.json.link.url))).toEqual([403, "link_invalid"]);
  });
});

describe("the chain", () => {
  test("has what an auditor needs of an enrolment, and nothing personal in the open", async () => {
    const { name } = await tenantWithOwner();
    const headers = { "writ-tenant": name };
    const events = (await edge.operate("GET", "/v1/audit/events?type=passkey.enrolled", { headers })).json.events;
    const exported = (await edge.operate("GET", "/v1/admin/passkeys", { headers })).json.enrolments;
    expect(exported).toHaveLength(1);
    const { data } = events[0];
    for (const member of [
      "passkey",
      "person",
      "subject",
      "credential_id",
      "public_key",
      "algorithm",
      "rp_id",
      "origin",
    ]) {
      expect([member, data[member]]).toEqual([member, exported[0][member]]);
    }
    const { services } = edge.app;
    const tenant = (await services.tenants.show(name)).tenantId;
    const raw = await services.reader.all<{ bytes: string }>("SELECT bytes FROM events WHERE tenant_id = ?", [tenant]);
    const text = raw.map(({ bytes }) => bytes).join("\n");
    for (const personal of ["Olga", "Laptop", "Test/1.0"]) expect(text).not.toContain(personal);
    const rows = await services.reader.all<Record<string, unknown>>("SELECT * FROM people WHERE tenant_id = ?", [
      tenant,
    ]);
    expect(Buffer.from(rows[0]?.["sealed_profile"] as Uint8Array).toString("latin1")).not.toContain("Olga");
  });
});
