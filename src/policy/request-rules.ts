import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import type { SchemaJson } from "./cedar.ts";
import type { PolicyRequest } from "./closure.ts";
import type { SchemaTier, TenantSchema } from "./schema.ts";
import { type EntityUid, entityKey, readEntityUid } from "./scope.ts";

/** A type of Cedar's, common names resolved; `any` where it is not told. */
export type ValueType =
  | "String"
  | "Long"
  | "Bool"
  | "any"
  | { readonly set: ValueType }
  | { readonly record: RecordType }
  | { readonly entity: string }
  | { readonly extension: string };

/** Attributes by name, and whether each must be there. */
export type RecordType = Readonly<Record<string, readonly [type: ValueType, isRequired: boolean]>>;

/** What an extension's action applies to. */
export interface ActionRule {
  readonly uid: EntityUid;
  readonly principals: readonly string[];
  readonly resources: readonly string[];
  /** Every group that it is in. */
  readonly groups: readonly EntityUid[];
  readonly context: RecordType;
}

/**
 * What a tenant's extension says of requests, as plain JSON: small enough to be kept beside the policies and to be asked
 * at each decision. What connectors say of their own commands is in their tables.
 */
export interface RequestRules {
  readonly actions: readonly ActionRule[];
  /** Entity types that the extension declares, or adds to, with all of their attributes. */
  readonly types: readonly (readonly [type: string, attributes: RecordType])[];
  readonly claimed: RecordType;
}

/** Rules, ready to be asked. */
export interface RequestCheck {
  /** Ids of the extension's own actions that apply to something. */
  readonly actionIds: readonly string[];
  /** What the extension says of an action; undefined for one that is not its own. */
  actionOf(action: EntityUid): ActionRule | undefined;
  /**
   * Why a request does not fit: principal or resource are not of a type that the action is for, or a declared attribute is
   * of another type. Undefined where it fits; of what the extension does not declare nothing is said.
   */
  mismatchOf(request: PolicyRequest): string | undefined;
  /**
   * A context, or the attributes of an entity, with values in the form that the extension declares: a text where it says
   * `ipaddr`, `decimal`, `datetime` or `duration`, and `{type, id}` where it says an entity, as Cedar reads data by a schema.
   */
  fitContext(action: EntityUid, context: JsonObject): JsonObject;
  fitAttributes(type: string, attributes: JsonObject): JsonObject;
  /** Which attribute is not there though the extension demands it: a policy that reads it could not be evaluated. */
  missingIn(request: PolicyRequest): string | undefined;
}

/** The rules of a schema's extension. */
export function requestRulesOf(schema: TenantSchema): RequestRules {
  const { json, own } = schema;
  const actions: ActionRule[] = [];
  const types: [string, RecordType][] = [];
  for (const [namespace, declared] of Object.entries(own)) {
    const resolver = new Resolver(json, namespace);
    for (const id of Object.keys(declared.actions)) {
      const uid = { type: namespace === "" ? "Action" : `${namespace}::Action`, id };
      const action = schema.actions.get(entityKey(uid));
      if (action === undefined) continue;
      const { principals, resources, groups } = action;
      const { appliesTo } = json[namespace]?.actions[id] ?? {};
      const above = [...groups].flatMap((group) => schema.actions.get(group)?.uid ?? []);
      actions.push({ uid, principals, resources, groups: above, context: resolver.record(appliesTo?.context) });
    }
    for (const name of Object.keys(declared.entityTypes)) {
      const { shape } = (json[namespace]?.entityTypes[name] ?? {}) as { shape?: unknown };
      types.push([namespace === "" ? name : `${namespace}::${name}`, resolver.record(shape)]);
    }
  }
  const claimed = new Resolver(json, "").record(json[""]?.commonTypes?.["Claimed"]);
  return { actions, types, claimed };
}

/** The strictest tier that an action's groups give it; undefined where they give none. */
export function ruleTierOf({ groups }: Pick<ActionRule, "groups">): SchemaTier | undefined {
  return (["danger", "write", "read"] as const).find((tier) => groups.some(({ id }) => id === `tier:${tier}`));
}

/** The rules of a tenant without an extension. */
export const NO_RULES: RequestRules = { actions: [], types: [], claimed: {} };

