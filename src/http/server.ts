import { readFileSync, rmSync, statSync } from "node:fs";
import type { Server } from "bun";
import type { Clock } from "#src/base/clock.ts";
import { messageOf, WritError } from "#src/base/errors.ts";
import type { IdSource } from "#src/base/ids.ts";
import type { Log } from "#src/base/log.ts";
import type { Config, TlsFiles } from "#src/config/config.ts";
import type { Metrics } from "#src/telemetry/metrics.ts";
import type { WritMetrics } from "#src/telemetry/requests.ts";
import type { TelemetryStore } from "#src/telemetry/telemetry-store.ts";
import { createDispatcher, type DispatchGround, faultResponse } from "./dispatch.ts";
import { type ForwardProxyOptions, type RunningForward, startForwardProxy } from "./forward-proxy.ts";
import { knownHosts } from "./host-check.ts";
import { createKeyUse } from "./key-use.ts";
import { type Listener, socketListener, tcpListener } from "./listener.ts";
import { describeRoutes } from "./openapi.ts";
import { createReadiness } from "./readiness.ts";
import { createRouter, type Handler } from "./router.ts";
import { allRoutes } from "./routes.ts";
import type { HttpServices } from "./services.ts";
import { listenPrivately, removeStaleSocket, socketPathOf } from "./unix-socket.ts";

/** What the edge is started with. The caller holds the data folder's lock. */
export interface HttpOptions {
  readonly services: HttpServices;
  readonly config: Config;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly log: Log;
  readonly metrics: WritMetrics;
  readonly registry: Metrics;
  /** Undefined where none is kept. */
  readonly telemetry?: TelemetryStore | undefined;
  readonly capacity: { readonly check: () => void };
  /** What the forward proxy needs, where `config.forward` asks for one. */
  readonly forwarding?: Pick<ForwardProxyOptions, "dialer" | "authority">;
  /** `socket-only`: the operator's socket and nothing else. */
  readonly listen: "tcp" | "socket-only";
}

/** The running edge. */
export interface HttpServer {
  /** `http://127.0.0.1:8620`; undefined without a TCP listener. */
  readonly url: string | undefined;
  readonly listener: { readonly address: string; readonly port: number } | undefined;
  /** Where the forward proxy listens. */
  readonly forward: { readonly address: string; readonly port: number } | undefined;
  readonly socketPath: string;
  /** Takes no more connections, refuses what still comes on open ones, and lets nobody wait on. Returns at once. */
  stopAccepting(): Promise<void>;
  /** The same, then waits for running requests, at most so long, and cuts what is left. */
  stop(graceMs?: number): Promise<void>;
}

const STOP_GRACE_MS = 1000;
/** A connection on which nothing moves for so long is cut, unless its route allows more. */
const IDLE_SECONDS = 30;
/** On the operator's socket: every wait for an approval and every export ends before that. */
const OPERATOR_IDLE_SECONDS = 255;
/** `minVersion` of TLS 1.3 (RFC 8446 section 4.2.1). */
const TLS_1_3 = 0x0304;
/** Bits of a file's mode that let in whoever is neither its owner nor of its group. */
const OTHERS = 0o007;

type BunServer = Server<undefined>;

/** Listens. Throws `config_invalid` for an address, certificate or socket path that cannot be used. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const { services, config, clock, ids, log, metrics, registry, telemetry, capacity } = options;
  const stopping = new AbortController();
  const isStopping = (): boolean => stopping.signal.aborted;
  const keyUse = createKeyUse(services.recorder);
  const ground: DispatchGround = {
    services,
    config,
    clock,
    ids,
    log,
    metrics,
    keyUse,
    stopping: stopping.signal,
  };
  const dispatcher = createDispatcher(ground);
  const readiness = createReadiness({
    reader: services.reader,
    dataFolder: config.dataFolder,
    clock,
    checkCapacity: capacity.check,
    isStopping,
  });
  let description: string | undefined;
  let forward: RunningForward | undefined;
  const routes = allRoutes({
    registry,
    telemetry,
    forward: () => forward,
    readiness,
    openApi: () => {
      description ??= JSON.stringify(describeRoutes(routes, config.publicUrl));
      return description;
    },
  });
  const routerOf = (listener: Listener): Handling => ({
    // The runtime's own page for faults, with sources and stack, is for developers.
    development: false,
    fetch: createRouter({ routes, listener, dispatcher, isStopping, log }),
    error: (error) => faultResponse(error, listener, log),
  });

  const servers: BunServer[] = [];
  const socketPath = socketPathOf(config.dataFolder);
  try {
    servers.push(listenOnSocket(socketPath, routerOf));
    const tcp = options.listen === "tcp" ? listenOnAddress(config, routerOf) : undefined;
    if (tcp !== undefined) servers.push(tcp.server);
    if (options.listen === "tcp" && options.forwarding !== undefined && config.forward !== undefined) {
      const { authority } = options.forwarding;
      const tls = config.forward.tls === undefined ? undefined : readTlsFiles(config.forward.tls);
      const parts = { services, dispatcher, log, isStopping, tls, now: () => clock.now(), ...options.forwarding };
      forward = { listener: await startForwardProxy(parts, config.forward), authority, config: config.forward };
    }
    return {
      url: tcp?.url,
      listener: tcp?.listener,
      forward: forward?.listener,
      socketPath,
      stopAccepting: async () => stopAccepting(),
      stop: async (graceMs = STOP_GRACE_MS) => {
        stopAccepting();
        await Promise.race([Promise.all(servers.map((server) => server.stop(false))), Bun.sleep(graceMs)]);
        await cut();
      },
    };
  } catch (error) {
    await cut();
    throw error;
  }

  function stopAccepting(): void {
    if (isStopping()) return;
    stopping.abort();
    void forward?.listener.close();
    for (const server of servers) void server.stop(false);
  }

  async function cut(): Promise<void> {
    await Promise.all(servers.map((server) => server.stop(true)));
    keyUse.stop();
    rmSync(socketPath, { force: true });
  }
}

/** How the runtime is told to handle requests. */
interface Handling {
  readonly development: false;
  readonly fetch: Handler;
  readonly error: (error: unknown) => Response;
}

