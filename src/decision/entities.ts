import type { Recorder } from "#src/audit/recorder.ts";
import { toHex } from "#src/base/bytes.ts";
import { canonicalize, type Json, type JsonObject } from "#src/base/canonical-json.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { IdSource, SubjectId, TenantId } from "#src/base/ids.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { whyUnreadable } from "#src/policy/cedar.ts";
import type { EntityJson } from "#src/policy/closure.ts";
import { type EntityUid, entityKey, readEntityUid } from "#src/policy/scope.ts";
import {
  deleteEntity,
  type EntityRow,
  putEntities,
  readEntities,
  readEntitiesOfType,
  readEntity,
} from "#src/store/entities.ts";
import type { Reader } from "#src/store/reader.ts";
import type { Statement } from "#src/store/unit.ts";
import { isActionType, isEntityType, whyNotCedar } from "./cedar-value.ts";
import { toEntity } from "./stored-entities.ts";
import { nextTurn } from "./turn.ts";

/** A page of a list. */
export interface EntityPage {
  readonly type?: string;
  readonly after?: EntityUid;
  readonly limit: number;
}

/** What a tenant says of the world: who is in what, and what is known of them. In Cedar's JSON. */
export interface Entities {
  /** `not_found`. */
  show(tenant: TenantId, uid: EntityUid): Promise<EntityJson>;
  /** By type and id. */
  list(tenant: TenantId, page: EntityPage): Promise<readonly EntityJson[]>;
  /**
   * Stores entities in place of those of the same type and id, all or none. `invalid_argument` for what Cedar cannot read
   * and for a cycle, `conflict` where somebody else kept changing them.
   */
  put(tenant: TenantId, actor: SubjectId, entities: readonly Json[]): Promise<readonly EntityJson[]>;
  /** `not_found`. */
  remove(tenant: TenantId, actor: SubjectId, uid: EntityUid): Promise<void>;
}

/** What {@link createEntities} needs. */
export interface EntitiesDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly ids: IdSource;
  readonly clock: Clock;
}

/** How many entities one import brings. */
export const MAX_IMPORTED = 10_000;
export const MAX_ENTITY_ID_CHARACTERS = 4096;
const MAX_ENTITY_CHARACTERS = 64 * 1024;
const MAX_PARENTS = 200;
/** How far up the check for cycles follows: what no request could reach more of either. */
const MAX_ANCESTORS = 20_000;
const MAX_ATTEMPTS = 5;
const SALT_BYTES = 16;
const MAX_TYPES_RECORDED = 50;

