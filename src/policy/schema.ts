import baseSource from "#policies/schema.cedarschema" with { type: "text" };
import { canonicalize } from "#src/base/canonical-json.ts";
import { invariant } from "#src/base/errors.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { checkSchema, parseSchemaText, printSchema, type SchemaJson } from "./cedar.ts";
import { parseExtension } from "./extension-text.ts";
import type { PolicyProblem } from "./policy-set.ts";
import { positionAt } from "./policy-text.ts";
import { mergeExtension } from "./schema-extension.ts";
import { entityKey } from "./scope.ts";

/** The tiers, as groups of actions. */
export type SchemaTier = "read" | "write" | "danger";

/** What a schema takes from a route: a route of a connector's table has this shape. */
export interface SchemaRoute {
  readonly command: string;
  readonly resource: { readonly type: string };
  readonly attributes?: Readonly<Record<string, string>>;
}

/** A connector as far as a schema goes. */
export interface SchemaConnector {
  readonly routes: readonly SchemaRoute[];
  /** Every command that it derives, for each of the tenant's connections where they are named by it; several tiers where the call decides. */
  readonly commands: ReadonlyMap<string, SchemaTier | readonly SchemaTier[]>;
  /** Whether nothing of the tenant leads to it: its types then give way to types of the tenant's own. */
  readonly isUnused?: boolean;
  /** Types, besides `Connection`, that resources of a type can lie in. */
  readonly within?: ReadonlyMap<string, readonly string[]>;
}

/** One action of a schema: what it is in, and what it applies to. */
export interface SchemaAction {
  readonly uid: { readonly type: string; readonly id: string };
  /** Keys (`entityKey`) of all groups that it is in, those of groups included. */
  readonly groups: ReadonlySet<string>;
  readonly principals: readonly string[];
  readonly resources: readonly string[];
}

/** A tenant's whole schema, resolved and checked. */
export interface TenantSchema {
  readonly json: SchemaJson<string>;
  /** What the tenant's extension declares, by itself. */
  readonly own: SchemaJson<string>;
  /** By `entityKey`. */
  readonly actions: ReadonlyMap<string, SchemaAction>;
  /** SHA-256, hex: names the schema in a record. */
  readonly hash: string;
}

/** The schema, or what is wrong with the tenant's extension; lines and columns count within it. */
export type SchemaResult = { readonly schema: TenantSchema } | { readonly errors: readonly PolicyProblem[] };

/** Resources of routes that a connector does not list. */
const UNLISTED_TYPE = "Http::Endpoint";

/**
 * Attributes that the entity store can give any resource, whatever connector derives it. All optional.
 */
const STORED_ATTRIBUTES = {
  labels: { type: "Set", element: { type: "String" } },
  environment: { type: "String" },
  created_by: { type: "Entity", name: "Agent" },
} as const;

/**
 * The base schema, the actions of every connector's commands (each in the groups of its prefixes and of its tier, for
 * agents, on the resource types of its routes), the types of those resources, and a tenant's extension in Cedar's syntax.
 *
 * All attributes of resources that routes derive are optional, whatever the base schema says: which are there depends on
 * the route, and a resource that is only stated has none. An extension can add types, actions, optional attributes of
 * existing types and of `Claimed`; it cannot change what is there.
 */
export function buildSchema(connectors: readonly SchemaConnector[], extension = ""): SchemaResult {
  const generated = baseJson();
  for (const connector of connectors) addConnector(generated, connector);
  const parsed = parseExtension(generated, extension);
  if ("errors" in parsed) return parsed;
  const json = withoutShadowed(generated, connectors, parsed.json);
  const clashes = mergeExtension(json, parsed.json, extension);
  if (clashes.length > 0) return { errors: clashes };
  // What is generated is valid by itself, and checking it costs as much as all the rest.
  const problems = extension.trim() === "" ? [] : checkSchema(json);
  if (problems.length > 0) return { errors: problems.map((problem) => located(problem, extension)) };
  const hash = sha256Hex("writ.schema.v1\n", canonicalize(json));
  return { schema: { json, own: parsed.json, actions: actionsOf(json), hash } };
}

/** The schema in Cedar's own syntax, to be shown. */
export function schemaText(schema: TenantSchema): string {
  return printSchema(schema.json);
}

/** The strictest tier that the schema gives a command; `danger` for one that it does not know. */
export function schemaTierOf(schema: TenantSchema, command: string): SchemaTier {
  const groups = schema.actions.get(entityKey({ type: "Action", id: command }))?.groups;
  for (const tier of ["danger", "write", "read"] as const) {
    if (groups?.has(entityKey({ type: "Action", id: `tier:${tier}` }))) return tier;
  }
  return "danger";
}

/**
 * Cedar lets no type of a namespace have the name of one outside of any: an `Account` of the tenant's own stands for all
 * that `GitHub::Account` would be in, where the tenant does not use GitHub.
 */
function withoutShadowed(
  json: SchemaJson<string>,
  connectors: readonly SchemaConnector[],
  own: SchemaJson<string>,
): SchemaJson<string> {
  const names = new Set([...Object.keys(own[""]?.entityTypes ?? {}), ...Object.keys(own[""]?.commonTypes ?? {})]);
  const used = new Set(connectors.filter(({ isUnused }) => isUnused !== true).flatMap(namespacesOf));
  const shadowed = Object.entries(json).filter(
    ([namespace, { entityTypes }]) =>
      namespace !== "" && !used.has(namespace) && Object.keys(entityTypes).some((name) => names.has(name)),
  );
  if (shadowed.length === 0) return json;
  const gone = new Set(shadowed.map(([namespace]) => namespace));
  const rest = baseJson();
  for (const namespace of gone) delete rest[namespace];
  for (const connector of connectors) {
    if (!namespacesOf(connector).some((namespace) => gone.has(namespace))) addConnector(rest, connector);
  }
  return rest;
}

