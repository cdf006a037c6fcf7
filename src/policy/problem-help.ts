import { nearestName } from "./nearest-name.ts";
import type { CompiledPolicy } from "./policy-set.ts";
import type { SchemaAction, TenantSchema } from "./schema.ts";
import { entityKey, type ScopeConstraint } from "./scope.ts";

/** Why a policy's scope meets no command, and what would. */
export interface ScopeMiss {
  readonly message: string;
  readonly help: string;
}

/** What to do about Cedar's complaints: the nearest name, or the line that declares what is missing. */
export interface ProblemHelp {
  /** @param written the expression that the complaint is about, as far as it is a path: `resource.owner` */
  helpFor(message: string, policy: CompiledPolicy | undefined, written: string): string | undefined;
  /** Of a policy whose scope no command meets. */
  scopeMissOf(policy: CompiledPolicy): ScopeMiss;
}

const PUT = "the tenant's schema (`writ policy schema put FILE`)";
const WIDEN = "widen the principal, the action or the resource";
const MAX_LISTED = 4;

/** Helps with complaints of a validation under `schema`. */
export function createProblemHelp(schema: TenantSchema): ProblemHelp {
  const actions = [...schema.actions.values()];
  const types = Object.entries(schema.json).flatMap(([namespace, { entityTypes }]) =>
    Object.keys(entityTypes).map((name) => (namespace === "" ? name : `${namespace}::${name}`)),
  );

  const helpWithType = (type: string): string => {
    const near = nearestName(type, types);
    return near === undefined
      ? `no connector has such a type: add \`${inNamespace(type, (name) => `entity ${name};`)}\` to ${PUT}`
      : `did you mean \`${near}\`?`;
  };

  const helpWithAction = (type: string, id: string, policy: CompiledPolicy | undefined): string => {
    const ids = actions.map(({ uid }) => uid.id);
    const connection = /^\/http\/([^/]+)/.exec(id)?.[1];
    if (connection !== undefined && !ids.includes(`/http/${connection}`)) return helpWithConnection(connection, ids);
    const near = nearestName(id, ids);
    if (near !== undefined) return `did you mean \`Action::${JSON.stringify(near)}\`?`;
    const declared = inNamespace(type, () => declarationOf(id, policy));
    return `no connector has such a command: add \`${declared}\` to ${PUT}`;
  };

  return {
    helpFor: (message, policy, written) => {
      const type = /^unrecognized entity type `([^`]*)`/.exec(message)?.[1];
      if (type !== undefined) return helpWithType(type);
      const [, actionType, id] = /^unrecognized action `((?:\w+::)*Action)::"((?:[^"\\]|\\.)*)"`/.exec(message) ?? [];
      if (actionType !== undefined && id !== undefined) {
        return helpWithAction(actionType, id.replace(/\\(["\\])/g, "$1"), policy);
      }
      return helpWithAttribute(schema, message, written);
    },
    scopeMissOf: ({ scope }) => {
      const concerned = actions.filter((action) => action.resources.length > 0 && isInScope(action, scope.action));
      const named = printAction(scope.action);
      if (concerned.length === 0) {
        return { message: `no command is ${named}`, help: "`action in` takes a group, `action ==` a command" };
      }
      for (const dimension of ["principal", "resource"] as const) {
        const constraint = scope[dimension];
        const offered = [...new Set(concerned.flatMap((action) => action[`${dimension}s`]))].sort();
        if (offered.some((type) => meetsType(schema, type, constraint))) continue;
        const does = dimension === "principal" ? "is for" : "acts on";
        const wanted = typeOf(constraint);
        const message = `${named} ${does} ${listed(offered)}, not ${dimension === "principal" ? "for" : "on"} \`${wanted}\``;
        const isContainer = constraint.op === "eq" && offered.some((type) => canBeIn(schema, type, wanted));
        const within =
          constraint.op === "eq"
            ? `write \`${dimension} in ${constraint.entity.type}::${JSON.stringify(constraint.entity.id)}\`, for all that is in it`
            : WIDEN;
        return { message, help: isContainer ? within : WIDEN };
      }
      return { message: "no command in its scope is for such a principal and resource", help: WIDEN };
    },
  };
}

function helpWithConnection(name: string, ids: readonly string[]): string {
  const known = ids.flatMap((id) => /^\/http\/([^/]+)$/.exec(id)?.[1] ?? []);
  const near = nearestName(name, known);
  const meant = near === undefined ? "" : `did you mean \`/http/${near}\`? `;
  return `${meant}the commands of an http connection come with it: first \`writ connection create ${name} --connector http --url URL --auth KIND\`; for a check without a server, \`--connection ${name}\``;
}

function helpWithAttribute(schema: TenantSchema, message: string, written: string): string | undefined {
  const [, optional] =
    /^unable to guarantee safety of access to optional attribute `(\w+)` on entity type/.exec(message) ?? [];
  if (optional !== undefined) {
    const path = written.split(".");
    const at = path.indexOf(optional, 1);
    const owner = at === -1 ? undefined : path.slice(0, at).join(".");
    return owner === undefined ? undefined : `it may not be there: write \`${owner} has ${optional} && …\` before it`;
  }
  const [, name = "", type] = /^attribute `([^`]*)` on entity type `([^`]*)` not found/.exec(message) ?? [];
  if (type !== undefined) {
    const near = nearestName(name, attributesOf(entityOf(schema, type)));
    const declared = inNamespace(type, (local) => `entity ${local} { ${name}?: String };`);
    return near === undefined ? `add \`${declared}\` to ${PUT}` : `did you mean \`${near}\`?`;
  }
  const [, place] = /^attribute `([^`]*)` in the context not found/.exec(message) ?? [];
  if (place === undefined) return undefined;
  const claimed = /^claimed\.(\w+)$/.exec(place)?.[1];
  if (claimed !== undefined) return `add \`type Claimed = { ${claimed}?: String };\` to ${PUT}`;
  const isFact = attributesOf(schema.json[""]?.commonTypes?.["Writ"]).includes(place);
  return isFact ? `did you mean \`context.writ.${place}\`?` : undefined;
}

