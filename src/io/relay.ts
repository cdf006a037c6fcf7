import { connect, createServer } from "node:net";
import { messageOf, WritError } from "#src/base/errors.ts";

/** Where bytes come from or go to: a socket of the file system, or a port. */
export type RelayEnd = { readonly path: string } | { readonly host: string; readonly port: number };

/** A relay that runs. */
export interface Relay {
  /** The port that it listens on; 0 for a socket of the file system. */
  readonly port: number;
  close(): void;
}

/**
 * Takes connections at one place and carries their bytes to another, unseen and unchanged. It leads to the one place that it
 * was told, which is a Writ server's own listener, whatever comes through. Throws `invalid_argument` where it cannot listen.
 */
export async function startRelay(from: RelayEnd, to: RelayEnd): Promise<Relay> {
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const onward = connect("path" in to ? { path: to.path } : { host: to.host, port: to.port, noDelay: true });
    onward.on("error", () => client.destroy()).on("close", () => client.destroy());
    client.on("error", () => onward.destroy()).on("close", () => onward.destroy());
    client.pipe(onward);
    onward.pipe(client);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (cause) => {
      reject(new WritError("invalid_argument", `cannot listen for the agent: ${messageOf(cause)}`, { cause }));
    });
    if ("path" in from) server.listen(from.path, resolve);
    else server.listen(from.port, from.host, resolve);
  });
  const address = server.address();
  return {
    port: typeof address === "object" && address !== null ? address.port : 0,
    close: () => void server.close(),
  };
}
