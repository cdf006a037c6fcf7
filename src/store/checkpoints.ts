import type { TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** A checkpoint as stored. */
export interface CheckpointRow {
  /** How many events it covers. */
  readonly size: number;
  /** Milliseconds. */
  readonly at: number;
  readonly madeBy: "schedule" | "request";
  /** Start of the day or hour that it was made for, in milliseconds; null for one on request. */
  readonly period: number | null;
  readonly keyId: string;
  /** The signed note. */
  readonly note: string;
}

/** A witness's signature line over a checkpoint. */
export interface CosignatureRow {
  readonly size: number;
  readonly witness: string;
  /** With its line feed. */
  readonly line: string;
  readonly at: number;
}

const COLUMNS = "size, at, made_by AS madeBy, period, key_id AS keyId, note";

/** One that does not extend all before it, or a second one of a period, is a conflict. */
export function insertCheckpoint(tenant: TenantId, row: CheckpointRow): Statement {
  return {
    sql: `INSERT INTO checkpoints (tenant_id, size, at, made_by, period, key_id, note)
      SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
      WHERE NOT EXISTS (SELECT 1 FROM checkpoints WHERE tenant_id = ?1 AND (size >= ?2 OR at > ?3))`,
    params: [tenant, row.size, row.at, row.madeBy, row.period, row.keyId, row.note],
    expectRows: 1,
  };
}

/** The newest one. */
export function readNewestCheckpoint(reader: Reader, tenant: TenantId): Promise<CheckpointRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM checkpoints WHERE tenant_id = ? ORDER BY size DESC LIMIT 1`, [tenant]);
}

/** The first one that covers `size` events. */
export function readCheckpointCovering(
  reader: Reader,
  tenant: TenantId,
  size: number,
): Promise<CheckpointRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM checkpoints WHERE tenant_id = ? AND size >= ? ORDER BY size LIMIT 1`, [
    tenant,
    size,
  ]);
}

/** Newest first, below `before`, at most `limit`. */
export function readCheckpoints(
  reader: Reader,
  tenant: TenantId,
  before: number,
  limit: number,
): Promise<CheckpointRow[]> {
  return reader.all(`SELECT ${COLUMNS} FROM checkpoints WHERE tenant_id = ? AND size < ? ORDER BY size DESC LIMIT ?`, [
    tenant,
    before,
    limit,
  ]);
}

/** Ascending, of a size above `after` and up to `through`, at most `limit`. */
export function readCheckpointsAfter(
  reader: Reader,
  tenant: TenantId,
  after: number,
  through: number,
  limit: number,
): Promise<CheckpointRow[]> {
  return reader.all(
    `SELECT ${COLUMNS} FROM checkpoints WHERE tenant_id = ? AND size > ? AND size <= ? ORDER BY size LIMIT ?`,
    [tenant, after, through, limit],
  );
}

/** The start of the newest period that one was made for. */
export async function readNewestPeriod(reader: Reader, tenant: TenantId): Promise<number | undefined> {
  const row = await reader.get<{ period: number | null }>(
    "SELECT max(period) AS period FROM checkpoints WHERE tenant_id = ? AND period IS NOT NULL",
    [tenant],
  );
  return row?.period ?? undefined;
}

export function insertCosignature(tenant: TenantId, row: CosignatureRow): Statement {
  return {
    sql: `INSERT INTO cosignatures (tenant_id, size, witness, line, at) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (tenant_id, size, witness) DO UPDATE SET line = excluded.line, at = excluded.at`,
    params: [tenant, row.size, row.witness, row.line, row.at],
    expectRows: 1,
  };
}

/** Of one checkpoint, by the witnesses' names. */
export function readCosignatures(reader: Reader, tenant: TenantId, size: number): Promise<CosignatureRow[]> {
  return reader.all(
    "SELECT size, witness, line, at FROM cosignatures WHERE tenant_id = ? AND size = ? ORDER BY witness",
    [tenant, size],
  );
}
