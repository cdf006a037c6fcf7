import type { TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";

/** An event as stored: the bytes are the source, the rest an index. */
export interface EventRow {
  readonly seq: number;
  readonly id: string;
  readonly at: number;
  readonly type: string;
  readonly actor: string;
  /** RFC 8785 text. */
  readonly bytes: string;
  /** Hex. */
  readonly hash: string;
}

/** A seal as stored. */
export interface SealRow {
  readonly seq: number;
  readonly hash: string;
  readonly root: string;
  readonly keyId: string;
  readonly signature: Uint8Array;
}

/** Which events a list holds. */
export interface EventFilter {
  readonly type?: string;
  readonly actor?: string;
  /** Milliseconds, inclusive. */
  readonly since?: number;
  /** Milliseconds, exclusive. */
  readonly until?: number;
}

const COLUMNS = "seq, id, at, type, actor, bytes, hash";

/** Ascending, after `after`, at most `limit`. */
export function readEventsAfter(
  reader: Reader,
  tenant: TenantId,
  after: number,
  through: number,
  limit: number,
): Promise<EventRow[]> {
  return reader.all(`SELECT ${COLUMNS} FROM events WHERE tenant_id = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?`, [
    tenant,
    after,
    through,
    limit,
  ]);
}

/** Newest first, below `before`, at most `limit`, as the filter says. */
export function searchEvents(
  reader: Reader,
  tenant: TenantId,
  filter: EventFilter,
  before: number,
  limit: number,
): Promise<EventRow[]> {
  return reader.all(
    `SELECT ${COLUMNS} FROM events WHERE tenant_id = ?1 AND seq < ?2
      AND (?3 IS NULL OR type = ?3 OR substr(type, 1, length(?3) + 1) = ?3 || '.')
      AND (?4 IS NULL OR actor = ?4) AND (?5 IS NULL OR at >= ?5) AND (?6 IS NULL OR at < ?6)
      ORDER BY seq DESC LIMIT ?7`,
    [tenant, before, filter.type ?? null, filter.actor ?? null, filter.since ?? null, filter.until ?? null, limit],
  );
}

export function readEventById(reader: Reader, tenant: TenantId, id: string): Promise<EventRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM events WHERE tenant_id = ? AND id = ?`, [tenant, id]);
}

export function readEventBySeq(reader: Reader, tenant: TenantId, seq: number): Promise<EventRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM events WHERE tenant_id = ? AND seq = ?`, [tenant, seq]);
}

/** Ascending, after `after`, at most `limit`. */
export function readSealsAfter(reader: Reader, tenant: TenantId, after: number, limit: number): Promise<SealRow[]> {
  return reader.all(
    `SELECT seq, hash, root, key_id AS keyId, signature FROM seals WHERE tenant_id = ? AND seq > ? ORDER BY seq LIMIT ?`,
    [tenant, after, limit],
  );
}

/** The newest seal that covers `seq`, or the newest of all. */
export function readSealAtOrAfter(reader: Reader, tenant: TenantId, seq: number): Promise<SealRow | undefined> {
  return reader.get(
    `SELECT seq, hash, root, key_id AS keyId, signature FROM seals WHERE tenant_id = ? AND seq >= ? ORDER BY seq LIMIT 1`,
    [tenant, seq],
  );
}

export function readBlob(
  reader: Reader,
  tenant: TenantId,
  sha256: string,
): Promise<{ readonly bytes: string } | undefined> {
  return reader.get("SELECT bytes FROM blobs WHERE tenant_id = ? AND sha256 = ?", [tenant, sha256]);
}

/** The newest event's place. */
export function readHead(
  reader: Reader,
  tenant: TenantId,
): Promise<
  | {
      readonly seq: number;
      readonly hash: string;
      readonly root: string;
      readonly at: number;
      readonly storedBytes: number;
    }
  | undefined
> {
  return reader.get("SELECT seq, hash, root, at, stored_bytes AS storedBytes FROM heads WHERE tenant_id = ?", [tenant]);
}
