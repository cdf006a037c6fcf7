import type { Database } from "bun:sqlite";
import { toHex, utf8 } from "#src/base/bytes.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import {
  blobLine,
  checkpointLine,
  consistencyLine,
  eventLine,
  headerLine,
  inclusionLine,
  keyLine,
  sealLine,
} from "#src/ledger/bundle.ts";
import { parseCheckpoint } from "#src/ledger/checkpoint.ts";
import { collectReferences, GENESIS_HASH, parseEvent } from "#src/ledger/event.ts";
import { consistencyRanges, inclusionRanges } from "#src/ledger/tree.ts";
import { readCheckpointCovering } from "../checkpoints.ts";
import { type EventRow, readEventBySeq, type SealRow } from "../events.ts";
import { readFrontier, readRangeHashes, readRoot } from "../tree.ts";
import { readArchiveCut } from "./archive-cut.ts";
import {
  readCheckpointPage,
  readEventPage,
  readerOf,
  readPublishedKeys,
  readSealPage,
  toNote,
  toSeal,
} from "./chain-rows.ts";
import { SignedEvents } from "./export-assertions.ts";
import type { JobContext } from "./job.ts";

/** What is exported. */
export interface ExportInput {
  readonly tenant: TenantId;
  /** Seq of the first event; 1 unless stated. */
  readonly from?: number;
  /** Seq of the last; rounded up to the next seal, so that the last event is sealed. The newest unless stated. */
  readonly through?: number;
  /** Whether to export the event `from` alone, with proofs that lead to the checkpoint that covers it. */
  readonly isProof?: boolean;
  /** RFC 3339: what the header states as the time of making. */
  readonly madeAt: string;
}

/** What was exported. */
export interface ExportResult {
  readonly first: number;
  readonly last: number;
  readonly blobs: number;
}

/** A chunk is given when it holds this many characters. */
const CHUNK_CHARACTERS = 128 * 1024;
/** What every event with a reference has in its text: the others need not be parsed. */
const REFERENCE = '{"ref":"sha256:';

/**
 * Exports a tenant's chain, or a part of it, as the lines of an evidence bundle; nothing of another tenant is in it.
 *
 * Throws `not_found` for a tenant without events, `invalid_argument` for a range that holds none, and for the proof of an
 * event that no checkpoint covers.
 */
export async function* exportBundle(
  context: JobContext,
  { tenant, from: wanted, through, madeAt, isProof = false }: ExportInput,
): AsyncGenerator<readonly string[], ExportResult, void> {
  const { db, breathe, progress } = context;
  const cut = readArchiveCut(db, tenant);
  const from = wanted ?? (cut?.through ?? 0) + 1;
  if (cut !== undefined && from <= cut.through) {
    const message = `the events up to ${cut.through} lie in the archive: \`writ archive restore\` brings them back`;
    throw new WritError("invalid_argument", message);
  }
  const seal = isProof ? await findProven(context, tenant, from) : findLastSeal(db, tenant, through);
  if (seal === undefined) throw new WritError("not_found");
  if (!Number.isSafeInteger(from) || from < 1 || from > seal.seq) {
    throw new WritError("invalid_argument", `there is no sealed event from ${from} on in this range`);
  }
  const before = await readBefore(context, tenant, from);
  const { instance } = db.query<{ instance: string }, []>("SELECT instance_id AS instance FROM instance").get() ?? {
    instance: "",
  };
  const chunk = new Chunk();
  const { seq: last, root } = seal;
  chunk.add(headerLine({ instance, tenant, first: from, last, ...before, root, madeAt }));
  for (const key of readPublishedKeys(db)) chunk.add(keyLine(key));
  const blobs = new Set<string>();
  const signed = new SignedEvents(db, tenant);
  for (let after = from - 1; after < last; ) {
    const events = readEventPage(db, tenant, after, last);
    const end = events.at(-1)?.seq;
    if (end === undefined) break;
    // At most one seal an event, so that a page of them is never too short.
    const seals = new Map(readSealPage(db, tenant, after, end).map((row) => [row.seq, row]));
    const checkpoints = new Map(readCheckpointPage(db, tenant, after, end).map((row) => [row.size, row]));
    for (const event of events) {
      const { before: enrolments, behind: assertions } = signed.linesOf(event);
      for (const line of enrolments) chunk.add(line);
      for (const line of linesOfEvent(db, tenant, event, blobs)) chunk.add(line);
      for (const line of assertions) chunk.add(line);
      const covering = seals.get(event.seq);
      if (isProof && event.seq === last) for (const line of await inclusionOf(context, tenant, last)) chunk.add(line);
      if (covering !== undefined) chunk.add(sealLine(toSeal(tenant, covering)));
      const checkpoint = checkpoints.get(event.seq);
      if (checkpoint !== undefined) {
        chunk.add(checkpointLine({ note: toNote(db, tenant, checkpoint), size: checkpoint.size }));
      }
      if (chunk.isFull) yield chunk.take();
    }
    after = end;
    progress(after - from + 1);
    await breathe();
  }
  for (const line of await linesBeyond(context, tenant, last)) chunk.add(line);
  yield chunk.take();
  return { first: from, last, blobs: blobs.size };
}

