import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import type { ProxyAnswer } from "#src/gateway/proxy-call.ts";
import type { ConnectionSettings, NewConnection } from "#src/vault/connections.ts";
import { until } from "#test/io/calls.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import { codeOf, rejection } from "#test/support/scenario.ts";
import { bodyOf, DEFAULT_SECRET, PERMIT_ALL, type TestAgent, type TestCall, type TestTenant } from "#test/support/tenant.ts";
import { echo, respond, respondInParts, startUpstream, type TestUpstream } from "#test/support/upstream.ts";

let instance: TestInstance;
let upstream: TestUpstream;
let tenant: TestTenant;
let agent: TestAgent;
let count = 0;

beforeAll(async () => {
  instance = await startInstance({ limits: { maxResponseBytes: 2 ** 20 } });
});
afterAll(() => instance.stop());
beforeEach(async () => {
  count += 1;
  upstream?.stop();
  upstream = await startUpstream();
  tenant = await instance.tenant(`t${count}`);
  await tenant.policies(PERMIT_ALL);
  agent = await tenant.agent();
});

const SECRET = DEFAULT_SECRET;
const connect = (settings: ConnectionSettings = {}, changes: Partial<NewConnection> = {}) =>
  tenant.connection({ url: upstream.origin, settings, ...changes });
const get = (call: Partial<TestCall> = {}) => tenant.call(agent, "api", { path: "/a", ...call });
const textOf = async (call: Partial<TestCall> = {}): Promise<string> => bodyOf(await get(call));
const failure = async (call: Partial<TestCall> = {}): Promise<string> => codeOf(await textOf(call).catch((e: unknown) => e));
const lastEnd = async () => (await instance.events(tenant)).findLast(({ type }) => type === "call.finished")?.data;
const headersOf = (answer: ProxyAnswer): Map<string, string> => {
  if (answer.kind !== "response") throw new Error(answer.kind);
  return new Map(answer.headers);
};

describe("what the upstream gets", () => {
  test("is the call and the connection's credential, nothing that the agent smuggles in", async () => {
    await connect({ forwardHeaders: ["x-wanted", "x-original-uri", "x-forwarded-prefix", "x-method"] });
    await textOf({
      method: "POST",
      query: "a=%20b&c",
      body: "hello",
      headers: [
        ["Authorization", "Bearer agents-own"],
        ["Cookie", "a=b"],
        ["Proxy-Authorization", "Basic x"],
        ["Host", "evil.example"],
        ["X-Forwarded-For", "1.2.3.4"],
        ["X-HTTP-Method-Override", "DELETE"],
        ["X-Original-URI", "/admin"],
        ["X-Forwarded-Prefix", "/admin"],
        ["X-Method", "DELETE"],
        ["Range", "bytes=0-1"],
        ["Accept-Encoding", "gzip"],
        ["Transfer-Encoding", "chunked"],
        ["Content-Length", "3"],
        ["Expect", "100-continue"],
        ["Writ-Approval", "x"],
        ["Accept", "application/json"],
        ["Content-Type", "text/plain"],
        ["X-Wanted", "yes"],
      ],
    });
    const [request] = upstream.requests;
    expect(request?.target).toBe("/a?a=%20b&c");
    expect(request?.body).toBe("hello");
    expect(Object.fromEntries(request?.headers ?? [])).toEqual({
      host: new URL(upstream.origin).host,
      "user-agent": "writ",
      "accept-encoding": "identity",
      accept: "application/json",
      "content-type": "text/plain",
      "x-wanted": "yes",
      authorization: `Bearer ${SECRET}`,
      "content-length": "5",
    });
  });

  test("is not sent where a header would be two", async () => {
    await connect();
    for (const value of ["a\r\nx: y", "a\nb", "a\0"]) {
      expect(await failure({ headers: [["content-type", value]] })).toBe("invalid_argument");
    }
    expect(upstream.requests).toEqual([]);
  });

  test.each<[string, NewConnection["credential"], (headers: ReadonlyMap<string, string>, target: string) => void]>([
    [
      "basic",
      { kind: "basic", username: "joe", password: "pass word 123" },
      (headers) => expect(headers.get("authorization")).toBe(`Basic ${btoa("joe:pass word 123")}`),
    ],
    [
      "header",
      { kind: "header", name: "X-Api-Key", value: "key-0123456789" },
      (headers) => expect(headers.get("x-api-key")).toBe("key-0123456789"),
    ],
    [
      "query",
      { kind: "query", name: "api_key", value: "key&=#0123456789" },
      (_, target) => expect(target).toBe("/a?x=1&api_key=key%26%3D%230123456789"),
    ],
    ["none", { kind: "none" }, (headers) => expect(headers.has("authorization")).toBe(false)],
  ])("has a credential of kind %s where it belongs, once", async (_, credential, check) => {
    await connect({ forwardHeaders: ["x-api-key"] }, { credential });
    await textOf({ query: "x=1", headers: [["x-api-key", "the-agents-own"]] });
    const [request] = upstream.requests;
    check(request?.headers ?? new Map(), request?.target ?? "");
    if (credential.kind === "header") expect(request?.headers.get("x-api-key")).not.toContain("the-agents-own");
  });

  test("never has two parameters of the credential's name", async () => {
    await connect({}, { credential: { kind: "query", name: "api_key", value: SECRET } });
    for (const query of ["api_key=x", "a=1&api_key=x", "API_KEY=x", "api%5fkey=x", "api_key", "a;api_key=x", "api_key[]=x"]) {
      expect(await failure({ query })).toBe("invalid_argument");
    }
    expect(upstream.requests).toEqual([]);
    expect(await textOf({ query: "my_api_key=x" })).toBe("ok");
  });
});

