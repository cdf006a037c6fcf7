import type { Database, SQLQueryBindings } from "bun:sqlite";
import { toBase64 } from "#src/base/bytes.ts";
import type { PublishedKey } from "#src/ledger/keys.ts";
import type { Seal } from "#src/ledger/seal.ts";
import type { CheckpointRow } from "../checkpoints.ts";
import type { EventRow, SealRow } from "../events.ts";
import type { Reader } from "../reader.ts";
import type { SqlValue } from "../unit.ts";

/** How many rows are read at a time. */
export const PAGE_ROWS = 256;

/** The newest place of a chain, of everything that states one, at one moment. Null where there is no row. */
export interface ChainEnds {
  readonly lastEvent: number | null;
  readonly lastSeal: number | null;
  readonly lastCheckpoint: number | null;
  readonly headSeq: number | null;
  readonly headHash: string | null;
  readonly headRoot: string | null;
  readonly headFrontier: Uint8Array | null;
  readonly headAt: number | null;
}

/** Reads where a chain ends. One statement, hence one state of the database. */
export function readChainEnds(db: Database, tenant: string): ChainEnds {
  const lastCheckpoint = hasCheckpoints(db) ? "(SELECT max(size) FROM checkpoints WHERE tenant_id = ?1)" : "NULL";
  const row = db
    .query<ChainEnds, [string]>(
      `SELECT (SELECT max(seq) FROM events WHERE tenant_id = ?1) AS lastEvent,
        (SELECT max(seq) FROM seals WHERE tenant_id = ?1) AS lastSeal,
        ${lastCheckpoint} AS lastCheckpoint,
        heads.seq AS headSeq, heads.hash AS headHash, heads.root AS headRoot, heads.frontier AS headFrontier,
        heads.at AS headAt
      FROM (SELECT 1) LEFT JOIN heads ON heads.tenant_id = ?1`,
    )
    .get(tenant);
  const none = { headSeq: null, headHash: null, headRoot: null, headFrontier: null, headAt: null };
  return row ?? { lastEvent: null, lastSeal: null, lastCheckpoint: null, ...none };
}

/** The next events behind `after`, up to `through`. */
export function readEventPage(db: Database, tenant: string, after: number, through: number): EventRow[] {
  return db
    .query<EventRow, [string, number, number, number]>(
      `SELECT seq, id, at, type, actor, bytes, hash FROM events WHERE tenant_id = ? AND seq > ? AND seq <= ?
        ORDER BY seq LIMIT ?`,
    )
    .all(tenant, after, through, PAGE_ROWS);
}

/** The next seals behind `after`, up to `through`. */
export function readSealPage(db: Database, tenant: string, after: number, through: number): SealRow[] {
  return db
    .query<SealRow, [string, number, number, number]>(
      `SELECT seq, hash, root, key_id AS keyId, signature FROM seals WHERE tenant_id = ? AND seq > ? AND seq <= ?
        ORDER BY seq LIMIT ?`,
    )
    .all(tenant, after, through, PAGE_ROWS);
}

/** Whether the database has the tables of trees and checkpoints: one that an older Writ made last has not. */
export function hasCheckpoints(db: Database): boolean {
  return db.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'checkpoints'").get() !== null;
}

/** The next checkpoints of a size above `after` and up to `through`. */
export function readCheckpointPage(db: Database, tenant: string, after: number, through: number): CheckpointRow[] {
  return db
    .query<CheckpointRow, [string, number, number, number]>(
      `SELECT size, at, made_by AS madeBy, period, key_id AS keyId, note FROM checkpoints
        WHERE tenant_id = ? AND size > ? AND size <= ? ORDER BY size LIMIT ?`,
    )
    .all(tenant, after, through, PAGE_ROWS);
}

/** The signed note of a stored checkpoint, the cosignatures of witnesses behind its own signature. */
export function toNote(db: Database, tenant: string, { note, size }: CheckpointRow): string {
  const cosignatures = db
    .query<{ line: string }, [string, number]>(
      "SELECT line FROM cosignatures WHERE tenant_id = ? AND size = ? ORDER BY witness",
    )
    .all(tenant, size);
  return note + cosignatures.map(({ line }) => line).join("");
}

/** Reads on a job's own connection, for what is written against {@link Reader}. */
export function readerOf(db: Database): Reader {
  return {
    get: async <Row>(sql: string, params: readonly SqlValue[]) =>
      (db.query(sql).get(...(params as SQLQueryBindings[])) as Row | null) ?? undefined,
    all: async <Row>(sql: string, params: readonly SqlValue[]) =>
      db.query(sql).all(...(params as SQLQueryBindings[])) as Row[],
    close: () => undefined,
  };
}

/** The ledger's form of a stored seal. */
export function toSeal(tenant: string, { seq, hash, root, keyId, signature }: SealRow): Seal {
  return { heads: [{ tenant, seq, hash, root }], key: keyId, signature: toBase64(signature) };
}

/** Every seal key that was ever published, oldest first. */
export function readPublishedKeys(db: Database): PublishedKey[] {
  return db
    .query<KeyRow, []>(
      "SELECT key_id AS id, public_key AS publicKey, at, previous, signature FROM seal_keys ORDER BY at, rowid",
    )
    .all()
    .map(({ id, publicKey, at, previous, signature }) => ({
      purpose: "seal",
      id,
      publicKey: toBase64(publicKey),
      at,
      ...(previous === null ? {} : { previous }),
      signature: toBase64(signature),
    }));
}

interface KeyRow {
  readonly id: string;
  readonly publicKey: Uint8Array;
  readonly at: string;
  readonly previous: string | null;
  readonly signature: Uint8Array;
}
