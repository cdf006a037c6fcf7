import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { HTTP_TABLE } from "#src/connector/shipped/http.ts";
import { NPM_REGISTRY_TABLE } from "#src/connector/shipped/npm-registry.ts";
import { type Asked, type Edge, type Household, PERMIT_ALL, settle, startEdge } from "./support.ts";

const upstream = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: (request) =>
    new Response("", { status: request.headers.get("authorization") === "Bearer right-0123" ? 200 : 401 }),
});

let edge: Edge;
let home: Household;
let other: Household;
beforeAll(async () => {
  edge = await startEdge();
  home = await settle(edge);
  other = await settle(edge, "acme");
});
afterAll(async () => {
  await edge.stop();
  await upstream.stop(true);
});

const admin = (method: string, path: string, asked: Asked = {}) =>
  edge.ask(method, `/v1/admin${path}`, { token: home.admin, ...asked });

describe("tenants", () => {
  test("are made, shown, and refused as a whole while they are disabled", async () => {
    const made = await edge.operate("POST", "/v1/admin/tenants", { body: { name: "brief" } });
    expect(made.json).toMatchObject({ name: "brief", kind: "customer", status: "active", policy_version: 0 });
    const again = await edge.operate("POST", "/v1/admin/tenants", { body: { name: "brief" } });
    expect([again.status, again.json.code]).toEqual([409, "name_taken"]);
    const headers = { "writ-tenant": "brief" };
    const issued = await edge.operate("POST", "/v1/admin/tokens", { headers, body: { kind: "admin" } });
    const list = () => edge.ask("GET", "/v1/admin/agents", { token: issued.json.token });
    expect((await list()).status).toBe(200);
    const disabled = await edge.operate("POST", "/v1/admin/tenants/brief/disablement");
    expect(disabled.json.status).toBe("disabled");
    expect((await list()).status).toBe(401);
    const enabled = await edge.operate("DELETE", `/v1/admin/tenants/${made.json.id}/disablement`);
    expect(enabled.json.status).toBe("active");
    expect((await list()).status).toBe(200);
    expect((await edge.operate("GET", "/v1/admin/tenants/absent")).status).toBe(404);
  });
});

describe("agents and their keys", () => {
  test("have groups, which the API sets as a whole", async () => {
    const set = await admin("PUT", "/agents/helper/groups", { body: { groups: ["b", "a", "a"] } });
    expect(set.json.groups).toEqual(["a", "b"]);
    expect((await admin("PUT", "/agents/helper/groups", { body: { groups: ["A"] } })).status).toBe(400);
    expect((await admin("PUT", "/agents/nobody/groups", { body: { groups: [] } })).status).toBe(404);
  });

  test("an agent's revocation is its disablement", async () => {
    await admin("POST", "/agents", { body: { name: "brief" } });
    expect((await admin("POST", "/agents/brief/revocation")).json.status).toBe("disabled");
    expect((await admin("DELETE", "/agents/brief/disablement")).json.status).toBe("active");
  });

  test("are listed page by page", async () => {
    for (let i = 0; i < 5; i += 1) await admin("POST", "/keys", { body: { agent: "helper", environment: `e${i}` } });
    const all = (await admin("GET", "/keys")).json.keys;
    expect(all.every((key: { kind: string }) => key.kind === "agent")).toBe(true);
    const paged: string[] = [];
    let after = "";
    for (let i = 0; i < 20; i += 1) {
      const { json } = await admin("GET", `/keys?limit=2${after}`);
      paged.push(...json.keys.map((key: { id: string }) => key.id));
      if (json.next === undefined) break;
      after = `&after=${json.next}`;
    }
    expect(paged).toEqual(all.map((key: { id: string }) => key.id));
    expect((await admin("GET", "/keys?agent=brief")).json.keys).toEqual([]);
    expect((await admin("GET", "/tokens")).json.tokens).toHaveLength(2);
  });

  test("a key is no token and a token no key", async () => {
    const [key] = (await admin("GET", "/keys")).json.keys;
    const [token] = (await admin("GET", "/tokens")).json.tokens;
    expect((await admin("GET", `/tokens/${key.id}`)).status).toBe(404);
    expect((await admin("POST", `/tokens/${key.id}/revocation`)).status).toBe(404);
    expect((await admin("GET", `/keys/${token.id}`)).status).toBe(404);
    expect((await admin("POST", `/keys/${token.id}/revocation`)).status).toBe(404);
  });

  test("what is made is bounded", async () => {
    for (const body of [
      { agent: "helper", sources: ["10.0.0.1/8"] },
      { agent: "helper", expires_in_seconds: 0 },
      { agent: "helper", environment: "LIVE" },
      { agent: "helper", kind: "admin" },
    ]) {
      expect((await admin("POST", "/keys", { body })).json.code).toBe("invalid_argument");
    }
    expect((await admin("POST", "/keys", { body: { agent: "nobody" } })).status).toBe(404);
    expect((await admin("POST", "/tokens", { body: { kind: "agent" } })).status).toBe(400);
  });
});