describe("an answer that repeats the credential", () => {
  const FORMS: readonly (readonly [string, string | Uint8Array, readonly string[]])[] = [
    ["as it is", `x ${SECRET} y`, []],
    ["as octets", Buffer.concat([Buffer.from([0, 1, 2, 255]), Buffer.from(SECRET), Buffer.from([0, 254])]), ["Content-Type: application/octet-stream"]],
    ["in base 64", `x ${btoa(`Bearer ${SECRET}`)} y`, []],
    ["URL-encoded", `u=${encodeURIComponent(SECRET)}`, []],
    ["in JSON", JSON.stringify({ token: SECRET }), ["Content-Type: application/json"]],
    ["in gzip", gzipSync(`x ${SECRET} y`), ["Content-Encoding: gzip"]],
  ];
  for (const [name, body, headers] of FORMS) {
    test(`${name}: does not reach the agent`, async () => {
      await connect();
      upstream.answer(respond(body, { headers }));
      const answer = await get();
      const text = await bodyOf(answer);
      expect(text).not.toContain(SECRET);
      expect(text).not.toContain(SECRET.slice(4, 20));
      expect(text).not.toContain(btoa(`Bearer ${SECRET}`).slice(12, 30));
      expect(await lastEnd()).toMatchObject({ outcome: "completed", redactions: { "known-value": 1 } });
    });
  }

  test("split over chunks at every place", async () => {
    await connect();
    for (const cut of [1, 5, SECRET.length - 1]) {
      upstream.answer(respondInParts([`a ${SECRET.slice(0, cut)}`, `${SECRET.slice(cut)} b`]));
      const text = await textOf();
      expect(text).toStartWith("a ");
      expect(text).toEndWith(" b");
      expect(text).not.toContain(SECRET.slice(0, cut === 1 ? 8 : cut));
      expect(text).not.toContain(SECRET.slice(cut, cut + 8));
    }
  });

  test("in gzip cut into single bytes", async () => {
    await connect();
    const zipped = gzipSync(`a ${SECRET} b`);
    upstream.answer(respondInParts([...zipped].map((byte) => Uint8Array.of(byte)), ["Content-Encoding: gzip"]));
    const text = await textOf();
    expect(text).toStartWith("a ");
    expect(text).not.toContain(SECRET);
  });

  test("in a header, a cookie, a challenge", async () => {
    await connect();
    upstream.answer(
      respond("x", {
        headers: [
          `X-Echo: ${SECRET}`,
          `X-Echo-Base64: ${btoa(SECRET)}`,
          `Set-Cookie: session=${SECRET}`,
          `WWW-Authenticate: Bearer realm="${SECRET}"`,
          `Authorization: Bearer ${SECRET}`,
          `Authentication-Info: ${SECRET}`,
          "Access-Control-Allow-Origin: *",
          "Writ-Decision-Id: forged",
          "ETag: kept",
        ],
      }),
    );
    const answer = await get();
    const headers = headersOf(answer);
    expect(JSON.stringify([...headers])).not.toContain(SECRET);
    expect(JSON.stringify([...headers])).not.toContain(btoa(SECRET).slice(4, 24));
    expect([...headers.keys()].sort()).toEqual(["etag", "x-echo", "x-echo-base64"]);
    expect(answer.kind === "response" && answer.redactions).toBeGreaterThanOrEqual(2);
  });

  test("without the scheme that stands before it", async () => {
    await connect({}, { credential: { kind: "header", name: "Authorization", value: `Token ${SECRET}` } });
    upstream.answer(respond(`you sent ${SECRET}`));
    expect(await textOf()).not.toContain(SECRET);
    const cookie = { kind: "header", name: "Cookie", value: `session=${SECRET}; theme=dark` } as const;
    await tenant.connection({ name: "cookies", url: upstream.origin, credential: cookie });
    expect(await bodyOf(await tenant.call(agent, "cookies", { path: "/a" }))).not.toContain(SECRET);
  });

  test("of other people's secrets, in text and not in pictures", async () => {
    await connect();
    const token = `ghp_${"a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"}`;
    upstream.answer(respond(`token ${token}`));
    expect(await textOf()).not.toContain(token);
  });
});

