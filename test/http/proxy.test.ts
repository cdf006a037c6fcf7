import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import { readTarget, readWait } from "#src/http/api/proxy.ts";
import { type Edge, type Household, settle, startEdge } from "./support.ts";

/** What the upstream saw last, and how it answers. */
let seen: { url: string; method: string; headers: Headers; body: string } | undefined;
let answer: (request: Request) => Response = () => new Response("ok");
const upstream = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  fetch: async (request) => {
    seen = { url: request.url, method: request.method, headers: request.headers, body: await request.text() };
    return answer(request);
  },
});

let edge: Edge;
let home: Household;
beforeAll(async () => {
  edge = await startEdge();
  home = await settle(edge, "default", upstream.url.origin);
});
afterAll(async () => {
  await edge.stop();
  await upstream.stop(true);
});

const call = (method: string, path: string, more: Parameters<Edge["ask"]>[2] = {}) =>
  edge.ask(method, `/v1/proxy/api${path}`, { token: home.key, ...more });

describe("what is derived", () => {
  const cases: readonly (readonly [url: string, connection: string, path: string, query: string])[] = [
    ["/v1/proxy/api", "api", "/", ""],
    ["/v1/proxy/api/", "api", "/", ""],
    ["/v1/proxy/api?a=b", "api", "/", "a=b"],
    ["/v1/proxy/api/@scope%2fname?q=%41&r", "api", "/@scope%2fname", "q=%41&r"],
    ["/v1/proxy/api//x", "api", "//x", ""],
    ["/v1/proxy//api/x", "", "/api/x", ""],
    ["/v1/proxy/api/v1/proxy/other/x", "api", "/v1/proxy/other/x", ""],
    ["/v1/proxy/api/a?b?c/d", "api", "/a", "b?c/d"],
    ["/v1/proxy/api/;a=b/%20", "api", "/;a=b/%20", ""],
  ];
  for (const [url, connection, path, query] of cases) {
    test(url, () => expect(readTarget(`http://localhost:8620${url}`)).toEqual({ connection, path, query }));
  }

  test("a fragment is no path", () => expect(() => readTarget("http://h/v1/proxy/api/a#b")).toThrow("#"));
});

describe("Prefer", () => {
  const cases: readonly (readonly [string | undefined, number])[] = [
    [undefined, 0],
    ["wait=5", 5],
    ["respond-async, wait=10", 10],
    ["wait = 3; x", 3],
    ['wait="7"', 7],
    ["wait=999", 60],
    ["wait=-1", 0],
    ["wait=5s", 0],
    ["await=5", 0],
    ["", 0],
  ];
  for (const [header, seconds] of cases) test(`${header} is ${seconds}`, () => expect(readWait(header)).toBe(seconds));
});

