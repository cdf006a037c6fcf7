import type { Socket } from "bun";

/** What one run of the client is told, as JSON in its first argument. */
export interface LoadOrder {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  /** The request, head and body, exactly as it goes out. */
  readonly request: string;
  /** What every answer's body must contain. */
  readonly expect: string;
}

/** What the client prints when it is done, as JSON. Times in milliseconds. */
export interface LoadResult {
  readonly answers: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  /** Of the client itself: what it took away from the server. */
  readonly clientCpuMs: number;
}

const MAX_SAMPLES = 2_000_000;

/** Keep-alive HTTP/1.1 over plain sockets: on each connection the next request goes out when the answer is complete. */
async function runLoad(order: LoadOrder): Promise<LoadResult> {
  const request = Buffer.from(order.request, "latin1");
  const latencies = new Float64Array(MAX_SAMPLES);
  let answers = 0;
  const startedAt = performance.now();
  const cpuBefore = process.cpuUsage();
  const endsAt = startedAt + order.seconds * 1000;
  const done = Promise.withResolvers<void>();
  let open = order.connections;

  const send = (socket: Socket<Reading>): void => {
    const now = performance.now();
    if (now >= endsAt) {
      socket.end();
      open -= 1;
      if (open === 0) done.resolve();
      return;
    }
    socket.data.sentAt = now;
    if (socket.write(request) !== request.length) done.reject(new Error("a request did not fit the socket's buffer"));
  };

  for (let i = 0; i < order.connections; i += 1) {
    await Bun.connect<Reading>({
      hostname: "127.0.0.1",
      port: order.port,
      data: { sentAt: 0, pending: "" },
      socket: {
        open: (socket) => {
          socket.setNoDelay(true);
          send(socket);
        },
        data: (socket, chunk) => {
          const reading = socket.data;
          const text = reading.pending + chunk.toString("latin1");
          if (!isComplete(text)) {
            reading.pending = text;
            return;
          }
          reading.pending = "";
          if (!text.startsWith("HTTP/1.1 200") || !text.includes(order.expect)) {
            done.reject(new Error(`an unexpected answer: ${text.slice(0, 2000)}`));
            return;
          }
          if (answers < MAX_SAMPLES) latencies[answers] = performance.now() - reading.sentAt;
          answers += 1;
          send(socket);
        },
        error: (_, error) => done.reject(error),
        connectError: (_, error) => done.reject(error),
        close: (socket) => {
          if (performance.now() < endsAt && socket.data.sentAt > 0) done.reject(new Error("a connection was closed"));
        },
      },
    });
  }
  await done.promise;
  const elapsed = (performance.now() - startedAt) / 1000;
  const cpu = process.cpuUsage(cpuBefore);
  const sorted = latencies.subarray(0, Math.min(answers, MAX_SAMPLES)).sort();
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
  return {
    answers,
    perSecond: answers / elapsed,
    p50: at(0.5),
    p99: at(0.99),
    clientCpuMs: (cpu.user + cpu.system) / 1000,
  };
}

interface Reading {
  sentAt: number;
  pending: string;
}

/** Whether a whole answer is there: by its stated length, or by the chunk that ends it. */
function isComplete(text: string): boolean {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, headEnd));
  return length === null ? text.endsWith("\r\n0\r\n\r\n") : text.length >= headEnd + 4 + Number(length[1]);
}

console.log(JSON.stringify(await runLoad(JSON.parse(process.argv[2] ?? "") as LoadOrder)));
process.exit(0);
