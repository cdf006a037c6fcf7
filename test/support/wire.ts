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
  /** The value of every header of this name that clients sent, repetitions included. */
  sentHeader(name: string): readonly string[];
  stop(): void;
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
    sentHeader: (name) =>
      [...text("sent").matchAll(new RegExp(`^${name}: *([^\\r\\n]*)`, "gim"))].map(([, value = ""]) => value),
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
