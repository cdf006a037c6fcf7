import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { WritError } from "#src/base/errors.ts";
import { readCredential } from "#src/http/caller.ts";
import { createKeyUse } from "#src/http/key-use.ts";
import type { Statement } from "#src/store/unit.ts";
import { type Edge, type Household, settle, startEdge } from "./support.ts";

let edge: Edge;
let home: Household;
let other: Household;
beforeAll(async () => {
  edge = await startEdge();
  home = await settle(edge);
  other = await settle(edge, "acme");
});
afterAll(() => edge.stop());

const STATED = { command: "/http/api/get", resource: { type: "Http::Endpoint", id: "x" } };
const authorize = (token: string, headers: Record<string, string> = {}) =>
  edge.ask("POST", "/v1/authorize", { token, body: STATED, headers });

async function eventsOf(type: string, tenant = "default") {
  await edge.app.services.tally.flush();
  const { json } = await edge.operate("GET", `/v1/audit/events?type=${type}`, { headers: { "writ-tenant": tenant } });
  return json.events as readonly { readonly data: Readonly<Record<string, unknown>> }[];
}

describe("the header", () => {
  const key = "writ_agent_x";
  const basic = (pair: string) => `Basic ${Buffer.from(pair).toString("base64")}`;
  const cases: readonly (readonly [header: string | null, answer: string])[] = [
    [null, "none"],
    [`Bearer ${key}`, `key ${key}`],
    [`bearer   ${key}`, `key ${key}`],
    ["Bearer glhAabc", "writ glhAabc"],
    [basic(`npm:${key}`), `key ${key}`],
    [basic(`:${key}`), `key ${key}`],
    [basic(key), `key ${key}`],
    [basic("npm:password"), "refused"],
    ["Bearer", "refused"],
    ["Bearer ", "refused"],
    [`Bearer ${key} ${key}`, "refused"],
    [`Bearer ${key}, Bearer ${key}`, "refused"],
    [key, "refused"],
    ["Digest x", "refused"],
    ["Basic !!", "refused"],
    ["", "refused"],
  ];
  for (const [header, answer] of cases) {
    test(`${header} is ${answer}`, () => {
      const read = (): string => {
        const found = readCredential(header);
        return found.kind === "none" ? "none" : `${found.kind} ${found.text}`;
      };
      if (answer === "refused") expect(read).toThrow(WritError);
      else expect(read()).toBe(answer);
    });
  }
});

describe("a key", () => {
  test("is taken as a bearer token and as the password of Basic", async () => {
    expect((await authorize(home.key)).status).toBe(200);
    const basic = `Basic ${Buffer.from(`anyone:${home.key}`).toString("base64")}`;
    const answer = await edge.ask("POST", "/v1/authorize", { body: STATED, headers: { authorization: basic } });
    expect(answer.status).toBe(200);
  });

  test("that is wrong, unknown, cut or somebody's writ is refused alike", async () => {
    const bodies = new Set<string>();
    const cut = home.key.slice(0, -1);
    const wrong = `${home.key.slice(0, -8)}${home.key.slice(-8).split("").reverse().join("")}`;
    for (const token of [cut, wrong, "writ_agent_", "glhAxyz", `${home.key}x`, home.key.replace("agent", "admin")]) {
      const { status, json, headers } = await authorize(token);
      expect([token, status, json.code]).toEqual([token, 401, "unauthenticated"]);
      expect(headers.get("www-authenticate")).toBe('Bearer realm="writ"');
      bodies.add(JSON.stringify({ ...json, request_id: "" }));
    }
    expect(bodies.size).toBe(1);
  });

  test("is refused from the next request on once it is revoked, and its use is counted in its tenant's chain", async () => {
    const issued = await edge.ask("POST", "/v1/admin/keys", { token: home.admin, body: { agent: "helper" } });
    const { id, key: token } = issued.json;
    expect((await authorize(token)).status).toBe(200);
    await edge.ask("POST", `/v1/admin/keys/${id}/revocation`, { token: home.admin });
    for (let i = 0; i < 3; i += 1) expect((await authorize(token)).status).toBe(401);
    const refused = (await eventsOf("key.refused")).filter(({ data }) => data["key"] === id);
    expect(refused.map(({ data }) => [data["code"], data["count"]])).toEqual([["unauthenticated", 3]]);
    expect(await eventsOf("key.refused", "acme")).toEqual([]);
  });

  test("that nobody knows is counted in the instance's chain", async () => {
    const before = (await eventsOf("key.refused", "instance")).length;
    await authorize("writ_agent_nobody");
    await authorize("writ_agent_nobody");
    const [event, ...rest] = await eventsOf("key.refused", "instance");
    expect(rest.length).toBe(before);
    expect(event?.data).toMatchObject({ code: "unauthenticated", count: 2 });
  });

  test("is refused from an address that it is not for", async () => {
    const body = { agent: "helper", sources: ["192.0.2.0/24"] };
    const { json } = await edge.ask("POST", "/v1/admin/keys", { token: home.admin, body });
    const refused = await authorize(json.key, { "x-forwarded-for": "192.0.2.1" });
    expect([refused.status, refused.json.code]).toEqual([403, "unauthorized_source"]);
  });

  test("of a disabled agent is refused on every route that agents have", async () => {
    await edge.ask("POST", "/v1/admin/agents/helper/disablement", { token: other.admin });
    for (const [method, path] of [
      ["POST", "/v1/authorize"],
      ["GET", "/v1/proxy/api/x"],
      ["GET", "/v1/approvals/x"],
    ] as const) {
      const answer = await edge.ask(method, path, { token: other.key });
      expect([path, answer.status, answer.json.code]).toEqual([path, 403, "agent_disabled"]);
    }
    await edge.ask("DELETE", "/v1/admin/agents/helper/disablement", { token: other.admin });
    expect((await authorize(other.key)).status).toBe(200);
  });

  test("shows its last call", async () => {
    await authorize(home.key);
    await Bun.sleep(1200);
    const { json } = await edge.ask("GET", "/v1/admin/keys", { token: home.admin });
    const shown = await edge.ask("GET", `/v1/admin/keys/${json.keys[0].id}`, { token: home.admin });
    expect(shown.json.last_use).toMatchObject({ command: "/http/api/get", outcome: "allow", source: "127.0.0.1" });
    expect(JSON.stringify(json)).not.toContain(home.key);
  });
});

