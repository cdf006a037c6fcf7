import type { TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement, Touch } from "./unit.ts";

/** How a segment stands; the migration says what each state means. */
export type SegmentState = "writing" | "written" | "damaged" | "pruned" | "lost";

/** A segment as stored. */
export interface SegmentRecord {
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly state: SegmentState;
  /** `yyyy-mm-dd`. */
  readonly date: string;
  readonly head: string;
  readonly root: string;
  readonly frontier: Uint8Array;
  readonly eventsBytes: number;
  readonly eventsSha256: string;
  readonly blobsBytes: number | null;
  readonly blobsSha256: string | null;
  readonly jsonBytes: number;
  readonly lockedUntil: number | null;
  readonly writtenAt: number | null;
  readonly verifiedAt: number | null;
}

/** How the last run of a tenant's archive went. Times in milliseconds. */
export interface ArchiveRunRow {
  readonly lastRunAt: number;
  readonly lastOkAt: number | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
}

const COLUMNS = `first_seq AS firstSeq, last_seq AS lastSeq, state, date, head, root, frontier,
  events_bytes AS eventsBytes, events_sha256 AS eventsSha256, blobs_bytes AS blobsBytes, blobs_sha256 AS blobsSha256,
  json_bytes AS jsonBytes, locked_until AS lockedUntil, written_at AS writtenAt, verified_at AS verifiedAt`;

/** A new segment, which follows the newest one: one that does not is a conflict. */
export function insertSegment(tenant: TenantId, row: SegmentRecord): Statement {
  return {
    sql: `INSERT INTO archive_segments (tenant_id, first_seq, last_seq, state, date, head, root, frontier, events_bytes,
        events_sha256, blobs_bytes, blobs_sha256, json_bytes)
      SELECT ?1, ?2, ?3, 'writing', ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12
      WHERE ?2 = 1 + coalesce((SELECT max(last_seq) FROM archive_segments WHERE tenant_id = ?1), 0)`,
    params: [
      tenant,
      row.firstSeq,
      row.lastSeq,
      row.date,
      row.head,
      row.root,
      row.frontier,
      row.eventsBytes,
      row.eventsSha256,
      row.blobsBytes,
      row.blobsSha256,
      row.jsonBytes,
    ],
    expectRows: 1,
  };
}

/** What a segment's files are, once they are in the store and were compared. */
export function setSegmentWritten(
  tenant: TenantId,
  row: Pick<
    SegmentRecord,
    "firstSeq" | "state" | "eventsBytes" | "eventsSha256" | "blobsBytes" | "blobsSha256" | "lockedUntil"
  >,
  at: number,
): Statement {
  return {
    sql: `UPDATE archive_segments SET state = 'written', events_bytes = ?, events_sha256 = ?, blobs_bytes = ?,
        blobs_sha256 = ?, locked_until = ?, written_at = ?, verified_at = ?
      WHERE tenant_id = ? AND first_seq = ? AND state = ?`,
    params: [
      row.eventsBytes,
      row.eventsSha256,
      row.blobsBytes,
      row.blobsSha256,
      row.lockedUntil,
      at,
      at,
      tenant,
      row.firstSeq,
      row.state,
    ],
    expectRows: 1,
  };
}

export function setSegmentState(tenant: TenantId, first: number, from: SegmentState, to: SegmentState): Statement {
  return {
    sql: "UPDATE archive_segments SET state = ? WHERE tenant_id = ? AND first_seq = ? AND state = ?",
    params: [to, tenant, first, from],
    expectRows: 1,
  };
}

/** Bookkeeping: when the store was last found to hold it. */
export function setSegmentVerified(tenant: TenantId, first: number, at: number): Statement {
  return {
    sql: "UPDATE archive_segments SET verified_at = ? WHERE tenant_id = ? AND first_seq = ?",
    params: [at, tenant, first],
  };
}

/** Ascending, from `after` on, at most `limit`. */
export function readSegments(reader: Reader, tenant: TenantId, after: number, limit: number): Promise<SegmentRecord[]> {
  return reader.all(
    `SELECT ${COLUMNS} FROM archive_segments WHERE tenant_id = ? AND first_seq > ? ORDER BY first_seq LIMIT ?`,
    [tenant, after, limit],
  );
}

/** The segment that holds an event. */
export function readSegmentOf(reader: Reader, tenant: TenantId, seq: number): Promise<SegmentRecord | undefined> {
  return reader.get(
    `SELECT ${COLUMNS} FROM archive_segments WHERE tenant_id = ? AND first_seq <= ? AND last_seq >= ?
      ORDER BY first_seq DESC LIMIT 1`,
    [tenant, seq, seq],
  );
}