describe("connections", () => {
  const create = (body: object) =>
    admin("POST", "/connections", { body: { connector: "http", url: upstream.url.origin, ...body } });

  test("hide their credential, test it and take a new one", async () => {
    const made = await create({ name: "tested", credential: { kind: "bearer", value: "wrong-0123" } });
    expect(made.json).toMatchObject({ auth: { kind: "bearer" }, secret_version: 1, status: "active" });
    expect((await admin("POST", "/connections/tested/test")).json).toMatchObject({ ok: false, status: 401 });
    const credential = { kind: "bearer", value: "right-0123" };
    const replaced = await admin("PUT", "/connections/tested/credential", { body: credential });
    expect(replaced.json.secret_version).toBe(2);
    expect((await admin("POST", "/connections/tested/test")).json).toEqual({ ok: true, status: 200 });
    const basic = { kind: "basic", username: "a", password: "bcdefghij" };
    expect((await admin("PUT", "/connections/tested/credential", { body: basic })).status).toBe(400);
    for (const path of ["/connections", "/connections/tested"]) {
      expect((await admin("GET", path)).text).not.toMatch(/(?:wrong|right)-0123/);
    }
  });

  test("keep settings and refuse calls while they are disabled", async () => {
    const settings = { total_ms: 1000, test_path: "/me", forward_headers: ["x-a"] };
    const made = await create({ name: "set", credential: { kind: "none" }, settings });
    expect(made.json.settings).toEqual(settings);
    expect((await admin("POST", "/connections/set/disablement")).json.status).toBe("disabled");
    const refused = await edge.ask("GET", "/v1/proxy/set/x", { token: home.key });
    expect([refused.status, refused.json.code]).toEqual([403, "connection_disabled"]);
    expect((await admin("DELETE", "/connections/set/disablement")).json.status).toBe("active");
  });

  test("an error never holds the credential", async () => {
    const secret = "sécret with ünicode";
    for (const credential of [
      { kind: "bearer", value: secret },
      { kind: "header", name: "bad name", value: secret },
      { kind: "none", value: secret },
      { kind: "bearer", value: { secret } },
      { kind: secret },
    ]) {
      const { status, text } = await create({ name: "broken", credential });
      expect(status).toBe(400);
      expect(text).not.toContain("cret with");
    }
  });
});

describe("connectors", () => {
  test("are listed, shown, linted and brought", async () => {
    const { json } = await admin("GET", "/connectors");
    expect(json.connectors.map((connector: { id: string }) => connector.id).sort()).toEqual([
      "github",
      "http",
      "npm-registry",
    ]);
    expect((await admin("GET", "/connectors/http")).json.table.id).toBe(HTTP_TABLE.id);
    expect((await admin("GET", "/connectors/absent")).status).toBe(404);
    const table = {
      id: "tickets",
      version: "1",
      routes: [
        {
          method: "GET",
          path: "/t/{ticket}",
          command: "/tickets/read",
          resource: { type: "Tickets::Ticket", id: "{ticket}" },
          tier: "read",
        },
      ],
    };
    expect((await admin("POST", "/connectors/lint", { body: table })).json).toEqual({ ok: true, findings: [] });
    const put = await admin("PUT", "/connectors/tickets", { body: table });
    expect(put.json).toEqual({ id: "tickets", origin: "tenant", version: "1", routes: 1 });
    expect((await admin("PUT", "/connectors/other", { body: table })).status).toBe(400);
    expect((await edge.ask("GET", "/v1/admin/connectors/tickets", { token: other.admin })).status).toBe(404);
  });

  test("never lower a shipped tier", async () => {
    const routes = NPM_REGISTRY_TABLE.routes.map((route) => ({ ...route, tier: "read" }));
    const { status, json } = await admin("PUT", "/connectors/npm-registry", {
      body: { ...NPM_REGISTRY_TABLE, routes },
    });
    expect([status, json.code]).toEqual([422, "route_table_invalid"]);
    expect(json.findings.map((finding: { code: string }) => finding.code)).toContain("tier_lowered");
  });

  test("that do not parse say where", async () => {
    const { status, json } = await admin("POST", "/connectors/lint", { body: { id: "x", version: "1" } });
    expect([status, json.code]).toEqual([422, "route_table_invalid"]);
    expect(json.detail).toContain("routes");
  });
});