describe("an encoding", () => {
  test.each([
    [["Content-Encoding: br"]],
    [["Content-Encoding: gzip, gzip"]],
    [["Content-Encoding: gzip", "Content-Encoding: br"]],
    [["Content-Encoding: identity", "Content-Encoding: gzip, br"]],
    [["Content-Encoding: zstd"]],
  ])("that cannot be read is no answer: %p", async (headers) => {
    await connect();
    upstream.answer(respond(gzipSync(gzipSync(SECRET)), { headers: [...headers, "X: y"] }));
    expect(await failure()).toBe("encoding_unreadable");
    expect(await lastEnd()).toMatchObject({ error: "encoding_unreadable", status: 200 });
  });

  test("that stands in a second field is seen", async () => {
    await connect();
    upstream.answer(respond(gzipSync(`x ${SECRET}`), { headers: ["Content-Encoding: identity", "Content-Encoding: gzip"] }));
    expect(await textOf()).toBe("x [redacted:known-value]");
  });

  test("that cannot be read gives its connection up at once", async () => {
    await connect();
    upstream.answer((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nTransfer-Encoding: chunked\r\n\r\n");
      socket.write(`${(300_000).toString(16)}\r\n${"x".repeat(300_000)}\r\n`);
    });
    expect(await failure()).toBe("encoding_unreadable");
    await until(() => upstream.closed() === 1);
  });

  test("that is not what it says, or is cut, fails", async () => {
    await connect();
    upstream.answer(respond("not gzip at all", { headers: ["Content-Encoding: gzip"] }));
    expect(await failure()).toBe("upstream_failed");
    upstream.answer(respond(gzipSync("x".repeat(1000)).subarray(0, 20), { headers: ["Content-Encoding: gzip"] }));
    expect(await failure()).toBe("upstream_failed");
  });

  test("that unpacks to far more than it is stops at the limit", async () => {
    await connect();
    upstream.answer(respond(gzipSync(new Uint8Array(32 * 2 ** 20)), { headers: ["Content-Encoding: gzip"] }));
    expect(await failure()).toBe("upstream_too_large");
    expect(await lastEnd()).toMatchObject({ error: "upstream_too_large", outcome: "aborted" });
  });
});