function listenOnSocket(path: string, routerOf: (listener: Listener) => Handling): BunServer {
  removeStaleSocket(path);
  let server: BunServer | undefined;
  const handling = routerOf(socketListener(() => server as BunServer));
  server = tryListen(path, () =>
    listenPrivately(() => {
      const options = { unix: path, maxRequestBodySize: Number.MAX_SAFE_INTEGER, ...handling };
      // The types of the runtime know no idle timeout of sockets; it has one, of 10 s, and a single request cannot raise it.
      Object.assign(options, { idleTimeout: OPERATOR_IDLE_SECONDS });
      return Bun.serve(options);
    }),
  );
  return server;
}

interface TcpServer {
  readonly server: BunServer;
  readonly url: string;
  readonly listener: { readonly address: string; readonly port: number };
}

function listenOnAddress(config: Config, routerOf: (listener: Listener) => Handling): TcpServer {
  const { listen, publicUrl, tls, trustProxy } = config;
  let server: BunServer | undefined;
  let hosts: ReadonlySet<string> = new Set();
  const peers = (): BunServer => server as BunServer;
  const handling = routerOf(tcpListener(peers, { isTls: tls !== undefined, hosts: () => hosts, trusted: trustProxy }));
  // A name could resolve to more than this machine; `localhost` is what it says (RFC 6761 section 6.3).
  const address = listen.host === "localhost" ? "127.0.0.1" : listen.host;
  server = tryListen(`${listen.host}:${listen.port}`, () =>
    Bun.serve({
      hostname: address,
      port: listen.port,
      // Outside of development the runtime lets other processes share the port unless it is told not to.
      reusePort: false,
      idleTimeout: IDLE_SECONDS,
      // Bodies are bounded where they are read: by route, and with an answer that says so.
      maxRequestBodySize: Number.MAX_SAFE_INTEGER,
      ...(tls === undefined ? {} : { tls: readTls(tls) }),
      ...handling,
    }),
  );
  const port = server.port as number;
  hosts = knownHosts(publicUrl, listen.host);
  const written = listen.host.includes(":") ? `[${listen.host}]` : listen.host;
  return { server, url: `${tls === undefined ? "http" : "https"}://${written}:${port}`, listener: { address, port } };
}

function tryListen(where: string, listen: () => BunServer): BunServer {
  try {
    return listen();
  } catch (cause) {
    if (cause instanceof WritError) throw cause;
    throw new WritError("config_invalid", `cannot listen on \`${where}\`: ${messageOf(cause)}`, { cause });
  }
}

function readTls(files: TlsFiles): Bun.TLSOptions {
  return { ...readTlsFiles(files), minVersion: TLS_1_3 } as Bun.TLSOptions;
}

function readTlsFiles({ certFile, keyFile }: TlsFiles): { readonly cert: string; readonly key: string } {
  const read = (name: string, path: string): string => {
    try {
      return readFileSync(path, "utf8");
    } catch (cause) {
      throw new WritError("config_invalid", `\`${name}\` cannot be read: ${messageOf(cause)}`, { cause });
    }
  };
  const files = { cert: read("WRIT_TLS_CERT", certFile), key: read("WRIT_TLS_KEY", keyFile) };
  // A group may share certificates, as on many hosts; everybody may not.
  if ((statSync(keyFile).mode & OTHERS) !== 0) {
    throw new WritError(
      "key_material_unsafe",
      `\`WRIT_TLS_KEY\`: \`${keyFile}\` can be read by every user of this host`,
    );
  }
  return files;
}