/** The place of an event that a checkpoint covers, and the root of the tree that it ends. */
async function findProven({ db }: JobContext, tenant: TenantId, seq: number): Promise<{ seq: number; root: string }> {
  const reader = readerOf(db);
  if ((await readEventBySeq(reader, tenant, seq)) === undefined) throw new WritError("not_found");
  if ((await readCheckpointCovering(reader, tenant, seq)) === undefined) {
    throw new WritError(
      "invalid_argument",
      `no checkpoint covers event ${seq} yet: \`writ audit checkpoint\` makes one`,
    );
  }
  return { seq, root: toHex(await readRoot(reader, tenant, seq)) };
}

/** The first seal at or behind `through`, or the newest one. */
function findLastSeal(db: Database, tenant: TenantId, through: number | undefined): SealRow | undefined {
  const columns = "seq, hash, root, key_id AS keyId, signature";
  const next =
    through === undefined
      ? null
      : db
          .query<SealRow, [string, number]>(
            `SELECT ${columns} FROM seals WHERE tenant_id = ? AND seq >= ? ORDER BY seq LIMIT 1`,
          )
          .get(tenant, through);
  return (
    next ??
    db
      .query<SealRow, [string]>(`SELECT ${columns} FROM seals WHERE tenant_id = ? ORDER BY seq DESC LIMIT 1`)
      .get(tenant) ??
    undefined
  );
}

/** The hash of the event before `from`, and the compact range of all before it. */
async function readBefore({ db }: JobContext, tenant: TenantId, from: number) {
  if (from === 1) return { prev: GENESIS_HASH, frontier: [] };
  const frontier = (await readFrontier(readerOf(db), tenant, from - 1)).toHashes().map(toHex);
  const before = db
    .query<{ hash: string }, [string, number]>("SELECT hash FROM events WHERE tenant_id = ? AND seq = ?")
    .get(tenant, from - 1);
  return { prev: before?.hash ?? readArchiveCut(db, tenant)?.head ?? GENESIS_HASH, frontier };
}

/** The checkpoint that covers the last event, where it covers more than is here, with the proof that it extends this. */
async function linesBeyond({ db }: JobContext, tenant: TenantId, last: number): Promise<readonly string[]> {
  const reader = readerOf(db);
  const row = await readCheckpointCovering(reader, tenant, last);
  if (row === undefined || row.size === last) return [];
  const path = (await readRangeHashes(reader, tenant, consistencyRanges(last, row.size))).map(toHex);
  const record = { note: toNote(db, tenant, row), size: row.size };
  return [consistencyLine({ from: last, to: row.size, path }), checkpointLine(record)];
}

/** The proof that the last event is in the tree of the checkpoint that covers it. */
async function inclusionOf({ db }: JobContext, tenant: TenantId, seq: number): Promise<readonly string[]> {
  const reader = readerOf(db);
  const row = await readCheckpointCovering(reader, tenant, seq);
  if (row === undefined) return [];
  const path = (await readRangeHashes(reader, tenant, inclusionRanges(seq - 1, row.size))).map(toHex);
  return [inclusionLine({ path, root: parseCheckpoint(row.note).root, seq, size: row.size })];
}

/** The blobs that an event is the first to refer to, and then the event. */
function* linesOfEvent(db: Database, tenant: TenantId, event: EventRow, blobs: Set<string>): Generator<string, void> {
  if (event.bytes.includes(REFERENCE)) {
    for (const sha256 of referencesOf(event)) {
      if (blobs.has(sha256)) continue;
      const blob = db
        .query<{ bytes: string }, [string, string]>("SELECT bytes FROM blobs WHERE tenant_id = ? AND sha256 = ?")
        .get(tenant, sha256);
      if (blob === null) continue;
      blobs.add(sha256);
      yield blobLine(sha256, utf8(blob.bytes));
    }
  }
  yield eventLine(event.bytes, event.hash);
}

/** An event that was tampered with is exported as it is: the verifier names it. */
function referencesOf(event: EventRow): string[] {
  try {
    return collectReferences(parseEvent(event.bytes).data);
  } catch (error) {
    if (!isWritError(error, "verification_failed")) throw error;
    return [];
  }
}

/** Lines that wait until they are worth a message. */
class Chunk {
  private lines: string[] = [];
  private characters = 0;

  get isFull(): boolean {
    return this.characters >= CHUNK_CHARACTERS;
  }

  add(line: string): void {
    this.lines.push(line);
    this.characters += line.length;
  }

  take(): readonly string[] {
    const { lines } = this;
    this.lines = [];
    this.characters = 0;
    return lines;
  }
}
