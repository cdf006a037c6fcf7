import { lookup } from "node:dns/promises";
import { connect as connectTcpSocket, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { connect as connectTlsSocket, createSecureContext, rootCertificates, type SecureContext } from "node:tls";
import { isWritError, messageOf, WritError } from "#src/base/errors.ts";
import { type AddressPolicy, classifyAddress, type ListenerAddress } from "./addresses.ts";
import { Connection } from "./connection.ts";
import { type ConnectionPool, createConnectionPool } from "./connection-pool.ts";
import { Deadline, type DialLimits, once } from "./deadline.ts";
import { type Origin, parseOrigin } from "./origin.ts";
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

/** The one way out. */
export interface Dialer {
  /**
   * A new connection to `origin`, TLS included where it is https.
   *
   * Throws `destination_refused` when any of the addresses is refused, `timeout`, or `upstream_failed` when the name does
   * not resolve, nothing accepts the connection, or the certificate does not verify; each with the detail `sent: false`.
   */
  dial(origin: Origin, limits: DialLimits): Promise<Connection>;
  /** The same for a protocol that is not HTTP: the socket itself, which is the caller's to end. Throws the same. */
  dialSocket(origin: Origin, limits: DialLimits): Promise<Socket>;
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

  async function open(origin: Origin, deadline: Deadline): Promise<{ socket: Socket; address: string | null }> {
    const literals = origin.literals === undefined ? undefined : requireOneAllowed(origin.literals, origin.port);
    if (proxy !== undefined) {
      const tunnel = await openProxyTunnel(proxy, origin, deadline);
      return { socket: await secure(tunnel, origin, deadline), address: literals?.[0] ?? null };
    }
    const addresses = literals ?? requireAllAllowed(await resolveName(origin.host, deadline), origin.port);
    const { socket, address } = await connectToFirst(addresses, origin.port, deadline);
    return { socket: await secure(socket, origin, deadline), address };
  }

  async function within(origin: Origin, limits: DialLimits): Promise<{ socket: Socket; address: string | null }> {
    const deadline = new Deadline(limits);
    try {
      return await open(origin, deadline);
    } catch (cause) {
      throw toDialError(cause, origin, deadline, limits);
    } finally {
      deadline.end();
    }
  }

  function requireAllAllowed(addresses: readonly string[], port: number): readonly string[] {
    for (const address of addresses) {
      const verdict = options.addressPolicy.check(address, port);
      if (!verdict.ok) throw new WritError(verdict.code, verdict.reason);
    }
    return addresses;
  }

  /** What the origin itself spells is fixed, so that leaving out what is refused opens nothing. */
  function requireOneAllowed(addresses: readonly string[], port: number): readonly string[] {
    const allowed = addresses.filter((address) => options.addressPolicy.check(address, port).ok);
    return allowed.length > 0 ? allowed : requireAllAllowed(addresses, port);
  }

  async function resolveName(host: string, deadline: Deadline): Promise<readonly string[]> {
    const addresses = await deadline.race(resolve(host));
    if (addresses.length === 0) throw new WritError("upstream_failed", `the name \`${host}\` has no address`);
    return [...new Set(addresses)];
  }

  async function secure(socket: Socket, origin: Origin, deadline: Deadline): Promise<Socket> {
    return origin.scheme === "https" ? startTls(socket, origin.host, secureContext, deadline) : socket;
  }

  async function openProxyTunnel(through: URL, origin: Origin, deadline: Deadline): Promise<Socket> {
    const { host, port, scheme, literals } = parseOrigin(through.origin);
    const addresses = literals ?? (await deadline.race(resolveBySystem(host)));
    const { socket } = await connectToFirst(addresses, port, deadline);
    const ready = scheme === "https" ? await startTls(socket, host, secureContext, deadline) : socket;
    return openTunnel(ready, origin, through, deadline);
  }

  return {
    idle,
    async dial(origin, limits) {
      const { socket, address } = await within(origin, limits);
      return new Connection(socket, address);
    },
    dialSocket: async (origin, limits) => (await within(origin, limits)).socket,
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
    const share = deadline.share(addresses.length - index);
    try {
      return { socket: await connectTcp(address, port, share), address };
    } catch (cause) {
      failure = cause;
      if (deadline.isOver) break;
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
  host: string,
  secureContext: SecureContext | undefined,
  deadline: Deadline,
): Promise<Socket> {
  // An address is no server name (RFC 6066 section 3): the certificate is then checked against the address itself.
  const name = host.replace(/\.$/, "");
  const identity = classifyAddress(name) === "invalid" ? { host: name, servername: name } : { host: name };
  const secured = connectTlsSocket({
    socket,
    ...identity,
    ...(secureContext === undefined ? {} : { secureContext }),
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    ALPNProtocols: ["http/1.1"],
  });
  await deadline.raceOn(socket, deadline.raceOn(secured, once(secured, "secureConnect")));
  if (!secured.authorized) {
    secured.destroy();
    throw new WritError("upstream_failed", "the upstream's certificate does not verify");
  }
  return secured;
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