describe("a call", () => {
  test("goes out as it came in, with the real credential in the place of the agent's", async () => {
    const { status, text, headers } = await call("POST", "/things/a%20b?x=%41&y", {
      body: { n: 1 },
      headers: { "x-private": "1" },
    });
    expect([status, text]).toEqual([200, "ok"]);
    expect(new URL(seen?.url ?? "").pathname).toBe("/things/a%20b");
    expect(seen?.url).toEndWith("?x=%41&y");
    expect([seen?.method, seen?.body]).toEqual(["POST", '{"n":1}']);
    expect(seen?.headers.get("authorization")).toBe("Bearer upstream-secret-0123456789");
    expect(JSON.stringify([...(seen?.headers ?? [])])).not.toContain(home.key);
    expect(headers.get("writ-decision-id")).toStartWith("dec_");
    expect(headers.get("writ-redactions")).toMatch(/^(?:\d+|pending)$/);
  });

  test("keeps the upstream's status and headers, and none of those that guard Writ's origin", async () => {
    answer = () =>
      new Response("<script>", {
        status: 418,
        headers: {
          "content-type": "text/html",
          etag: '"1"',
          "content-security-policy": "default-src *",
          "x-frame-options": "ALLOWALL",
          "set-cookie": "a=b",
          "access-control-allow-origin": "*",
          "cache-control": "public, max-age=60, s-maxage=600",
        },
      });
    const { status, headers } = await call("GET", "/page");
    expect(status).toBe(418);
    expect([headers.get("content-type"), headers.get("etag")]).toEqual(["text/html", '"1"']);
    expect(headers.get("content-security-policy")).toBe("default-src 'none'; frame-ancestors 'none'; sandbox");
    expect(headers.get("x-frame-options")).toBe("DENY");
    expect(headers.get("cache-control")).toBe("private, max-age=60");
    for (const name of ["set-cookie", "access-control-allow-origin"]) expect(headers.has(name)).toBe(false);
    answer = () => new Response(null, { status: 304, headers: { etag: '"1"' } });
    const unchanged = await call("GET", "/page");
    expect([unchanged.status, unchanged.text, unchanged.headers.get("cache-control")]).toEqual([304, "", "no-store"]);
    answer = () => new Response("ok");
  });

  test("never shows the credential that it used", async () => {
    answer = (request) => new Response(`you sent ${request.headers.get("authorization")}`);
    const { text } = await call("GET", "/echo");
    expect(text).not.toContain("upstream-secret-0123456789");
    answer = () => new Response("ok");
  });

  test("HEAD has no body, TRACE no route", async () => {
    expect((await call("HEAD", "/x")).text).toBe("");
    const trace = await edge.raw(
      `TRACE /v1/proxy/api/x HTTP/1.1\r\nHost: localhost:${edge.port}\r\nAuthorization: Bearer ${home.key}\r\nConnection: close\r\n\r\n`,
    );
    expect(trace).toStartWith("HTTP/1.1 405");
    expect(trace.toLowerCase()).toContain("allow: get, head, post");
  });

  test("what the runtime made of dots is what is decided on: no call leaves its connection", async () => {
    seen = undefined;
    const get = (path: string) =>
      edge.raw(
        `GET ${path} HTTP/1.1\r\nHost: localhost:${edge.port}\r\nAuthorization: Bearer ${home.key}\r\nConnection: close\r\n\r\n`,
      );
    expect(await get("/v1/proxy/api/%2e%2e/other/x")).toStartWith("HTTP/1.1 404");
    expect(await get("/v1/proxy/api/../../admin/agents")).toStartWith("HTTP/1.1 403");
    expect(await get("/v1/proxy/api/a/%252e%252e/b")).toStartWith("HTTP/1.1 400");
    expect(await get("/v1/proxy/api//evil.example/x")).toStartWith("HTTP/1.1 400");
    expect(await get("/v1/proxy/@evil.example/x")).toStartWith("HTTP/1.1 404");
    expect(seen).toBeUndefined();
  });

  const refused: readonly (readonly [what: string, headers: Record<string, string>, status: number, code: string])[] = [
    ["claims that are no JSON", { "writ-context": "{" }, 400, "body_not_json"],
    ["claims that are a list", { "writ-context": "[]" }, 400, "invalid_argument"],
    ["claims beyond 4 KiB", { "writ-context": `{"a":"${"x".repeat(4096)}"}` }, 400, "invalid_argument"],
    ["claims in Writ's name", { "writ-context": '{"writ":{}}' }, 422, "reserved_context_key"],
    ["a run that is none", { "writ-run": "x" }, 404, "not_found"],
  ];
  for (const [what, headers, status, code] of refused) {
    test(`refuses ${what}: ${code}`, async () => {
      const refusal = await call("GET", "/x", { headers });
      expect([refusal.status, refusal.json.code]).toEqual([status, code]);
    });
  }

  test("claims reach the policies", async () => {
    const source = `@id("ticket") permit (principal, action, resource) when { context has claimed && context.claimed has ticket && context.claimed.ticket == "T-1" };`;
    const schema = "type Claimed = { ticket?: String };";
    expect((await edge.operate("PUT", "/v1/admin/policies/schema", { body: { source: schema } })).status).toBe(200);
    expect((await edge.operate("PUT", "/v1/admin/policies", { body: { source } })).status).toBe(200);
    const denied = await call("GET", "/x");
    expect([denied.status, denied.json.code]).toEqual([403, "decision_denied"]);
    expect(denied.json).toMatchObject({
      decision: "deny",
      reasons: [{ code: "no_permit" }],
      error: denied.json.detail,
    });
    expect(denied.headers.get("writ-decision-id")).toBe(denied.json.decision_id);
    expect((await call("GET", "/x", { headers: { "writ-context": '{"ticket":"T-1"}' } })).status).toBe(200);
    const odd = await call("GET", "/x", { headers: { "writ-context": '{"ticket":1}' } });
    expect([odd.status, odd.json.reasons[0].code]).toEqual([403, "request_mismatch"]);
    await edge.operate("POST", "/v1/admin/policies/rollback", { body: { version: 1 } });
  });

  test("that needs a person is 403 with the approval, and succeeds once it is approved, once", async () => {
    const first = await call("DELETE", "/things/1");
    expect([first.status, first.json.code]).toEqual([403, "step_up_required"]);
    const { id } = first.json.approval;
    await edge.operate("POST", `/v1/admin/approvals/${id}/approval`);
    expect((await call("DELETE", "/things/2")).status).toBe(403);
    expect((await call("DELETE", "/things/1")).status).toBe(200);
    expect((await call("DELETE", "/things/1")).status).toBe(403);
  });

  test("waits for the person where it is asked to", async () => {
    const waiting = call("DELETE", "/things/3", { headers: { prefer: "wait=20" } });
    for (let i = 0; i < 100; i += 1) {
      await Bun.sleep(20);
      const { json } = await edge.operate("GET", "/v1/admin/approvals");
      const pending = json.approvals.at(-1);
      if (pending === undefined) continue;
      const details = await edge.operate("GET", `/v1/admin/approvals/${pending.id}`);
      if (details.json.details.call.path !== "/things/3") continue;
      await edge.operate("POST", `/v1/admin/approvals/${pending.id}/approval`);
      break;
    }
    expect((await waiting).status).toBe(200);
  });

  test("a body beyond what may be sent is refused by its length alone", async () => {
    const head = `POST /v1/proxy/api/x HTTP/1.1\r\nHost: localhost:${edge.port}\r\nAuthorization: Bearer ${home.key}\r\n`;
    const refusal = await edge.raw(`${head}Content-Length: 99999999999999\r\nConnection: close\r\n\r\n`);
    expect(refusal).toStartWith("HTTP/1.1 413");
    expect(refusal).toContain('"code":"body_too_large"');
  });
});

