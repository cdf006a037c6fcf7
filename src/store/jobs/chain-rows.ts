import type { Database } from "bun:sqlite";
import { toBase64 } from "#src/base/bytes.ts";
import type { PublishedKey } from "#src/ledger/keys.ts";
import type { Seal } from "#src/ledger/seal.ts";
import type { EventRow, SealRow } from "../events.ts";

/** How many rows are read at a time. */
export const PAGE_ROWS = 256;

/** The newest place of a chain, of everything that states one, at one moment. Null where there is no row. */
export interface ChainEnds {
  readonly lastEvent: number | null;
  readonly lastSeal: number | null;
  readonly headSeq: number | null;
  readonly headHash: string | null;
  readonly headRoot: string | null;
  readonly headFrontier: Uint8Array | null;
  readonly headAt: number | null;
}

/** Reads where a chain ends. One statement, hence one state of the database. */
export function readChainEnds(db: Database, tenant: string): ChainEnds {
  const row = db
    .query<ChainEnds, [string]>(
      `SELECT (SELECT max(seq) FROM events WHERE tenant_id = ?1) AS lastEvent,
        (SELECT max(seq) FROM seals WHERE tenant_id = ?1) AS lastSeal,
        heads.seq AS headSeq, heads.hash AS headHash, heads.root AS headRoot, heads.frontier AS headFrontier,
        heads.at AS headAt
      FROM (SELECT 1) LEFT JOIN heads ON heads.tenant_id = ?1`,
    )
    .get(tenant);
  const none = { headSeq: null, headHash: null, headRoot: null, headFrontier: null, headAt: null };
  return row ?? { lastEvent: null, lastSeal: null, ...none };
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
