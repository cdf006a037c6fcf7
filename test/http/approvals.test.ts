import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { DEFAULT_ORIGIN } from "#test/support/authenticator.ts";
import { type Browser, createBrowser } from "#test/support/signed-in.ts";
import { startUpstream, type TestUpstream } from "#test/support/upstream.ts";
import { type Answered, type Edge, type Household, settle, startEdge } from "./support.ts";

let edge: Edge;
let upstream: TestUpstream;
let home: Household;
let owner: Browser;
let count = 0;

beforeAll(async () => {
  edge = await startEdge();
  upstream = await startUpstream();
  home = await settle(edge, "default", upstream.origin);
  const { invitations, tenants, instance } = edge.app.services;
  const { url } = await invitations.setUp((await tenants.show("default")).tenantId, instance.operator);
  owner = createBrowser(edge);
  expect((await owner.enrol(url, { name: "Olga" })).status).toBe(201);
});
afterAll(async () => {
  upstream.stop();
  await edge.stop();
});

async function ask(): Promise<string> {
  count += 1;
  const call = { connection: "api", method: "DELETE", path: `/things/${count}`, body: "secret-looking body" };
  const context = { purpose: "clean up" };
  const answer = await edge.ask("POST", "/v1/authorize", { token: home.key, body: { call, context } });
  return answer.json.approval.id;
}

const at = (id: string, more = ""): string => `/v1/admin/approvals/${id}${more}`;

async function decide(id: string, body: object = { verdict: "approved" }, by = owner): Promise<Answered> {
  const challenge = await by.ask("POST", at(id, "/challenge"), { body });
  if (challenge.status !== 200) return challenge;
  const credential = by.authenticator.get(challenge.json.publicKey);
  return by.ask("POST", at(id, "/decision"), { body: { credential } });
}

describe("approvals in the pages' own routes", () => {
  test("show the call in full, who asks, why and what for", async () => {
    const { json } = await owner.ask("GET", at(await ask()));
    expect(json).toMatchObject({
      state: "pending",
      purpose: "clean up",
      history: { pending: expect.any(Number) },
      terms: { quorum: 1, approvers: [], comment_required: false, grants: { max_uses: 1, max_seconds: null } },
      votes: 0,
      details: { agent_name: "helper", call: { method: "DELETE" }, asked_by: [expect.any(String)] },
    });
    expect(Buffer.from(json.details.body_base64, "base64").toString()).toBe("secret-looking body");
  });

  test("are decided with the passkey, and an agent that waits hears of it at once", async () => {
    const times: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      const id = await ask();
      const challenge = await owner.ask("POST", at(id, "/challenge"), { body: { verdict: "approved" } });
      const credential = owner.authenticator.get(challenge.json.publicKey);
      const waiting = edge
        .ask("GET", `/v1/approvals/${id}?wait=20`, { token: home.key })
        .then((answer) => ({ answer, at: performance.now() }));
      await Bun.sleep(30);
      const decided = await owner.ask("POST", at(id, "/decision"), { body: { credential } });
      const done = performance.now();
      expect(decided.json).toMatchObject({ state: "approved", remaining: 1, grant: { scope: "call", uses: 1 } });
      const heard = await waiting;
      expect(heard.answer.json).toMatchObject({ state: "approved", remaining: 1 });
      times.push(heard.at - done);
    }
    expect(Math.min(...times)).toBeLessThan(100);
  });

  test("that are denied, decided or not there say so", async () => {
    const id = await ask();
    expect((await decide(id, { verdict: "denied", comment: "no" })).json.state).toBe("denied");
    expect((await decide(id)).json.code).toBe("approval_decided");
    expect((await decide("apr_00000000000000000000000000")).status).toBe(404);
    expect((await decide(await ask(), { verdict: "approved", grant: { uses: 2 } })).json.code).toBe("grant_refused");
    expect((await decide(await ask(), { verdict: "maybe" })).status).toBe(400);
  });

  test("are not the host's nor a token's to decide once there is a passkey", async () => {
    const id = await ask();
    expect((await edge.operate("POST", at(id, "/approval"), { body: {} })).json.code).toBe("passkey_required");
    const body = { verdict: "approved" };
    expect((await edge.ask("POST", at(id, "/challenge"), { token: home.admin, body })).status).toBe(403);
    expect((await edge.operate("POST", at(id, "/challenge"), { body })).status).toBe(403);
    expect((await edge.ask("POST", at(id, "/challenge"), { body, headers: { origin: DEFAULT_ORIGIN } })).status).toBe(
      401,
    );
  });

  test("are told to whoever watches, and to nobody after signing out", async () => {
    const headers = { cookie: owner.cookie ?? "", "user-agent": "Test/1.0", "sec-fetch-site": "same-origin" };
    const response = await fetch(`${edge.url}/v1/admin/approvals/stream`, { headers });
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const decoder = new TextDecoder();
    let text = "";
    const until = async (wanted: string): Promise<void> => {
      while (!text.includes(wanted)) {
        const { value, done } = await reader.read();
        if (done) throw new Error(`ended before ${wanted}: ${text}`);
        text += decoder.decode(value);
      }
    };
    await until("retry:");
    const id = await ask();
    await until(`"id":"${id}","agent":"${home.agent}","state":"pending"`);
    expect(text).toContain('"agent_name":"helper"');
    await decide(id);
    await until('"state":"approved"');
    const second = await edge.ask("GET", "/v1/admin/approvals/stream", {});
    expect(second.status).toBe(401);
    await owner.ask("DELETE", "/v1/session");
    await ask();
    const rest = await reader.read();
    expect(rest.done).toBe(true);
    expect((await owner.signIn()).status).toBe(201);
  });

  test("are told to nobody whose key or session ended while they waited", async () => {
    const key = await edge.operate("POST", "/v1/admin/keys", { body: { agent: "helper" } });
    const mallory = createBrowser(edge, owner.authenticator);
    expect((await mallory.signIn()).status).toBe(201);
    const id = await ask();
    const asAgent = edge.ask("GET", `/v1/approvals/${id}?wait=20`, { token: key.json.key });
    const asPerson = mallory.ask("GET", `/v1/approvals/${id}?wait=20`);
    await Bun.sleep(30);
    expect((await edge.operate("POST", `/v1/admin/keys/${key.json.id}/revocation`)).status).toBe(200);
    const { json } = await mallory.ask("GET", "/v1/session");
    const ended = await owner.ask("POST", `/v1/session/sessions/${json.session.id}/revocation`);
    expect(ended.status).toBe(200);
    await decide(id);
    expect([(await asAgent).status, (await asPerson).status]).toEqual([401, 401]);
  });
});