describe("a redirect", () => {
  const locationOf = async (location: string, call: Partial<TestCall> = {}): Promise<string | undefined> => {
    upstream.answer(respond("", { status: 302, headers: [`Location: ${location}`] }));
    const answer = await get(call);
    if (answer.kind !== "response") throw new Error(answer.kind);
    expect(answer.status).toBe(302);
    return headersOf(answer).get("location");
  };

  test("is not followed; on the upstream it leads through the proxy, elsewhere it is withheld", async () => {
    await connect({ allowedLocations: ["https://cdn.example"] });
    const proxy = "http://localhost:8620/v1/proxy/api";
    expect(await locationOf("/b?x=1")).toBe(`${proxy}/b?x=1`);
    expect(await locationOf(`${upstream.origin}/b#f`)).toBe(`${proxy}/b#f`);
    expect(await locationOf("next", { path: "/deep/a" })).toBe(`${proxy}/deep/next`);
    expect(await locationOf("https://evil.example/")).toBeUndefined();
    expect(await locationOf("//evil.example/")).toBeUndefined();
    expect(await locationOf("http://user:pass@evil.example/")).toBeUndefined();
    expect(await locationOf("javascript:alert(1)")).toBeUndefined();
    expect(await locationOf("https://cdn.example/file?sig=1")).toBe("https://cdn.example/file?sig=1");
    expect(await locationOf("https://user@cdn.example/file")).toBeUndefined();
    expect(await locationOf(`http://169.254.169.254/latest`)).toBeUndefined();
    expect(upstream.requests).toHaveLength(10);
  });

  test("stays below the connection's base path", async () => {
    await tenant.connection({ name: "api", url: `${upstream.origin}/api/v3` });
    expect(await locationOf("/api/v3/x")).toBe("http://localhost:8620/v1/proxy/api/x");
    expect(await locationOf("/api/v3evil/x")).toBeUndefined();
    expect(await locationOf("/other")).toBeUndefined();
    expect(upstream.requests[0]?.target).toBe("/api/v3/a");
  });

  test("that repeats the query does not repeat the credential in it", async () => {
    await connect({}, { credential: { kind: "query", name: "api_key", value: SECRET } });
    expect(await locationOf(`/b?x=1&api_key=${SECRET}`)).toBe("http://localhost:8620/v1/proxy/api/b?x=1");
    expect(await locationOf(`https://evil.example/?api_key=${SECRET}`)).toBeUndefined();
  });
});

