import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Edge, type Household, settle, startEdge } from "./support.ts";

let edge: Edge;
let home: Household;
let other: Household;
beforeAll(async () => {
  edge = await startEdge({ WRIT_PUBLIC_URL: "https://writ.example" });
  home = await settle(edge);
  other = await settle(edge, "acme");
});
afterAll(() => edge.stop());

const STATED = { command: "/http/api/get", resource: { type: "Http::Endpoint", id: "x" } };
const authorize = (body: unknown, token = home.key) => edge.ask("POST", "/v1/authorize", { token, body });

describe("POST /v1/authorize", () => {
  test("answers an allow with a writ for a minute", async () => {
    const { status, json } = await authorize(STATED);
    expect(status).toBe(200);
    expect(json).toMatchObject({
      decision: "allow",
      tier: "read",
      reasons: [{ code: "permitted", policy: "all" }],
      event: { hash: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(json.decision_id).toStartWith("dec_");
    const left = Date.parse(json.expires_at) - Date.now();
    expect(left).toBeGreaterThan(55_000);
    expect(left).toBeLessThanOrEqual(61_000);
    expect(json.writ).toMatch(/^[A-Za-z0-9_-]+$/);
    const event = await edge.operate("GET", `/v1/audit/events/${json.event.seq}`);
    expect(event.json).toMatchObject({ id: json.decision_id, hash: json.event.hash, type: "decision.allowed" });
  });

  test("takes a time to live of up to five minutes", async () => {
    const { json } = await authorize({ ...STATED, ttl_seconds: 300 });
    expect(Date.parse(json.expires_at) - Date.now()).toBeGreaterThan(290_000);
    for (const seconds of [0, 301, 1.5, "60", null]) {
      expect((await authorize({ ...STATED, ttl_seconds: seconds })).json.code).toBe("invalid_argument");
    }
  });

  test("answers a step-up with the approval to wait for", async () => {
    const call = { connection: "api", method: "DELETE", path: "/a", query: "b=c", body: "text" };
    const { status, json } = await authorize({ call });
    expect([status, json.decision, json.tier]).toEqual([200, "step_up", "danger"]);
    expect(json.approval.url).toBe(`https://writ.example/v1/approvals/${json.approval.id}`);
    expect(Date.parse(json.approval.expires_at)).toBeGreaterThan(Date.now());
    expect(json).not.toHaveProperty("writ");
    const same = await authorize({ call: { ...call, body: undefined, body_base64: btoa("text") } });
    expect(same.json.approval.id).toBe(json.approval.id);
    expect((await authorize({ call: { ...call, body: "other" } })).json.approval.id).not.toBe(json.approval.id);
  });

  test("answers a denial with 200 and its reasons", async () => {
    const headers = { "writ-tenant": "acme" };
    const source = `@id("never") forbid (principal, action, resource);`;
    await edge.operate("PUT", "/v1/admin/policies", { headers, body: { source } });
    const { status, json } = await authorize(STATED, other.key);
    expect(status).toBe(200);
    expect(json).toMatchObject({ decision: "deny", reasons: [{ code: "forbidden_by_policy", policy: "never" }] });
    expect(json).not.toHaveProperty("writ");
  });

  const refused: readonly (readonly [what: string, body: unknown, status: number, code: string])[] = [
    ["nothing to decide", {}, 400, "invalid_argument"],
    ["a command without a resource", { command: "/a/b" }, 400, "invalid_argument"],
    ["a resource without a command", { resource: STATED.resource }, 400, "invalid_argument"],
    ["a malformed command", { ...STATED, command: "/A/b" }, 400, "invalid_argument"],
    ["Writ's own context", { ...STATED, context: { writ: { cosigned: true } } }, 422, "reserved_context_key"],
    ["a danger without its call", { ...STATED, command: "/http/api/delete" }, 422, "call_required"],
    ["an unknown connection", { call: { connection: "no", method: "GET", path: "/" } }, 404, "not_found"],
    ["a path without its slash", { call: { connection: "api", method: "GET", path: "a" } }, 400, "invalid_argument"],
    ["a doubtful path", { call: { connection: "api", method: "GET", path: "/%2e%2e/a" } }, 400, "invalid_path"],
    ["a run that is none", { ...STATED, run: "run_x" }, 404, "not_found"],
    [
      "two bodies",
      { call: { connection: "api", method: "POST", path: "/a", body: "a", body_base64: "YQ==" } },
      400,
      "invalid_argument",
    ],
    [
      "a body that is no base64",
      { call: { connection: "api", method: "POST", path: "/a", body_base64: "a b" } },
      400,
      "invalid_argument",
    ],
    ["an integer that policies would round", { ...STATED, context: { n: 2 ** 53 } }, 400, "integer_out_of_range"],
    [
      "a body that no person is asked about",
      { call: { connection: "api", method: "POST", path: "/a", body: "a".repeat(4 * 2 ** 20 + 1) } },
      413,
      "body_too_large_to_approve",
    ],
    [
      "a call that is something else than stated",
      { ...STATED, call: { connection: "api", method: "POST", path: "/a" } },
      422,
      "call_mismatch",
    ],
  ];
  for (const [what, body, status, code] of refused) {
    test(`refuses ${what}: ${code}`, async () => {
      const answer = await authorize(body);
      expect([answer.status, answer.json.code]).toEqual([status, code]);
    });
  }

  test("another tenant's connection and one that is not there answer alike", async () => {
    const connections = await edge.ask("GET", "/v1/admin/connections", { token: other.admin });
    const foreign = connections.json.connections[0].id;
    const absent = `con_${"0".repeat(26)}`;
    const answers = await Promise.all(
      [foreign, absent, "absent"].map((connection) => authorize({ call: { connection, method: "GET", path: "/" } })),
    );
    const bodies = answers.map(({ status, json }) => JSON.stringify([status, { ...json, request_id: "" }]));
    expect(new Set(bodies).size).toBe(1);
  });
});

describe("GET /v1/approvals/{id}", () => {
  const stepUp = async (path: string) => {
    const { json } = await authorize({ call: { connection: "api", method: "DELETE", path } });
    return json.approval.id as string;
  };

  test("shows an agent its own, and waits for the person", async () => {
    const id = await stepUp("/wait");
    const first = await edge.ask("GET", `/v1/approvals/${id}`, { token: home.key });
    expect(first.json).toMatchObject({ id, state: "pending", remaining: 0, tier: "danger" });
    const began = performance.now();
    const waiting = edge.ask("GET", `/v1/approvals/${id}?wait=30`, { token: home.key });
    await Bun.sleep(50);
    const approved = await edge.operate("POST", `/v1/admin/approvals/${id}/approval`, { body: { comment: "fine" } });
    expect(approved.json).toMatchObject({ state: "approved", remaining: 1 });
    expect((await waiting).json).toMatchObject({ state: "approved", remaining: 1 });
    expect(performance.now() - began).toBeLessThan(5000);
    const again = await edge.operate("POST", `/v1/admin/approvals/${id}/denial`);
    expect([again.status, again.json.code]).toEqual([409, "approval_decided"]);
  });

  test("a wait ends by itself", async () => {
    const id = await stepUp("/short");
    const { json } = await edge.ask("GET", `/v1/approvals/${id}?wait=1`, { token: home.key });
    expect(json.state).toBe("pending");
  });

  test("is not there for another agent, tenant or a wrong id, alike", async () => {
    const id = await stepUp("/mine");
    await edge.operate("POST", "/v1/admin/agents", { body: { name: "second" } });
    const second = await edge.operate("POST", "/v1/admin/keys", { body: { agent: "second" } });
    const answers = [
      await edge.ask("GET", `/v1/approvals/${id}`, { token: second.json.key }),
      await edge.ask("GET", `/v1/approvals/${id}`, { token: other.key }),
      await edge.ask("GET", `/v1/approvals/${id}`, { token: other.admin }),
      await edge.ask("GET", `/v1/approvals/apr_${"0".repeat(26)}`, { token: home.key }),
      await edge.ask("GET", "/v1/approvals/nonsense?wait=60", { token: home.key }),
    ];
    for (const { status, json } of answers) {
      expect([status, { ...json, request_id: "" }]).toEqual([404, { ...answers[0]?.json, request_id: "" }]);
    }
    expect((await edge.ask("GET", `/v1/approvals/${id}`, { token: home.admin })).json.id).toBe(id);
  });
});
