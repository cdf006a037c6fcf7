import type { Server } from "bun";
import { WritError } from "#src/base/errors.ts";
import { isId } from "#src/base/ids.ts";
import type { Log } from "#src/base/log.ts";
import type { ForwardConfig } from "#src/config/config.ts";
import type { AgentPrincipal } from "#src/identity/authenticate.ts";
import type { Dialer } from "#src/io/dial.ts";
import {
  type ConnectAnswer,
  type ConnectRequest,
  type ForwardListener,
  listenForward,
} from "#src/io/forward-listener.ts";
import { parseOrigin } from "#src/io/origin.ts";
import type { TlsAuthority } from "#src/io/tls-authority.ts";
import type { Connection } from "#src/vault/connections.ts";
import { PROXY } from "./api/proxy.ts";
import { readCredential } from "./caller.ts";
import type { Dispatcher } from "./dispatch.ts";
import { forwardRefusal, forwardTargets, pickTarget } from "./forward-target.ts";
import type { Listener } from "./listener.ts";
import { securityHeaders } from "./reply.ts";
import { createRouter, type Handler } from "./router.ts";
import type { HttpServices } from "./services.ts";

/** What the forward proxy is started with. */
export interface ForwardProxyOptions {
  readonly services: HttpServices;
  readonly dispatcher: Dispatcher;
  readonly dialer: Pick<Dialer, "dialSocket">;
  readonly authority: TlsAuthority;
  readonly log: Log;
  readonly isStopping: () => boolean;
  /** PEM files' contents, where clients reach the proxy itself by TLS. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** Milliseconds. */
  readonly now: () => number;
}

/** The forward proxy while it runs. */
export interface RunningForward {
  readonly listener: ForwardListener;
  readonly authority: TlsAuthority;
  readonly config: ForwardConfig;
}

/** A client that asked for a tunnel, for as long as it has it. */
interface Tunnel {
  readonly key: string;
  readonly run: string | undefined;
  readonly targets: readonly Connection[];
  readonly source: string;
}

/** The server of one host, with a certificate for it. */
interface HostServer {
  readonly server: Server<undefined>;
  readonly renewAt: number;
}

/** A connection on which nothing moves for so long is cut, unless its route allows more. */
const IDLE_SECONDS = 30;
/** Each is the host of a connection, of some tenant. */
const MAX_HOSTS = 500;
const TUNNEL_LIMITS = { connectMs: 10_000 };
/** `minVersion` of TLS 1.2 (RFC 5246): what unmodified clients of every age speak. */
const TLS_1_2 = 0x0303;

/**
 * Starts the forward proxy: CONNECT to the host of a connection ends in this process, under a certificate of Writ's own
 * authority, and what is asked there is a call through `/v1/proxy`, with its limits, its decision and its events; no other
 * route exists there. Anything else is refused, or tunnelled unseen, as set.
 */
export async function startForwardProxy(options: ForwardProxyOptions, listen: ForwardConfig): Promise<ForwardListener> {
  const { services, dialer } = options;
  const hosts = new Map<string, HostServer>();
  const retired = new Set<Server<undefined>>();
  const tunnels = new Map<number, Tunnel>();

  const serverFor = (host: string): Server<undefined> => {
    const known = hosts.get(host);
    if (known !== undefined && known.renewAt > options.now()) return known.server;
    if (known === undefined && hosts.size >= MAX_HOSTS) throw new WritError("not_ready", "too many hosts are served");
    if (known !== undefined) {
      retired.add(known.server);
      void known.server.stop(false).then(() => retired.delete(known.server));
    }
    const { cert, key, renewAt } = options.authority.issue(host);
    const server = serveHost(options, { cert, key }, tunnels);
    hosts.set(host, { server, renewAt });
    return server;
  };

  const answer = async (request: ConnectRequest): Promise<ConnectAnswer> => {
    if (options.isStopping()) return { kind: "refuse", status: 502, message: "Writ is stopping" };
    const identified = await identify(options, request);
    if ("refusal" in identified) return identified.refusal;
    const { principal, key, run } = identified;
    const targets = await forwardTargets(services.connections, principal.tenant, request);
    if (targets.length > 0) {
      const tunnel: Tunnel = { key, run, targets, source: request.source };
      const port = serverFor(request.host).port as number;
      const begin = (local: number): void => void tunnels.set(local, tunnel);
      return { kind: "inside", port, begin, end: (local) => void tunnels.delete(local) };
    }
    const isTunnelled = listen.others === "tunnel";
    const { tenant, subject } = principal;
    const type = isTunnelled ? "forward.tunnelled" : "forward.refused";
    services.tally.count({
      tenant,
      type,
      actor: subject,
      data: { agent: principal.agent.id, port: String(request.port) },
    });
    if (!isTunnelled) return forwardRefusal(request);
    const written = request.host.includes(":") ? `[${request.host}]` : request.host;
    const origin = parseOrigin(`http://${written}:${request.port}`);
    return { kind: "tunnel", socket: await dialer.dialSocket(origin, TUNNEL_LIMITS) };
  };

  const listener = await listenForward(listen.listen, options.tls, answer);
  return {
    ...listener,
    close: async () => {
      await listener.close();
      const servers = [...[...hosts.values()].map(({ server }) => server), ...retired];
      await Promise.all(servers.map((server) => server.stop(true)));
    },
  };
}