/** Makes the service. */
export function createEntities({ recorder, reader, ids, clock }: EntitiesDependencies): Entities {
  const parentsOf = async (tenant: TenantId, uid: EntityUid): Promise<readonly EntityUid[]> => {
    const row = await readEntity(reader, tenant, uid.type, uid.id);
    return row === undefined ? [] : (JSON.parse(row.parents) as EntityUid[]);
  };

  /** Commits under the epoch that the look-ups were made under, again where it moved meanwhile. */
  const commit = async (
    tenant: TenantId,
    actor: SubjectId,
    prepare: () => Promise<{ readonly type: string; readonly statement: Statement; readonly data: JsonObject }>,
  ): Promise<void> => {
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const expectEpoch = recorder.epochOf(tenant);
      const { type, statement, data } = await prepare();
      const change = { tenant, type, actor, statements: [statement], data, expectEpoch, raisesEpoch: true };
      const result = await recorder.tryRecord(change);
      if (result.kind === "committed") return;
      if (result.reason !== "stale") break;
    }
    throw new WritError("conflict");
  };

  return {
    show: async (tenant, { type, id }) => {
      const row = await readEntity(reader, tenant, type, id);
      if (row === undefined) throw new WritError("not_found");
      return toEntity(row);
    },
    list: async (tenant, { type, after, limit }) => {
      const rows =
        type === undefined
          ? await readEntities(reader, tenant, after ?? { type: "", id: "" }, limit)
          : await readEntitiesOfType(reader, tenant, type, after?.id, limit);
      return rows.map(toEntity);
    },
    put: async (tenant, actor, given) => {
      if (given.length === 0) return [];
      if (given.length > MAX_IMPORTED) {
        throw new WritError("invalid_argument", `at most ${MAX_IMPORTED} entities at a time`);
      }
      const entities = await inSteps(given, (json, i) =>
        parseEntity(json, given.length === 1 ? "entity" : `entities[${i}]`),
      );
      const byKey = new Map(entities.map((entity) => [entityKey(entity.uid as EntityUid), entity]));
      if (byKey.size < entities.length) throw new WritError("invalid_argument", "an entity is there twice");
      await inSteps(entities, requireReadable);
      const rows = await inSteps(entities, (entity) => toRow(entity, ids, clock.now()));
      const data = {
        types: countTypes(entities),
        count: entities.length,
        commitment: commitmentOf(rows),
      };
      await commit(tenant, actor, async () => {
        await refuseCycle(byKey, (uid) => parentsOf(tenant, uid));
        return { type: "entity.stored", statement: putEntities(tenant, rows), data };
      });
      return entities;
    },
    remove: (tenant, actor, { type, id }) =>
      commit(tenant, actor, async () => {
        const row = await readEntity(reader, tenant, type, id);
        if (row === undefined) throw new WritError("not_found");
        const data = { types: { [type]: 1 }, count: 1, commitment: commitmentOf([row]) };
        return { type: "entity.removed", statement: deleteEntity(tenant, type, id), data };
      }),
  };
}

/** Between two turns of the loop: some milliseconds. */
const STEP = 100;

async function inSteps<From, To>(list: readonly From[], map: (item: From, place: number) => To): Promise<To[]> {
  const mapped: To[] = [];
  for (const [i, item] of list.entries()) {
    mapped.push(map(item, i));
    if (i % STEP === STEP - 1) await nextTurn();
  }
  return mapped;
}

/** What only Cedar can tell: whether the arguments of its extension functions are such. Ancestors are looked at elsewhere. */
function requireReadable(entity: EntityJson): void {
  if (!JSON.stringify(entity).includes(`"__extn"`)) return;
  const unreadable = whyUnreadable([{ ...entity, parents: [] }]);
  if (unreadable !== undefined) throw new WritError("invalid_argument", unreadable);
}

/** One entity of Cedar's JSON, checked; references are written out as `{type, id}`. */
function parseEntity(json: Json, place: string): EntityJson {
  const refuse = (what: string): never => {
    throw new WritError("invalid_argument", `\`${place}\` ${what}`, { details: { field: place } });
  };
  if (!isObject(json)) return refuse("must be an object");
  const { uid: given, attrs = {}, parents = [], tags } = json;
  const unknown = Object.keys(json).find((name) => !["uid", "attrs", "parents", "tags"].includes(name));
  if (unknown !== undefined) return refuse(`has an unknown member \`${unknown.slice(0, 60)}\``);
  if (!isObject(attrs) || (tags !== undefined && !isObject(tags))) return refuse("has `attrs` and `tags`, two objects");
  if (!Array.isArray(parents) || parents.length > MAX_PARENTS) {
    return refuse(`has a list of at most ${MAX_PARENTS} \`parents\``);
  }
  const uid = parseUid(given, refuse);
  const why = whyNotCedar(attrs, "attrs", "escapes") ?? whyNotCedar(tags ?? {}, "tags", "escapes");
  if (why !== undefined) return refuse(`cannot be stored: ${why}`);
  const reserved = [...Object.keys(attrs), ...Object.keys(tags ?? {})].find((name) => name.startsWith("__"));
  if (reserved !== undefined) return refuse("has an attribute whose name begins with two underscores");
  const entity: EntityJson = {
    uid,
    attrs,
    parents: parents.map((parent: Json) => parseUid(parent, refuse)),
    ...(tags === undefined ? {} : { tags }),
  };
  if (JSON.stringify(entity).length > MAX_ENTITY_CHARACTERS) {
    return refuse(`has more than ${MAX_ENTITY_CHARACTERS} characters`);
  }
  return entity;
}

