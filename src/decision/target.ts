import { isWritError, WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import { type DerivedCall, type DerivedPersonal, deriveCall } from "#src/connector/derive.ts";
import { commandsOf } from "#src/connector/registry.ts";
import { actionGroups, ENDPOINT_TYPE, isCommand, type RouteTable, type Tier } from "#src/connector/table.ts";
import { parseTemplate } from "#src/connector/template.ts";
import { ruleTierOf } from "#src/policy/request-rules.ts";
import type { EntityUid } from "#src/policy/scope.ts";
import type { Connection } from "#src/vault/connections.ts";
import type { Ask, AskedCall, StatedTarget } from "./ask.ts";
import type { TargetTool } from "./asked-tool.ts";
import type { Authority } from "./authority.ts";
import { semanticHeaders } from "./call-digest.ts";
import { resolveStatedUse, resolveTool, statedUse } from "./tool-target.ts";

/** What is asked for, derived from the call where there is one. */
export interface Target {
  readonly command: string;
  /** Cedar action groups, special to general, then the tier's. */
  readonly groups: readonly string[];
  readonly tier: Tier;
  readonly resource: { readonly type: string; readonly id: string };
  /** Derived, never claimed. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Whether the resource's id is personal data, so that it is sealed wherever it is written. */
  readonly personalId: boolean;
  readonly connection?: Connection;
  /** `<connector>@<version>` of the route table that derived it. */
  readonly connectorVersion?: string;
  readonly call?: TargetCall;
  /** The call of a tool on a host. */
  readonly tool?: TargetTool;
  /** What the resource lies in, besides its connection. */
  readonly parents?: readonly EntityUid[];
  /** Whether a connector's table gives the command. */
  readonly isListed?: boolean;
  /** Why the command is not for a resource of this type; a call's never is. */
  readonly mismatch?: string;
}

/** The call itself, ready to be sent byte for byte. */
export interface TargetCall {
  readonly method: string;
  readonly path: string;
  readonly query: string;
  /** Path and query exactly as derived, without the connection's base path. */
  readonly target: string;
  /** What of the request's headers changes its meaning. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly personal: DerivedPersonal;
}

const RESOURCE_TYPE = /^[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z_][A-Za-z0-9_]*)*$/;
const MAX_RESOURCE_ID_CHARACTERS = 4096;
const MAX_TYPE_CHARACTERS = 200;

/**
 * What the ask is for. Throws `invalid_argument`, `invalid_path`, `not_found` (connection), `connection_disabled`,
 * `call_mismatch` when what is stated is not what the call does.
 */
export async function resolveTarget(
  authority: Authority,
  ask: Partial<Omit<Ask, "principal">> & { readonly principal: { readonly tenant: TenantId } },
): Promise<Target> {
  const { tenant } = ask.principal;
  if (ask.tool !== undefined) {
    if (ask.stated === undefined && ask.call === undefined) return resolveTool(authority.hostGround, tenant, ask.tool);
    throw new WritError("invalid_argument", "`tool` stands alone, without `command`, `resource` and `call`");
  }
  if (ask.stated !== undefined) checkStated(ask.stated);
  if (ask.call === undefined) return resolveStated(authority, tenant, ask.stated);
  const target = await resolveCall(authority, tenant, ask.call);
  if (ask.stated !== undefined) requireAgreement(ask.stated, target);
  return target;
}

/** A command on a resource as they are stated, without a call. Throws `invalid_argument` for what is neither. */
export async function resolveCommand(authority: Authority, tenant: TenantId, stated: StatedTarget): Promise<Target> {
  checkStated(stated);
  return resolveStated(authority, tenant, stated);
}

async function resolveCall(authority: Authority, tenant: TenantId, call: AskedCall): Promise<Target> {
  const connection = await authority.connection(tenant, call.connection);
  if (connection.status !== "active") throw new WritError("connection_disabled");
  requireOwnQuery(connection, call.query);
  const table = await authority.routeTable(tenant, connection.connector);
  const derived = deriveCall(
    table,
    { connectionId: connection.id, connectionName: connection.name },
    { method: call.method, path: call.path, query: call.query },
  );
  if (derived.kind === "refused") throw new WritError(derived.code, derived.message);
  return toTarget(derived, connection, table, call);
}

/** Of two parameters of the credential's name an upstream may take either; what is sent is what was derived, so none is dropped. */
function requireOwnQuery({ auth }: Connection, query: string): void {
  if (auth.kind !== "query" || auth.name === null || query === "") return;
  const credential = auth.name.toLowerCase();
  for (const name of new URLSearchParams(query.replaceAll(";", "&")).keys()) {
    if (name.trim().toLowerCase().replace(/\[.*$/s, "") !== credential) continue;
    throw new WritError("invalid_argument", `the query parameter \`${auth.name}\` carries the connection's credential`);
  }
}

function toTarget(derived: DerivedCall, connection: Connection, table: RouteTable, call: AskedCall): Target {
  return {
    command: derived.command,
    groups: derived.groups,
    tier: derived.tier,
    resource: { type: derived.resource.type, id: derived.resource.id },
    attributes: derived.resource.attributes,
    personalId: derived.personal.resourceId,
    connection,
    connectorVersion: `${table.id}@${table.version}`,
    call: {
      method: call.method,
      path: call.path,
      query: call.query,
      target: derived.target,
      headers: semanticHeaders(call.headers, connection.settings.forwardHeaders),
      personal: derived.personal,
    },
  };
}

async function resolveStated(
  authority: Authority,
  tenant: TenantId,
  stated: StatedTarget | undefined,
): Promise<Target> {
  if (stated === undefined) throw new WritError("invalid_argument", "`command` with `resource`, or `call`, is needed");
  const use = statedUse(stated);
  if (use !== undefined) return resolveStatedUse(authority.hostGround, tenant, stated, use);
  const table = await tableOf(authority, tenant, stated.command);
  const rule =
    table === undefined
      ? (await authority.policies(tenant)).requests.actionOf({ type: "Action", id: stated.command })
      : undefined;
  const listed = table === undefined ? undefined : listedTier(table, stated.command);
  const tier = listed ?? (rule && ruleTierOf(rule)) ?? "danger";
  const declared = rule?.groups.map(({ id: group }) => group) ?? [];
  const { type, id } = stated.resource;
  const mismatch =
    table === undefined || listed === undefined ? undefined : resourceMismatch(table, stated.command, type);
  const trait = table === undefined ? undefined : traitsOf(table, type);
  return {
    command: stated.command,
    groups: [...new Set([...actionGroups(stated.command, tier), ...declared])],
    tier,
    resource: { type, id: trait?.folds ? id.toLowerCase() : id },
    attributes: {},
    personalId: trait?.personal ?? false,
    isListed: listed !== undefined,
    ...(mismatch === undefined ? {} : { mismatch }),
  };
}

const commandTypes = new WeakMap<RouteTable, ReadonlyMap<string, ReadonlySet<string>>>();

/** Why a connector's command is not for a resource of `type`: one that no route lists is for an endpoint. */
function resourceMismatch(table: RouteTable, command: string, type: string): string | undefined {
  let types = commandTypes.get(table);
  if (types === undefined) {
    const found = new Map<string, Set<string>>();
    for (const { command: listed, resource } of table.routes) {
      const known = found.get(listed) ?? new Set<string>();
      found.set(listed, known.add(resource.type));
    }
    types = found;
    commandTypes.set(table, types);
  }
  const known = types.get(command) ?? ENDPOINT_ONLY;
  if (known.has(type)) return undefined;
  return `\`${command}\` acts on ${[...known].map((name) => `\`${name}\``).join(", ")}, not on \`${type}\``;
}

const ENDPOINT_ONLY: ReadonlySet<string> = new Set([ENDPOINT_TYPE]);

const commandTables = new WeakMap<RouteTable, Map<string, ReadonlyMap<string, Tier>>>();

/** The table of the connector that a command names first, or undefined. */
async function tableOf(authority: Authority, tenant: TenantId, command: string): Promise<RouteTable | undefined> {
  try {
    return await authority.routeTable(tenant, command.split("/")[1] ?? "");
  } catch (error) {
    if (isWritError(error, "invalid_argument")) return undefined;
    throw error;
  }
}

/** The tier that a connector gives a command; one of which nobody said what it does is `danger`. */
function listedTier(table: RouteTable, command: string): Tier | undefined {
  const second = command.split("/")[2] ?? "";
  const byConnection = commandTables.get(table) ?? new Map<string, ReadonlyMap<string, Tier>>();
  commandTables.set(table, byConnection);
  const named = table.unlistedCommand?.includes("{connection") ? second : "";
  let commands = byConnection.get(named);
  if (commands === undefined) {
    if (byConnection.size >= 1000) byConnection.clear();
    commands = named === "" ? commandsOf(table) : commandsOf(table, { connectionId: named, connectionName: named });
    byConnection.set(named, commands);
  }
  return commands.get(command);
}

function checkStated({ command, resource }: StatedTarget): void {
  if (!isCommand(command)) {
    throw new WritError(
      "invalid_argument",
      "`command` is lower-case segments, general to special: /github/issues/create",
    );
  }
  const { type } = resource;
  if (
    type.length > MAX_TYPE_CHARACTERS ||
    !RESOURCE_TYPE.test(type) ||
    type === "Action" ||
    type.endsWith("::Action")
  ) {
    throw new WritError("invalid_argument", "`resource.type` is an entity type name, such as GitHub::Repository");
  }
  if (!resource.id.isWellFormed()) throw new WritError("json_lone_surrogate");
  if (resource.id.length > MAX_RESOURCE_ID_CHARACTERS) {
    throw new WritError("invalid_argument", `\`resource.id\` has more than ${MAX_RESOURCE_ID_CHARACTERS} characters`);
  }
}

interface TypeTraits {
  /** Whether ids of the type are compared without case. */
  readonly folds: boolean;
  readonly personal: boolean;
}

const typeTraits = new WeakMap<RouteTable, Map<string, TypeTraits>>();

/** What a table says of the ids of a resource type: a stated id is treated as a derived one would be. */
function traitsOf(table: RouteTable, type: string): TypeTraits | undefined {
  let traits = typeTraits.get(table);
  if (traits === undefined) {
    traits = new Map();
    typeTraits.set(table, traits);
    for (const route of table.routes) {
      const names = parseTemplate(route.resource.id, "resource.id").flatMap((part) =>
        "parameter" in part ? [part.parameter] : [],
      );
      const before = traits.get(route.resource.type) ?? { folds: true, personal: false };
      traits.set(route.resource.type, {
        folds: before.folds && names.length > 0 && names.every((name) => table.caseFold?.includes(name)),
        personal:
          before.personal || names.some((name) => table.personal?.includes(name) || route.personal?.includes(name)),
      });
    }
  }
  return traits.get(type);
}

function requireAgreement(stated: StatedTarget, target: Target): void {
  const same =
    stated.command === target.command &&
    stated.resource.type === target.resource.type &&
    stated.resource.id === target.resource.id;
  if (same) return;
  throw new WritError("call_mismatch", "the call is not the stated command on the stated resource", {
    details: { derived: { command: target.command, resource: target.resource } },
  });
}
