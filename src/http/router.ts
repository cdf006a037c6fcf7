import { Elysia } from "elysia";
import { WritError } from "#src/base/errors.ts";
import type { Log } from "#src/base/log.ts";
import { type Dispatcher, faultResponse, type Params } from "./dispatch.ts";
import { type Listener, withReadableHost } from "./listener.ts";
import { methodsOf } from "./openapi.ts";
import { type Route, routerPath } from "./route.ts";

/** Answers any request that a listener takes in. */
export type Handler = (request: Request) => Response | Promise<Response>;

/** What the router hands to a route. */
interface Routed {
  readonly request: Request;
  readonly params: Params;
}

/** Elysia finds the path of a URL behind so many characters: a shorter host needs another name first. */
const FIRST_SLASH = 11;
/** Paths that answer under any host: probes of an orchestrator name an address. */
const ANY_HOST: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);
/** What is answered while the server stops. */
const WHILE_STOPPING = ANY_HOST;

/** What a router is made of. */
export interface RouterOptions {
  readonly routes: readonly Route[];
  readonly listener: Listener;
  readonly dispatcher: Dispatcher;
  readonly isStopping: () => boolean;
  readonly log: Log;
}

/**
 * The routes of one listener.
 *
 * NOTE: Elysia costs 0.4 µs for `/v1/authorize` and 0.5 to 1 µs for `/v1/proxy/…`, less than making the response does, so
 * both go through it like everything else. Handlers take `request` and `params` alone: what Elysia would parse besides
 * (headers, cookies, query, body) it leaves alone then.
 */
export function createRouter({ routes, listener, dispatcher, isStopping, log }: RouterOptions): Handler {
  const app = new Elysia({ aot: true, strictPath: true, normalize: false }).onError(({ error }) =>
    faultResponse(error, listener, log),
  );
  for (const route of routes) {
    const handle = ({ request, params }: Routed): Promise<Response> =>
      dispatcher.serve(route, listener, request, params);
    const path = routerPath(route.path);
    if (route.method === "ANY") app.all(path, handle, { parse: "none" });
    else app.route(route.method, path, handle, { parse: "none" });
  }
  const miss = ({ request }: Routed): Response => refuseUnknown(routes, dispatcher, listener, request);
  app.all("/", miss, { parse: "none" }).all("/*", miss, { parse: "none" });

  return (request) => {
    const { url } = request;
    // An empty or malformed `Host` gives a URL that begins with the path.
    const slash = url.startsWith("/") ? 0 : url.indexOf("/", 8);
    if (!listener.knowsHost(request) && !ANY_HOST.has(url.slice(slash))) {
      return dispatcher.refuse(new WritError("host_unknown"), listener, request);
    }
    if (isStopping() && !WHILE_STOPPING.has(url.slice(slash))) {
      return dispatcher.refuse(new WritError("not_ready"), listener, request);
    }
    return app.fetch(slash < FIRST_SLASH ? withReadableHost(request, url.slice(slash)) : request);
  };
}

/** 405 with `Allow` (RFC 9110 section 15.5.6) where the path has other methods, 404 where it has none. */
function refuseUnknown(
  routes: readonly Route[],
  dispatcher: Dispatcher,
  listener: Listener,
  request: Request,
): Response {
  const { pathname } = new URL(request.url);
  const allowed = new Set<string>();
  let finish: Route["finish"];
  for (const route of routes) {
    if (!patternOf(route).test(pathname)) continue;
    for (const method of methodsOf(route)) allowed.add(method);
    if (route.method === "GET") allowed.add("HEAD");
    finish ??= route.finish;
  }
  if (allowed.size === 0) return dispatcher.refuse(new WritError("not_found"), listener, request);
  return dispatcher.refuse(new WritError("method_not_allowed"), listener, request, {
    allow: [...allowed].sort(),
    ...(finish === undefined ? {} : { finish }),
  });
}

const patterns = new WeakMap<Route, RegExp>();

function patternOf(route: Route): RegExp {
  let pattern = patterns.get(route);
  if (pattern === undefined) {
    const source = route.path
      .split(/(\{[a-z_]+…?\})/)
      .map((part) => (part.endsWith("…}") ? ".*" : part.startsWith("{") ? "[^/]+" : part.replace(/[.]/g, "\\.")))
      .join("");
    pattern = new RegExp(`^${source}$`);
    patterns.set(route, pattern);
  }
  return pattern;
}