describe("policies", () => {
  test("are checked, put as versions, and rolled back", async () => {
    const bad = await admin("POST", "/policies/check", { body: { source: "permit (principal, action" } });
    expect(bad.json).toMatchObject({ ok: false, problems: [{ line: 1 }] });
    expect((await admin("POST", "/policies/check", { body: { source: PERMIT_ALL } })).json).toEqual({
      ok: true,
      policies: 1,
      problems: [],
      warnings: [],
    });
    const refused = await admin("PUT", "/policies", { body: { source: "permit (" } });
    expect([refused.status, refused.json.code]).toEqual([422, "policy_invalid"]);
    expect(refused.json.problems).toBeArray();
    const source = `${PERMIT_ALL}\n// second`;
    const put = await admin("PUT", "/policies", { body: { source, message: "why" } });
    expect(put.json).toMatchObject({ version: 2, message: "why", active: true });
    expect((await admin("GET", "/policies/active")).json).toMatchObject({ version: 2, source });
    const back = await admin("POST", "/policies/rollback", { body: { version: 1 } });
    expect(back.json).toMatchObject({ version: 1, active: true });
    const { json } = await admin("GET", "/policies");
    expect(json.versions.map((v: { version: number; active: boolean }) => [v.version, v.active])).toEqual([
      [2, false],
      [1, true],
    ]);
    for (const name of ["3", "0", "x", "1e1"]) expect((await admin("GET", `/policies/${name}`)).status).toBe(404);
    expect((await admin("POST", "/policies/rollback", { body: { version: 9 } })).status).toBe(404);
  });

  test("may be larger than other bodies", async () => {
    const source = `${PERMIT_ALL}\n//${"x".repeat(2 ** 21)}`;
    expect((await admin("POST", "/policies/check", { body: { source } })).status).toBe(200);
  });
});

describe("approvals", () => {
  const stepUp = async (body: string) => {
    const call = { connection: "api", method: "DELETE", path: "/a", body };
    return (await edge.ask("POST", "/v1/authorize", { token: home.key, body: { call } })).json.approval.id as string;
  };

  test("show the exact call, without secrets in its text", async () => {
    const token = `ghp_${"a1B2c3D4e5".repeat(3)}abcdef`;
    const id = await stepUp(`{"note":"${token}"}`);
    const { json } = await admin("GET", `/approvals/${id}`);
    expect(json.details).toMatchObject({ agent_name: "helper", call: { method: "DELETE", path: "/a" } });
    const body = atob(json.details.body_base64);
    expect(body).toStartWith('{"note":"');
    expect(body).not.toContain(token);
    expect(json.details.body_redactions).toBe(1);
  });

  test("are given on the host alone, and revoked by whoever manages", async () => {
    const id = await stepUp("x");
    expect((await admin("POST", `/approvals/${id}/approval`)).status).toBe(403);
    expect((await admin("POST", `/approvals/${id}/revocation`)).json.state).toBe("revoked");
    expect((await admin("GET", "/approvals?state=revoked")).json.approvals.map((a: { id: string }) => a.id)).toContain(
      id,
    );
    const late = await edge.operate("POST", `/v1/admin/approvals/${id}/approval`);
    expect(late.json.code).toBe("approval_decided");
  });

  test("are another tenant's on the socket too, unless it is named", async () => {
    const id = await stepUp("y");
    const headers = { "writ-tenant": "acme" };
    expect((await edge.operate("POST", `/v1/admin/approvals/${id}/approval`, { headers })).status).toBe(404);
    expect((await edge.operate("POST", `/v1/admin/approvals/${id}/denial`)).json.state).toBe("denied");
  });
});