function entityOf(schema: TenantSchema, type: string): unknown {
  const [namespace, name] = splitType(type);
  return (schema.json[namespace]?.entityTypes[name] as { shape?: unknown } | undefined)?.shape;
}

function attributesOf(record: unknown): readonly string[] {
  return Object.keys((record as { attributes?: object } | undefined)?.attributes ?? {});
}

/** The line that would declare an action for what a policy asks of it; a dangerous one, which is the careful choice. */
function declarationOf(id: string, policy: CompiledPolicy | undefined): string {
  const principal = ownTypeOf(policy?.scope.principal) ?? "Agent";
  const resource = ownTypeOf(policy?.scope.resource) ?? "Connection";
  const name = /^[A-Za-z_]\w*$/.test(id) ? id : JSON.stringify(id);
  const isCommand = id.startsWith("/");
  const groups = isCommand ? ' in ["tier:danger"]' : "";
  const context = isCommand ? "CommandContext" : "{ writ: Writ }";
  return `action ${name}${groups} appliesTo { principal: [${principal}], resource: [${resource}], context: ${context} };`;
}

/** A type that can stand for itself in a declaration: what a thing is in says nothing of what it is. */
function ownTypeOf(constraint: ScopeConstraint | undefined): string | undefined {
  if (constraint?.op === "eq") return constraint.entity.type;
  return constraint?.op === "is" || constraint?.op === "is_in" ? constraint.type : undefined;
}

function typeOf(constraint: ScopeConstraint): string {
  if (constraint.op === "any") return "anything";
  return constraint.op === "in" ? (constraint.entities[0]?.type ?? "nothing") : (ownTypeOf(constraint) ?? "nothing");
}

function meetsType(schema: TenantSchema, type: string, constraint: ScopeConstraint): boolean {
  switch (constraint.op) {
    case "any":
      return true;
    case "in":
      return constraint.entities.some((entity) => entity.type === type || canBeIn(schema, type, entity.type));
    case "eq":
      return constraint.entity.type === type;
    case "is":
      return constraint.type === type;
    case "is_in":
      return (
        constraint.type === type && (type === constraint.entity.type || canBeIn(schema, type, constraint.entity.type))
      );
  }
}

/** Whether an entity of one type can have one of another among its ancestors. */
function canBeIn(schema: TenantSchema, type: string, above: string): boolean {
  const seen = new Set<string>([type]);
  for (const each of seen) {
    const [namespace, name] = splitType(each);
    const { memberOfTypes = [] } = (schema.json[namespace]?.entityTypes[name] ?? {}) as { memberOfTypes?: string[] };
    for (const parent of memberOfTypes) {
      const isLocal = namespace !== "" && Object.hasOwn(schema.json[namespace]?.entityTypes ?? {}, parent);
      const full = isLocal ? `${namespace}::${parent}` : parent;
      if (full === above) return true;
      seen.add(full);
    }
  }
  return false;
}

function isInScope({ uid, groups }: SchemaAction, constraint: ScopeConstraint): boolean {
  if (constraint.op === "any") return true;
  if (constraint.op === "eq") return entityKey(constraint.entity) === entityKey(uid);
  if (constraint.op !== "in") return false;
  return constraint.entities.map(entityKey).some((key) => key === entityKey(uid) || groups.has(key));
}

function printAction(constraint: ScopeConstraint): string {
  if (constraint.op === "eq") return `\`${constraint.entity.id}\``;
  if (constraint.op !== "in" || constraint.entities.length === 0) return "what it is for";
  return `what is in ${listed(constraint.entities.map(({ id }) => id))}`;
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAX_LISTED).map((name) => `\`${name}\``);
  const more = names.length - shown.length;
  return more === 0 ? shown.join(", ") : `${shown.join(", ")} and ${more} more`;
}

function splitType(type: string): readonly [namespace: string, name: string] {
  const at = type.lastIndexOf("::");
  return at === -1 ? ["", type] : [type.slice(0, at), type.slice(at + 2)];
}

function inNamespace(type: string, print: (name: string) => string): string {
  const [namespace, name] = splitType(type);
  return namespace === "" ? print(name) : `namespace ${namespace} { ${print(name)} }`;
}