function namespacesOf({ routes }: SchemaConnector): readonly string[] {
  return [UNLISTED_TYPE, ...routes.map(({ resource }) => resource.type)].map((type) => type.split("::")[0] ?? "");
}

let base: SchemaJson<string> | undefined;

function baseJson(): SchemaJson<string> {
  if (base === undefined) {
    const parsed = parseSchemaText(baseSource);
    invariant(!("problems" in parsed), "the base schema does not parse");
    base = parsed as SchemaJson<string>;
  }
  return structuredClone(base);
}

/** An entity type's own declaration, where attributes can be added; made where it is missing. */
interface EntityDeclaration {
  memberOfTypes?: string[];
  shape?: { type: "Record"; attributes: Record<string, { type: string; required?: boolean }> };
}

function addConnector(json: SchemaJson<string>, connector: SchemaConnector): void {
  const byCommand = new Map<string, Set<string>>();
  for (const { command, resource, attributes } of connector.routes) {
    const types = byCommand.get(command) ?? new Set<string>();
    byCommand.set(command, types.add(resource.type));
    addResourceType(json, resource.type, Object.keys(attributes ?? {}));
  }
  addResourceType(json, UNLISTED_TYPE, []);
  for (const [type, parents] of connector.within ?? []) addParents(json, type, parents);
  const actions = namespaceOf(json, "").actions as Record<string, unknown>;
  for (const [command, tiers] of connector.commands) {
    const groups = [...prefixesOf(command), ...[tiers].flat().map((tier) => `tier:${tier}`)];
    for (const group of groups)
      actions[group] ??= {
        memberOf: prefixesOf(group)
          .slice(0, 1)
          .map((id) => ({ id })),
      };
    actions[command] = {
      memberOf: groups.map((id) => ({ id })),
      appliesTo: {
        principalTypes: ["Agent"],
        resourceTypes: [...(byCommand.get(command) ?? [UNLISTED_TYPE])].sort(),
        context: { type: "EntityOrCommon", name: "CommandContext" },
      },
    };
  }
}

/** `/a/b/c` is in `/a/b` and `/a`. */
function prefixesOf(command: string): string[] {
  const prefixes: string[] = [];
  for (let at = command.lastIndexOf("/"); at > 0; at = command.lastIndexOf("/", at - 1))
    prefixes.push(command.slice(0, at));
  return prefixes;
}

function declarationOf(json: SchemaJson<string>, type: string): EntityDeclaration {
  const at = type.lastIndexOf("::");
  const types = namespaceOf(json, at === -1 ? "" : type.slice(0, at)).entityTypes as Record<string, EntityDeclaration>;
  const name = at === -1 ? type : type.slice(at + 2);
  types[name] ??= { memberOfTypes: ["Connection"] };
  return types[name];
}

function addParents(json: SchemaJson<string>, type: string, parents: readonly string[]): void {
  const declared = declarationOf(json, type);
  declared.memberOfTypes = [...new Set([...(declared.memberOfTypes ?? []), ...parents])];
}

function addResourceType(json: SchemaJson<string>, type: string, attributes: readonly string[]): void {
  const declared = declarationOf(json, type);
  declared.shape ??= { type: "Record", attributes: {} };
  const members = declared.shape.attributes;
  for (const member of Object.values(members)) member.required = false;
  for (const attribute of attributes) members[attribute] ??= { type: "String", required: false };
  for (const [attribute, kind] of Object.entries(STORED_ATTRIBUTES))
    members[attribute] ??= { ...kind, required: false };
}

function namespaceOf(json: SchemaJson<string>, name: string): SchemaJson<string>[string] {
  json[name] ??= { entityTypes: {}, actions: {} };
  return json[name];
}

function actionsOf(json: SchemaJson<string>): ReadonlyMap<string, SchemaAction> {
  const actions = new Map<string, SchemaAction>();
  const parents = new Map<string, readonly string[]>();
  for (const [namespace, { actions: declared, entityTypes }] of Object.entries(json)) {
    const type = namespace === "" ? "Action" : `${namespace}::Action`;
    for (const [id, { memberOf, appliesTo }] of Object.entries(declared)) {
      const key = entityKey({ type, id });
      parents.set(
        key,
        (memberOf ?? []).map((group) => entityKey({ type: group.type ?? type, id: group.id })),
      );
      const { principalTypes = [], resourceTypes = [] } = appliesTo ?? {};
      const qualify = (name: string) =>
        Object.hasOwn(entityTypes, name) && namespace !== "" ? `${namespace}::${name}` : name;
      actions.set(key, {
        uid: { type, id },
        groups: new Set(),
        principals: principalTypes.map(qualify),
        resources: resourceTypes.map(qualify),
      });
    }
  }
  for (const [key, action] of actions) {
    const groups = new Set(parents.get(key));
    for (const group of groups) for (const above of parents.get(group) ?? []) groups.add(above);
    actions.set(key, { ...action, groups });
  }
  return actions;
}

/** A complaint about the merged schema, at the first place in the extension that has a name that it quotes. */
function located(
  problem: { readonly message: string; readonly help: string | undefined },
  extension: string,
): PolicyProblem {
  const names = [...`${problem.message} ${problem.help ?? ""}`.matchAll(/[\w:]+/g)].map(([name]) => name);
  const places = names
    .filter((name) => name.length > 2)
    .map((name) => extension.indexOf(name.split("::").at(-1) ?? name));
  const place = Math.max(0, places.find((at) => at !== -1) ?? 0);
  const { message, help } = problem;
  return { message, ...positionAt(extension, place), ...(help === undefined ? {} : { help }) };
}
