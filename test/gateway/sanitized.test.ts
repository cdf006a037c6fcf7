import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { until } from "#test/io/calls.ts";
import { bodyOf, DEFAULT_SECRET } from "#test/support/tenant.ts";
import { respond, respondInParts } from "#test/support/upstream.ts";
import { agent, connect, failure, get, headersOf, lastEnd, tenant, textOf, upstream, useStage } from "./stage.ts";

useStage({ limits: { maxResponseBytes: 2 ** 20 } });

const SECRET = DEFAULT_SECRET;

describe("an answer that repeats the credential", () => {
  const FORMS: readonly (readonly [string, string | Uint8Array, readonly string[]])[] = [
    ["as it is", `x ${SECRET} y`, []],
    [
      "as octets",
      Buffer.concat([Buffer.from([0, 1, 2, 255]), Buffer.from(SECRET), Buffer.from([0, 254])]),
      ["Content-Type: application/octet-stream"],
    ],
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
    upstream.answer(
      respondInParts(
        [...zipped].map((byte) => Uint8Array.of(byte)),
        ["Content-Encoding: gzip"],
      ),
    );
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
          "Refresh: 0; url=https://evil.example/",
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
    upstream.answer(
      respond(gzipSync(`x ${SECRET}`), { headers: ["Content-Encoding: identity", "Content-Encoding: gzip"] }),
    );
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
    expect(await failure()).toBe("encoding_unreadable");
    expect(await lastEnd()).toMatchObject({ error: "encoding_unreadable", status: 200 });
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

describe("the upstream's own address", () => {
  test("in a registry's answer becomes the proxy's, however it is cut", async () => {
    await tenant.connection({ name: "npm", connector: "npm-registry", url: upstream.origin });
    const text = JSON.stringify({
      tarball: `${upstream.origin}/left-pad/-/left-pad-1.0.0.tgz`,
      other: `${upstream.origin}0/x`,
    });
    const parts = Array.from({ length: Math.ceil(text.length / 7) }, (_, i) => text.slice(i * 7, i * 7 + 7));
    upstream.answer(respondInParts(parts, ["Content-Type: application/json"]));
    const answer = JSON.parse(await bodyOf(await tenant.call(agent, "npm", { path: "/left-pad" }))) as object;
    expect(answer).toEqual({
      tarball: "http://localhost:8620/v1/proxy/npm/left-pad/-/left-pad-1.0.0.tgz",
      other: `${upstream.origin}0/x`,
    });
  });
});
