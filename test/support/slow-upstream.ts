/** A server on loopback that takes one token and can keep an answer open. */
export interface SlowUpstream {
  readonly origin: string;
  readonly token: string;
  /** How many requests came, whatever became of them. */
  requests(): number;
  /** Lets every answer that is open come to its end. */
  finish(): void;
  stop(): void;
}

/** `/plain` answers at once; `/stream` begins to, and ends with `the end` when it is told to. */
export function startSlowUpstream(): SlowUpstream {
  const token = `upstream-${crypto.randomUUID()}`;
  const open = new Set<() => void>();
  let requests = 0;
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 60,
    fetch: (request) => {
      requests += 1;
      if (request.headers.get("authorization") !== `Bearer ${token}`) return new Response("no", { status: 401 });
      if (!request.url.endsWith("/stream")) return new Response("plain");
      let end: (() => void) | undefined;
      const body = new ReadableStream({
        start: (controller) => {
          controller.enqueue("the beginning, which is long enough to be passed on at once\n".repeat(50));
          end = () => {
            controller.enqueue("the end");
            controller.close();
          };
          open.add(end);
        },
        cancel: () => {
          if (end !== undefined) open.delete(end);
        },
      });
      return new Response(body, { headers: { "content-type": "text/plain" } });
    },
  });
  return {
    origin: `http://127.0.0.1:${server.port}`,
    token,
    requests: () => requests,
    finish: () => {
      for (const end of open) end();
      open.clear();
    },
    stop: () => void server.stop(true),
  };
}