test("a status that means nothing is the upstream's fault", async () => {
  const odd = createServer((socket) => {
    socket.on("error", () => undefined).end("HTTP/1.1 999 No\r\nContent-Length: 2\r\n\r\nok");
  });
  await new Promise<void>((resolve) => odd.listen(0, "127.0.0.1", resolve));
  const { port } = odd.address() as { port: number };
  const body = { name: "odd", connector: "http", url: `http://127.0.0.1:${port}`, credential: { kind: "none" } };
  await edge.operate("POST", "/v1/admin/connections", { body });
  const { status, json } = await edge.ask("GET", "/v1/proxy/odd/x", { token: home.key });
  expect([status, json.code]).toEqual([502, "upstream_failed"]);
  odd.close();
});

describe("a writ", () => {
  const mint = async (method: string, path: string) =>
    (await edge.ask("POST", "/v1/authorize", { token: home.key, body: { call: { connection: "api", method, path } } }))
      .json;

  test("makes exactly its call, with no key beside it", async () => {
    const { writ } = await mint("GET", "/only");
    expect((await call("GET", "/only", { token: writ })).status).toBe(200);
    const other = await call("GET", "/other", { token: writ });
    expect([other.status, other.json.code]).toEqual([403, "writ_mismatch"]);
  });

  test("for a write is good once; its refusals are counted in its tenant's chain", async () => {
    const { writ, single_use: isSingleUse } = await mint("POST", "/once");
    expect(isSingleUse).toBe(true);
    expect((await call("POST", "/once", { token: writ })).status).toBe(200);
    const again = await call("POST", "/once", { token: writ });
    expect([again.status, again.json.code]).toEqual([403, "writ_used"]);
    await edge.app.services.tally.flush();
    const { json } = await edge.operate("GET", "/v1/audit/events?type=writ.refused");
    expect(json.events.map((event: { data: { code: string } }) => event.data.code)).toContain("writ_used");
  });

  test("that is revoked by its CID is refused", async () => {
    const { writ, writ_cid: cid } = await mint("GET", "/revoked");
    expect((await edge.operate("POST", "/v1/admin/revocations", { body: { cid } })).status).toBe(201);
    const refusal = await call("GET", "/revoked", { token: writ });
    expect([refusal.status, refusal.json.code]).toEqual([401, "writ_revoked"]);
    expect((await edge.operate("POST", "/v1/admin/revocations", { body: { cid } })).status).toBe(409);
    expect((await edge.operate("POST", "/v1/admin/revocations", { body: { cid: "x" } })).status).toBe(400);
  });

  for (const bad of ["AAAA", "glhA", "a.b.c", "x".repeat(70_000), "%%%"]) {
    test(`that is ${bad.slice(0, 10)} is refused`, async () => {
      const { status, json } = await call("GET", "/x", { token: bad });
      expect([401, 431]).toContain(status);
      if (status === 401) expect(json.code).toBe("writ_invalid");
    });
  }
});
