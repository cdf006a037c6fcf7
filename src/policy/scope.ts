import { WritError } from "#src/base/errors.ts";
import type { PolicyJson } from "./cedar.ts";

/** An entity's type and id, as Cedar's JSON has them. */
export interface EntityUid {
  readonly type: string;
  readonly id: string;
}

/**
 * What a policy's scope says about the principal, the action or the resource. `in` holds when the entity is, or has among
 * its ancestors, one of `entities` (for an action several may stand; none never holds).
 */
export type ScopeConstraint =
  | { readonly op: "any" }
  | { readonly op: "eq"; readonly entity: EntityUid }
  | { readonly op: "in"; readonly entities: readonly EntityUid[] }
  | { readonly op: "is"; readonly type: string }
  | { readonly op: "is_in"; readonly type: string; readonly entity: EntityUid };

/** The three dimensions of a scope. */
export interface PolicyScope {
  readonly principal: ScopeConstraint;
  readonly action: ScopeConstraint;
  readonly resource: ScopeConstraint;
}

/** The dimensions in the order that Cedar writes them. */
export const SCOPE_DIMENSIONS = ["principal", "action", "resource"] as const;

/** The scope of a policy as Cedar itself read it. */
export function scopeOf(policy: PolicyJson): PolicyScope {
  return {
    principal: toConstraint(policy.principal),
    action: toConstraint(policy.action),
    resource: toConstraint(policy.resource),
  };
}

/** One key for each entity. Cedar refuses a type with a NUL, so two entities never share a key. */
export function entityKey(uid: EntityUid): string {
  return `${uid.type}\0${uid.id}`;
}

/** `{type, id}` of either of the forms that Cedar's JSON knows; `invalid_argument` for anything else, or for both at once. */
export function readEntityUid(json: unknown): EntityUid {
  const outer = json as { __entity?: unknown; type?: unknown; id?: unknown } | null | undefined;
  const isEscaped = outer?.__entity !== undefined;
  const inner = (isEscaped ? outer.__entity : outer) as { type?: unknown; id?: unknown } | null | undefined;
  const isAmbiguous = isEscaped && (outer.type !== undefined || outer.id !== undefined);
  if (isAmbiguous || typeof inner?.type !== "string" || typeof inner.id !== "string") {
    throw new WritError("invalid_argument", "an entity is named by its `type` and `id`, two strings");
  }
  return inner as EntityUid;
}

type JsonConstraint = PolicyJson["principal"] | PolicyJson["action"];

function toConstraint(json: JsonConstraint): ScopeConstraint {
  switch (json.op) {
    case "All":
      return { op: "any" };
    case "==":
      if ("entity" in json) return { op: "eq", entity: toUid(json.entity) };
      break;
    case "in":
      if ("entity" in json) return { op: "in", entities: [toUid(json.entity)] };
      if ("entities" in json) return { op: "in", entities: json.entities.map(toUid) };
      break;
    case "is":
      if (json.in === undefined) return { op: "is", type: json.entity_type };
      if ("entity" in json.in) return { op: "is_in", type: json.entity_type, entity: toUid(json.in.entity) };
      break;
  }
  throw new WritError("policy_invalid", "a template's slot cannot stand in a policy");
}

function toUid(json: unknown): EntityUid {
  const { type, id } = readEntityUid(json);
  return { type, id };
}
