import type { Database } from "bun:sqlite";
import { concatBytes } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { HASH_BYTES, leafHash } from "#src/ledger/merkle.ts";
import { joinAll, TILE_LEAVES } from "#src/ledger/tree.ts";

/** What a builder reads and writes: by the prepared statements of whoever holds the connection that writes. */
export interface TileTable {
  /** The hashes of a tile, one behind the other; undefined where there is none. */
  read(level: number, tile: number): Uint8Array | undefined;
  write(level: number, tile: number, hashes: Uint8Array): void;
  /** The bytes of the events from `first` to `last`, in order. */
  events(first: number, last: number): readonly string[];
}

export const READ_TILE = "SELECT hashes FROM tree_tiles WHERE tenant_id = ? AND level = ? AND tile = ?";
export const WRITE_TILE = `INSERT INTO tree_tiles (tenant_id, level, tile, hashes) VALUES (?, ?, ?, ?)
  ON CONFLICT (tenant_id, level, tile) DO UPDATE SET hashes = excluded.hashes`;
export const READ_LEAVES = "SELECT bytes FROM events WHERE tenant_id = ? AND seq BETWEEN ? AND ? ORDER BY seq";

/**
 * The growing end of one tree: the tile that fills at each level.
 *
 * Appending costs a copy of 32 bytes; every 64th leaf writes a tile and a hash into the tile above. INVARIANT: it is used
 * in the transaction that inserts the events, and thrown away with it when it fails.
 */
export class TileBuilder {
  private readonly table: TileTable;
  private readonly levels: Uint8Array[][] = [];
  private size: number;

  /** @param size how many leaves the tree has; the events behind the last whole tile and the tiles above must be there */
  constructor(table: TileTable, size: number) {
    this.table = table;
    this.size = size;
    const begun = Math.floor(size / TILE_LEAVES) * TILE_LEAVES;
    const leaves = begun === size ? [] : table.events(begun + 1, size).map(leafHash);
    if (leaves.length !== size - begun) throw missing(`an event between ${begun + 1} and ${size}`);
    this.levels.push(leaves);
    for (let level = 1, width = TILE_LEAVES; width <= size; level += 1, width *= TILE_LEAVES) {
      this.levels.push(this.readFilling(level, Math.floor(size / width)));
    }
  }

  /** Adds the next leaf. */
  append(leaf: Uint8Array): void {
    this.size += 1;
    this.push(0, this.size, leaf);
  }

  /** @param count how many hashes the level has with this one */
  private push(level: number, count: number, hash: Uint8Array): void {
    let filling = this.levels[level];
    if (filling === undefined) {
      filling = [];
      this.levels.push(filling);
    }
    filling.push(hash);
    const isFull = filling.length === TILE_LEAVES;
    if (level > 0 || isFull) {
      this.table.write(level, Math.floor((count - 1) / TILE_LEAVES), concatBytes(...filling));
    }
    if (!isFull) return;
    this.levels[level] = [];
    this.push(level + 1, count / TILE_LEAVES, joinAll(filling));
  }

  private readFilling(level: number, count: number): Uint8Array[] {
    const filled = count % TILE_LEAVES;
    if (filled === 0) return [];
    const hashes = splitHashes(this.table.read(level, Math.floor(count / TILE_LEAVES)) ?? new Uint8Array());
    if (hashes.length < filled) throw missing(`a tile at level ${level}`);
    return hashes.slice(0, filled);
  }
}

/** Hashes that stand one behind the other. */
export function splitHashes(bytes: Uint8Array): Uint8Array[] {
  const hashes: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += HASH_BYTES) hashes.push(bytes.slice(at, at + HASH_BYTES));
  return hashes;
}

/** Events whose leaves one transaction stores. */
const EVENTS_PER_STEP = 256 * TILE_LEAVES;

/**
 * Builds what is missing of a chain's stored tree: of a data folder that was made before trees were stored. Costs a look-up
 * where nothing is. Throws `store_failed` where the events are not there.
 */
export function buildMissingTiles(db: Database, tenant: string, size: number): void {
  const whole = Math.floor(size / TILE_LEAVES);
  const newest = db
    .query<{ tile: number | null }, [string]>(
      "SELECT max(tile) AS tile FROM tree_tiles WHERE tenant_id = ? AND level = 0",
    )
    .get(tenant);
  let built = ((newest?.tile ?? -1) + 1) * TILE_LEAVES;
  if (built >= whole * TILE_LEAVES) return;
  const table = tableOf(db, tenant);
  const builder = new TileBuilder(table, built);
  while (built < whole * TILE_LEAVES) {
    const end = Math.min(built + EVENTS_PER_STEP, whole * TILE_LEAVES);
    db.transaction(() => {
      for (let first = built + 1; first <= end; first += TILE_LEAVES) {
        const events = table.events(first, first + TILE_LEAVES - 1);
        if (events.length !== TILE_LEAVES) throw missing(`an event between ${first} and ${first + TILE_LEAVES - 1}`);
        for (const bytes of events) builder.append(leafHash(bytes));
      }
    }).immediate();
    built = end;
  }
}

function tableOf(db: Database, tenant: string): TileTable {
  return {
    read: (level, tile) =>
      db.query<{ hashes: Uint8Array }, [string, number, number]>(READ_TILE).get(tenant, level, tile)?.hashes,
    write: (level, tile, hashes) => void db.query(WRITE_TILE).run(tenant, level, tile, hashes),
    events: (first, last) =>
      db
        .query<{ bytes: string }, [string, number, number]>(READ_LEAVES)
        .all(tenant, first, last)
        .map(({ bytes }) => bytes),
  };
}

function missing(what: string): WritError {
  return new WritError("store_failed", `the tree cannot be built: ${what} is missing`);
}