describe("an upstream that misbehaves", () => {
  test("answers too much: by its own word, or on the way", async () => {
    await connect({ maxResponseBytes: 100_000 });
    upstream.answer((socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"));
    expect(await failure()).toBe("upstream_too_large");
    upstream.answer(respondInParts(Array.from({ length: 20 }, () => "x".repeat(10_000))));
    expect(await failure()).toBe("upstream_too_large");
    expect(await lastEnd()).toMatchObject({ error: "upstream_too_large" });
  });

  test("answers forever", async () => {
    await connect({ totalMs: 300 });
    let timer: ReturnType<typeof setInterval> | undefined;
    upstream.answer((socket) => {
      socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      timer = setInterval(() => socket.write("1\r\nx\r\n"), 10);
    });
    expect(await failure()).toBe("timeout");
    clearInterval(timer);
    await until(() => upstream.closed() === 1);
  });

  test("never answers a read: a time-out; never answers a write: nobody knows", async () => {
    await connect({ totalMs: 150 });
    upstream.answer(() => undefined);
    expect(await failure()).toBe("timeout");
    expect(await failure({ method: "POST", body: "x" })).toBe("outcome_unknown");
    expect(await lastEnd()).toMatchObject({ outcome: "unknown", error: "timeout" });
  });

  test("closes early", async () => {
    await connect();
    upstream.answer((socket) => socket.end("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"));
    expect(await failure()).toBe("upstream_failed");
    expect(await failure({ method: "PUT", body: "x" })).toBe("outcome_unknown");
    upstream.answer((socket) => socket.destroy());
    expect(await failure()).toBe("upstream_failed");
    expect(await failure({ method: "PUT", body: "x" })).toBe("outcome_unknown");
    upstream.answer((socket) =>
      socket.end(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${(100_000).toString(16)}\r\nhalf`),
    );
    expect(await failure()).toBe("upstream_failed");
    expect(await lastEnd()).toMatchObject({ outcome: "aborted" });
  });

  test("is not there: nothing was sent, so the outcome is known", async () => {
    await connect();
    upstream.stop();
    await Bun.sleep(20);
    expect(await failure({ method: "POST", body: "x" })).toBe("upstream_failed");
    expect(await lastEnd()).toMatchObject({ outcome: "failed" });
  });

  test("is at an address that is not granted", async () => {
    const strict = await startInstance({
      grantedRanges: [],
      resolve: async (host) => (host === "metadata.example" ? ["169.254.169.254"] : ["10.0.0.1"]),
    });
    try {
      const theirs = await strict.tenant();
      await theirs.policies(PERMIT_ALL);
      const caller = await theirs.agent();
      const urls = ["http://metadata.example", "http://internal.example", "http://127.0.0.1:9", "http://[::1]:9", "http://2130706433:9"];
      for (const [index, url] of urls.entries()) {
        await theirs.connection({ name: `c${index}`, url });
        expect(await rejection(theirs.call(caller, `c${index}`, { path: "/a" }))).toBe("destination_refused");
      }
    } finally {
      await strict.stop();
    }
  });

  test("passes its own errors on as they are", async () => {
    await connect();
    upstream.answer(respond("no such thing", { status: 404, headers: ["Content-Type: text/plain"] }));
    const answer = await get();
    expect(answer).toMatchObject({ kind: "response", status: 404 });
    expect(await bodyOf(answer)).toBe("no such thing");
    upstream.answer(respond(new Uint8Array(0), { status: 503, headers: ["Retry-After: 7"] }));
    const busy = await get();
    expect(headersOf(busy).get("retry-after")).toBe("7");
  });

  test("gets a HEAD whose answer has a length and no body", async () => {
    await connect();
    upstream.answer((socket) => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n"));
    expect(await failure({ method: "HEAD" })).toContain("no error");
  });

  test("gives no error or event that holds the credential", async () => {
    const credential = { kind: "query", name: "api_key", value: "query secret/0123456789" } as const;
    await connect({ totalMs: 100 }, { credential });
    const messages: string[] = [];
    for (const script of [echo, respond("x", { status: 500 }), () => undefined]) {
      upstream.answer(script);
      const result = await textOf().catch((error: unknown) => error);
      messages.push(String(result), JSON.stringify(result), Bun.inspect(result));
    }
    upstream.stop();
    const gone = await textOf().catch((error: unknown) => error);
    messages.push(Bun.inspect(gone), JSON.stringify(await instance.events(tenant)), instance.logged.join("\n"));
    for (const form of [credential.value, encodeURIComponent(credential.value), btoa(credential.value).slice(0, 24)]) {
      expect(messages.join("\n")).not.toContain(form);
    }
  });
});

describe("the upstream's own address", () => {
  test("in a registry's answer becomes the proxy's, however it is cut", async () => {
    await tenant.connection({ name: "npm", connector: "npm-registry", url: upstream.origin });
    const text = JSON.stringify({ tarball: `${upstream.origin}/left-pad/-/left-pad-1.0.0.tgz`, other: `${upstream.origin}0/x` });
    const parts = Array.from({ length: Math.ceil(text.length / 7) }, (_, i) => text.slice(i * 7, i * 7 + 7));
    upstream.answer(respondInParts(parts, ["Content-Type: application/json"]));
    const answer = JSON.parse(await bodyOf(await tenant.call(agent, "npm", { path: "/left-pad" }))) as object;
    expect(answer).toEqual({
      tarball: "http://localhost:8620/v1/proxy/npm/left-pad/-/left-pad-1.0.0.tgz",
      other: `${upstream.origin}0/x`,
    });
  });
});
