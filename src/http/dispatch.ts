import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import type { IdSource } from "#src/base/ids.ts";
import type { Log } from "#src/base/log.ts";
import type { WritMetrics } from "#src/telemetry/requests.ts";
import { type AdmitGround, admit, countRefusedWrit } from "./admit.ts";
import type { Caller } from "./caller.ts";
import { ERROR_STATUS } from "./error-status.ts";
import { Exchange, type ExchangeGround } from "./exchange.ts";
import { readJsonBody } from "./json-body.ts";
import type { KeyUse } from "./key-use.ts";
import type { Listener } from "./listener.ts";
import { errorReply, problemReply } from "./problem.ts";
import { type Reply, toResponse } from "./reply.ts";
import { NO_BODY, type Route } from "./route.ts";
import { sessionCookie } from "./session/cookie.ts";
import type { Shape } from "./shape.ts";

/** What answering requests needs. */
export interface DispatchGround extends ExchangeGround {
  readonly ids: IdSource;
  readonly log: Log;
  readonly metrics: WritMetrics;
  readonly keyUse: KeyUse;
}

/** The path's parameters as the router found them. */
export type Params = Readonly<Record<string, string>> | undefined;

/** What a path has that a request was not for. */
export interface OtherMethods {
  readonly allow: readonly string[];
  /** The last word of its routes on every answer. */
  readonly finish?: NonNullable<Route["finish"]>;
}

/** Answers requests; never rejects. */
export interface Dispatcher {
  /** A request on a route. */
  serve(route: Route, listener: Listener, request: Request, params: Params): Promise<Response>;
  /** A request that is on none, though its path may have others. */
  refuse(error: WritError, listener: Listener, request: Request, others?: OtherMethods): Response;
}

const KNOWN_METHODS: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]);

/** Makes the dispatcher: one path for every route, so that none can leave out a step. */
export function createDispatcher(ground: DispatchGround): Dispatcher {
  const { services, config, clock, metrics, log, keyUse } = ground;
  const cookie = sessionCookie(config.publicUrl);
  const admitGround: AdmitGround = { services, metrics, now: () => clock.now(), publicUrl: config.publicUrl, cookie };
  const nextRequestId = createRequestIds(ground.ids);

  const answer = (route: Route, listener: Listener, request: Request, given: Reply, id: string, began: number) => {
    const reply = route.finish === undefined ? given : route.finish(given, request);
    const status = reply.status ?? 200;
    const method = KNOWN_METHODS.has(request.method) ? request.method : "other";
    metrics.httpRequests.increment(method, route.path, String(status));
    const durationMs = performance.now() - began;
    metrics.httpDuration.observe(durationMs / 1000, route.path);
    const trace = { at: clock.now(), id, method, route: route.path, status, durationMs };
    metrics.requests?.note(trace, route.isPage === true && method === "GET");
    return toResponse(withoutStream(route, request, reply), listener.security, id);
  };

  return {
    serve: async (route, listener, request, params) => {
      const began = performance.now();
      const id = listener.requestIdOf(request) ?? nextRequestId();
      let exchange: Exchange | undefined;
      let reply: Reply;
      try {
        const source = listener.sourceOf(request);
        const caller = await admit(admitGround, route, listener, request, source);
        const withInstance = route.includesInstance === true;
        exchange = new Exchange(ground, listener, request, params, caller, source, withInstance);
        const query = route.query === undefined ? undefined : readQuery(request.url, route.query);
        const body = await readBody(route, request, config.limits.maxBodyBytes, bodyDigestOf(caller));
        reply = await route.handle(exchange, body, query);
      } catch (error) {
        reply = failureReply(error, route, id, log);
        if (exchange?.caller.kind === "writ" && isWritError(error) && error.code.startsWith("writ_")) {
          await countRefusedWrit(admitGround, exchange.caller, error.code);
        }
      }
      if (exchange !== undefined) noteUse(keyUse, exchange, route, reply, clock.now());
      return answer(route, listener, request, reply, id, began);
    },
    refuse: (error, listener, request, others) => {
      const reply = errorReply(error);
      const method = KNOWN_METHODS.has(request.method) ? request.method : "other";
      metrics.httpRequests.increment(method, "unmatched", String(reply.status));
      const headers = others === undefined ? reply.headers : { ...reply.headers, allow: others.allow.join(", ") };
      const refusal = { ...reply, ...(headers && { headers }) };
      return toResponse(others?.finish?.(refusal, request) ?? refusal, listener.security, nextRequestId());
    },
  };
}

/** An answer to HEAD has no body: what would be read for it is let go. The proxy's own answers have none then. */
function withoutStream(route: Route, request: Request, reply: Reply): Reply {
  if (request.method !== "HEAD" || route.method !== "GET" || !(reply.body instanceof ReadableStream)) return reply;
  void reply.body.cancel();
  return { ...reply, body: "" };
}

/** Ids that no two requests share: random for the process, then counted. */
function createRequestIds(ids: IdSource): () => string {
  const prefix = `req_${Buffer.from(ids.random(8)).toString("hex")}`;
  let count = 0;
  return () => {
    count += 1;
    return `${prefix}_${count.toString(36)}`;
  };
}

function bodyDigestOf(caller: Caller): Uint8Array | undefined {
  return caller.kind === "agent" || caller.kind === "device" ? caller.bodySha256 : undefined;
}

/** @param sha256 what a device signed of it */
async function readBody(
  route: Route,
  request: Request,
  maxBytes: number,
  sha256: Uint8Array | undefined,
): Promise<unknown> {
  const shape = route.body;
  if (shape === "raw" || request.method === "GET" || request.method === "HEAD") return undefined;
  const bound = Math.max(maxBytes, route.maxBodyBytes ?? 0);
  return (shape ?? NO_BODY).parse((await readJsonBody(request, bound, sha256)) ?? {}, "");
}

function readQuery(url: string, shape: Shape<unknown>): unknown {
  const start = url.indexOf("?");
  const members: Record<string, Json> = Object.create(null);
  if (start !== -1) {
    for (const [name, value] of new URLSearchParams(url.slice(start + 1))) {
      if (name in members) throw new WritError("invalid_argument", `\`${name.slice(0, 60)}\` is there twice`);
      members[name] = value;
    }
  }
  return shape.parse(members as JsonObject, "query");
}

function failureReply(error: unknown, route: Route, id: string, log: Log): Reply {
  const reply = errorReply(error);
  const status = reply.status ?? 500;
  if (status >= 500 && (!isWritError(error) || ERROR_STATUS[error.code] === 500 || error.code === "store_failed")) {
    log.error("a request failed", error, { request: id, route: route.path });
  }
  return reply;
}

function noteUse(keyUse: KeyUse, exchange: Exchange, route: Route, reply: Reply, now: number): void {
  const { caller } = exchange;
  if (caller.kind !== "agent" && caller.kind !== "token" && caller.kind !== "device") return;
  const { tenant, token } = caller.principal;
  const use = exchange.use;
  keyUse.note(tenant, token, {
    lastAt: now,
    lastCommand: use?.command ?? `${exchange.request.method} ${route.path}`,
    lastOutcome: use?.outcome ?? String(reply.status ?? 200),
    lastSource: exchange.source,
  });
}

/** The answer to what should not happen: a fault outside of any route. */
export function faultResponse(error: unknown, listener: Listener, log: Log): Response {
  log.error("a request failed outside of its route", error);
  return toResponse(problemReply("internal", "something went wrong inside Writ"), listener.security, "unknown");
}
