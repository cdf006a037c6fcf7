import type { Database } from "bun:sqlite";
import { toHex, utf8 } from "#src/base/bytes.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import { blobLine, eventLine, headerLine, keyLine, sealLine } from "#src/ledger/bundle.ts";
import { collectReferences, GENESIS_HASH, parseEvent } from "#src/ledger/event.ts";
import { CompactRange, leafHash } from "#src/ledger/merkle.ts";
import type { EventRow, SealRow } from "../events.ts";
import { readEventPage, readPublishedKeys, readSealPage, toSeal } from "./chain-rows.ts";
import type { JobContext } from "./job.ts";

/** What is exported. */
export interface ExportInput {
  readonly tenant: TenantId;
  /** Seq of the first event; 1 unless stated. */
  readonly from?: number;
  /** Seq of the last; rounded up to the next seal, so that the last event is sealed. The newest unless stated. */
  readonly through?: number;
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
 * Throws `not_found` for a tenant without events and `invalid_argument` for a range that holds none.
 */
export async function* exportBundle(
  context: JobContext,
  { tenant, from = 1, through, madeAt }: ExportInput,
): AsyncGenerator<readonly string[], ExportResult, void> {
  const { db, breathe, progress } = context;
  const seal = findLastSeal(db, tenant, through);
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
  for (let after = from - 1; after < last; ) {
    const events = readEventPage(db, tenant, after, last);
    const end = events.at(-1)?.seq;
    if (end === undefined) break;
    // At most one seal an event, so that a page of them is never too short.
    const seals = new Map(readSealPage(db, tenant, after, end).map((row) => [row.seq, row]));
    for (const event of events) {
      for (const line of linesOfEvent(db, tenant, event, blobs)) chunk.add(line);
      const covering = seals.get(event.seq);
      if (covering !== undefined) chunk.add(sealLine(toSeal(tenant, covering)));
      if (chunk.isFull) yield chunk.take();
    }
    after = end;
    progress(after - from + 1);
    await breathe();
  }
  yield chunk.take();
  return { first: from, last, blobs: blobs.size };
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

/** The hash of the event before `from`, and the compact range of all before it, from their bytes. */
async function readBefore({ db, breathe }: JobContext, tenant: TenantId, from: number) {
  const range = CompactRange.empty();
  let prev = GENESIS_HASH;
  while (range.size < from - 1) {
    const events = readEventPage(db, tenant, range.size, from - 1);
    if (events.length === 0) break;
    for (const event of events) range.append(leafHash(event.bytes));
    prev = events.at(-1)?.hash ?? prev;
    await breathe();
  }
  return { prev, frontier: range.toHashes().map(toHex) };
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
