import { lookup } from "node:dns/promises";
import { connect as connectTcpSocket, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { connect as connectTlsSocket, createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import { isWritError, messageOf, WritError } from "#src/base/errors.ts";
import { type AddressPolicy, classifyAddress, type ListenerAddress } from "./addresses.ts";
import { Connection } from "./connection.ts";
import { type ConnectionPool, createConnectionPool } from "./connection-pool.ts";
import type { Origin } from "./origin.ts";
import { openTunnel } from "./tunnel.ts";

/** What {@link createDialer} stands on. */
export interface DialerOptions {
  readonly addressPolicy: AddressPolicy;
  /** All addresses of a name. Asked once for a connection; the operating system's resolver unless given. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** An http or https proxy that makes all connections by CONNECT, and then resolves all names. May carry a user and password. */
  readonly proxy?: URL;
  /** PEM certificates of authorities to trust beside the public ones. */
  readonly caCertificates?: readonly string[];
}

/** How long one connection may take to make, and what ends the attempt. */
export interface DialLimits {
  /** Milliseconds for resolving, connecting and TLS together. */
  readonly connectMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** The one way out. */
export interface Dialer {
  /**
   * A new connection to `origin`, TLS included where it is https.
   *
   * Throws `destination_refused` when any of the addresses is refused, `timeout`, or `upstream_failed` when the name does
   * not resolve, nothing accepts the connection, or the certificate does not verify; each with the detail `sent: false`.
   */
  dial(origin: Origin, limits: DialLimits): Promise<Connection>;
  /** Connections that wait for their next request. */
  readonly idle: ConnectionPool;
  close(): void;
}

/**
 * Makes the one way out of this process.
 *
 * A name is resolved once, every address it has is checked, and the connection goes to one of exactly those addresses:
 * there is no second look-up that could answer differently. One refused address refuses the name. TLS verifies the
 * certificate against the origin's host, offers that name, and speaks HTTP/1.1 only. No variable of the environment is
 * read. With a proxy, names are the proxy's to resolve; addresses that stand in an origin are still checked here.
 */
export function createDialer(options: DialerOptions): Dialer {
  const resolve = options.resolve ?? resolveBySystem;
  const proxy = options.proxy;
  if (proxy !== undefined && proxy.protocol !== "http:" && proxy.protocol !== "https:") {
    throw new WritError("config_invalid", "the proxy is not an http or https URL");
  }
  const secureContext = createTrust(options.caCertificates ?? []);
  const idle = createConnectionPool();

  async function dial(origin: Origin, deadline: Deadline): Promise<Connection> {
    if (proxy !== undefined) {
      if (origin.address !== undefined) requireAllowed([origin.address], origin.port);
      const tunnel = await openProxyTunnel(proxy, origin, deadline);
      return new Connection(await secure(tunnel, origin, deadline), origin.address ?? null);
    }
    const addresses = origin.address === undefined ? await resolveName(origin.host, deadline) : [origin.address];
    requireAllowed(addresses, origin.port);
    const { socket, address } = await connectToFirst(addresses, origin.port, deadline);
    return new Connection(await secure(socket, origin, deadline), address);
  }

  function requireAllowed(addresses: readonly string[], port: number): void {
    for (const address of addresses) {
      const verdict = options.addressPolicy.check(address, port);
      if (!verdict.ok) throw new WritError(verdict.code, verdict.reason);
    }
  }

  async function resolveName(host: string, deadline: Deadline): Promise<readonly string[]> {
    const addresses = await deadline.race(resolve(host));
    if (addresses.length === 0) throw new WritError("upstream_failed", `the name \`${host}\` has no address`);
    return [...new Set(addresses)];
  }

  async function secure(socket: Socket, origin: Origin, deadline: Deadline): Promise<Socket> {
    return origin.scheme === "https" ? startTls(socket, origin, secureContext, deadline) : socket;
  }

  async function openProxyTunnel(through: URL, origin: Origin, deadline: Deadline): Promise<Socket> {
    const host = through.hostname.replace(/^\[|\]$/g, "");
    const isTls = through.protocol === "https:";
    const port = through.port === "" ? (isTls ? 443 : 80) : Number(through.port);
    const addresses = classifyAddress(host) === "invalid" ? await deadline.race(resolveBySystem(host)) : [host];
    const { socket } = await connectToFirst(addresses, port, deadline);
    const address = classifyAddress(host) === "invalid" ? undefined : host;
    const ready = isTls ? await startTls(socket, { host, address }, secureContext, deadline) : socket;
    return openTunnel(ready, origin, through, deadline);
  }

  return {
    idle,
    async dial(origin, limits) {
      const deadline = new Deadline(limits);
      try {
        return await dial(origin, deadline);
      } catch (cause) {
        throw toDialError(cause, origin, deadline, limits);
      } finally {
        deadline.end();
      }
    },
    close: () => idle.close(),
  };
}

/**
 * The addresses under which a listener can be reached from this host: its own, or one for each of the host's interfaces
 * where it listens on all of them.
 */
export function listenerAddresses(listener: ListenerAddress): ListenerAddress[] {
  if (classifyAddress(listener.address) !== "unspecified") return [listener];
  const interfaces = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  return [listener, ...interfaces.map(({ address }) => ({ address, port: listener.port }))];
}

/** What ends an attempt to connect: the time, or the caller. */
export class Deadline {
  readonly endsAt: number;
  timedOut = false;
  private readonly signal: AbortSignal | undefined;
  private readonly timer: ReturnType<typeof setTimeout>;
  private readonly ended: Promise<never>;
  private readonly reject: (cause: unknown) => void;
  private readonly onAbort = () => this.reject(this.signal?.reason);

  constructor(limits: DialLimits) {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined);
    this.ended = promise;
    this.reject = reject;
    this.endsAt = performance.now() + limits.connectMs;
    this.timer = setTimeout(() => {
      this.timedOut = true;
      reject(new WritError("timeout"));
    }, limits.connectMs);
    this.signal = limits.signal;
    this.signal?.addEventListener("abort", this.onAbort, { once: true });
    if (this.signal?.aborted) this.onAbort();
  }

  /** The result of `work`, or a rejection at the deadline. */
  race<T>(work: Promise<T>): Promise<T> {
    return Promise.race([work, this.ended]);
  }

  /** The result of `work` on `socket`, which is destroyed when that fails or comes too late. */
  async raceOn<T>(socket: Socket, work: Promise<T>): Promise<T> {
    try {
      return await this.race(work);
    } catch (cause) {
      socket.on("error", () => undefined);
      socket.destroy();
      throw cause;
    }
  }

  end(): void {
    clearTimeout(this.timer);
    this.signal?.removeEventListener("abort", this.onAbort);
  }
}

async function resolveBySystem(host: string): Promise<string[]> {
  const found = await lookup(host, { all: true, verbatim: true });
  return found.map(({ address }) => address);
}

/** Tries addresses in their order; each but the last has its share of the time left. */
async function connectToFirst(
  addresses: readonly string[],
  port: number,
  deadline: Deadline,
): Promise<{ socket: Socket; address: string }> {
  let failure: unknown;
  for (const [index, address] of addresses.entries()) {
    const left = deadline.endsAt - performance.now();
    const share = new Deadline({ connectMs: left / (addresses.length - index) });
    try {
      return { socket: await deadline.race(connectTcp(address, port, share)), address };
    } catch (cause) {
      failure = cause;
      if (deadline.timedOut) break;
    } finally {
      share.end();
    }
  }
  throw failure;
}

async function connectTcp(host: string, port: number, deadline: Deadline): Promise<Socket> {
  const socket = connectTcpSocket({ host, port, noDelay: true });
  await deadline.raceOn(socket, once(socket, "connect"));
  return socket;
}

async function startTls(
  socket: Socket,
  host: Pick<Origin, "host" | "address">,
  secureContext: SecureContext | undefined,
  deadline: Deadline,
): Promise<Socket> {
  // An address is no server name (RFC 6066 section 3): the certificate is then checked against the address itself.
  const name = host.host.replace(/\.$/, "");
  const identity = host.address === name ? { host: name } : { host: name, servername: name };
  const secured = connectTlsSocket({
    socket,
    ...identity,
    ...(secureContext === undefined ? {} : { secureContext }),
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    ALPNProtocols: ["http/1.1"],
  });
  await deadline.raceOn(secured, once(secured, "secureConnect"));
  if (!secured.authorized) {
    secured.destroy();
    throw new WritError("upstream_failed", "the upstream's certificate does not verify");
  }
  return secured;
}

/** Resolves at the event; rejects when the socket fails or closes before it. */
export function once(socket: Socket, event: "connect" | "secureConnect"): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onClose = (): void => reject(new Error("the connection was closed"));
  const settle = (): void => {
    socket.off(event, resolve).off("error", reject).off("close", onClose);
  };
  socket.on(event, resolve).on("error", reject).on("close", onClose);
  return promise.finally(settle);
}

/** Parsing the authorities takes milliseconds, so it is done once; without any of its own the runtime's store is used. */
function createTrust(caCertificates: readonly string[]): SecureContext | undefined {
  if (caCertificates.length === 0) return undefined;
  return createSecureContext({ ca: [...rootCertificates, ...caCertificates] });
}

function toDialError(cause: unknown, origin: Origin, deadline: Deadline, limits: DialLimits): WritError {
  const details = { sent: false };
  if (limits.signal?.aborted) return new WritError("upstream_failed", "the call was aborted", { details, cause });
  if (deadline.timedOut || isWritError(cause, "timeout")) {
    const message = `connecting to \`${origin.authority}\` took longer than ${limits.connectMs} ms`;
    return new WritError("timeout", message, { details, cause });
  }
  if (isWritError(cause)) return new WritError(cause.code, cause.message, { details, cause });
  return new WritError("upstream_failed", `\`${origin.authority}\` cannot be reached: ${messageOf(cause)}`, {
    details,
    cause,
  });
}
