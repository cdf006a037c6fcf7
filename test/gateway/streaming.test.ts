import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { parseDelegation } from "#src/ucan/delegation.ts";
import { until } from "#test/io/calls.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import { codeOf, rejection } from "#test/support/scenario.ts";
import { bodyOf, PERMIT_ALL, type TestAgent, type TestTenant } from "#test/support/tenant.ts";
import { startUpstream, type TestUpstream } from "#test/support/upstream.ts";

let instance: TestInstance;
let upstream: TestUpstream;
let tenant: TestTenant;
let agent: TestAgent;
let count = 0;

beforeAll(async () => {
  instance = await startInstance();
});
afterAll(() => instance.stop());
beforeEach(async () => {
  count += 1;
  upstream?.stop();
  upstream = await startUpstream();
  tenant = await instance.tenant(`t${count}`);
  await tenant.policies(PERMIT_ALL);
  await tenant.connection({ url: upstream.origin });
  agent = await tenant.agent();
});

const MEGABYTE = 2 ** 20;
const ends = async () =>
  (await instance.events(tenant)).filter(({ type }) => type === "call.finished").map(({ data }) => data);
/** Once so many calls have ended. */
async function untilEnded(calls: number): ReturnType<typeof ends> {
  for (let i = 0; i < 100; i += 1) {
    const seen = await ends();
    if (seen.length >= calls) return seen;
    await Bun.sleep(5);
  }
  throw new Error("the calls did not end");
}
const operator = () => instance.services.instance.operator;