/** The newest segment. */
export function readNewestSegment(reader: Reader, tenant: TenantId): Promise<SegmentRecord | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM archive_segments WHERE tenant_id = ? ORDER BY first_seq DESC LIMIT 1`, [
    tenant,
  ]);
}

/** The newest segment whose local rows are given up: nothing at or before its last event has to be here. */
export function readCut(reader: Reader, tenant: TenantId): Promise<SegmentRecord | undefined> {
  return reader.get(
    `SELECT ${COLUMNS} FROM archive_segments WHERE tenant_id = ? AND state IN ('pruned', 'lost')
      ORDER BY first_seq DESC LIMIT 1`,
    [tenant],
  );
}

/** Whether the database was made, or brought up to date, by a Writ that archives. */
export async function hasArchiveTables(reader: Reader): Promise<boolean> {
  return (
    (await reader.get("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'archive_runs'", [])) !== undefined
  );
}

/** Numbers for people. */
export async function readArchiveTotals(
  reader: Reader,
  tenant: TenantId,
): Promise<
  { readonly state: SegmentState; readonly segments: number; readonly events: number; readonly bytes: number }[]
> {
  return reader.all(
    `SELECT state, count(*) AS segments, sum(last_seq - first_seq + 1) AS events,
        sum(events_bytes + coalesce(blobs_bytes, 0)) AS bytes
      FROM archive_segments WHERE tenant_id = ? GROUP BY state ORDER BY state`,
    [tenant],
  );
}

export function readArchiveRun(reader: Reader, tenant: TenantId): Promise<ArchiveRunRow | undefined> {
  return reader.get(
    `SELECT last_run_at AS lastRunAt, last_ok_at AS lastOkAt, error_code AS errorCode, error_message AS errorMessage
      FROM archive_runs WHERE tenant_id = ?`,
    [tenant],
  );
}

/** How a run went; one that failed leaves the time of the last good one. */
export function recordArchiveRun(
  tenant: TenantId,
  at: number,
  error: { readonly code: string; readonly message: string } | undefined,
): Statement {
  return {
    sql: `INSERT INTO archive_runs (tenant_id, last_run_at, last_ok_at, error_code, error_message) VALUES (?1, ?2, ?3, ?4, ?5)
      ON CONFLICT (tenant_id) DO UPDATE SET last_run_at = excluded.last_run_at,
        last_ok_at = coalesce(excluded.last_ok_at, last_ok_at), error_code = excluded.error_code,
        error_message = excluded.error_message`,
    params: [tenant, at, error === undefined ? at : null, error?.code ?? null, error?.message ?? null],
    expectRows: 1,
  };
}

/** The first event that is still in the table. */
export async function readFirstSeq(reader: Reader, tenant: TenantId): Promise<number | undefined> {
  const row = await reader.get<{ seq: number | null }>("SELECT min(seq) AS seq FROM events WHERE tenant_id = ?", [
    tenant,
  ]);
  return row?.seq ?? undefined;
}

/**
 * Deletes local rows up to `through`. INVARIANT: they lie in the archive, in segments whose state says so; and `through` is
 * a multiple of the tree's tile, so that the tree needs none of them. A statement that finds another state deletes nothing.
 */
export function deleteArchivedRows(tenant: TenantId, from: number, through: number): Touch["statements"] {
  const guard = `EXISTS (SELECT 1 FROM archive_segments AS archived WHERE archived.tenant_id = ?1
    AND archived.state IN ('pruned', 'lost') AND archived.last_seq >= ?3)`;
  return ["events", "seals"].map((table) => ({
    sql: `DELETE FROM ${table} WHERE tenant_id = ?1 AND seq BETWEEN ?2 AND ?3 AND ${guard}`,
    params: [tenant, from, through],
  }));
}

/** The rows of a segment are here again; its grace begins anew. */
export function restoreSegment(tenant: TenantId, first: number, from: SegmentState, at: number): Statement {
  return {
    sql: `UPDATE archive_segments SET state = 'written', written_at = ?, verified_at = ?
      WHERE tenant_id = ? AND first_seq = ? AND state = ?`,
    params: [at, at, tenant, first, from],
    expectRows: 1,
  };
}

/** How many events of a range are in the table. */
export async function countEvents(reader: Reader, tenant: TenantId, first: number, last: number): Promise<number> {
  const row = await reader.get<{ count: number }>(
    "SELECT count(*) AS count FROM events WHERE tenant_id = ? AND seq BETWEEN ? AND ?",
    [tenant, first, last],
  );
  return row?.count ?? 0;
}

/** An event as a segment gives it back. */
export interface RestoredEvent {
  readonly seq: number;
  readonly id: string;
  readonly at: number;
  readonly type: string;
  readonly actor: string;
  readonly bytes: string;
  readonly hash: string;
}

/** Puts a row back that was pruned. INVARIANT: it lies below the cut, where no commit appends. */
export function restoreEvent(tenant: TenantId, row: RestoredEvent): Statement {
  return {
    sql: "INSERT OR IGNORE INTO events (tenant_id, seq, id, at, type, actor, bytes, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    params: [tenant, row.seq, row.id, row.at, row.type, row.actor, row.bytes, row.hash],
  };
}

/** The same for the seal over a segment. */
export function restoreSeal(
  tenant: TenantId,
  seal: { readonly seq: number; readonly hash: string; readonly root: string; readonly keyId: string },
  signature: Uint8Array,
): Statement {
  return {
    sql: "INSERT OR IGNORE INTO seals (tenant_id, seq, hash, root, key_id, signature) VALUES (?, ?, ?, ?, ?, ?)",
    params: [tenant, seal.seq, seal.hash, seal.root, seal.keyId, signature],
  };
}