/** Makes rules ready; each request then costs some look-ups. */
export function createRequestCheck({ actions, types, claimed }: RequestRules): RequestCheck {
  const byAction = new Map(actions.map((rule) => [entityKey(rule.uid), rule]));
  const byType = new Map(types);
  const hasClaims = Object.keys(claimed).length > 0;
  const isEmpty = byAction.size === 0 && byType.size === 0 && !hasClaims;

  const look = (seek: Fault, { action, context, entities }: PolicyRequest): string | undefined => {
    const rule = byAction.get(entityKey(action));
    if (rule !== undefined) {
      const why = recordFault(seek, rule.context, context, "context", "writ");
      if (why !== undefined) return why;
    } else if (hasClaims && Object.hasOwn(context, "claimed")) {
      const why = recordFault(seek, claimed, context["claimed"] as Json, "context.claimed");
      if (why !== undefined) return why;
    }
    if (byType.size === 0) return undefined;
    for (const { uid, attrs } of entities) {
      const { type } = readEntityUid(uid);
      const attributes = byType.get(type);
      const why = attributes === undefined ? undefined : recordFault(seek, attributes, attrs, type);
      if (why !== undefined) return why;
    }
    return undefined;
  };
  return {
    actionIds: actions.flatMap(({ uid, resources }) => (uid.type === "Action" && resources.length > 0 ? [uid.id] : [])),
    actionOf: (action) => byAction.get(entityKey(action)),
    mismatchOf: (request) => {
      if (isEmpty) return undefined;
      const rule = byAction.get(entityKey(request.action));
      const why = rule === undefined ? undefined : typeMismatch(rule, request.principal, request.resource);
      return why ?? look("wrong", request);
    },
    fitContext: (action, context) => {
      const rule = byAction.get(entityKey(action));
      return rule === undefined ? context : fitRecord(rule.context, context);
    },
    fitAttributes: (type, attributes) => {
      const declared = byType.get(type);
      return declared === undefined ? attributes : fitRecord(declared, attributes);
    },
    missingIn: (request) => (isEmpty ? undefined : look("missing", request)),
  };
}

/** What is looked for: an attribute of another type, or one that is not there. */
type Fault = "wrong" | "missing";

function typeMismatch(rule: ActionRule, principal: EntityUid, resource: EntityUid): string | undefined {
  const { uid, principals, resources } = rule;
  if (!principals.includes(principal.type)) {
    return `\`${uid.id}\` is for ${listed(principals)}, not for \`${principal.type}\``;
  }
  if (resources.includes(resource.type)) return undefined;
  return `\`${uid.id}\` acts on ${listed(resources)}, not on \`${resource.type}\``;
}

function listed(types: readonly string[]): string {
  return types.length === 0 ? "nothing" : types.map((type) => `\`${type}\``).join(", ");
}

/** Of members that are not declared nothing is said: no policy that was saved reads them. */
function recordFault(seek: Fault, type: RecordType, value: Json, place: string, except?: string): string | undefined {
  if (!isRecord(value)) return wrong(seek, `\`${place}\` is no record`);
  for (const [name, [expected, isRequired]] of Object.entries(type)) {
    if (name === except) continue;
    const member = Object.hasOwn(value, name) ? value[name] : undefined;
    if (member === undefined) {
      if (isRequired && seek === "missing") return `\`${place}\` lacks \`${name}\``;
      continue;
    }
    const why = valueFault(seek, expected, member, `${place}.${name}`);
    if (why !== undefined) return why;
  }
  return undefined;
}

function wrong(seek: Fault, why: string): string | undefined {
  return seek === "wrong" ? why : undefined;
}

function valueFault(seek: Fault, type: ValueType, value: Json, place: string): string | undefined {
  if (type === "any") return undefined;
  if (type === "String") return typeof value === "string" ? undefined : wrong(seek, `\`${place}\` is no String`);
  if (type === "Long") return typeof value === "number" ? undefined : wrong(seek, `\`${place}\` is no Long`);
  if (type === "Bool") return typeof value === "boolean" ? undefined : wrong(seek, `\`${place}\` is no Bool`);
  if ("record" in type) return recordFault(seek, type.record, value, place);
  if ("set" in type) {
    if (!Array.isArray(value)) return wrong(seek, `\`${place}\` is no Set`);
    for (const [i, element] of (value as readonly Json[]).entries()) {
      const why = valueFault(seek, type.set, element, `${place}[${i}]`);
      if (why !== undefined) return why;
    }
    return undefined;
  }
  if ("entity" in type) {
    return isRecord(value) && entityTypeOf(value) === type.entity
      ? undefined
      : wrong(seek, `\`${place}\` is no entity of type \`${type.entity}\``);
  }
  const call = isRecord(value) ? value["__extn"] : undefined;
  const made = call !== undefined && isRecord(call) ? CONSTRUCTORS.get(String(call["fn"])) : undefined;
  return made === type.extension ? undefined : wrong(seek, `\`${place}\` is no ${type.extension}`);
}

function fitRecord(type: RecordType, value: JsonObject): JsonObject {
  const fitted: Record<string, Json> = Object.create(null);
  for (const [name, member] of Object.entries(value)) {
    const declared = Object.hasOwn(type, name) ? type[name] : undefined;
    fitted[name] = declared === undefined ? member : fitValue(declared[0], member);
  }
  return fitted;
}