type Identified =
  | { readonly principal: AgentPrincipal; readonly key: string; readonly run: string | undefined }
  | { readonly refusal: ConnectAnswer };

/** An agent's key as the password of the proxy; the user is the run that its calls belong to, or anything else. */
async function identify({ services, now }: ForwardProxyOptions, request: ConnectRequest): Promise<Identified> {
  const refusal = (status: 403 | 407 | 429, message: string): Identified => ({
    refusal: { kind: "refuse", status, message },
  });
  const { authenticator, limiter } = services;
  if (request.authorization === undefined) return refusal(407, "this proxy wants an agent's key as the password");
  try {
    const presented = readCredential(request.authorization);
    if (presented.kind !== "key") return refusal(407, "this proxy wants an agent's key as the password");
    const principal = await authenticator.authenticate(presented.text, request.source);
    if (principal.kind !== "agent") return refusal(403, "this proxy is for agents' keys");
    const scope = { source: request.source, tenant: principal.tenant, agent: principal.agent.id };
    if (limiter.take(scope, now()) !== undefined) return refusal(429, "too many requests");
    return { principal, key: presented.text, run: runOf(request.authorization) };
  } catch (error) {
    if (error instanceof WritError && error.code === "unauthorized_source") return refusal(403, error.message);
    return refusal(407, "the key is not good");
  }
}

function runOf(authorization: string): string | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=_-]+)$/i.exec(authorization)?.[1];
  const user = encoded === undefined ? "" : Buffer.from(encoded, "base64").toString("latin1").split(":")[0];
  return user !== undefined && isId("run", user) ? user : undefined;
}

/** A server for one host, on a port of loopback: a request that came by no tunnel of the proxy is refused. */
function serveHost(
  { dispatcher, log, isStopping }: ForwardProxyOptions,
  certificate: { readonly cert: string; readonly key: string },
  tunnels: ReadonlyMap<number, Tunnel>,
): Server<undefined> {
  const sources = new WeakMap<Request, { readonly source: string; readonly original: Request }>();
  let server: Server<undefined> | undefined;
  const listener: Listener = {
    kind: "tcp",
    isForward: true,
    security: securityHeaders(false),
    sourceOf: (request) => sources.get(request)?.source ?? "unknown",
    requestIdOf: () => undefined,
    knowsHost: () => true,
    isLocal: () => false,
    allowSilence: (request, seconds) => server?.timeout(sources.get(request)?.original ?? request, seconds),
  };
  const route: Handler = createRouter({ routes: [PROXY], listener, dispatcher, isStopping, log });
  server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    reusePort: false,
    development: false,
    idleTimeout: IDLE_SECONDS,
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    tls: { ...certificate, minVersion: TLS_1_2 } as Bun.TLSOptions,
    fetch: (request, self) => {
      const tunnel = tunnels.get(self.requestIP(request)?.port ?? 0);
      if (tunnel === undefined) return new Response(null, { status: 403 });
      const target = pickTarget(tunnel.targets, request.url);
      if ("refusal" in target)
        return dispatcher.refuse(new WritError("route_refused", target.refusal), listener, request);
      const inner = new Request(`http://localhost${PROXY_PREFIX}${target.connection}${target.path}`, request);
      inner.headers.set("authorization", `Bearer ${tunnel.key}`);
      if (tunnel.run !== undefined) inner.headers.set("writ-run", tunnel.run);
      sources.set(inner, { source: tunnel.source, original: request });
      return route(inner);
    },
    error: () => new Response(null, { status: 500 }),
  });
  return server;
}

const PROXY_PREFIX = "/v1/proxy/";