describe("the kill switch in its routes", () => {
  test("stops and lifts an agent, and everything for the host alone", async () => {
    const stopped = await owner.ask("POST", "/v1/admin/stop", {
      body: { target: "agent", name: "helper", reason: "x" },
    });
    expect(stopped.json.stops).toEqual([
      { target: home.agent, origin: "tenant", by: expect.any(String), at: expect.any(String), reason: "x" },
    ]);
    const call = { connection: "api", method: "GET", path: "/a" };
    const refused = await edge.ask("POST", "/v1/authorize", { token: home.key, body: { call } });
    expect([refused.status, refused.json.code]).toEqual([403, "stopped"]);
    expect((await edge.ask("GET", "/v1/proxy/api/a", { token: home.key })).json.code).toBe("stopped");
    expect((await owner.ask("POST", "/v1/admin/stop", { body: { target: "everything" } })).status).toBe(403);
    expect((await owner.ask("POST", "/v1/admin/stop", { body: { target: "agent" } })).status).toBe(400);
    const lifting = { body: { target: "agent", name: "helper" } };
    // Whoever has no more than a stolen cookie stops what they like, and lets nothing go on.
    const stolen = await owner.ask("POST", "/v1/admin/stop/lifting", {
      ...lifting,
      headers: { "writ-reauthentication": "" },
    });
    expect(stolen.json.code).toBe("reauthentication_required");
    const lifted = await owner.ask("POST", "/v1/admin/stop/lifting", lifting);
    expect(lifted.json.stops).toEqual([]);
    await edge.operate("POST", "/v1/admin/stop", { body: { target: "everything" } });
    expect((await edge.ask("GET", "/v1/proxy/api/a", { token: home.key })).json.code).toBe("stopped");
    await edge.operate("POST", "/v1/admin/stop/lifting", { body: { target: "everything" } });
    expect((await edge.ask("GET", "/v1/proxy/api/a", { token: home.key })).status).toBe(200);
  });
});

describe("breaking the glass in its routes", () => {
  test("opens, shows, ends and reviews", async () => {
    const body = { agent: "helper", reason: "down", seconds: 600 };
    const challenge = await owner.ask("POST", "/v1/admin/break-glass/challenge", { body });
    expect(challenge.json.preimage).toMatchObject({ command: "/", agent: home.agent });
    const credential = owner.authenticator.get(challenge.json.publicKey);
    const opened = await owner.ask("POST", "/v1/admin/break-glass", { body: { credential } });
    expect([opened.status, opened.json.state]).toEqual([201, "open"]);
    const path = `/v1/admin/break-glass/${opened.json.id}`;
    const used = await edge.ask("DELETE", "/v1/proxy/api/a", { token: home.key });
    expect(used.status).toBe(200);
    expect((await owner.ask("GET", path)).json).toMatchObject({ used: 1, reason: "down" });
    expect((await owner.ask("POST", `${path}/closure`)).json.state).toBe("review_due");
    const review = await owner.ask("POST", `${path}/review/challenge`, { body: { comment: "fine" } });
    const signed = owner.authenticator.get(review.json.publicKey);
    expect((await owner.ask("POST", `${path}/review`, { body: { credential: signed } })).json.state).toBe("reviewed");
    const { json } = await edge.operate("GET", "/v1/admin/break-glass");
    expect(json.emergencies).toHaveLength(1);
  });
});

describe("groups of approvers and owners of agents", () => {
  test("are kept by whoever keeps people and agents", async () => {
    const me = (await owner.ask("GET", "/v1/session")).json.person.id as string;
    const group = "/v1/admin/approver-groups/security";
    expect((await owner.ask("PUT", group, { body: { people: [me] } })).json).toEqual({
      name: "security",
      people: [me],
    });
    expect((await owner.ask("PUT", group, { body: { people: ["per_00000000000000000000000000"] } })).status).toBe(404);
    const asRole = await owner.ask("PUT", "/v1/admin/approver-groups/owner", { body: { people: [] } });
    expect(asRole.status).toBe(400);
    expect((await owner.ask("GET", "/v1/admin/approver-groups")).json.groups).toHaveLength(1);
    const agent = "/v1/admin/agents/helper/owner";
    expect((await owner.ask("PUT", agent, { body: { owner: me } })).json.owner).toBe(me);
    expect((await decide(await ask())).json.code).toBe("self_approval");
    expect((await owner.ask("DELETE", agent)).json.owner).toBeNull();
  });
});