describe("uses of keys", () => {
  test("are written together, the newest of each, and at the end", () => {
    const touched: Statement[][] = [];
    const use = createKeyUse({ touch: (statements) => void touched.push([...statements]) }, 60_000);
    const at = (lastAt: number) => ({ lastAt, lastCommand: null, lastOutcome: null, lastSource: null });
    use.note("ten_a" as never, "tok_a" as never, at(1));
    use.note("ten_a" as never, "tok_a" as never, at(2));
    use.note("ten_a" as never, "tok_b" as never, at(3));
    use.stop();
    use.flush();
    expect(touched.map((statements) => statements.map(({ params }) => params[2]))).toEqual([[2, 3]]);
  });
});

describe("the operator", () => {
  test("acts in the tenant that is named, by name or id, or in `default`", async () => {
    const tenants = await edge.operate("GET", "/v1/admin/tenants");
    const acme = tenants.json.tenants.find((row: { name: string }) => row.name === "acme");
    const agentIn = async (tenant?: string) =>
      (
        await edge.operate("GET", "/v1/admin/agents/helper", {
          ...(tenant === undefined ? {} : { headers: { "writ-tenant": tenant } }),
        })
      ).json.id;
    expect(await agentIn()).toBe(home.agent);
    expect(await agentIn("acme")).toBe(other.agent);
    expect(await agentIn(acme.id)).toBe(other.agent);
    const absent = await edge.operate("GET", "/v1/admin/agents", { headers: { "writ-tenant": "nobody" } });
    expect([absent.status, absent.json.code]).toEqual([404, "not_found"]);
  });

  test("reads the instance's own chain and makes nothing in it", async () => {
    const headers = { "writ-tenant": "instance" };
    expect((await edge.operate("GET", "/v1/audit/events", { headers })).status).toBe(200);
    const made = await edge.operate("POST", "/v1/admin/agents", { headers, body: { name: "x" } });
    expect(made.status).toBe(404);
  });

  test("with a credential is its owner and nobody more", async () => {
    expect((await edge.operate("GET", "/v1/admin/tenants", { token: home.admin })).status).toBe(403);
    expect((await edge.operate("GET", "/v1/admin/tenants", { token: "writ_admin_x" })).status).toBe(401);
  });

  test("is not whoever names a tenant over TCP", async () => {
    const headers = { "writ-tenant": "acme" };
    expect((await edge.ask("GET", "/v1/admin/agents", { headers })).status).toBe(401);
    const named = await edge.ask("GET", "/v1/admin/agents", { headers, token: home.admin });
    const absent = await edge.ask("GET", "/v1/admin/agents", { headers: { "writ-tenant": "x" }, token: home.admin });
    expect([named.status, named.json.code]).toEqual([403, "forbidden"]);
    expect({ ...absent.json, request_id: "" }).toEqual({ ...named.json, request_id: "" });
  });
});

describe("rates", () => {
  test("are met before anything is decided, and told once a minute with a count", async () => {
    const limited = await startEdge({ WRIT_RATE_AGENT: "5", WRIT_RATE_SOURCE: "1000" });
    try {
      const { key } = await settle(limited);
      const answers = [];
      for (let i = 0; i < 8; i += 1) {
        answers.push(await limited.ask("POST", "/v1/authorize", { token: key, body: STATED }));
      }
      expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429, 429, 429]);
      const last = answers.at(-1);
      expect(last?.json).toMatchObject({ code: "rate_limited", limit: "agent" });
      expect(Number(last?.headers.get("retry-after"))).toBeGreaterThan(0);
      await limited.app.services.tally.flush();
      const events = (await limited.operate("GET", "/v1/audit/events")).json.events;
      expect(events[0]).toMatchObject({ type: "request.rate_limited", data: { limit: "agent", count: 3 } });
      const decisions = events.filter((event: { type: string }) => event.type.startsWith("decision."));
      expect(decisions).toHaveLength(5);
    } finally {
      await limited.stop();
    }
  });

  test("hold a source that guesses keys", async () => {
    const limited = await startEdge({ WRIT_RATE_SOURCE: "3" });
    try {
      const statuses = [];
      for (let i = 0; i < 5; i += 1) {
        const token = `writ_agent_guess${i}`;
        statuses.push((await limited.ask("POST", "/v1/authorize", { token, body: STATED })).status);
      }
      expect(statuses).toEqual([401, 401, 401, 429, 429]);
      expect((await limited.ask("GET", "/healthz")).status).toBe(200);
    } finally {
      await limited.stop();
    }
  });
});