describe("settings", () => {
  test("require proof of possession: then a key alone calls nothing, and still asks", async () => {
    const strict = await settle(edge, "strict");
    const call = () => edge.ask("GET", "/v1/proxy/api/a", { token: strict.key });
    expect((await edge.ask("GET", "/v1/admin/settings", { token: strict.admin })).json).toEqual({
      require_proof: false,
      explain_to_agents: false,
    });
    expect((await call()).json.code).not.toBe("proof_required");
    const body = { require_proof: true };
    const changed = await edge.ask("PUT", "/v1/admin/settings", { token: strict.admin, body });
    expect([changed.status, changed.json]).toEqual([200, { require_proof: true, explain_to_agents: false }]);
    const refused = await call();
    expect([refused.status, refused.json.code]).toEqual([403, "proof_required"]);
    const asked = { call: { connection: "api", method: "GET", path: "/a" } };
    const { json } = await edge.ask("POST", "/v1/authorize", { token: strict.key, body: asked });
    expect(json.decision).toBe("allow");
    expect((await edge.ask("GET", "/v1/proxy/api/a", { token: json.writ })).json.code).toBe("writ_invalid");
    expect((await edge.ask("GET", "/v1/admin/settings", { token: home.admin })).json).toEqual({
      require_proof: false,
      explain_to_agents: false,
    });
  });
});

describe("the instance", () => {
  test("shows its seal keys and rotates each kind of key while it runs", async () => {
    const before = (await edge.operate("GET", "/v1/admin/instance")).json;
    for (const purpose of ["master", "ucan", "seal"]) {
      const { status, json } = await edge.operate("POST", `/v1/admin/instance/keys/${purpose}/rotation`);
      expect([status, json.purpose]).toEqual([201, purpose]);
    }
    const after = (await edge.operate("GET", "/v1/admin/instance")).json;
    expect(after.seal_keys).toHaveLength(before.seal_keys.length + 1);
    expect((await edge.operate("POST", "/v1/admin/tenants/acme/data-key/rotation")).status).toBe(201);
    expect((await edge.operate("POST", "/v1/admin/instance/keys/other/rotation")).status).toBe(404);
    const stated = { command: "/http/api/get", resource: { type: "Http::Endpoint", id: "x" } };
    expect((await edge.ask("POST", "/v1/authorize", { token: home.key, body: stated })).json.decision).toBe("allow");
  });
});

describe("what is another tenant's", () => {
  test("answers as what is absent does, on every route with a name in it", async () => {
    const strip = ({ status, json }: Awaited<ReturnType<Edge["ask"]>>) =>
      JSON.stringify([status, { ...json, request_id: "" }]);
    const key = (await edge.ask("GET", "/v1/admin/keys", { token: other.admin })).json.keys[0].id;
    const token = (await edge.ask("GET", "/v1/admin/tokens", { token: other.admin })).json.tokens[0].id;
    const connection = (await edge.ask("GET", "/v1/admin/connections", { token: other.admin })).json.connections[0].id;
    const nothing = "0".repeat(26);
    const bodies: Readonly<Record<string, unknown>> = {
      "PUT /agents/{}/groups": { groups: [] },
      "PUT /connections/{}/credential": { kind: "bearer", value: "some-value" },
    };
    const names = { agents: other.agent, keys: key, tokens: token, connections: connection };
    const prefixes = { agents: "agt", keys: "tok", tokens: "tok", connections: "con" };
    const actions = [
      "GET /agents/{}",
      "PUT /agents/{}/groups",
      "POST /agents/{}/disablement",
      "DELETE /agents/{}/disablement",
      "POST /agents/{}/revocation",
      "GET /keys/{}",
      "POST /keys/{}/revocation",
      "GET /tokens/{}",
      "POST /tokens/{}/revocation",
      "GET /connections/{}",
      "PUT /connections/{}/credential",
      "POST /connections/{}/disablement",
      "DELETE /connections/{}/disablement",
      "POST /connections/{}/test",
    ];
    for (const action of actions) {
      const [method = "", path = ""] = action.split(" ");
      const kind = path.split("/")[1] as keyof typeof names;
      const asked = action in bodies ? { body: bodies[action] } : {};
      const foreign = await admin(method, path.replace("{}", names[kind]), asked);
      const absent = await admin(method, path.replace("{}", `${prefixes[kind]}_${nothing}`), asked);
      expect([action, foreign.status, strip(foreign)]).toEqual([action, 404, strip(absent)]);
    }
    expect((await edge.ask("GET", "/v1/admin/agents/helper", { token: other.admin })).json.status).toBe("active");
  });
});
