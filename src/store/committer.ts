import type { Database, Statement as PreparedStatement } from "bun:sqlite";
import { fromHex, toHex } from "#src/base/bytes.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { invariant } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { Signer } from "#src/crypto/ed25519.ts";
import { composeEvent, digestEvent, type EventDigest, GENESIS_HASH } from "#src/ledger/event.ts";
import { CompactRange } from "#src/ledger/merkle.ts";
import { sealMessage } from "#src/ledger/seal.ts";
import { buildMissingTiles, READ_LEAVES, READ_TILE, TileBuilder, type TileTable, WRITE_TILE } from "./tree-builder.ts";
import type { Blob, Statement, Touch, Unit, UnitResult } from "./unit.ts";

/** A clock this far behind a chain's head, in milliseconds, stops decisions until an operator accepts it. */
export const CLOCK_TOLERANCE_MS = 60_000;

/** The key that seals, and its published id. */
export interface SealKey {
  readonly id: string;
  readonly signer: Signer;
}

/** What the committer is made with. */
export interface CommitterOptions {
  readonly db: Database;
  readonly sealKey: SealKey;
  /** Bytes of events and blobs that a tenant's agents may fill; 0 is no limit. */
  readonly tenantQuotaBytes: number;
}

/** One transaction's worth of work, in order. */
export type Work = Unit | Touch;

interface Head {
  seq: number;
  hash: string;
  at: number;
  epoch: number;
  storedBytes: number;
  readonly range: CompactRange;
  /** The stored tree's growing end; read when the chain first grows. */
  tiles: TileBuilder | undefined;
}

/** A head as its table stores it. */
interface HeadRow {
  readonly tenant_id: string;
  readonly seq: number;
  readonly hash: string;
  readonly frontier: Uint8Array;
  readonly at: number;
  readonly authority_epoch: number;
  readonly stored_bytes: number;
}

/** A unit that failed after it may have changed rows: the savepoint takes them back. */
class UnitConflict extends Error {}

/**
 * Turns batches of units into commits: chain, tree, seal and statements in one transaction.
 *
 * INVARIANT: synchronous from BEGIN to COMMIT; what it returns is on the disk. If {@link commit} throws, nothing of the
 * batch is known to be there and the committer must not be used again: reopen the database and make a new one, which
 * reads all heads anew.
 */
export class Committer {
  private readonly db: Database;
  private readonly quotaBytes: number;
  private readonly heads: Map<string, Head>;
  private readonly statements = new Map<string, PreparedStatement>();
  private sealKey: SealKey;
  private clockAcceptedAt: number | null;

  constructor(options: CommitterOptions) {
    this.db = options.db;
    this.sealKey = options.sealKey;
    this.quotaBytes = options.tenantQuotaBytes;
    this.heads = readHeads(options.db);
    for (const [tenant, { seq }] of this.heads) buildMissingTiles(options.db, tenant, seq);
    this.clockAcceptedAt = readClockAcceptance(options.db);
  }

  /** The authority epoch of every tenant. */
  epochs(): [tenant: string, epoch: number][] {
    return [...this.heads].map(([tenant, head]) => [tenant, head.epoch]);
  }

  /** Seals from the next commit on are made with this key. */
  useSealKey(key: SealKey): void {
    this.sealKey = key;
  }

  /**
   * Commits a batch. Units that meet what they expect are applied in order; each other one is refused alone.
   *
   * @param now the wall clock in milliseconds
   * @returns one result a work item, in order; touches give undefined
   */
  commit(batch: readonly Work[], now: number): (UnitResult | undefined)[] {
    const touched = new Map<TenantId, Head>();
    this.db.run("BEGIN IMMEDIATE");
    const results = batch.map((work) => {
      if ("touch" in work) return this.applyTouch(work);
      return this.applyUnit(work, now, touched);
    });
    for (const [tenant, head] of touched) this.sealHead(tenant, head);
    this.db.run("COMMIT");
    this.clockAcceptedAt = batch.some((work) => !("touch" in work) && work.ignoresClock)
      ? readClockAcceptance(this.db)
      : this.clockAcceptedAt;
    return results;
  }

  /**
   * Gives up what is not committed and closes the database. INVARIANT: statements are finalized and the transaction rolled
   * back first, or the connection would live on as a zombie that holds the write lock.
   */
  close(): void {
    if (this.db.inTransaction) this.db.run("ROLLBACK");
    for (const statement of this.statements.values()) statement.finalize();
    this.statements.clear();
    this.db.close();
  }