function fitValue(type: ValueType, value: Json): Json {
  if (typeof type === "string") return value;
  if ("record" in type) return isRecord(value) ? fitRecord(type.record, value) : value;
  if ("set" in type) {
    return Array.isArray(value) ? (value as readonly Json[]).map((each) => fitValue(type.set, each)) : value;
  }
  if ("entity" in type) {
    const isUid = isRecord(value) && Object.keys(value).sort().join() === "id,type";
    return isUid ? { __entity: value } : value;
  }
  const made = [...CONSTRUCTORS].find(([, result]) => result === type.extension)?.[0];
  return typeof value === "string" && made !== undefined ? { __extn: { fn: made, arg: value } } : value;
}

/** Functions by what they make. */
const CONSTRUCTORS: ReadonlyMap<string, string> = new Map([
  ["ip", "ipaddr"],
  ["decimal", "decimal"],
  ["datetime", "datetime"],
  ["offset", "datetime"],
  ["duration", "duration"],
]);

function entityTypeOf(value: JsonObject): string | undefined {
  const uid = isRecord(value["__entity"] ?? null) ? (value["__entity"] as JsonObject) : value;
  return typeof uid["type"] === "string" ? uid["type"] : undefined;
}

function isRecord(value: Json): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

interface Declared {
  readonly type?: string;
  readonly name?: string;
  readonly element?: unknown;
  readonly attributes?: Readonly<Record<string, { readonly required?: boolean }>>;
}

const MAX_DEPTH = 16;

/** Reads declarations of one namespace; names that are not its own are looked for in the root. */
class Resolver {
  private readonly json: SchemaJson<string>;
  private readonly namespace: string;

  constructor(json: SchemaJson<string>, namespace: string) {
    this.json = json;
    this.namespace = namespace;
  }

  record(declared: unknown): RecordType {
    const type = this.resolve((declared ?? {}) as Declared, 0);
    return typeof type === "object" && "record" in type ? type.record : {};
  }

  private resolve(declared: Declared, depth: number): ValueType {
    const { type = "", name = type, element, attributes } = declared;
    if (depth > MAX_DEPTH) return "any";
    switch (type) {
      case "Set":
        return { set: this.resolve((element ?? {}) as Declared, depth + 1) };
      case "Record":
        return { record: this.members(attributes ?? {}, depth) };
      case "Entity":
        return { entity: this.entity(name) ?? name };
      case "Extension":
        return { extension: name };
      case "Boolean":
        return "Bool";
      default:
        return this.named(name, depth);
    }
  }

  private members(attributes: NonNullable<Declared["attributes"]>, depth: number): RecordType {
    const members: Record<string, readonly [ValueType, boolean]> = Object.create(null);
    for (const [name, attribute] of Object.entries(attributes)) {
      members[name] = [this.resolve(attribute as Declared, depth + 1), attribute.required !== false];
    }
    return members;
  }

  /** A common type goes before an entity type, and both before what Cedar brings. */
  private named(name: string, depth: number): ValueType {
    for (const [namespace, local] of this.placesOf(name)) {
      const common = this.json[namespace]?.commonTypes;
      if (common === undefined || !Object.hasOwn(common, local)) continue;
      return new Resolver(this.json, namespace).resolve(common[local] as Declared, depth + 1);
    }
    const entity = this.entity(name);
    if (entity !== undefined) return { entity };
    return BUILT_IN.get(name.replace(/^__cedar::/, "")) ?? "any";
  }

  private entity(name: string): string | undefined {
    for (const [namespace, local] of this.placesOf(name)) {
      const types = this.json[namespace]?.entityTypes;
      if (types !== undefined && Object.hasOwn(types, local))
        return namespace === "" ? local : `${namespace}::${local}`;
    }
    return undefined;
  }

  private placesOf(name: string): readonly (readonly [namespace: string, local: string])[] {
    const at = name.lastIndexOf("::");
    if (at !== -1) return [[name.slice(0, at), name.slice(at + 2)]];
    return this.namespace === ""
      ? [["", name]]
      : [
          [this.namespace, name],
          ["", name],
        ];
  }
}

const BUILT_IN: ReadonlyMap<string, ValueType> = new Map<string, ValueType>([
  ["String", "String"],
  ["Long", "Long"],
  ["Bool", "Bool"],
  ["Boolean", "Bool"],
  ["ipaddr", { extension: "ipaddr" }],
  ["decimal", { extension: "decimal" }],
  ["datetime", { extension: "datetime" }],
  ["duration", { extension: "duration" }],
]);
