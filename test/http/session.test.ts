import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createAuthenticator, type Misbehaviour } from "#test/support/authenticator.ts";
import { createTestClock, type TestClock } from "#test/support/composed.ts";
import { type Browser, createBrowser, enrolOwner, enrolPerson, linkOf } from "#test/support/signed-in.ts";
import { type Answered, type Edge, startEdge } from "./support.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let edge: Edge;
let clock: TestClock;
let owner: Browser;

beforeAll(async () => {
  clock = createTestClock();
  edge = await startEdge({}, { clock });
  owner = await enrolOwner(edge);
});
afterAll(() => edge.stop());

function outcome({ status, json }: Answered): readonly [number, string | undefined] {
  return [status, json?.code];
}

const setUpLink = async (tenant: string): Promise<string> => {
  await edge.operate("POST", "/v1/admin/tenants", { body: { name: tenant } });
  const headers = { "writ-tenant": tenant };
  return (await edge.operate("POST", "/v1/admin/people/setup-link", { headers })).json.url as string;
};

/** The owner with a fresh proof: a test before may have moved the clock. */
const freshOwner = async (): Promise<Browser> => {
  const browser = createBrowser(edge, owner.authenticator);
  expect((await browser.signIn()).status).toBe(201);
  return browser;
};

describe("the set-up link", () => {
  test("is good once, and what it is for can be seen before", async () => {
    const url = await setUpLink("once");
    const first = createBrowser(edge);
    const seen = await first.ask("POST", "/v1/session/setup", { body: { link: linkOf(url) } });
    expect(seen.json).toMatchObject({ kind: "setup", tenant: "once" });
    expect((await first.enrol(url, { name: "First" })).status).toBe(201);
    expect(outcome(await createBrowser(edge).enrol(url, { name: "Second" }))).toEqual([403, "link_invalid"]);
    const headers = { "writ-tenant": "once" };
    expect(outcome(await edge.operate("POST", "/v1/admin/people/setup-link", { headers }))).toEqual([409, "conflict"]);
  });

  test("is void after 15 minutes, and where another was made", async () => {
    const late = await setUpLink("late");
    clock.advance(15 * MINUTE);
    expect(outcome(await createBrowser(edge).enrol(late, { name: "Late" }))).toEqual([403, "link_invalid"]);
    const void_ = await setUpLink("void");
    await edge.operate("POST", "/v1/admin/people/setup-link", { headers: { "writ-tenant": "void" } });
    expect(outcome(await createBrowser(edge).enrol(void_, { name: "V" }))).toEqual([403, "link_invalid"]);
  });

  test("that was kept beside another one is void with the other's use, at once too", async () => {
    await edge.operate("POST", "/v1/admin/tenants", { body: { name: "kept" } });
    const { tenants, invitations, instance, people } = edge.app.services;
    const { tenantId } = await tenants.show("kept");
    const make = () => invitations.setUp(tenantId, instance.operator, { keepsOthers: true });
    const links = [await make(), await make(), await make()];
    const [unused, ...raced] = links;
    const enrolled = await Promise.all(raced.map(({ url }, i) => createBrowser(edge).enrol(url, { name: `K${i}` })));
    expect(enrolled.map(({ status }) => status).toSorted()).toEqual([201, 403]);
    const late = await createBrowser(edge).enrol(unused?.url ?? "", { name: "K" });
    expect(outcome(late)).toEqual([403, "link_invalid"]);
    expect(await people.list(tenantId, {})).toHaveLength(1);
  });

  test("void in the moment between options and enrolment enrols nobody", async () => {
    const url = await setUpLink("between");
    const browser = createBrowser(edge);
    const link = linkOf(url);
    const options = await browser.ask("POST", "/v1/session/enrolment/options", { body: { link, name: "A" } });
    const credential = browser.authenticator.create(options.json.publicKey);
    clock.advance(15 * MINUTE);
    const body = { link, credential };
    expect(outcome(await browser.ask("POST", "/v1/session/enrolment", { body }))).toEqual([403, "link_invalid"]);
  });

  test("opened by two at once lets one in", async () => {
    const url = await setUpLink("race");
    const link = linkOf(url);
    const enrol = async (name: string): Promise<number> => {
      const browser = createBrowser(edge);
      const options = await browser.ask("POST", "/v1/session/enrolment/options", { body: { link, name } });
      const credential = browser.authenticator.create(options.json.publicKey);
      return (await browser.ask("POST", "/v1/session/enrolment", { body: { link, credential } })).status;
    };
    expect((await Promise.all(["A", "B", "C"].map(enrol))).toSorted()).toEqual([201, 403, 403]);
    const people = await edge.operate("GET", "/v1/admin/people", { headers: { "writ-tenant": "race" } });
    expect(people.json.people).toHaveLength(1);
  });

  test("that is malformed or guessed answers as a used one does", async () => {
    const url = await setUpLink("guess");
    const link = linkOf(url);
    const other = `${link.slice(0, -1)}${link.endsWith("A") ? "Q" : "A"}`;
    for (const guess of [other, link.toUpperCase(), `${link}x`, "x", "__proto__", link.replaceAll(".", ":")]) {
      const answer = await createBrowser(edge).ask("POST", "/v1/session/setup", { body: { link: guess } });
      expect(outcome(answer)).toEqual([403, "link_invalid"]);
    }
  });
});

