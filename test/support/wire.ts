import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** Everything that went over the connections of one listener, both ways. */
export interface Wire {
  /** `http://127.0.0.1:PORT`: what clients are given instead of the server behind it. */
  readonly origin: string;
  readonly port: number;
  /** What clients sent, as Latin-1, connection after connection in the order that they were made. */
  sent(): string;
  /** What they received. */
  received(): string;
  /** The requests in what clients sent. */
  requests(): readonly WireRequest[];
  stop(): void;
}

/** An HTTP/1.1 request as it went over a wire. */
export interface WireRequest {
  readonly method: string;
  readonly target: string;
  /** Names in lower case; of several of one name the last. */
  readonly headers: ReadonlyMap<string, string>;
  /** As many bytes as `Content-Length` says; Latin-1. */
  readonly body: string;
}

/**
 * A wire with a recorder on it: passes every byte between a client and the server at `port` on to the other side as it is,
 * and keeps a copy. The server may come later than the wire.
 */
export async function recordWire(port: () => number): Promise<Wire> {
  const legs: { readonly sent: Buffer[]; readonly received: Buffer[] }[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const leg = { sent: [] as Buffer[], received: [] as Buffer[] };
    legs.push(leg);
    const upstream = connect(port(), "127.0.0.1");
    join(client, upstream, leg.sent);
    join(upstream, client, leg.received);
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.on("close", () => sockets.delete(socket));
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const listening = (server.address() as AddressInfo).port;
  const text = (side: "sent" | "received"): string =>
    legs.map((leg) => Buffer.concat(leg[side]).toString("latin1")).join("\n");
  return {
    origin: `http://127.0.0.1:${listening}`,
    port: listening,
    sent: () => text("sent"),
    received: () => text("received"),
    requests: () => legs.flatMap((leg) => [...readRequests(Buffer.concat(leg.sent).toString("latin1"))]),
    stop: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Passes what comes out of one socket into another, and its end. */
function join(from: Socket, to: Socket, copy: Buffer[]): void {
  from.on("data", (bytes) => {
    copy.push(Buffer.from(bytes));
    if (!to.write(bytes)) from.pause();
  });
  to.on("drain", () => from.resume());
  from.on("end", () => to.end());
  from.on("error", () => to.destroy());
  from.on("close", () => to.end());
}

function* readRequests(text: string): Generator<WireRequest, void> {
  for (let at = 0; at < text.length; ) {
    const end = text.indexOf("\r\n\r\n", at);
    const head = /^([A-Z]+) (\S+) HTTP\/1\.1\r\n/.exec(text.slice(at, end));
    if (end === -1 || head === null) throw new Error(`no request of HTTP/1.1: ${text.slice(at, at + 80)}`);
    const lines = text.slice(at, end).split("\r\n").slice(1);
    const headers = new Map(
      lines.map((line) => [line.slice(0, line.indexOf(":")).toLowerCase(), line.slice(line.indexOf(":") + 1).trim()]),
    );
    if (headers.has("transfer-encoding")) throw new Error("a chunked request");
    const bodyEnd = end + 4 + Number(headers.get("content-length") ?? 0);
    yield { method: head[1] ?? "", target: head[2] ?? "", headers, body: text.slice(end + 4, bodyEnd) };
    at = bodyEnd;
  }
}
