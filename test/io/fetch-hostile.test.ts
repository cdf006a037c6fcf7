import { afterAll, describe, expect, test } from "bun:test";
import { call, failureOf, loopbackDialer, textOf, until } from "./calls.ts";
import { type Answer, always, OK, type RawUpstream, startRawUpstream } from "./raw-upstream.ts";

const dialer = loopbackDialer();
afterAll(() => dialer.close());

async function withUpstream(answer: Answer, use: (upstream: RawUpstream) => Promise<void>): Promise<void> {
  const upstream = await startRawUpstream(answer);
  try {
    await use(upstream);
  } finally {
    upstream.stop();
  }
}

/** Sends `text` again and again until the connection is gone. */
function endlessly(first: string, text: string | Uint8Array, everyMs: number): Answer {
  return (socket) => {
    socket.write(first);
    const timer = setInterval(() => socket.write(text), everyMs);
    socket.on("close", () => clearInterval(timer));
  };
}

const BODY = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";

describe("an upstream", () => {
  test.each([
    ["a header that never ends", endlessly("HTTP/1.1 200 OK\r\nX: ", "a".repeat(4_000), 1), "upstream_too_large"],
    ["headers that never end", endlessly("HTTP/1.1 200 OK\r\n", "X-A: 1\r\n".repeat(200), 1), "upstream_too_large"],
    [
      "interim responses that never end",
      endlessly("", "HTTP/1.1 102 Processing\r\n\r\n".repeat(20), 1),
      "upstream_too_large",
    ],
    ["a header that drips", endlessly("HTTP/1.1 200 OK\r\n", "X", 10), "timeout"],
    ["nothing", () => undefined, "timeout"],
    ["a body that stops", always(`${BODY}part`), "timeout"],
    ["a body that drips past the total time", endlessly(BODY, "x", 15), "timeout"],
    ["a length of 10 GB", always("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"), "upstream_too_large"],
    [
      "chunks without end",
      endlessly("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", `8000\r\n${"x".repeat(0x8000)}\r\n`, 0),
      "upstream_too_large",
    ],
    ["bytes without end", endlessly("HTTP/1.1 200 OK\r\n\r\n", "x".repeat(50_000), 0), "upstream_too_large"],
    ["a body cut short", always(`${BODY}part`, "close"), "upstream_failed"],
    [
      "chunks cut short",
      always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n", "close"),
      "upstream_failed",
    ],
    ["a head cut short", always("HTTP/1.1 200 OK\r\nX-A", "close"), "upstream_failed"],
    ["nothing, and closes", (socket) => void socket.end(), "upstream_failed"],
    ["a reset", (socket) => void socket.resetAndDestroy(), "upstream_failed"],
    ["something that is not HTTP", always("SSH-2.0-OpenSSH_9.9\r\n\r\n"), "upstream_failed"],
    ["two lengths", always("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"), "upstream_failed"],
  ] as [string, Answer, string][])("that sends %s: %#", async (_, answer, code) => {
    await withUpstream(answer, async (upstream) => {
      const limits = { headersMs: 150, idleMs: 150, totalMs: code === "timeout" ? 400 : 3_000 };
      const failure = await failureOf(call(dialer, upstream.origin, { limits }));
      expect(failure).toMatchObject({ code, details: { sent: true } });
      await until(() => upstream.closed() === upstream.received.length);
    });
  });
});

test("an answer that nobody reads stops the reading from the upstream", async () => {
  let written = 0;
  const chunk = Buffer.alloc(65_536);
  const answer: Answer = (socket) => {
    socket.write("HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
    const fill = (): void => {
      while (written < 100_000_000) {
        written += chunk.length;
        if (!socket.write(chunk)) {
          socket.once("drain", fill);
          return;
        }
      }
    };
    fill();
  };
  await withUpstream(answer, async (upstream) => {
    const limits = { maxResponseBytes: 200_000_000, idleMs: 100 };
    const response = await call(dialer, upstream.origin, { limits });
    let before = -1;
    while (written !== before) {
      before = written;
      await Bun.sleep(150);
    }
    // What the operating system holds in both directions, and little more.
    expect(written).toBeLessThan(30_000_000);
    // Longer than the idle time has passed, and it is this side that did not read: the body is still good.
    const reader = response.body.getReader();
    let read = 0;
    while (read < 40_000_000) read += (await reader.read()).value?.length ?? Number.NaN;
    await reader.cancel();
    await until(() => upstream.closed() === 1);
  });
});

describe("the caller", () => {
  test("aborts before, while waiting and while reading", async () => {
    await withUpstream(always(OK), async (upstream) => {
      const failure = await failureOf(call(dialer, upstream.origin, { signal: AbortSignal.abort("no") }));
      expect(failure).toMatchObject({ code: "upstream_failed", details: { sent: false } });
      expect(upstream.received).toEqual([]);
      await textOf(await call(dialer, upstream.origin));
      const waiting = await failureOf(call(dialer, upstream.origin, { method: "POST", signal: AbortSignal.abort() }));
      expect(waiting).toMatchObject({ code: "upstream_failed", details: { sent: false } });
    });
    await withUpstream(
      () => undefined,
      async (upstream) => {
        const signal = AbortSignal.timeout(50);
        expect(await failureOf(call(dialer, upstream.origin, { signal }))).toMatchObject({
          code: "upstream_failed",
          details: { sent: true },
        });
        await until(() => upstream.closed() === 1);
      },
    );
    await withUpstream(always(`${BODY}part`), async (upstream) => {
      const controller = new AbortController();
      const response = await call(dialer, upstream.origin, { signal: controller.signal });
      const text = textOf(response);
      setTimeout(() => controller.abort(), 30);
      await expect(text).rejects.toMatchObject({ code: "upstream_failed", details: { sent: true } });
      await until(() => upstream.closed() === 1);
    });
  });

  test("aborts after the end: nothing happens", async () => {
    await withUpstream(always(OK), async (upstream) => {
      const controller = new AbortController();
      expect(await textOf(await call(dialer, upstream.origin, { signal: controller.signal }))).toBe("hi");
      controller.abort();
      expect(await textOf(await call(dialer, upstream.origin))).toBe("hi");
      expect(upstream.received).toHaveLength(1);
    });
  });

  test("cancels the body: the connection is closed", async () => {
    await withUpstream(always(`${BODY}part`), async (upstream) => {
      const response = await call(dialer, upstream.origin);
      await response.body.cancel();
      await until(() => upstream.closed() === 1);
    });
  });

  test("aborts the connecting of a streamed request: the stream is cancelled", async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const body = new ReadableStream<Uint8Array>({ cancel: () => resolve() });
    const refusing = loopbackDialer({ resolve: async () => ["10.0.0.1"] });
    const failure = await failureOf(call(refusing, "http://up.example", { method: "POST", body }));
    expect(failure.code).toBe("destination_refused");
    await promise;
  });
});

test("a thousand calls leave no connection and no listener behind", async () => {
  await withUpstream(always(OK), async (upstream) => {
    const { signal } = new AbortController();
    const listeners = new Set<unknown>();
    signal.addEventListener = (_: string, listener: unknown) => void listeners.add(listener);
    signal.removeEventListener = (_: string, listener: unknown) => void listeners.delete(listener);
    const pending = call(dialer, upstream.origin, { signal });
    expect(listeners.size).toBeGreaterThan(0);
    await textOf(await pending);
    for (let i = 0; i < 1_000; i += 1) await textOf(await call(dialer, upstream.origin, { signal }));
    expect(listeners.size).toBe(0);
    expect(upstream.received.length).toBeLessThan(3);
  });
});
