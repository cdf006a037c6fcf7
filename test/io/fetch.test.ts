import { afterAll, describe, expect, test } from "bun:test";
import { call, failureOf, loopbackDialer, textOf, until } from "./calls.ts";
import { type Answer, always, OK, type RawUpstream, startRawUpstream } from "./raw-upstream.ts";

const dialer = loopbackDialer();
afterAll(() => dialer.close());

/** Runs `use` against an upstream that answers so. */
async function withUpstream(answer: Answer, use: (upstream: RawUpstream) => Promise<void>): Promise<void> {
  const upstream = await startRawUpstream(answer);
  try {
    await use(upstream);
  } finally {
    upstream.stop();
  }
}

function streamOf(...parts: readonly string[]): ReadableStream<Uint8Array> {
  return new ReadableStream({
    start(controller) {
      for (const part of parts) controller.enqueue(new TextEncoder().encode(part));
      controller.close();
    },
  });
}

describe("what is sent", () => {
  test.each([
    "/a/%2e%2e/b",
    "/a/../b",
    "/a/./b",
    "/a\\..\\b",
    "//evil.example/x",
    "/@scope%2fname",
    "/%zz?a=b&a=c",
    "/q?x='\"<>|{}^`",
    "/%00",
    "/@host:80/",
    "/http://other.example/",
  ])("`%s` byte for byte", async (target) => {
    await withUpstream(always(OK), async (upstream) => {
      await textOf(await call(dialer, upstream.origin, { target }));
      expect(upstream.received[0]).toBe(`GET ${target} HTTP/1.1\r\nHost: 127.0.0.1:${upstream.port}\r\n\r\n`);
    });
  });

  test("fields in their order and case, and no others", async () => {
    await withUpstream(always(OK), async (upstream) => {
      const headers: [string, string][] = [
        ["X-Twice", "1"],
        ["accept-encoding", "identity"],
        ["x-twice", "2"],
        ["AUTHORIZATION", "Bearer ü"],
      ];
      await textOf(await call(dialer, upstream.origin, { method: "DELETE", headers }));
      expect(upstream.received[0]).toBe(
        `DELETE / HTTP/1.1\r\nHost: 127.0.0.1:${upstream.port}\r\n` +
          "X-Twice: 1\r\naccept-encoding: identity\r\nx-twice: 2\r\nAUTHORIZATION: Bearer ü\r\n\r\n",
      );
    });
  });

  test("bodies: none, bytes, a stream, a stream of known length", async () => {
    const answer: Answer = (socket, received) => {
      if (/\r\n\r\n(?:|hello|.*0\r\n\r\n)$/s.test(received)) socket.write(OK);
    };
    await withUpstream(answer, async (upstream) => {
      const fresh = () => ({ method: "POST", reuseKey: String(Math.random()) });
      await textOf(await call(dialer, upstream.origin, fresh()));
      await textOf(await call(dialer, upstream.origin, { ...fresh(), body: new TextEncoder().encode("hello") }));
      await textOf(await call(dialer, upstream.origin, { ...fresh(), body: streamOf("hel", "", "lo") }));
      await textOf(await call(dialer, upstream.origin, { ...fresh(), body: streamOf("hel", "lo"), bodyLength: 5 }));
      const bodies = upstream.received.map((text) => text.slice(text.indexOf("\r\n", text.indexOf("Host:")) + 2));
      expect(bodies).toEqual([
        "Content-Length: 0\r\n\r\n",
        "Content-Length: 5\r\n\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
        "Content-Length: 5\r\n\r\nhello",
      ]);
    });
  });

  test.each([
    [{ target: "/ HTTP/1.1\r\nX: 1" }],
    [{ target: "/\0" }],
    [{ method: "GET /\r\n" }],
    [{ headers: [["X\r\nY", "1"]] as [string, string][] }],
    [{ headers: [["X", "1\r\n\r\nGET /2 HTTP/1.1"]] as [string, string][] }],
    [{ headers: [["X", "\0"]] as [string, string][] }],
    [{ headers: [["Transfer-Encoding", "chunked"]] as [string, string][] }],
    [{ headers: [["Host", "other.example"]] as [string, string][] }],
    [{ bodyLength: -1, body: streamOf("x") }],
    [{ limits: { idleMs: Number.NaN } }],
  ])("nothing, when it is %j", async (changes) => {
    await withUpstream(always(OK), async (upstream) => {
      expect((await failureOf(call(dialer, upstream.origin, changes))).code).toBe("invalid_argument");
      expect(upstream.received).toEqual([]);
    });
  });
});

