import { describe, expect, test } from "bun:test";
import type { NewConnection } from "#src/vault/connections.ts";
import { until } from "#test/io/calls.ts";
import { startInstance } from "#test/support/composed.ts";
import { rejection } from "#test/support/scenario.ts";
import { bodyOf, DEFAULT_SECRET, PERMIT_ALL, type TestCall } from "#test/support/tenant.ts";
import { echo, respond, respondInParts } from "#test/support/upstream.ts";
import { connect, failure, get, headersOf, instance, lastEnd, tenant, textOf, upstream, useStage } from "./stage.ts";

useStage({ limits: { maxResponseBytes: 2 ** 20 } });

const SECRET = DEFAULT_SECRET;

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
    for (const query of [
      "api_key=x",
      "a=1&api_key=x",
      "API_KEY=x",
      "api%5fkey=x",
      "api_key",
      "a;api_key=x",
      "api_key[]=x",
    ]) {
      expect(await failure({ query })).toBe("invalid_argument");
    }
    expect(upstream.requests).toEqual([]);
    expect(await textOf({ query: "my_api_key=x" })).toBe("ok");
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
      const urls = [
        "http://metadata.example",
        "http://internal.example",
        "http://127.0.0.1:9",
        "http://[::1]:9",
        "http://2130706433:9",
      ];
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
