import type { JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { EntityJson } from "#src/policy/closure.ts";
import { type EntityUid, entityKey } from "#src/policy/scope.ts";
import { type EntityRow, hasEntities, readEntity } from "#src/store/entities.ts";
import type { Reader } from "#src/store/reader.ts";
import { whyNotCedar } from "./cedar-value.ts";

/** Stored entities that one request can reach, by {@link entityKey}. */
export type StoredEntities = ReadonlyMap<string, EntityJson>;

/** Where decisions find stored entities; each answer is right for the authority epoch that it is asked under. */
export interface EntitySource {
  /**
   * The stored entities among `roots`, their ancestors, and whatever their attributes lead to. Throws `invalid_argument`
   * where that is more than a decision may cost.
   */
  reach(tenant: TenantId, roots: readonly EntityUid[]): Promise<StoredEntities>;
}

/** What a request cannot reach more of: some 20 µs each. */
const MAX_REACHED = 2000;
const MAX_REMEMBERED = 20_000;
const NONE: StoredEntities = new Map();

interface Stored {
  readonly entity: EntityJson;
  /** Parents, and what attributes and tags refer to. */
  readonly links: readonly EntityUid[];
}

interface TenantCache {
  readonly epoch: number;
  isEmpty: boolean | undefined;
  readonly byKey: Map<string, Stored | undefined>;
}

/** An entity from its row. */
export function toEntity(row: Omit<EntityRow, "salt" | "updatedAt">): EntityJson {
  return {
    uid: { type: row.type, id: row.id },
    attrs: JSON.parse(row.attrs) as JsonObject,
    parents: JSON.parse(row.parents) as EntityUid[],
    ...(row.tags === null ? {} : { tags: JSON.parse(row.tags) as JsonObject }),
  };
}

/** Makes the source; what it keeps in memory is valid for one authority epoch of its tenant. */
export function createEntitySource(reader: Reader, epochOf: (tenant: TenantId) => number): EntitySource {
  const caches = new Map<TenantId, TenantCache>();

  const cacheOf = (tenant: TenantId): TenantCache => {
    const epoch = epochOf(tenant);
    const known = caches.get(tenant);
    if (known?.epoch === epoch) return known;
    const fresh: TenantCache = { epoch, isEmpty: undefined, byKey: new Map() };
    caches.set(tenant, fresh);
    return fresh;
  };

  const load = async (
    cache: TenantCache,
    tenant: TenantId,
    uid: EntityUid,
    key: string,
  ): Promise<Stored | undefined> => {
    const row = await readEntity(reader, tenant, uid.type, uid.id);
    const stored = row === undefined ? undefined : toStored(toEntity(row));
    if (cache.byKey.size >= MAX_REMEMBERED) cache.byKey.clear();
    cache.byKey.set(key, stored);
    return stored;
  };

  return {
    reach: async (tenant, roots) => {
      const cache = cacheOf(tenant);
      cache.isEmpty ??= !(await hasEntities(reader, tenant));
      if (cache.isEmpty) return NONE;
      const found = new Map<string, EntityJson>();
      const queue = [...roots];
      const seen = new Set<string>();
      for (const uid of queue) {
        const key = entityKey(uid);
        if (seen.has(key)) continue;
        if (seen.size >= MAX_REACHED) {
          throw new WritError("invalid_argument", `the request reaches more than ${MAX_REACHED} entities`);
        }
        seen.add(key);
        const stored = cache.byKey.has(key) ? cache.byKey.get(key) : await load(cache, tenant, uid, key);
        if (stored === undefined) continue;
        found.set(key, stored.entity);
        queue.push(...stored.links);
      }
      return found;
    },
  };
}

function toStored(entity: EntityJson): Stored {
  const links = [...(entity.parents as readonly EntityUid[])];
  whyNotCedar(entity.attrs, "attrs", "escapes", links);
  whyNotCedar(entity.tags ?? {}, "tags", "escapes", links);
  return { entity, links };
}

/**
 * One entity of what is given and what is stored, with the parents of both. Of two attributes of one name the stored one
 * wins over what somebody says, and what was derived from the call itself wins over the stored one.
 */
export function withStored(
  given: EntityJson,
  stored: EntityJson | undefined,
  wins: "stored" | "given" = "stored",
): EntityJson {
  if (stored === undefined) return given;
  const parents = [...(given.parents as readonly EntityUid[])];
  const known = new Set(parents.map(entityKey));
  for (const parent of stored.parents as readonly EntityUid[]) if (!known.has(entityKey(parent))) parents.push(parent);
  return {
    uid: given.uid,
    attrs: wins === "stored" ? { ...given.attrs, ...stored.attrs } : { ...stored.attrs, ...given.attrs },
    parents,
    ...(stored.tags === undefined ? {} : { tags: stored.tags }),
  };
}