describe("an enrolment that is not right", () => {
  const wrongs: readonly (readonly [string, Misbehaviour])[] = [
    ["for another origin", { origin: "https://localhost:8620" }],
    ["for another RP id", { rpId: "example.org" }],
    ["without the user verified", { userVerified: false }],
    ["without the user present", { userPresent: false }],
    ["over another challenge", { challenge: "A".repeat(43) }],
    ["in a frame of another origin", { crossOrigin: true }],
    ["that is an assertion", { type: "webauthn.get" }],
  ];
  for (const [name, wrong] of wrongs) {
    test(name, async () => {
      const url = await setUpLink(`enrol-${wrongs.findIndex(([other]) => other === name)}`);
      const browser = createBrowser(edge);
      expect(outcome(await browser.enrol(url, { name: "M" }, wrong))).toEqual([403, "passkey_refused"]);
      expect(browser.cookie).toBeUndefined();
      // The link is not used up by it.
      expect((await browser.enrol(url, { name: "M" })).status).toBe(201);
    });
  }

  test("with a credential that is enrolled already, anywhere", async () => {
    const url = await setUpLink("taken");
    const link = linkOf(url);
    const browser = createBrowser(edge);
    const options = await browser.ask("POST", "/v1/session/enrolment/options", { body: { link, name: "T" } });
    const credential = browser.authenticator.create(options.json.publicKey);
    expect((await browser.ask("POST", "/v1/session/enrolment", { body: { link, credential } })).status).toBe(201);
    const again = await freshOwner();
    const more = await again.ask("POST", "/v1/session/passkeys/options");
    expect(more.status).toBe(200);
    const replayed = await again.ask("POST", "/v1/session/passkeys", { body: { credential } });
    expect(outcome(replayed)).toEqual([403, "passkey_refused"]);
  });
});

describe("a sign-in that is not right", () => {
  const wrongs: readonly (readonly [string, Misbehaviour])[] = [
    ["for another origin", { origin: "http://localhost:8621" }],
    ["for another RP id", { rpId: "localhost.example" }],
    ["without the user verified", { userVerified: false }],
    ["without the user present", { userPresent: false }],
    ["with a counter that goes back", { counter: 0 }],
    ["over another challenge", { challenge: "A".repeat(43) }],
    ["in a frame of another origin", { crossOrigin: true }],
    ["that is an enrolment", { type: "webauthn.create" }],
    ["with a signature over other bytes", { signedBytes: new Uint8Array(69) }],
    ["as somebody else", { userHandle: "cGVyXzAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw" }],
  ];
  for (const [name, wrong] of wrongs) {
    test(name, async () => {
      const browser = createBrowser(edge, owner.authenticator);
      await browser.signIn();
      const before = browser.cookie;
      expect(outcome(await browser.signIn(wrong))).toEqual([403, "passkey_refused"]);
      expect(browser.cookie).toBe(before as string);
    });
  }

  test("an answer that is replayed, at once and later", async () => {
    const browser = createBrowser(edge, owner.authenticator);
    const options = await browser.ask("POST", "/v1/session/sign-in/options");
    const credential = browser.authenticator.get(options.json.publicKey);
    const send = () => browser.ask("POST", "/v1/session/sign-in", { body: { credential } });
    const both = await Promise.all([send(), send()]);
    expect(both.map(({ status }) => status).toSorted()).toEqual([201, 403]);
    expect(outcome(await send())).toEqual([403, "passkey_refused"]);
  });

  test("an answer that comes after five minutes", async () => {
    const browser = createBrowser(edge, owner.authenticator);
    const options = await browser.ask("POST", "/v1/session/sign-in/options");
    const credential = browser.authenticator.get(options.json.publicKey);
    clock.advance(5 * MINUTE);
    const late = await browser.ask("POST", "/v1/session/sign-in", { body: { credential } });
    expect(outcome(late)).toEqual([403, "passkey_refused"]);
  });

  test("a passkey that nobody enrolled, and one that was removed", async () => {
    const signed = await freshOwner();
    const stranger = createAuthenticator();
    const invited = await enrolPerson(edge, signed, "Remy", ["member"]);
    const person = (await signed.ask("GET", "/v1/admin/people/Remy")).json;
    const path = `/v1/admin/people/${person.id}/passkeys/${person.passkeys[0].id}/removal`;
    expect((await signed.ask("POST", path)).status).toBe(200);
    expect((await invited.ask("GET", "/v1/session")).status).toBe(401);
    expect(outcome(await createBrowser(edge, invited.authenticator).signIn())).toEqual([403, "passkey_refused"]);
    const options = await signed.ask("POST", "/v1/session/passkeys/options");
    stranger.create(options.json.publicKey);
    expect(outcome(await createBrowser(edge, stranger).signIn())).toEqual([403, "passkey_refused"]);
  });

  test("an answer to the re-authentication is none to the sign-in, nor that of another's session", async () => {
    const one = await freshOwner();
    const two = await freshOwner();
    const options = await one.ask("POST", "/v1/session/reauthentication/options");
    const credential = one.authenticator.get(options.json.publicKey);
    const asSignIn = await createBrowser(edge).ask("POST", "/v1/session/sign-in", { body: { credential } });
    expect(outcome(asSignIn)).toEqual([403, "passkey_refused"]);
    const next = await one.ask("POST", "/v1/session/reauthentication/options");
    const other = one.authenticator.get(next.json.publicKey);
    const elsewhere = await two.ask("POST", "/v1/session/reauthentication", { body: { credential: other } });
    expect(outcome(elsewhere)).toEqual([403, "passkey_refused"]);
  });

  test("is counted in the chain of the tenant that it says it is of", async () => {
    await createBrowser(edge, owner.authenticator).signIn({ userVerified: false });
    await edge.app.services.tally.flush();
    const events = await edge.operate("GET", "/v1/audit/events?type=session.refused");
    expect(events.json.events.length).toBeGreaterThan(0);
    await createBrowser(edge).ask("POST", "/v1/session/recovery", { body: { code: "0".repeat(28) } });
    await edge.app.services.tally.flush();
    const headers = { "writ-tenant": "instance" };
    const others = await edge.operate("GET", "/v1/audit/events?type=session.refused", { headers });
    expect(others.json.events[0].data).toMatchObject({ code: "link_invalid" });
  });
});

