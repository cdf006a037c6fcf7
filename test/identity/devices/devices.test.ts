import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { toBase64, toBase64Url } from "#src/base/bytes.ts";
import { type Edge, type Household, settle, startEdge } from "#test/http/support.ts";
import { createMachine, type Machine, pairMachine } from "#test/support/device.ts";
import { enrolOwner, enrolPerson } from "#test/support/signed-in.ts";

/** The machine's clock; the server's runs three seconds ahead of it from the start, so that it takes proofs at once. */
let skew = 0;
const clock = { now: () => Date.now() + skew };

const upstream = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 60,
  fetch: async (request) => {
    if (request.method === "POST") return new Response(await request.text());
    if (!request.url.endsWith("/slow")) return new Response("fine");
    const start = (controller: ReadableStreamDefaultController) => controller.enqueue("the beginning\n".repeat(200));
    return new Response(new ReadableStream({ start }));
  },
});

let edge: Edge;
let home: Household;
let other: Household;
let machine: Machine;
beforeAll(async () => {
  edge = await startEdge({}, { clock });
  skew = 3000;
  home = await settle(edge, "default", upstream.url.origin);
  other = await settle(edge, "acme");
  await edge.operate("POST", "/v1/admin/agents", { body: { name: "second" } });
  machine = await pairMachine(edge, ["helper"], { now: clock.now });
});
afterAll(async () => {
  await edge.stop();
  await upstream.stop(true);
});

const confirm = (code: string, agents: readonly string[] = ["helper"], name?: string, tenant = "default") =>
  edge.operate("POST", `/v1/admin/devices/pairings/${code}/confirmation`, {
    body: { agents, ...(name === undefined ? {} : { name }) },
    headers: { "writ-tenant": tenant },
  });
const newMachine = (): Machine => createMachine(edge, clock.now);