  private applyTouch(touch: Touch): undefined {
    // One that a constraint refuses is lost alone: bookkeeping must not fail the decisions beside it.
    for (const statement of touch.statements) this.meetsExpectation(statement);
    return undefined;
  }

  private applyUnit(unit: Unit, now: number, touched: Map<TenantId, Head>): UnitResult {
    const head = this.headOf(unit);
    if (head === undefined) return { kind: "refused", reason: "unknown_tenant", epoch: 0 };
    const refusal = this.refusalOf(unit, head, now);
    if (refusal !== undefined) return { kind: "refused", reason: refusal, epoch: head.epoch };
    const at = Math.max(now, head.at);
    const event = this.insertEvent(unit, head, at);
    if (event === undefined || !this.applyStatements(unit)) {
      if (event !== undefined) this.removeEvent(unit.tenant, head.seq + 1);
      return { kind: "refused", reason: "conflict", epoch: head.epoch };
    }
    for (const blob of unit.blobs ?? []) this.insertBlob(unit.tenant, blob, head);
    this.advance(unit.tenant, head, event, at);
    if (unit.raisesEpoch) head.epoch += 1;
    if (unit.freesBytes !== undefined) head.storedBytes = Math.max(head.storedBytes - unit.freesBytes, 0);
    touched.set(unit.tenant, head);
    this.heads.set(unit.tenant, head);
    return { kind: "committed", seq: head.seq, hash: head.hash, at, epoch: head.epoch };
  }

  /** The chain's head; a unit whose first statements make its tenant starts a new chain. */
  private headOf(unit: Unit): Head | undefined {
    const head = this.heads.get(unit.tenant);
    if (head !== undefined) return head;
    const createsTenant = unit.statements.some((statement) => statement.sql.startsWith("INSERT INTO tenants"));
    return createsTenant ? emptyHead() : undefined;
  }

  private refusalOf(unit: Unit, head: Head, now: number): "stale" | "clock_behind" | "quota" | undefined {
    if (unit.expectEpoch !== undefined && unit.expectEpoch !== head.epoch) return "stale";
    if (!unit.ignoresClock && now < head.at - CLOCK_TOLERANCE_MS && !this.isClockAccepted(now)) return "clock_behind";
    if (unit.countsAgainstQuota && this.quotaBytes > 0 && head.storedBytes >= this.quotaBytes) return "quota";
    return undefined;
  }

  private isClockAccepted(now: number): boolean {
    return this.clockAcceptedAt !== null && now >= this.clockAcceptedAt - CLOCK_TOLERANCE_MS;
  }

  /** Applies all statements or none; false when one did not meet what it expected. */
  private applyStatements(unit: Unit): boolean {
    const [first, ...rest] = unit.statements;
    if (first === undefined) return true;
    // One row is there or not: a savepoint would only cost time.
    if (rest.length === 0 && first.sql.startsWith("INSERT") && first.sql.includes(" VALUES "))
      return this.meetsExpectation(first);
    this.db.run("SAVEPOINT unit");
    try {
      for (const statement of unit.statements) if (!this.meetsExpectation(statement)) throw new UnitConflict();
      this.db.run("RELEASE unit");
      return true;
    } catch (error) {
      if (!(error instanceof UnitConflict)) throw error;
      this.db.run("ROLLBACK TO unit");
      this.db.run("RELEASE unit");
      return false;
    }
  }

  private meetsExpectation(statement: Statement): boolean {
    try {
      const changes = this.run(statement);
      return statement.expectRows === undefined || changes === statement.expectRows;
    } catch (error) {
      if (isConstraintViolation(error)) return false;
      throw error;
    }
  }

  /**
   * Writes the event's row, before the unit's statements: one index look-up less than asking whether its id is in use.
   * Undefined where it is, as when a unit comes again whose answer was an error although it was persisted.
   */
  private insertEvent(unit: Unit, head: Head, at: number): EventDigest | undefined {
    const bytes = composeEvent({
      tenant: unit.tenant,
      seq: head.seq + 1,
      id: unit.event.id,
      at: toRfc3339(at),
      type: unit.event.type,
      actor: unit.event.actor,
      prev: head.hash,
      dataJson: unit.event.dataJson,
    });
    const digest = digestEvent(bytes);
    const { changes } = this.prepare(
      `INSERT INTO events (tenant_id, seq, id, at, type, actor, bytes, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (tenant_id, id) DO NOTHING`,
    ).run(unit.tenant, head.seq + 1, unit.event.id, at, unit.event.type, unit.event.actor, bytes, digest.hash);
    return changes === 0 ? undefined : digest;
  }