describe("a session", () => {
  test("is new with each sign-in: what was planted before is never taken", async () => {
    const victim = createBrowser(edge, owner.authenticator);
    const planted = `writ-session=${"0".repeat(26)}.${"0".repeat(26)}.${"A".repeat(43)}`;
    victim.cookie = planted;
    expect((await victim.signIn()).status).toBe(201);
    expect(victim.cookie).not.toBe(planted);
    const before = victim.cookie as string;
    expect((await victim.signIn()).status).toBe(201);
    expect(victim.cookie).not.toBe(before);
    const thief = createBrowser(edge);
    thief.cookie = before;
    expect((await thief.ask("GET", "/v1/session")).status).toBe(401);
  });

  test("is dead at once after its end, for whoever has the cookie", async () => {
    const browser = await freshOwner();
    const { cookie, csrfToken } = browser;
    const out = await browser.ask("DELETE", "/v1/session");
    expect(out.headers.get("set-cookie")).toContain("Max-Age=0");
    const thief = createBrowser(edge);
    Object.assign(thief, { cookie, csrfToken });
    expect((await thief.ask("GET", "/v1/session")).status).toBe(401);
    expect((await thief.ask("POST", "/v1/admin/agents", { body: { name: "x" } })).status).toBe(401);
  });

  test("of plain localhost is of one browser alone, and its cookie says what it can", async () => {
    const browser = await freshOwner();
    const thief = createBrowser(edge);
    thief.cookie = browser.cookie;
    const headers = { "user-agent": "Another/2.0" };
    expect((await thief.ask("GET", "/v1/session", { headers })).status).toBe(401);
    const answer = await browser.signIn();
    expect(answer.headers.get("set-cookie")).toMatch(
      /^writ-session=[\w.-]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict$/,
    );
  });

  test("ends when nothing is asked for an hour, and after twelve whatever is", async () => {
    const idle = await freshOwner();
    clock.advance(HOUR - 1);
    expect((await idle.ask("GET", "/v1/session")).status).toBe(200);
    // The last use is written behind the answer.
    await edge.operate("POST", "/v1/admin/agents", { body: { name: `a${clock.now()}` } });
    clock.advance(HOUR - 1);
    expect((await idle.ask("GET", "/v1/session")).status).toBe(200);
    await edge.operate("POST", "/v1/admin/agents", { body: { name: `a${clock.now()}` } });
    clock.advance(HOUR);
    expect((await idle.ask("GET", "/v1/session")).status).toBe(401);
    const busy = await freshOwner();
    for (let minutes = 0; minutes < 12 * 60; minutes += 30) {
      expect((await busy.ask("GET", "/v1/session")).status).toBe(200);
      await edge.operate("POST", "/v1/admin/agents", { body: { name: `a${clock.now()}` } });
      clock.advance(30 * MINUTE);
    }
    expect((await busy.ask("GET", "/v1/session")).status).toBe(401);
  });

  test("is listed to its person with browser and address, and can be ended, alone or all", async () => {
    const one = await freshOwner();
    const two = await freshOwner();
    const three = await freshOwner();
    const { sessions } = (await one.ask("GET", "/v1/session/sessions")).json;
    expect(sessions[0]).toMatchObject({ browser: "Test/1.0", address: "127.0.0.1", current: false });
    const mine = (await two.ask("GET", "/v1/session")).json.session.id;
    expect((await one.ask("POST", `/v1/session/sessions/${mine}/revocation`)).status).toBe(200);
    expect((await two.ask("GET", "/v1/session")).status).toBe(401);
    expect((await one.ask("POST", "/v1/session/sign-out-everywhere")).status).toBe(200);
    expect((await three.ask("GET", "/v1/session")).status).toBe(401);
    expect((await one.ask("GET", "/v1/session")).status).toBe(401);
  });

  test("of somebody else cannot be ended by who may not", async () => {
    const signed = await freshOwner();
    const member = await enrolPerson(edge, signed, "Mona", ["member"]);
    const { id } = (await signed.ask("GET", "/v1/session")).json.session;
    expect((await member.ask("POST", `/v1/session/sessions/${id}/revocation`)).status).toBe(404);
    expect(outcome(await member.ask("POST", `/v1/admin/sessions/${id}/revocation`))).toEqual([403, "forbidden"]);
    expect((await signed.ask("GET", "/v1/session")).status).toBe(200);
  });

  test("ends with its tenant", async () => {
    const url = await setUpLink("closing");
    const browser = createBrowser(edge);
    await browser.enrol(url, { name: "C" });
    await edge.operate("POST", "/v1/admin/tenants/closing/disablement");
    expect((await browser.ask("GET", "/v1/session")).status).toBe(401);
    expect(outcome(await browser.signIn())).toEqual([403, "passkey_refused"]);
  });

  test("cookie there twice, or malformed, is none", async () => {
    const browser = await freshOwner();
    const cookie = `${browser.cookie}; ${browser.cookie}`;
    expect((await browser.ask("GET", "/v1/session", { headers: { cookie } })).status).toBe(401);
    for (const value of ["", "x", "a.b.c", "__proto__", `${browser.cookie}x`.slice("writ-session=".length)]) {
      const headers = { cookie: `writ-session=${value}` };
      expect((await browser.ask("GET", "/v1/session", { headers })).status).toBe(401);
    }
  });
});

