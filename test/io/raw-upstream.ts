import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";

/** A server that speaks bytes: what arrives is recorded as Latin-1, what is answered is the test's own. */
export interface RawUpstream {
  readonly port: number;
  readonly origin: string;
  /** What each connection sent, in order of connecting. */
  readonly received: string[];
  /** How many connections the client has closed. */
  closed(): number;
  stop(): void;
}

/** Called whenever bytes arrive, with all that the connection has sent. */
export type Answer = (socket: Socket, received: string, connection: number) => void;

export interface RawUpstreamOptions {
  readonly address?: string;
  readonly tls?: { readonly key: string; readonly cert: string };
}

export async function startRawUpstream(answer: Answer, options: RawUpstreamOptions = {}): Promise<RawUpstream> {
  const received: string[] = [];
  const sockets = new Set<Socket>();
  let closed = 0;
  const accept = (socket: Socket): void => {
    const connection = received.push("") - 1;
    sockets.add(socket);
    socket.setNoDelay(true);
    socket.on("error", () => undefined);
    socket.on("close", () => {
      closed += 1;
      sockets.delete(socket);
    });
    socket.on("data", (chunk: Buffer) => {
      const text = (received[connection] ?? "") + chunk.toString("latin1");
      received[connection] = text;
      answer(socket, text, connection);
    });
  };
  const server: Server = options.tls === undefined ? createServer(accept) : createTlsServer(options.tls, accept);
  const { promise, resolve } = Promise.withResolvers<void>();
  const host = options.address ?? "127.0.0.1";
  server.listen(0, host, () => resolve());
  await promise;
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return {
    port,
    origin: `${options.tls === undefined ? "http" : "https"}://${host.includes(":") ? `[${host}]` : host}:${port}`,
    received,
    closed: () => closed,
    stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** Answers each complete request head with the same bytes. */
export function always(response: string | Uint8Array, after: "keep" | "close" = "keep"): Answer {
  return (socket, received) => {
    if (!received.endsWith("\r\n\r\n")) return;
    if (after === "close") socket.end(response);
    else socket.write(response);
  };
}

export const OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
