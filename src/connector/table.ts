/** How much harm a call can do; `danger` needs a person by the built-in policy. Ordered: later is stricter. */
export const TIERS = ["read", "write", "danger"] as const;
export type Tier = (typeof TIERS)[number];

/** The methods that a route may name. HEAD is not among them: it matches the routes of GET. */
export const ROUTE_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;
export type RouteMethod = (typeof ROUTE_METHODS)[number];

/** The methods that a call may use, spelled as here; CONNECT, TRACE, extensions and other spellings are refused. */
export const CALL_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;
export type CallMethod = (typeof CALL_METHODS)[number];

/**
 * What a parameter's value must look like. A value of another form is refused, never routed elsewhere, because an upstream
 * may read more leniently than Writ does.
 *
 * - `number`: a decimal integer without sign or leading zero, at most 19 digits (`007` and `7` would be two ids of one
 *   thing). A value that begins with a letter does not match the route, so that `/releases/latest` can stand beside
 *   `/releases/{release_id}`.
 * - `name`: 1 to 100 of `A-Z a-z 0-9 . _ -`, not ending in `.git`, which forges read as the name without it.
 * - `package`: an npm package name, with or without `@scope/`.
 * - `package_part`: the scope or the bare name of one.
 */
export const PARAMETER_FORMS = ["number", "name", "package", "package_part"] as const;
export type ParameterForm = (typeof PARAMETER_FORMS)[number];

/** What a route acts on: a Cedar entity type name, and an id template over the route's path parameters. */
export interface RouteResource {
  readonly type: string;
  readonly id: string;
}

/**
 * Method and path to command, resource and tier.
 *
 * A path is `/` and segments: literal text, `{name}` for exactly one segment, `prefix{name}` for one that begins with
 * `prefix`, and, last only, `{+name}` for one or more segments. `attributes` are templates over path parameters and the
 * query parameters listed in `query`; one that names a query parameter which the call lacks is left out.
 */
export interface Route {
  readonly method: RouteMethod;
  readonly path: string;
  readonly command: string;
  readonly resource: RouteResource;
  readonly tier: Tier;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly query?: readonly string[];
  readonly personal?: readonly string[];
}

/** A path pattern on which every method is refused, and the reason that the caller is told. */
export interface RefusedPath {
  readonly path: string;
  readonly reason: string;
}

/**
 * An endpoint where the body, not the path, says what happens (GraphQL, JSON-RPC, batch). `path` is an exact pattern;
 * `lastSegment` is any unlisted path that ends in this segment, whatever its case. `danger` asks a person, `refuse` says no.
 */
export type BodyRouted = ({ readonly path: string } | { readonly lastSegment: string }) & {
  readonly tier: "danger" | "refuse";
};

/** A connector's whole knowledge of an API. See each field for what is safe when it is left out. */
export interface RouteTable {
  /** Names the connector and is the first segment of all its commands. */
  readonly id: string;
  /** Recorded with each decision; raise it with every change. */
  readonly version: string;
  readonly routes: readonly Route[];
  /** Parameters that the upstream compares without case: lower-cased (ASCII only) wherever they are used. */
  readonly caseFold?: readonly string[];
  /** Parameters whose value may hold `%2f`. Everywhere else it is refused. */
  readonly encodedSlash?: readonly string[];
  readonly forms?: Readonly<Record<string, ParameterForm>>;
  /**
   * Second names for things that routes address by another: always refused. A pure derivation cannot tell which thing a
   * second name means, so a rule about the first name would not see the call, and a tier does not cure that for reads.
   */
  readonly aliases?: readonly RefusedPath[];
  /** Paths that no policy can open, such as those that hand out credentials. */
  readonly refused?: readonly RefusedPath[];
  readonly bodyRouted?: readonly BodyRouted[];
  /** Path parameters, query parameters and attributes that are personal data; `query` stands for the raw query. */
  readonly personal?: readonly string[];
  /** Default `refuse`. With `accept`, `/x/` matches the routes of `/x`; the slash is sent and stands in an endpoint's id. */
  readonly trailingSlash?: "refuse" | "accept";
  /** The command of what is not listed, over `{connection_id}`, `{connection_name}` and `{method}`. Default `/<id>/other/{method}`. */
  readonly unlistedCommand?: string;
}

/** The resource type of everything that no route lists. */
export const ENDPOINT_TYPE = "Http::Endpoint";

/** The tier of what a table does not list: GET and HEAD `read`, DELETE `danger`, the rest `write`. */
export function defaultTier(method: CallMethod): Tier {
  if (method === "GET" || method === "HEAD") return "read";
  return method === "DELETE" ? "danger" : "write";
}

const COMMAND = /^(?:\/[a-z0-9][a-z0-9._-]*)+$/;
const MAX_COMMAND_LENGTH = 200;

/** Whether `command` is one in UCAN form as Writ writes it: lower case, at least two segments, no slash at the end. */
export function isCommand(command: string): boolean {
  return command.length <= MAX_COMMAND_LENGTH && COMMAND.test(command) && command.indexOf("/", 1) !== -1;
}

/**
 * The Cedar action groups of a command: its prefixes from special to general, then its tier.
 * `("/github/issues/create", "write")` gives `["/github/issues", "/github", "tier:write"]`.
 */
export function actionGroups(command: string, tier: Tier): string[] {
  const groups: string[] = [];
  for (let at = command.lastIndexOf("/"); at > 0; at = command.lastIndexOf("/", at - 1))
    groups.push(command.slice(0, at));
  groups.push(`tier:${tier}`);
  return groups;
}