/** An upstream that counts what it is sent and answers with `bytes` of text, as fast as it is read. */
async function startBulk(bytes: number): Promise<{ readonly origin: string; received(): number; stop(): void }> {
  let received = 0;
  const chunk = Buffer.from("0123456789abcdef\n".repeat(4096));
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    let answering = false;
    socket.on("data", (data: Buffer) => {
      received += data.length;
      if (answering || (!data.subarray(-5).equals(Buffer.from("0\r\n\r\n")) && !data.includes("GET "))) return;
      answering = true;
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bytes}\r\n\r\n`);
      let left = bytes;
      const pump = (): void => {
        while (left > 0) {
          const part = left < chunk.length ? chunk.subarray(0, left) : chunk;
          left -= part.length;
          if (!socket.write(part)) {
            socket.once("drain", pump);
            return;
          }
        }
      };
      pump();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received: () => received,
    stop: () => void server.close(),
  };
}

/** A body of so many bytes, made as it is read; `pulled` says how much was. */
function bulkBody(bytes: number): {
  readonly stream: ReadableStream<Uint8Array>;
  pulled(): number;
  cancelled(): boolean;
} {
  let pulled = 0;
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull: (controller) => {
        if (pulled >= bytes) return controller.close();
        const chunk = new Uint8Array(Math.min(65_536, bytes - pulled)).fill(0x61);
        pulled += chunk.length;
        controller.enqueue(chunk);
      },
      cancel: () => {
        cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, pulled: () => pulled, cancelled: () => cancelled };
}

describe("a call that needs no person streams", () => {
  test("100 MB up and 100 MB down, in bounded memory", async () => {
    // The first round fills the allocator's pools; what counts is that more bytes need no more of them.
    await transfer(16 * MEGABYTE);
    const growth = await transfer(100 * MEGABYTE);
    expect(growth / MEGABYTE).toBeLessThan(80);
  }, 20_000);

  /** Sends and receives so many bytes; gives how much the process grew meanwhile. */
  async function transfer(size: number): Promise<number> {
    const bulk = await startBulk(size);
    await tenant.connection({ name: `bulk-${size}`, url: bulk.origin });
    Bun.gc(true);
    const before = process.memoryUsage.rss();
    let peak = before;
    const body = bulkBody(size);
    const answer = await tenant.call(agent, `bulk-${size}`, { method: "POST", path: "/a", body: body.stream });
    peak = Math.max(peak, process.memoryUsage.rss());
    expect(bulk.received()).toBeGreaterThan(size);
    let received = 0;
    if (answer.kind !== "response") throw new Error(answer.kind);
    for await (const chunk of answer.body as ReadableStream<Uint8Array>) {
      received += chunk.length;
      if (received % (4 * MEGABYTE) < chunk.length) peak = Math.max(peak, process.memoryUsage.rss());
    }
    expect(received).toBe(size);
    expect((await ends()).at(-1)).toMatchObject({ outcome: "completed", request_bytes: size, response_bytes: size });
    bulk.stop();
    return peak - before;
  }

  test("no faster than the agent reads, and no faster than the upstream reads", async () => {
    const bulk = await startBulk(200 * MEGABYTE);
    await tenant.connection({ name: "bulk", url: bulk.origin });
    const answer = await tenant.call(agent, "bulk", { path: "/a" });
    if (answer.kind !== "response") throw new Error(answer.kind);
    const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
    await reader.read();
    await Bun.sleep(100);
    const rss = process.memoryUsage.rss();
    await Bun.sleep(150);
    expect((process.memoryUsage.rss() - rss) / MEGABYTE).toBeLessThan(16);
    await reader.cancel();
    bulk.stop();
    const server = createServer((socket) => void socket.pause());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    await tenant.connection({ name: "deaf", url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    const body = bulkBody(500 * MEGABYTE);
    const client = new AbortController();
    const call = { method: "POST", path: "/a", body: body.stream, signal: client.signal };
    const calling = rejection(tenant.call(agent, "deaf", call));
    await Bun.sleep(300);
    expect(body.pulled()).toBeLessThan(32 * MEGABYTE);
    client.abort();
    expect(await calling).toBe("outcome_unknown");
    await until(() => body.cancelled());
    server.close();
  });

  test("up to the limit of an upload", async () => {
    const small = await startInstance({ limits: { maxUploadBytes: 5 * MEGABYTE } });
    try {
      const theirs = await small.tenant();
      await theirs.policies(PERMIT_ALL);
      await theirs.connection({ url: upstream.origin });
      const caller = await theirs.agent();
      const stated = bulkBody(6 * MEGABYTE);
      const call = { method: "POST", path: "/a", body: stated.stream };
      expect(await rejection(theirs.call(caller, "api", { ...call, bodyLength: 6 * MEGABYTE }))).toBe("body_too_large");
      expect(stated.pulled()).toBe(0);
      expect(stated.cancelled()).toBe(true);
      expect(upstream.received).toEqual([]);
      const unstated = bulkBody(6 * MEGABYTE);
      expect(await rejection(theirs.call(caller, "api", { ...call, body: unstated.stream }))).toBe("outcome_unknown");
      expect(upstream.requests).toEqual([]);
    } finally {
      await small.stop();
    }
  });
});

describe("a call that is not made", () => {
  test("gives up its body unread: denied, unknown connection, disabled, no such writ", async () => {
    await tenant.policies(`@id("none") forbid (principal, action, resource);`);
    for (const path of ["/a", "//a"]) {
      const body = bulkBody(MEGABYTE);
      await tenant.call(agent, "api", { method: "POST", path, body: body.stream }).catch(() => undefined);
      expect(body.pulled()).toBe(0);
      expect(body.cancelled()).toBe(true);
    }
    const unknown = bulkBody(MEGABYTE);
    expect(await rejection(tenant.call(agent, "absent", { method: "POST", path: "/a", body: unknown.stream }))).toBe(
      "not_found",
    );
    expect(unknown.cancelled()).toBe(true);
    const forged = bulkBody(MEGABYTE);
    const call = { method: "POST", path: "/a", body: forged.stream };
    expect(await rejection(tenant.callWith(new Uint8Array(100), "api", call))).toBe("writ_invalid");
    expect(forged.cancelled()).toBe(true);
  });

  test("gives up its body when the upstream is not there", async () => {
    upstream.stop();
    const body = bulkBody(MEGABYTE);
    expect(await rejection(tenant.call(agent, "api", { method: "POST", path: "/a", body: body.stream }))).toBe(
      "upstream_failed",
    );
    await until(() => body.cancelled());
  });

  test("breaks off where its body does", async () => {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(new Uint8Array(10)),
      pull: (controller) => controller.error(new Error("the client broke off")),
    });
    expect(await rejection(tenant.call(agent, "api", { method: "POST", path: "/a", body }))).toBe("outcome_unknown");
    expect(upstream.requests).toEqual([]);
  });

  test("because the client left before it began, is not sent", async () => {
    const call = { path: "/a", signal: AbortSignal.abort() };
    expect(await rejection(tenant.call(agent, "api", call))).toBe("upstream_failed");
    await Bun.sleep(20);
    expect(upstream.requests).toEqual([]);
    expect(await ends()).toMatchObject([{ outcome: "failed" }]);
  });
});

/** Answers with a first chunk and leaves the rest open. */
const openEnded = (socket: { write(text: string): unknown }): void => {
  socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n");
  socket.write(`${(200_000).toString(16)}\r\n${"first ".repeat(40_000).slice(0, 200_000)}\r\n`);
};

describe("a stream that runs is cut", () => {
  const CUTS: readonly (readonly [string, () => Promise<unknown>])[] = [
    ["the key is revoked", () => instance.services.tokens.revoke(tenant.id, operator(), agent.principal.token)],
    ["the agent is disabled", () => instance.services.agents.disable(tenant.id, operator(), agent.agent.id)],
    ["the tenant is disabled", () => instance.services.tenants.disable(operator(), tenant.id)],
    [
      "the connection is disabled",
      async () => {
        const { id } = await instance.services.connections.show(tenant.id, "api");
        await instance.services.connections.disable(tenant.id, operator(), id);
      },
    ],
  ];
  for (const [name, cut] of CUTS) {
    for (const reads of [true, false]) {
      test(`when ${name}, ${reads ? "while it is read" : "though nobody reads"}`, async () => {
        upstream.answer(openEnded);
        const answer = await tenant.call(agent, "api", { path: "/a" });
        const reading = reads ? bodyOf(answer).catch((error: unknown) => codeOf(error)) : undefined;
        await Bun.sleep(10);
        await cut();
        await until(() => upstream.closed() === 1);
        if (reading !== undefined) expect(await reading).toBe("writ_revoked");
        expect(await untilEnded(1)).toMatchObject([{ outcome: "aborted", error: "writ_revoked" }]);
        expect(await rejection(tenant.call(agent, "api", { path: "/a" }))).not.toContain("no error");
      });
    }
  }

  test("when its writ, or a delegation below it, is revoked; other streams run on", async () => {
    upstream.answer(openEnded);
    const outcome = (await tenant.authorize(agent, "api", { path: "/a" })) as { writ?: { token: string } };
    const writ = new Uint8Array(Buffer.from(outcome.writ?.token ?? "", "base64url"));
    const answer = await tenant.callWith(writ, "api", { path: "/a" });
    const other = await tenant.call(agent, "api", { path: "/a" });
    const reading = bodyOf(answer).catch((error: unknown) => codeOf(error));
    const otherReader = other.kind === "response" ? (other.body as ReadableStream<Uint8Array>).getReader() : undefined;
    await instance.services.revocations.revokeCid(tenant.id, operator(), parseDelegation(writ).cid);
    expect(await reading).toBe("writ_revoked");
    expect((await otherReader?.read())?.done).toBe(false);
    await otherReader?.cancel();
  });

  test("when the key is revoked right behind the commit, before the call is sent", async () => {
    instance.hooks.beforeSubmit = async (unit) => {
      if (unit.event.type !== "decision.allowed") return;
      instance.hooks.beforeSubmit = undefined;
      // Submitted in the same turn: both are in one commit, the decision first.
      queueMicrotask(() => void instance.services.tokens.revoke(tenant.id, operator(), agent.principal.token));
    };
    upstream.answer(openEnded);
    const result = await tenant
      .call(agent, "api", { path: "/a" })
      .then(bodyOf)
      .catch((error: unknown) => codeOf(error));
    expect(["writ_revoked", "unauthenticated"]).toContain(result);
  });

  test("when the client leaves, and that is recorded", async () => {
    upstream.answer(openEnded);
    const answer = await tenant.call(agent, "api", { path: "/a" });
    if (answer.kind !== "response") throw new Error(answer.kind);
    await (answer.body as ReadableStream<Uint8Array>).cancel();
    await until(() => upstream.closed() === 1);
    expect(await ends()).toMatchObject([{ outcome: "aborted", error: "upstream_failed" }]);
    const client = new AbortController();
    const second = await tenant.call(agent, "api", { path: "/a", signal: client.signal });
    const reading = bodyOf(second).catch((error: unknown) => codeOf(error));
    client.abort();
    expect(await reading).toBe("upstream_failed");
    await until(() => upstream.closed() === 2);
    expect(await untilEnded(2)).toMatchObject([{}, { outcome: "aborted", error: "internal" }]);
  });

  test("when Writ stops, after the time that it has; what ended is recorded", async () => {
    const other = await startInstance();
    const theirs = await other.tenant();
    await theirs.policies(PERMIT_ALL);
    await theirs.connection({ url: upstream.origin });
    upstream.answer(openEnded);
    await theirs.call(await theirs.agent(), "api", { path: "/a" });
    other.hooks.beforeSubmit = async (unit) => {
      if (unit.event.type === "call.finished") await Bun.sleep(50);
    };
    const started = performance.now();
    await other.services.gateway.drain(50);
    expect(performance.now() - started).toBeGreaterThan(95);
    expect(performance.now() - started).toBeLessThan(1000);
    const [last] = (await other.events(theirs)).slice(-1);
    expect(last).toMatchObject({ type: "call.finished", data: { outcome: "aborted", error: "not_ready" } });
    await other.stop();
  });
});

describe("a crash", () => {
  test("leaves calls open, which the next start settles as unknown, once", async () => {
    const first = await startInstance();
    const theirs = await first.tenant();
    await theirs.policies(PERMIT_ALL);
    await theirs.connection({ url: upstream.origin });
    upstream.answer(openEnded);
    const caller = await theirs.agent();
    for (let i = 0; i < 3; i += 1) await theirs.call(caller, "api", { path: "/a" });
    await first.halt();
    const second = await startInstance({ folder: first.folder, clock: first.clock });
    expect(await second.services.gateway.settleOpenCalls()).toBe(3);
    expect(await second.services.gateway.settleOpenCalls()).toBe(0);
    const events = await second.events(await second.tenant());
    expect(events.slice(-3).map(({ type, data }) => [type, data["outcome"], data["error"]])).toEqual(
      Array.from({ length: 3 }, () => ["call.finished", "unknown", "outcome_unknown"]),
    );
    const opened = events.filter(({ type }) => type === "decision.allowed").map(({ data }) => data["call"]);
    expect(
      events
        .slice(-3)
        .map(({ data }) => data["call"])
        .sort(),
    ).toEqual(opened.sort());
    await second.stop();
  });
});