function parseUid(json: Json | undefined, refuse: (what: string) => never): EntityUid {
  const { type, id } = readEntityUid(json);
  if (!isEntityType(type) && !isActionType(type)) refuse(`names \`${type.slice(0, 100)}\`, which is no entity type`);
  if (isActionType(type) && (id.startsWith("/") || id.startsWith("tier:"))) {
    refuse("names a command: what group it is in is its connector's to say");
  }
  if (id.length > MAX_ENTITY_ID_CHARACTERS) refuse(`has an id of more than ${MAX_ENTITY_ID_CHARACTERS} characters`);
  if (id.includes("\0")) refuse("has an id with a NUL");
  return { type, id };
}

/**
 * INVARIANT: no stored entity is its own ancestor. Follows the parents of all that is new, through what is stored already.
 */
async function refuseCycle(
  added: ReadonlyMap<string, EntityJson>,
  storedParents: (uid: EntityUid) => Promise<readonly EntityUid[]>,
): Promise<void> {
  const parents = new Map<string, readonly EntityUid[]>();
  const parentsOf = async (uid: EntityUid, key: string): Promise<readonly EntityUid[]> => {
    let known = parents.get(key);
    if (known === undefined) {
      const fresh = added.get(key);
      known = fresh === undefined ? await storedParents(uid) : (fresh.parents as readonly EntityUid[]);
      parents.set(key, known);
      if (parents.size > MAX_ANCESTORS + added.size) {
        throw new WritError("invalid_argument", "the entities have too many ancestors");
      }
    }
    return known;
  };
  const done = new Set<string>();
  let steps = 0;
  for (const [start, { uid }] of added) {
    const path = [{ uid: uid as EntityUid, key: start, next: 0 }];
    const onPath = new Set([start]);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      steps += 1;
      if (steps % STEP === 0) await nextTurn();
      const parent = done.has(top.key) ? undefined : (await parentsOf(top.uid, top.key))[top.next];
      if (parent === undefined) {
        done.add(top.key);
        onPath.delete(top.key);
        path.pop();
        continue;
      }
      top.next += 1;
      const key = entityKey(parent);
      if (onPath.has(key)) {
        throw new WritError("invalid_argument", `the entity ${shown(parent)} would be its own ancestor`);
      }
      if (!done.has(key)) {
        onPath.add(key);
        path.push({ uid: parent, key, next: 0 });
      }
    }
  }
}

function shown({ type, id }: EntityUid): string {
  return `${type}::${JSON.stringify(id.slice(0, 100))}`;
}

function toRow({ uid, attrs, parents, tags }: EntityJson, ids: IdSource, now: number): EntityRow {
  const { type, id } = uid as EntityUid;
  return {
    type,
    id,
    attrs: canonicalize(attrs),
    parents: canonicalize(parents),
    tags: tags === undefined ? null : canonicalize(tags),
    salt: toHex(ids.random(SALT_BYTES)),
    updatedAt: now,
  };
}

/**
 * What the event says of content that can be personal: whoever has the rows, salts included, can show that it is theirs;
 * without them it says nothing.
 */
function commitmentOf(rows: readonly EntityRow[]): string {
  const each = rows.map(({ salt, type, id, attrs, parents, tags }) =>
    sha256Hex(`writ.entity.v1\n${canonicalize({ salt, type, id, attrs, parents, tags })}`),
  );
  return each.length === 1 ? (each[0] ?? "") : sha256Hex(each.join("\n"));
}

function countTypes(entities: readonly EntityJson[]): JsonObject {
  const counts: Record<string, number> = Object.create(null);
  for (const { uid } of entities) {
    const { type } = uid as EntityUid;
    if (counts[type] === undefined && Object.keys(counts).length >= MAX_TYPES_RECORDED) continue;
    counts[type] = (counts[type] ?? 0) + 1;
  }
  return counts;
}

function isObject(json: Json | undefined): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json);
}