describe("over https", () => {
  test("the cookie is bound to the origin by its name", async () => {
    const secure = await startEdge({ WRIT_PUBLIC_URL: "https://writ.example" });
    try {
      const link = await secure.operate("POST", "/v1/admin/people/setup-link");
      const origin = "https://writ.example";
      const browser = createBrowser(secure, createAuthenticator({ origin }));
      expect(link.json.url).toStartWith("https://writ.example/enrol#");
      // A page of another origin is not let in, whatever its authenticator says.
      expect(outcome(await browser.enrol(link.json.url, { name: "S" }))).toEqual([403, "csrf_refused"]);
      const headers = { origin };
      const linkText = linkOf(link.json.url);
      const options = await browser.ask("POST", "/v1/session/enrolment/options", {
        headers,
        body: { link: linkText, name: "S" },
      });
      const credential = browser.authenticator.create(options.json.publicKey);
      const enrolled = await browser.ask("POST", "/v1/session/enrolment", {
        headers,
        body: { link: linkText, credential },
      });
      expect(enrolled.headers.get("set-cookie")).toMatch(
        /^__Host-writ-session=[\w.-]+; Max-Age=43200; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
      );
    } finally {
      await secure.stop();
    }
  });
});

describe("at an address that browsers take no passkeys at", () => {
  for (const address of [
    "http://127.0.0.1:8620",
    "https://192.0.2.7",
    "https://[2001:db8::1]",
    "http://writ.example",
  ]) {
    test(`${address}: options say so`, async () => {
      const there = await startEdge({ WRIT_PUBLIC_URL: address });
      try {
        const headers = { origin: address };
        const answer = await createBrowser(there).ask("POST", "/v1/session/sign-in/options", { headers });
        expect(outcome(answer)).toEqual([409, "config_invalid"]);
      } finally {
        await there.stop();
      }
    });
  }
});