describe("what is answered", () => {
  test("a redirect is an answer like any other", async () => {
    const redirect = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    await withUpstream(always(redirect), async (upstream) => {
      const response = await call(dialer, upstream.origin);
      expect([response.status, response.headers[0], await textOf(response)]).toEqual([
        302,
        ["Location", "http://127.0.0.1:1/"],
        "",
      ]);
      expect(upstream.received).toHaveLength(1);
    });
  });

  test("interim responses are skipped, repeated fields kept, encodings left alone", async () => {
    const bytes = Bun.gzipSync(new TextEncoder().encode("hello"));
    const head =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\n" +
      `X-A: 1\r\nset-cookie: b=2\r\nX-A: 2\r\nContent-Encoding: gzip\r\nContent-Length: ${bytes.length}\r\n\r\n`;
    await withUpstream(always(Buffer.concat([Buffer.from(head), bytes])), async (upstream) => {
      const response = await call(dialer, upstream.origin);
      expect(response.headers.slice(0, 4)).toEqual([
        ["Set-Cookie", "a=1"],
        ["X-A", "1"],
        ["set-cookie", "b=2"],
        ["X-A", "2"],
      ]);
      expect(new Uint8Array(await new Response(response.body).arrayBuffer())).toEqual(bytes);
    });
  });

  test("HTTP/1.0, ended by closing", async () => {
    await withUpstream(always("HTTP/1.0 200 OK\r\n\r\nold", "close"), async (upstream) => {
      expect(await textOf(await call(dialer, upstream.origin))).toBe("old");
    });
  });

  test("HEAD has a length and no body", async () => {
    await withUpstream(always("HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n"), async (upstream) => {
      expect(await textOf(await call(dialer, upstream.origin, { method: "HEAD" }))).toBe("");
      expect(await textOf(await call(dialer, upstream.origin, { method: "HEAD" }))).toBe("");
      expect(upstream.received).toHaveLength(1);
    });
  });

  test.each(["length", "chunked"])("5 MB arrive unchanged (%s)", async (framing) => {
    const content = crypto.getRandomValues(new Uint8Array(50_000));
    const part =
      framing === "chunked" ? Buffer.concat([Buffer.from("c350\r\n"), content, Buffer.from("\r\n")]) : content;
    const field = framing === "chunked" ? "Transfer-Encoding: chunked" : "Content-Length: 5000000";
    const end = framing === "chunked" ? "0\r\n\r\n" : "";
    const response = Buffer.concat([
      Buffer.from(`HTTP/1.1 200 OK\r\n${field}\r\n\r\n`),
      ...new Array<Uint8Array>(100).fill(part),
      Buffer.from(end),
    ]);
    await withUpstream(always(response), async (upstream) => {
      const { body } = await call(dialer, upstream.origin, { limits: { maxResponseBytes: 5_000_000 } });
      const bytes = new Uint8Array(await new Response(body).arrayBuffer());
      expect(Bun.SHA256.hash(bytes, "hex")).toBe(
        Bun.SHA256.hash(Buffer.concat(new Array<Uint8Array>(100).fill(content)), "hex"),
      );
    });
  });

  test("parts arrive as they are sent", async () => {
    let send: (text: string) => void = () => undefined;
    const answer: Answer = (socket) => {
      socket.write("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
      send = (text) => void socket.write(`${text.length.toString(16)}\r\n${text}\r\n`);
    };
    await withUpstream(answer, async (upstream) => {
      const reader = (await call(dialer, upstream.origin)).body.getReader();
      for (const text of ["data: 1\n\n", "data: 2\n\n"]) {
        send(text);
        expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe(text);
      }
      await reader.cancel();
      await until(() => upstream.closed() === 1);
    });
  });
});

describe("connections", () => {
  test("are used again by the same origin and key only", async () => {
    await withUpstream(always(OK), async (upstream) => {
      for (let i = 0; i < 3; i += 1) await textOf(await call(dialer, upstream.origin, { reuseKey: "a" }));
      expect(upstream.received).toHaveLength(1);
      await textOf(await call(dialer, upstream.origin, { reuseKey: "b" }));
      expect(upstream.received).toHaveLength(2);
    });
  });

  test("are not shared while an answer is under way", async () => {
    await withUpstream(always(OK), async (upstream) => {
      const both = await Promise.all([call(dialer, upstream.origin), call(dialer, upstream.origin)]);
      expect(await Promise.all(both.map(textOf))).toEqual(["hi", "hi"]);
      expect(upstream.received).toHaveLength(2);
    });
  });

  test.each([
    `${OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen`,
    "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi",
  ])("are dropped after %j", async (response) => {
    await withUpstream(always(response), async (upstream) => {
      for (let i = 0; i < 2; i += 1) expect(await textOf(await call(dialer, upstream.origin))).toBe("hi");
      expect(upstream.received).toHaveLength(2);
    });
  });

  test("are dropped when bytes come while nobody asked", async () => {
    const answer: Answer = (socket) => {
      socket.write(OK);
      setTimeout(() => socket.write("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nstolen"), 20);
    };
    await withUpstream(answer, async (upstream) => {
      expect(await textOf(await call(dialer, upstream.origin))).toBe("hi");
      await until(() => upstream.closed() === 1);
      expect(await textOf(await call(dialer, upstream.origin))).toBe("hi");
    });
  });

  test("that turn out closed: a GET is sent once more, a POST is not", async () => {
    // The first connection answers once and closes when it is used again.
    const answer: Answer = (socket, received, connection) => {
      if (connection % 2 === 0 && received.split("HTTP/1.1\r\n").length > 2) socket.destroy();
      else socket.write(OK);
    };
    await withUpstream(answer, async (upstream) => {
      await textOf(await call(dialer, upstream.origin));
      expect(await textOf(await call(dialer, upstream.origin))).toBe("hi");
      expect(upstream.received).toHaveLength(2);
    });
    await withUpstream(answer, async (upstream) => {
      await textOf(await call(dialer, upstream.origin));
      const failure = await failureOf(call(dialer, upstream.origin, { method: "POST" }));
      expect(failure).toMatchObject({ code: "upstream_failed", details: { sent: true } });
      expect(upstream.received).toHaveLength(1);
    });
  });

  test("waiting ones are closed with the dialer, and hold nothing up", async () => {
    await withUpstream(always(OK), async (upstream) => {
      const own = loopbackDialer();
      await textOf(await call(own, upstream.origin));
      own.close();
      await until(() => upstream.closed() === 1);
    });
  });
});

describe("request bodies", () => {
  test("an upstream that does not read stops the reading of the body", async () => {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    await withUpstream(
      (socket) => socket.pause(),
      async (upstream) => {
        const limits = { idleMs: 200 };
        const failure = await failureOf(call(dialer, upstream.origin, { method: "POST", body, limits }));
        expect(failure).toMatchObject({ code: "timeout", details: { sent: true } });
        expect(pulled).toBeGreaterThan(2);
        expect(pulled).toBeLessThan(500);
      },
    );
  });

  test("one that fails cuts the request and says so", async () => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        controller.enqueue(new Uint8Array(4));
      },
      async pull() {
        await Bun.sleep(20);
        throw new Error("the source broke");
      },
    });
    await withUpstream(
      () => undefined,
      async (upstream) => {
        const failure = await failureOf(call(dialer, upstream.origin, { method: "POST", body }));
        expect(failure).toMatchObject({
          code: "upstream_failed",
          details: { sent: true },
          cause: { message: "the source broke" },
        });
        await until(() => upstream.closed() === 1);
        expect(upstream.received[0]).not.toContain("0\r\n\r\n");
      },
    );
  });

  test.each([[4], [6]])("one of 5 bytes where %i were stated", async (bodyLength) => {
    await withUpstream(
      () => undefined,
      async (upstream) => {
        const failure = await failureOf(
          call(dialer, upstream.origin, { method: "PUT", body: streamOf("hel", "lo"), bodyLength }),
        );
        expect(failure.code).toBe("invalid_argument");
        await until(() => upstream.closed() === 1);
      },
    );
  });

  test("an answer before the body is read ends the sending, and the connection", async () => {
    let cancelled = false;
    const body = new ReadableStream<Uint8Array>({
      async pull(controller) {
        await Bun.sleep(1);
        controller.enqueue(new Uint8Array(1_000));
      },
      cancel() {
        cancelled = true;
      },
    });
    const answer: Answer = (socket, _, connection) => {
      socket.removeAllListeners("data");
      if (connection === 0) socket.write("HTTP/1.1 413 Content Too Large\r\nContent-Length: 2\r\n\r\nno");
      socket.resume();
    };
    await withUpstream(answer, async (upstream) => {
      const response = await call(dialer, upstream.origin, { method: "POST", body });
      expect([response.status, await textOf(response)]).toEqual([413, "no"]);
      await until(() => cancelled && upstream.closed() === 1);
    });
  });

  test("a body of 3 MB arrives whole", async () => {
    const answer: Answer = (socket, received) => {
      if (received.length > 3_100_000) socket.write(OK);
    };
    await withUpstream(answer, async (upstream) => {
      const body = new Uint8Array(3_100_000);
      expect(await textOf(await call(dialer, upstream.origin, { method: "PUT", body }))).toBe("hi");
    });
  });
});