describe("pairing", () => {
  test("shows the same on both sides, gives the token to the key alone, and names the agents", async () => {
    const one = newMachine();
    const asked = await one.request("builder-1");
    expect(asked.status).toBe(201);
    expect(asked.json.code).toMatch(/^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
    const shown = await edge.operate("GET", `/v1/admin/devices/pairings/${asked.json.code.toLowerCase()}`);
    expect(shown.json).toEqual(asked.json);
    expect((await one.collect(asked.json.code)).json).toMatchObject({ state: "waiting" });
    const confirmed = await confirm(asked.json.code);
    expect(confirmed.json).toMatchObject({ name: "builder-1", status: "active", agents: [home.agent], person: null });
    // The code alone, and the code with another key, give nothing.
    const thief = newMachine();
    expect((await thief.collect(asked.json.code)).json.code).toBe("device_proof_refused");
    const bare = await edge.ask("POST", `/v1/devices/pairings/${asked.json.code}/token`);
    expect(bare.json.code).toBe("device_proof_refused");
    const { json } = await one.collect(asked.json.code);
    expect(json).toMatchObject({ state: "confirmed", agents: [{ id: home.agent, name: "helper" }] });
    expect(json.token).toStartWith("writ_device_");
    expect((await one.ask("GET", "/v1/device")).json).toMatchObject({ id: json.device.id, name: "builder-1" });
  });

  test("a code is good once, and for ten minutes", async () => {
    const one = newMachine();
    const { json } = await one.request("once");
    expect((await confirm(json.code)).status).toBe(201);
    expect((await confirm(json.code, ["helper"], "twice")).json.code).toBe("not_found");
    const late = newMachine();
    const asked = await late.request("late");
    skew += 600_001;
    expect((await confirm(asked.json.code)).json.code).toBe("not_found");
    expect((await late.collect(asked.json.code)).json.code).toBe("device_proof_refused");
  });

  test("two who confirm one machine at once make one device", async () => {
    const { json } = await newMachine().request("contested");
    const answers = await Promise.all([
      confirm(json.code, ["helper"], "contested-1"),
      confirm(json.code, ["helper"], "contested-2"),
      confirm(json.code, ["helper"], "contested-3", "acme"),
    ]);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([201, 404, 404]);
  });

  test("a failed confirmation leaves the machine waiting; a key is paired once", async () => {
    const one = newMachine();
    const { json } = await one.request("laptop");
    expect((await confirm(json.code, ["nobody"])).json.code).toBe("not_found");
    expect((await confirm(json.code, [])).json.code).toBe("invalid_argument");
    expect((await confirm(json.code)).json.code).toBe("name_taken");
    expect((await confirm(json.code, ["helper"], "desk")).status).toBe(201);
    const again = await one.request("desk-2");
    expect((await confirm(again.json.code)).json.code).toBe("name_taken");
  });

  test("guesses are counted", async () => {
    const { json } = await newMachine().request("guessed");
    const owner = await enrolOwner(edge, "acme");
    for (let guess = 0; guess < 10; guess += 1) {
      const answer = await owner.ask("GET", `/v1/admin/devices/pairings/0000-000${guess}`);
      expect([answer.status, answer.json.code]).toEqual([404, "not_found"]);
    }
    // The right one does not help any more, nor does asking in the other way.
    expect((await owner.ask("GET", `/v1/admin/devices/pairings/${json.code}`)).json.code).toBe("rate_limited");
    const path = `/v1/admin/devices/pairings/${json.code}/confirmation`;
    expect((await owner.ask("POST", path, { body: { agents: ["helper"] } })).json.code).toBe("rate_limited");
    expect((await edge.operate("GET", `/v1/admin/devices/pairings/${json.code}`)).status).toBe(200);
  });

  test("a source has few machines waiting", async () => {
    skew += 600_001;
    for (let count = 0; count < 10; count += 1) expect((await newMachine().request(`m${count}`)).status).toBe(201);
    expect((await newMachine().request("one-more")).json.code).toBe("rate_limited");
    skew += 600_001;
    expect((await newMachine().request("later")).status).toBe(201);
  });

  test("takes a key that is one, and a name that is one", async () => {
    const ask = (body: unknown) => edge.ask("POST", "/v1/devices/pairings", { body });
    for (const key of ["", "AA", toBase64Url(new Uint8Array(32)), "!".repeat(43)]) {
      expect((await ask({ public_key: key, name: "x" })).json.code).toBe("invalid_argument");
    }
    const key = toBase64Url(newMachine().signer.publicKey);
    expect((await ask({ public_key: key, name: "My Laptop\u202e" })).json.code).toBe("invalid_argument");
  });

  test("a person confirms with a passkey that was just shown; then the host does not", async () => {
    const owner = await enrolOwner(edge);
    const { json } = await newMachine().request("by-person");
    expect((await confirm(json.code)).json.code).toBe("passkey_required");
    const path = `/v1/admin/devices/pairings/${json.code}/confirmation`;
    const body = { agents: ["helper"] };
    const { proof } = owner;
    owner.proof = undefined;
    expect((await owner.ask("POST", path, { body })).json.code).toBe("reauthentication_required");
    owner.proof = proof;
    await owner.reauthenticate();
    const member = await enrolPerson(edge, owner, "Mia Member", ["member"]);
    expect((await member.ask("POST", path, { body })).json.code).toBe("forbidden");
    expect((await edge.ask("POST", path, { token: home.admin, body })).json.code).toBe("forbidden");
    const confirmed = await owner.ask("POST", path, { body });
    expect(confirmed.status).toBe(201);
    expect(confirmed.json.person).toStartWith("per_");
  });
});

describe("a device's request", () => {
  const call = { body: { command: "/http/api/get", resource: { type: "Http::Endpoint", id: "x" } } };

  test("acts for the agents that it was confirmed for, and no others", async () => {
    const run = await machine.ask("POST", "/v1/runs", { body: { work_item: "x" } });
    expect([run.status, run.json.agent, run.json.device]).toEqual([201, home.agent, machine.id]);
    const named = await machine.ask("POST", "/v1/authorize", { ...call, headers: { "writ-agent": "helper" } });
    expect(named.json.decision).toBe("allow");
    for (const agent of ["second", "nobody", other.agent]) {
      const answer = await machine.ask("POST", "/v1/authorize", { ...call, headers: { "writ-agent": agent } });
      expect([answer.status, answer.json.code]).toEqual([404, "not_found"]);
    }
    // Nothing but what agents may do.
    expect((await machine.ask("GET", "/v1/admin/agents")).json.code).toBe("forbidden");
    expect((await machine.ask("GET", "/v1/audit/events")).json.code).toBe("forbidden");
  });

  test("its token is nothing without its key", async () => {
    const { token = "" } = machine;
    expect((await edge.ask("POST", "/v1/authorize", { token, ...call })).json.code).toBe("device_proof_refused");
    expect((await edge.ask("GET", "/v1/device", { token })).status).toBe(401);
    const basic = { authorization: `Basic ${toBase64(new TextEncoder().encode(`x:${token}`))}` };
    expect((await edge.ask("GET", "/v1/proxy/api/x", { headers: basic })).json.code).toBe("device_proof_refused");
    const thief = newMachine();
    thief.token = token;
    expect((await thief.ask("POST", "/v1/authorize", call)).json.code).toBe("device_proof_refused");
    // Nor the key without the token.
    const { signer } = machine;
    const keyOnly = createMachine(edge, clock.now);
    Object.assign(keyOnly, { signer, token: undefined });
    expect((await keyOnly.ask("POST", "/v1/authorize", call)).status).toBe(401);
  });

  test("is taken once", async () => {
    const headers = machine.headers("POST", "/v1/authorize", call);
    const first = await edge.ask("POST", "/v1/authorize", { headers, body: call.body });
    expect(first.json.decision).toBe("allow");
    const again = await edge.ask("POST", "/v1/authorize", { headers, body: call.body });
    expect([again.status, again.json.code]).toEqual([401, "device_proof_refused"]);
    const both = machine.headers("POST", "/v1/authorize", call);
    const answers = await Promise.all(
      [1, 2, 3].map(() => edge.ask("POST", "/v1/authorize", { headers: both, body: call.body })),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([200, 401, 401]);
  });

  test("is for this moment: neither old, nor from the future, nor from before the server began", async () => {
    const now = Math.floor(clock.now() / 1000);
    for (const [created, status] of [
      [now - 61, 401],
      [now - 58, 200],
      [now + 1, 200],
      [now + 4, 401],
    ] as const) {
      const headers = machine.headers("GET", "/v1/device", {}, created);
      const answer = await edge.ask("GET", "/v1/device", { headers });
      expect([created - now, answer.status]).toEqual([created - now, status]);
      if (status === 401) expect(Math.abs(answer.json.server_time - now)).toBeLessThanOrEqual(2);
    }
    const young = await startEdge({});
    const { token = "" } = machine;
    const early = createMachine(young);
    early.token = token;
    const { json } = await early.request("early");
    expect((await early.collect(json.code)).json.code).toBe("device_proof_refused");
    await young.stop();
  });

  test("is for this request alone", async () => {
    const asked = { ...call, headers: { "writ-agent": "helper" } };
    const spoils: readonly [what: string, name: string, make: (value: string) => string | undefined][] = [
      ["no signature", "signature", () => undefined],
      ["no input", "signature-input", () => undefined],
      ["no agent", "writ-agent", () => undefined],
      ["no digest", "content-digest", () => undefined],
      ["another agent", "writ-agent", () => "second"],
      ["a run", "writ-run", () => "run_00000000000000000000000000"],
      ["another digest", "content-digest", () => `sha-256=:${"A".repeat(43)}=:`],
      ["another signature", "signature", (value) => value.replace(/:.{4}/, ":AAAA")],
      ["another label", "signature-input", (value) => value.replace("writ=", "other=")],
      ["another nonce", "signature-input", (value) => value.replace(/nonce="..../, 'nonce="AAAA')],
      ["one more parameter", "signature-input", (value) => `${value};tag="x"`],
      ["one component less", "signature-input", (value) => value.replace('"@path" ', "")],
    ];
    for (const [what, name, make] of spoils) {
      const answer = await machine.ask("POST", "/v1/authorize", asked, (headers) => {
        const value = make(headers[name] ?? "");
        if (value === undefined) delete headers[name];
        else headers[name] = value;
      });
      expect([what, answer.status, answer.json.code]).toEqual([what, 401, "device_proof_refused"]);
    }
    const headers = machine.headers("GET", "/v1/approvals/a?wait=1");
    for (const [method, path] of [
      ["GET", "/v1/approvals/a?wait=2"],
      ["GET", "/v1/approvals/b?wait=1"],
      ["GET", "/v1/device"],
      ["DELETE", "/v1/device"],
    ] as const) {
      expect((await edge.ask(method, path, { headers })).json.code).toBe("device_proof_refused");
    }
    // None of it used the proof up, and another body than the signed one is refused with a proof that is right.
    const signed = machine.headers("POST", "/v1/authorize", call);
    const body = { command: "/http/api/get", resource: { type: "Http::Endpoint", id: "y" } };
    expect((await edge.ask("POST", "/v1/authorize", { headers: signed, body })).json.code).toBe("device_proof_refused");
  });

  test("streams its body through the proxy, the whole of what it signed or an error", async () => {
    const path = "/v1/proxy/api/echo";
    const body = "0123456789abcdef ".repeat(10_000);
    const sent = await machine.ask("POST", path, { body });
    expect([sent.status, sent.text]).toEqual([200, body]);
    const headers = machine.headers("POST", path, { body });
    const changed = await edge.ask("POST", path, { headers, body: `${body.slice(0, -1)}X` });
    expect(changed.status).not.toBe(200);
    expect(changed.text).not.toContain("0123456789");
    const without = machine.headers("POST", path, { body });
    expect((await edge.ask("POST", path, { headers: without })).json.code).toBe("device_proof_refused");
  });

  test("has a run to itself: neither the agent's own key nor another device is in it", async () => {
    const run = (await machine.ask("POST", "/v1/runs", { body: {} })).json.id;
    const second = await pairedByPerson("second-laptop");
    for (const answer of [
      await edge.ask("GET", `/v1/runs/${run}`, { token: home.key }),
      await second.ask("GET", `/v1/runs/${run}`),
      await second.ask("GET", "/v1/proxy/api/x", { headers: { "writ-run": run } }),
      await edge.ask("POST", `/v1/runs/${run}/end`, { token: home.key, body: { state: "failed" } }),
    ]) {
      expect(answer.json.code).toBe("not_found");
    }
    expect((await machine.ask("GET", "/v1/proxy/api/x", { headers: { "writ-run": run } })).text).toBe("fine");
  });
});

/** People confirm by now: the owner is enrolled, and the host is refused. */
async function pairedByPerson(name: string): Promise<Machine> {
  const one = newMachine();
  const { json } = await one.request(name);
  await edge.app.services.devices.confirm(
    (await edge.app.services.tenants.show("default")).tenantId,
    { kind: "person", subject: edge.app.services.instance.operator, person: "per_00000000000000000000000000" as never },
    json.code,
    { agents: ["helper"] },
  );
  await one.collect(json.code);
  return one;
}

describe("a revoked device", () => {
  test("is refused at once, and its stream is cut, its writs void, its runs cancelled", async () => {
    const one = await pairedByPerson("stolen");
    const run = (await one.ask("POST", "/v1/runs", { body: {} })).json.id;
    const asked = await one.ask("POST", "/v1/authorize", {
      body: { call: { connection: "api", method: "GET", path: "/x" } },
    });
    const path = "/v1/proxy/api/slow";
    const response = await fetch(edge.url + path, { headers: one.headers("GET", path) });
    const reader = response.body?.getReader();
    expect((await reader?.read())?.done).toBe(false);
    const revoked = await edge.ask("POST", "/v1/admin/devices/stolen/revocation", { token: home.admin });
    expect(revoked.json.status).toBe("revoked");
    let rest = await reader?.read().catch(() => ({ done: true }));
    while (rest?.done === false) rest = await reader?.read().catch(() => ({ done: true }));
    expect(rest?.done).toBe(true);
    expect((await one.ask("GET", "/v1/device")).json.code).toBe("unauthenticated");
    const writ = await edge.ask("GET", "/v1/proxy/api/x", { token: asked.json.writ });
    expect(writ.json.code).toBe("writ_revoked");
    const shown = await edge.ask("GET", `/v1/admin/runs/${run}`, { token: home.admin });
    expect(shown.json.state).toBe("cancelled");
  });

  test("may be revoked by itself, and frees its name", async () => {
    const one = await pairedByPerson("leaving");
    expect((await one.ask("DELETE", "/v1/device")).json.status).toBe("revoked");
    expect((await one.ask("GET", "/v1/device")).status).toBe(401);
    const next = await pairedByPerson("leaving");
    expect(next.id).not.toBe(one.id);
    const list = await edge.ask("GET", "/v1/admin/devices", { token: home.admin });
    expect(list.json.devices.filter(({ name }: { name: string }) => name === "leaving")).toHaveLength(2);
  });

  test("may have lost its token before", async () => {
    const one = await pairedByPerson("tokenless");
    const { services } = edge.app;
    const { tenantId } = await services.tenants.show("default");
    const { device } = await services.devices.show(tenantId, "tokenless");
    await services.tokens.revoke(tenantId, services.instance.operator, device.token);
    expect((await one.ask("GET", "/v1/device")).status).toBe(401);
    const revoked = await edge.ask("POST", "/v1/admin/devices/tokenless/revocation", { token: home.admin });
    expect(revoked.json.status).toBe("revoked");
  });

  test("of another tenant is nobody's here", async () => {
    for (const [method, path] of [
      ["GET", `/v1/admin/devices/${machine.id}`],
      ["POST", `/v1/admin/devices/${machine.id}/revocation`],
    ] as const) {
      expect((await edge.ask(method, path, { token: other.admin })).json.code).toBe("not_found");
    }
    expect((await edge.ask("GET", "/v1/admin/devices", { token: other.admin })).json.devices).toHaveLength(0);
    expect((await machine.ask("GET", "/v1/device")).status).toBe(200);
  });

  test("is one whose agent is disabled, for as long as it is", async () => {
    const body = { work_item: "y" };
    await edge.ask("POST", "/v1/admin/agents/helper/disablement", { token: home.admin });
    expect((await machine.ask("POST", "/v1/runs", { body })).json.code).toBe("agent_disabled");
    await edge.ask("DELETE", "/v1/admin/agents/helper/disablement", { token: home.admin });
    expect((await machine.ask("POST", "/v1/runs", { body })).status).toBe(201);
  });
});
