import type { ErrorCode } from "#src/base/error-codes.ts";
import { invariant } from "#src/base/errors.ts";
import { type CompiledRoute, type CompiledTable, compileRouteTable } from "./compiled.ts";
import { captureValue, matchPath } from "./match.ts";
import { type PathForm, type PathRefusal, type PathSegment, type ReadPath, readPath, refusePath } from "./path.ts";
import { checkQuery, readQueryParameters } from "./query.ts";
import {
  actionGroups,
  CALL_METHODS,
  type CallMethod,
  defaultTier,
  ENDPOINT_TYPE,
  isCommand,
  type RouteTable,
  type Tier,
} from "./table.ts";
import type { TemplatePart } from "./template.ts";

/** The connection that a call goes through. */
export interface CallConnection {
  readonly connectionId: string;
  readonly connectionName: string;
}

/** A call as it will be sent: the path behind Writ's own prefix, and the query without its `?`, empty for none; both raw. */
export interface Call {
  readonly method: string;
  readonly path: string;
  readonly query?: string;
}

/** A Cedar entity as derived: every attribute is a string out of the path or a listed query parameter. */
export interface DerivedResource {
  readonly type: string;
  readonly id: string;
  /** Has a null prototype. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** What of a derivation is personal data, to be sealed wherever it is written down. */
export interface DerivedPersonal {
  /** Values of the personal path and query parameters, by name. Where there are any, `target` holds them too. */
  readonly parameters: Readonly<Record<string, string>>;
  /** The names of the resource's attributes that are personal. */
  readonly attributes: readonly string[];
  /** Whether the resource's id is. */
  readonly resourceId: boolean;
  /** Whether the raw query is. */
  readonly query: boolean;
}

/** What a call is. */
export interface DerivedCall {
  readonly kind: "derived";
  readonly command: string;
  /** `actionGroups(command, tier)`. */
  readonly groups: readonly string[];
  readonly tier: Tier;
  readonly resource: DerivedResource;
  readonly connection: { readonly id: string; readonly name: string };
  readonly personal: DerivedPersonal;
  /** Path and query exactly as they were read: these bytes, and no others, are what may be sent. */
  readonly target: string;
  /** The pattern of the route that matched, with its method; absent for what the table does not list. */
  readonly route?: string;
}

/** A call that is not derived at all. `form` names the ambiguous form where `code` is `invalid_path`. */
export interface RefusedCall {
  readonly kind: "refused";
  readonly code: Extract<ErrorCode, "invalid_path" | "route_refused" | "method_not_allowed" | "invalid_argument">;
  readonly message: string;
  readonly form?: PathForm;
}

/**
 * Derives command, tier and resource from the call itself. Total: any strings give an answer, and a refusal carries nothing
 * derived. The same table and call give the same answer always.
 *
 * What the table does not list is the command `/<table>/other/<method>` (or the table's own `unlistedCommand`) on
 * `Http::Endpoint`, whose id is the path with each segment decoded once, and whose attributes are `path` (the id without a
 * slash at its end) and `query` (raw). The query is not part of the id: a policy sees it as `resource.query`. A
 * body-routed path is the same with `body-routed` before the method, so that one command always has one tier.
 */
export function deriveCall(table: RouteTable, connection: CallConnection, call: Call): DerivedCall | RefusedCall {
  if (!isCallMethod(call.method)) {
    return { kind: "refused", code: "method_not_allowed", message: "this method is not one that Writ sends" };
  }
  const query = call.query ?? "";
  const path = readPath(call.path);
  if (path.kind === "refused") return refused(path);
  const badQuery = checkQuery(query);
  if (badQuery !== undefined) return refused(badQuery);
  if (path.trailingSlash && table.trailingSlash !== "accept") return refused(refusePath("trailing_slash"));

  const compiled = compileRouteTable(table);
  const match = matchPath(compiled, call.method, path);
  const target = query === "" ? call.path : `${call.path}?${query}`;
  switch (match.kind) {
    case "refused":
      return refused(match);
    case "blocked":
      return { kind: "refused", code: "route_refused", message: match.reason };
    case "body_routed":
      if (match.entry.tier === "refuse") return { kind: "refused", code: "route_refused", message: BODY_ROUTED };
      return deriveUnlisted(
        compiled,
        bodyRoutedCommand(table, connection, call.method),
        "danger",
        connection,
        path,
        query,
        target,
      );
    case "unlisted": {
      const command = unlistedCommand(table, connection, call.method);
      return deriveUnlisted(compiled, command, defaultTier(call.method), connection, path, query, target);
    }
    case "route":
      return deriveListed(match.route, match.segments, connection, query, target);
  }
}

const BODY_ROUTED = "the body of this call, not its path, says what it does, and this connector does not read bodies";

function refused(refusal: PathRefusal): RefusedCall {
  return { kind: "refused", code: "invalid_path", message: refusal.message, form: refusal.form };
}

function isCallMethod(method: string): method is CallMethod {
  return (CALL_METHODS as readonly string[]).includes(method);
}

function deriveListed(
  compiled: CompiledRoute,
  segments: readonly PathSegment[],
  connection: CallConnection,
  query: string,
  target: string,
): DerivedCall | RefusedCall {
  const values = new Map<string, string>();
  for (const capture of compiled.captures) {
    const value = captureValue(capture, segments);
    if (capture.fold && !ASCII.test(value)) return refused(refusePath("parameter_form"));
    values.set(capture.name, capture.fold ? value.toLowerCase() : value);
  }
  if (compiled.query.length > 0) {
    const parameters = readQueryParameters(query, compiled.query);
    if ("kind" in parameters) return refused(parameters);
    for (const [name, value] of parameters) values.set(name, value);
  }
  const attributes: Record<string, string> = Object.create(null);
  for (const [name, template] of compiled.attributes) {
    const value = render(template, values);
    if (value !== undefined) attributes[name] = value;
  }
  const { route } = compiled;
  const id = render(compiled.id, values);
  invariant(id !== undefined, "a resource id uses a parameter that its path lacks");
  return {
    kind: "derived",
    command: route.command,
    groups: compiled.groups,
    tier: route.tier,
    resource: { type: route.resource.type, id, attributes },
    connection: { id: connection.connectionId, name: connection.connectionName },
    personal: personalOf(compiled, values, attributes, query),
    target,
    route: compiled.label,
  };
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the whole of ASCII is meant
const ASCII = /^[\u0000-\u007f]*$/;

/** The template's text, or undefined where a parameter has no value. */
function render(template: readonly TemplatePart[], values: ReadonlyMap<string, string>): string | undefined {
  let text = "";
  for (const part of template) {
    const piece = "text" in part ? part.text : values.get(part.parameter);
    if (piece === undefined) return undefined;
    text += piece;
  }
  return text;
}

const NO_VALUES: Readonly<Record<string, string>> = Object.freeze(Object.create(null));
const NOTHING_PERSONAL: DerivedPersonal = { parameters: NO_VALUES, attributes: [], resourceId: false, query: false };

const RAW_QUERY_PERSONAL: DerivedPersonal = { ...NOTHING_PERSONAL, query: true };

function personalOf(
  { personal }: CompiledRoute,
  values: ReadonlyMap<string, string>,
  attributes: Readonly<Record<string, string>>,
  query: string,
): DerivedPersonal {
  const queryIsPersonal = personal.query && query !== "";
  if (personal.parameters.size === 0 && personal.attributes.size === 0) {
    return queryIsPersonal ? RAW_QUERY_PERSONAL : NOTHING_PERSONAL;
  }
  const parameters: Record<string, string> = Object.create(null);
  for (const name of personal.parameters) {
    const value = values.get(name);
    if (value !== undefined) parameters[name] = value;
  }
  return {
    parameters,
    attributes: Object.keys(attributes).filter((name) => personal.attributes.has(name)),
    resourceId: personal.resourceId,
    query: queryIsPersonal,
  };
}

function deriveUnlisted(
  compiled: CompiledTable,
  command: string,
  tier: Tier,
  connection: CallConnection,
  path: ReadPath,
  query: string,
  target: string,
): DerivedCall | RefusedCall {
  if (!isCommand(command)) {
    return {
      kind: "refused",
      code: "invalid_argument",
      message: "this connection's name or id cannot stand in a command",
    };
  }
  const bare = `/${path.segments.map((segment) => segment.text).join("/")}`;
  const attributes: Record<string, string> = Object.create(null);
  attributes["path"] = bare;
  attributes["query"] = query;
  return {
    kind: "derived",
    command,
    groups: actionGroups(command, tier),
    tier,
    resource: { type: ENDPOINT_TYPE, id: path.trailingSlash ? `${bare}/` : bare, attributes },
    connection: { id: connection.connectionId, name: connection.connectionName },
    personal: compiled.personalQuery && query !== "" ? PERSONAL_QUERY : NOTHING_PERSONAL,
    target,
  };
}

const PERSONAL_QUERY: DerivedPersonal = {
  parameters: NO_VALUES,
  attributes: ["query"],
  resourceId: false,
  query: true,
};

/** The command of a method on a path that `table` does not list. */
export function unlistedCommand(table: RouteTable, connection: CallConnection, method: CallMethod): string {
  if (table.unlistedCommand === undefined) return `/${table.id}/other/${method.toLowerCase()}`;
  return table.unlistedCommand.replace(/\{(connection_id|connection_name|method)\}/g, (_, name: string) => {
    if (name === "method") return method.toLowerCase();
    return name === "connection_id" ? connection.connectionId : connection.connectionName;
  });
}

/** The command of a method on a body-routed path: that of an unlisted one, with `body-routed` before its last segment. */
export function bodyRoutedCommand(table: RouteTable, connection: CallConnection, method: CallMethod): string {
  const command = unlistedCommand(table, connection, method);
  const end = command.lastIndexOf("/");
  return `${command.slice(0, end)}/body-routed${command.slice(end)}`;
}
