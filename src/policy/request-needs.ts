import type { JsonObject } from "#src/base/canonical-json.ts";
import type { EntityJson, PolicyRequest } from "./closure.ts";
import type { CompiledPolicy } from "./policy-set.ts";
import { entityKey, readEntityUid, SCOPE_DIMENSIONS, type ScopeConstraint } from "./scope.ts";
import type { PolicySlice } from "./slice.ts";

/**
 * What the policies of a slice can read of a request. The engine is handed no more than that: each value and entity costs
 * it some 5 to 25 µs to take in, whether or not a policy looks at it.
 */
export interface RequestNeeds {
  /** Members of the context and of its `writ`; undefined for all. */
  readonly context: { readonly writ: readonly string[]; readonly other: readonly string[] } | undefined;
  /** Whose ancestors a scope asks for; undefined where a condition may ask for any entity. */
  readonly ancestorsOf: readonly (typeof SCOPE_DIMENSIONS)[number][] | undefined;
}

/** The needs of all these policies together. */
export function needsOf(policies: readonly CompiledPolicy[]): RequestNeeds {
  const writ = new Set<string>();
  const other = new Set<string>();
  let readsAnything = false;
  let readsEntities = false;
  for (const { reads } of policies) {
    if (reads === undefined) readsAnything = true;
    if (reads === undefined || reads.entities) readsEntities = true;
    for (const name of reads?.writ ?? []) writ.add(name);
    for (const name of reads?.context ?? []) other.add(name);
  }
  return {
    context: readsAnything ? undefined : { writ: [...writ], other: [...other] },
    ancestorsOf: readsEntities
      ? undefined
      : SCOPE_DIMENSIONS.filter((dimension) => policies.some(({ scope }) => asksForAncestors(scope[dimension]))),
  };
}

/** The part of a request's context that is needed. */
export function neededContext(needs: RequestNeeds, context: JsonObject): JsonObject {
  if (needs.context === undefined) return context;
  const { writ, other } = needs.context;
  if (writ.length === 0 && other.length === 0) return NOTHING;
  const needed = pick(context, other);
  const whole = context["writ"];
  if (writ.length > 0 && Object.hasOwn(context, "writ")) {
    needed["writ"] = isRecord(whole) ? pick(whole, writ) : (whole ?? null);
  }
  return needed;
}

/** The entities of a request that are needed. */
export function neededEntities(needs: RequestNeeds, request: PolicyRequest, slice: PolicySlice): readonly EntityJson[] {
  const { ancestorsOf } = needs;
  if (ancestorsOf === undefined) return request.entities;
  if (ancestorsOf.length === 0) return NO_ENTITIES;
  return request.entities.filter(({ uid }) => {
    const key = entityKey(readEntityUid(uid));
    return ancestorsOf.some((dimension) => slice.closures[dimension].includes(key));
  });
}

const NOTHING: JsonObject = {};
const NO_ENTITIES: readonly EntityJson[] = [];

function asksForAncestors({ op }: ScopeConstraint): boolean {
  return op === "in" || op === "is_in";
}

function pick(record: JsonObject, names: readonly string[]): Record<string, JsonObject[string]> {
  const picked: Record<string, JsonObject[string]> = Object.create(null);
  for (const name of names) if (Object.hasOwn(record, name)) picked[name] = record[name] as JsonObject[string];
  return picked;
}

function isRecord(value: JsonObject[string] | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
