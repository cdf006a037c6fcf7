import type { JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import { type EntityUid, entityKey, readEntityUid } from "./scope.ts";

/** One entity in Cedar's JSON: `uid` and `parents` as `{type, id}` or `{__entity: {type, id}}`. */
export interface EntityJson {
  readonly uid: EntityUid | { readonly __entity: EntityUid };
  readonly attrs: JsonObject;
  readonly parents: readonly (EntityUid | { readonly __entity: EntityUid })[];
  readonly tags?: JsonObject;
}

/** Who asks for what on what, in Cedar's JSON. */
export interface PolicyRequest {
  readonly principal: EntityUid;
  readonly action: EntityUid;
  readonly resource: EntityUid;
  readonly context: JsonObject;
  readonly entities: readonly EntityJson[];
}

/** The entity's own key, then those of all its ancestors, each once. A cycle ends nothing here; Cedar refuses it. */
export type Closure = readonly string[];

/** Finds ancestors in one request's entities. */
export class EntityGraph {
  private readonly parents = new Map<string, readonly string[]>();

  constructor(entities: readonly EntityJson[]) {
    for (const entity of entities) {
      const { key, parents: keys } = keysOf(entity);
      if (keys.length === 0) continue;
      const known = this.parents.get(key);
      this.parents.set(key, known === undefined ? keys : [...known, ...keys]);
    }
  }

  closureOf(uid: EntityUid): Closure {
    const own = entityKey(uid);
    const direct = this.parents.get(own);
    if (direct === undefined) return [own];
    const found = new Set<string>([own]);
    // A set's iteration visits what is added while it runs.
    for (const key of found) for (const parent of this.parents.get(key) ?? []) found.add(parent);
    return [...found];
  }
}

interface EntityKeys {
  readonly key: string;
  readonly parents: readonly string[];
}

/** By the entity itself: those that many requests share are the same objects in all of them. */
const knownKeys = new WeakMap<EntityJson, EntityKeys>();

function keysOf(entity: EntityJson): EntityKeys {
  const known = knownKeys.get(entity);
  if (known !== undefined) return known;
  const { uid, parents } = entity;
  if (!Array.isArray(parents)) throw new WritError("invalid_argument", "an entity has a list of `parents`");
  const keys = {
    key: entityKey(readEntityUid(uid)),
    parents: parents.map((parent) => entityKey(readEntityUid(parent))),
  };
  knownKeys.set(entity, keys);
  return keys;
}
