import type { TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** An entity as stored; the members of Cedar's form as JSON. */
export interface EntityRow {
  readonly type: string;
  readonly id: string;
  readonly attrs: string;
  /** Array of `{type, id}`. */
  readonly parents: string;
  readonly tags: string | null;
  /** Hex; random. */
  readonly salt: string;
  readonly updatedAt: number;
}

const COLUMNS = "type, id, attrs, parents, tags, salt, updated_at AS updatedAt";

/** Stores all of them in one statement, each in place of the one that has its type and id. */
export function putEntities(tenant: TenantId, rows: readonly EntityRow[]): Statement {
  return {
    sql: `INSERT INTO entities (tenant_id, type, id, attrs, parents, tags, salt, updated_at)
      SELECT ?, value ->> 'type', value ->> 'id', value ->> 'attrs', value ->> 'parents', value ->> 'tags',
        value ->> 'salt', value ->> 'updatedAt' FROM json_each(?) WHERE true
      ON CONFLICT (tenant_id, type, id) DO UPDATE SET attrs = excluded.attrs, parents = excluded.parents,
        tags = excluded.tags, salt = excluded.salt, updated_at = excluded.updated_at`,
    params: [tenant, JSON.stringify(rows)],
    expectRows: rows.length,
  };
}

export function deleteEntity(tenant: TenantId, type: string, id: string): Statement {
  return {
    sql: "DELETE FROM entities WHERE tenant_id = ? AND type = ? AND id = ?",
    params: [tenant, type, id],
    expectRows: 1,
  };
}

export function readEntity(reader: Reader, tenant: TenantId, type: string, id: string): Promise<EntityRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM entities WHERE tenant_id = ? AND type = ? AND id = ?`, [tenant, type, id]);
}

/** Whether the tenant has any: most decisions rest on none. */
export async function hasEntities(reader: Reader, tenant: TenantId): Promise<boolean> {
  return (await reader.get("SELECT 1 FROM entities WHERE tenant_id = ? LIMIT 1", [tenant])) !== undefined;
}

/** By type and id, behind `after`, at most `limit`. */
export function readEntities(
  reader: Reader,
  tenant: TenantId,
  after: { readonly type: string; readonly id: string },
  limit: number,
): Promise<EntityRow[]> {
  return reader.all(
    `SELECT ${COLUMNS} FROM entities WHERE tenant_id = ? AND (type, id) > (?, ?) ORDER BY type, id LIMIT ?`,
    [tenant, after.type, after.id, limit],
  );
}

/** Those of one type by id, behind `after` (undefined: from the first), at most `limit`. */
export function readEntitiesOfType(
  reader: Reader,
  tenant: TenantId,
  type: string,
  after: string | undefined,
  limit: number,
): Promise<EntityRow[]> {
  // An id can be empty: what begins the list must be before that.
  return after === undefined
    ? reader.all(`SELECT ${COLUMNS} FROM entities WHERE tenant_id = ? AND type = ? ORDER BY id LIMIT ?`, [
        tenant,
        type,
        limit,
      ])
    : reader.all(`SELECT ${COLUMNS} FROM entities WHERE tenant_id = ? AND type = ? AND id > ? ORDER BY id LIMIT ?`, [
        tenant,
        type,
        after,
        limit,
      ]);
}

export function putTypeMap(tenant: TenantId, map: string, now: number): Statement {
  return {
    sql: `INSERT INTO type_maps (tenant_id, map, updated_at) VALUES (?, ?, ?)
      ON CONFLICT (tenant_id) DO UPDATE SET map = excluded.map, updated_at = excluded.updated_at`,
    params: [tenant, map, now],
    expectRows: 1,
  };
}

/** JSON; undefined where the tenant has none. */
export async function readTypeMap(reader: Reader, tenant: TenantId): Promise<string | undefined> {
  const row = await reader.get<{ map: string }>("SELECT map FROM type_maps WHERE tenant_id = ?", [tenant]);
  return row?.map;
}