  private removeEvent(tenant: TenantId, seq: number): void {
    this.prepare("DELETE FROM events WHERE tenant_id = ? AND seq = ?").run(tenant, seq);
  }

  /** Makes a written event the newest one. */
  private advance(tenant: TenantId, head: Head, { hash, leaf, length }: EventDigest, at: number): void {
    head.tiles ??= new TileBuilder(this.tilesOf(tenant), head.seq);
    head.tiles.append(leaf);
    head.range.append(leaf);
    head.seq += 1;
    head.hash = hash;
    head.at = at;
    head.storedBytes += length;
  }

  private tilesOf(tenant: TenantId): TileTable {
    return {
      read: (level, tile) =>
        (this.prepare(READ_TILE).get(tenant, level, tile) as { hashes: Uint8Array } | null)?.hashes,
      write: (level, tile, hashes) => void this.prepare(WRITE_TILE).run(tenant, level, tile, hashes),
      events: (first, last) =>
        (this.prepare(READ_LEAVES).all(tenant, first, last) as { bytes: string }[]).map(({ bytes }) => bytes),
    };
  }

  private insertBlob(tenant: TenantId, blob: Blob, head: Head): void {
    const changes = this.prepare("INSERT OR IGNORE INTO blobs (tenant_id, sha256, bytes) VALUES (?, ?, ?)").run(
      tenant,
      blob.sha256,
      blob.bytes,
    ).changes;
    if (changes > 0) head.storedBytes += blob.bytes.length;
  }

  private sealHead(tenant: TenantId, head: Head): void {
    const root = toHex(head.range.root());
    const signature = this.sealKey.signer.sign(sealMessage([{ tenant, seq: head.seq, hash: head.hash, root }]));
    this.prepare("INSERT INTO seals (tenant_id, seq, hash, root, key_id, signature) VALUES (?, ?, ?, ?, ?, ?)").run(
      tenant,
      head.seq,
      head.hash,
      root,
      this.sealKey.id,
      signature,
    );
    this.prepare(
      `INSERT INTO heads (tenant_id, seq, hash, root, frontier, at, authority_epoch, stored_bytes)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?)
       ON CONFLICT (tenant_id) DO UPDATE SET seq = excluded.seq, hash = excluded.hash, root = excluded.root,
         frontier = excluded.frontier, at = excluded.at, authority_epoch = excluded.authority_epoch,
         stored_bytes = excluded.stored_bytes`,
    ).run(tenant, head.seq, head.hash, root, head.range.toBytes(), head.at, head.epoch, head.storedBytes);
  }

  private run(statement: Statement): number {
    return this.prepare(statement.sql).run(...statement.params).changes;
  }

  private prepare(sql: string): PreparedStatement {
    let prepared = this.statements.get(sql);
    if (prepared === undefined) {
      prepared = this.db.prepare(sql);
      this.statements.set(sql, prepared);
    }
    return prepared;
  }
}

function emptyHead(): Head {
  return { seq: 0, hash: GENESIS_HASH, at: 0, epoch: 0, storedBytes: 0, range: CompactRange.empty(), tiles: undefined };
}

function readHeads(db: Database): Map<string, Head> {
  const rows = db
    .query("SELECT tenant_id, seq, hash, root, frontier, at, authority_epoch, stored_bytes FROM heads")
    .all() as (HeadRow & { readonly root: string })[];
  return new Map(
    rows.map((row) => {
      const range = CompactRange.fromBytes(row.seq, row.frontier);
      invariant(toHex(range.root()) === row.root, `the tree of ${row.tenant_id} does not have its recorded root`);
      invariant(fromHex(row.hash).length === 32, `the head of ${row.tenant_id} is malformed`);
      const head: Head = {
        seq: row.seq,
        hash: row.hash,
        at: row.at,
        epoch: row.authority_epoch,
        storedBytes: row.stored_bytes,
        range,
        tiles: undefined,
      };
      return [row.tenant_id, head];
    }),
  );
}

function readClockAcceptance(db: Database): number | null {
  const row = db.query("SELECT clock_accepted_at FROM instance").get() as { clock_accepted_at: number | null } | null;
  return row?.clock_accepted_at ?? null;
}

function isConstraintViolation(error: unknown): boolean {
  return error instanceof Error && "code" in error && String(error.code).startsWith("SQLITE_CONSTRAINT");
}
