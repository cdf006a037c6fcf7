import type { ErrorCode } from "#src/base/error-codes.ts";
import type { Permission } from "#src/identity/roles.ts";
import type { Role } from "./caller.ts";
import type { Exchange } from "./exchange.ts";
import type { Reply } from "./reply.ts";
import { object, type Shape } from "./shape.ts";

/** Methods that routes have. `ANY` is every method that a client may send. */
export type RouteMethod = "GET" | "POST" | "PUT" | "DELETE" | "ANY";

/** One route, as a value: registered, described in OpenAPI and tested from the same declaration. */
export interface Route<Body = unknown, Query = unknown> {
  readonly method: RouteMethod;
  /** As in OpenAPI: `/v1/approvals/{id}`; a last `{name…}` takes all that follows, slashes included. */
  readonly path: string;
  /** What it does, in a few words. */
  readonly summary: string;
  /** Who may ask; everyone else is refused before the body is read. */
  readonly who: readonly Role[];
  /** What a person needs for it; without one it is nobody's who is signed in. */
  readonly permission?: Permission;
  /** Whether a person's passkey has to answer again, where the permission does not say so already. */
  readonly isSensitive?: boolean;
  /** Whether pages of Writ alone ask it, before anyone is signed in: the browser's word on where a request is from decides. */
  readonly isFromPages?: boolean;
  /** The JSON body; `raw` where the handler reads it. A route without one takes none. */
  readonly body?: Shape<Body> | "raw";
  /** Where it takes larger bodies than others. */
  readonly maxBodyBytes?: number;
  readonly query?: Shape<Query>;
  /** What it answers when all is well: status to meaning. */
  readonly answers: Readonly<Record<number, string>>;
  /** Codes that are particular to it, besides those that every route has. */
  readonly errors?: readonly ErrorCode[];
  /** Content type of its answers; `application/json` unless stated. */
  readonly produces?: string;
  /** Whether the operator may ask it of the instance's own chain, which is no tenant that has agents. */
  readonly includesInstance?: boolean;
  /** Whether it draws pages for people, which are no part of the interface that `/openapi.json` describes. */
  readonly isPage?: boolean;
  /** Whether requests count against rates; they do unless stated. */
  readonly isUnlimited?: boolean;
  /** The last word on every answer of the route, errors included. */
  readonly finish?: (reply: Reply, request: Request) => Reply;
  handle(exchange: Exchange, body: Body, query: Query): Promise<Reply> | Reply;
}

/** Declares a route; the types of body and query follow from their shapes. */
export function route<Body = unknown, Query = unknown>(declared: Route<Body, Query>): Route {
  return declared as unknown as Route;
}

/** What a route without a body accepts. */
export const NO_BODY: Shape<object> = object({});

/** A path's form for the router: `{id}` becomes `:id`, a last `{path…}` a star. */
export function routerPath(path: string): string {
  return path.replace(/\{[a-z_]+…\}$/, "*").replace(/\{([a-z_]+)\}/g, ":$1");
}
