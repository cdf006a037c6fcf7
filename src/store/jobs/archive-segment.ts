import { rmSync } from "node:fs";
import { toHex } from "#src/base/bytes.ts";
import type { JsonObject } from "#src/base/canonical-json.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import { collectReferences, digestEvent } from "#src/ledger/event.ts";
import { trustKeys } from "#src/ledger/keys.ts";
import { CompactRange } from "#src/ledger/merkle.ts";
import { verifySeal } from "#src/ledger/seal.ts";
import type { EventRow, SealRow } from "../events.ts";
import {
  BLOB_SCHEMA,
  deriveColumns,
  EVENT_SCHEMA,
  ROW_GROUP_BYTES,
  ROW_GROUP_ROWS,
  SEGMENT_VERSION,
  statementToMetadata,
} from "./archive-columns.ts";
import { ParquetFile, type WrittenFile } from "./archive-file.ts";
import { readEventPage, readPublishedKeys, readSealPage, toSeal } from "./chain-rows.ts";
import type { JobContext } from "./job.ts";

/** Which events are written, and where to. */
export interface SegmentInput {
  readonly tenant: string;
  /** Seq of the first event. */
  readonly from: number;
  /** Hash of the event before it. */
  readonly prev: string;
  /** Compact range of the leaves before it. */
  readonly frontier: Uint8Array;
  /** Seq of the last event, where it is settled; otherwise a segment ends with its day or at a bound. */
  readonly through?: number;
  /** Events of this time (milliseconds) and later are left out, where `through` is not given. */
  readonly until: number;
  /** A segment ends with the first sealed event at which it has so many, or so many bytes of them. */
  readonly maxEvents: number;
  readonly maxBytes: number;
  /** Path of the files to write, without what tells them apart. */
  readonly path: string;
  /** Bytes of a part of an upload. */
  readonly partBytes: number;
}

/** A segment that was written, and not uploaded yet. */
export interface LocalSegment {
  readonly kind: "written";
  readonly first: number;
  readonly last: number;
  /** `yyyy-mm-dd` of its events, UTC. */
  readonly date: string;
  /** Hash of the last event, and the tree up to it. */
  readonly head: string;
  readonly root: string;
  readonly frontier: Uint8Array;
  /** Bytes of its events as JSON. */
  readonly jsonBytes: number;
  readonly events: WrittenFile;
  /** The documents that its events refer to, where there are any. */
  readonly blobs: (WrittenFile & { readonly count: number }) | undefined;
}

/** What the job found. */
export type SegmentResult = LocalSegment | { readonly kind: "nothing" };

/** So many groups are encoded before what that left behind is collected. */
const FLUSHES_PER_COLLECTION = 2;
const REFERENCE = '{"ref":"sha256:';
const DAY_TEXT = "yyyy-mm-dd".length;

/**
 * Writes one segment of a tenant's chain as Parquet: events of one day, in order, ending with one that a seal covers.
 *
 * Every event is checked on the way: its hash, the one before it, and in the end the seal over all of them and everything
 * before, so that nothing goes into the archive that was changed since it was sealed. Throws `verification_failed` for
 * what does not verify, `disk_full` and `store_failed` for the files; then none is left.
 */
export async function writeSegment(context: JobContext, input: SegmentInput): Promise<SegmentResult> {
  const writing = new SegmentWriting(context, input);
  try {
    return await writing.run();
  } catch (error) {
    writing.abandon();
    throw error;
  }
}

class SegmentWriting {
  private readonly context: JobContext;
  private readonly input: SegmentInput;
  private readonly tree: CompactRange;
  private readonly references = new Set<string>();
  private readonly group = new EventGroup();
  private file: ParquetFile | undefined;
  private flushes = 0;
  private last: number;
  private head: string;
  private date = "";
  private jsonBytes = 0;
  private seal: SealRow | undefined;

  constructor(context: JobContext, input: SegmentInput) {
    this.context = context;
    this.input = input;
    this.tree = CompactRange.fromBytes(input.from - 1, input.frontier);
    this.last = input.from - 1;
    this.head = input.prev;
  }

  async run(): Promise<SegmentResult> {
    while (await this.takePage()) await this.context.breathe();
    if (this.file === undefined || this.seal === undefined) return { kind: "nothing" };
    this.flush();
    const events = this.finishEvents(this.file, this.seal);
    const blobs = await this.writeBlobs();
    const { from } = this.input;
    return {
      kind: "written",
      first: from,
      last: this.last,
      date: this.date,
      head: this.head,
      root: toHex(this.tree.root()),
      frontier: this.tree.toBytes(),
      jsonBytes: this.jsonBytes,
      events,
      blobs,
    };
  }

  abandon(): void {
    this.file?.abandon();
    for (const name of [eventsPath(this.input.path), blobsPath(this.input.path)]) rmSync(name, { force: true });
  }

  /** Takes the next events; false where the segment has ended. */
  private async takePage(): Promise<boolean> {
    const { tenant, through } = this.input;
    const page = readEventPage(this.context.db, tenant, this.last, through ?? Number.MAX_SAFE_INTEGER);
    const end = page.at(-1)?.seq;
    if (end === undefined) return this.endOfRows();
    const seals = new Map(readSealPage(this.context.db, tenant, this.last, end).map((row) => [row.seq, row]));
    for (const row of page) {
      if (!this.belongs(row)) return false;
      this.take(row);
      this.seal = seals.get(row.seq);
      if (this.seal !== undefined && this.isFull()) return false;
    }
    this.context.progress(this.last - this.input.from + 1);
    return true;
  }

  private endOfRows(): false {
    const { from, through } = this.input;
    if (through !== undefined && this.last < through) damaged(this.last + 1, "is not here");
    // A commit makes its seal together with its events: one without a seal is not a commit's.
    if (this.last >= from && this.seal === undefined) damaged(this.last, "is covered by no seal");
    return false;
  }

  private belongs(row: EventRow): boolean {
    if (this.input.through !== undefined) return true;
    if (row.at >= this.input.until) return this.endOfRows();
    const date = toRfc3339(row.at).slice(0, DAY_TEXT);
    return this.date === "" || date === this.date || this.endOfRows();
  }

  private isFull(): boolean {
    const { through, maxEvents, maxBytes, from } = this.input;
    if (through !== undefined) return this.last === through;
    return this.last - from + 1 >= maxEvents || this.jsonBytes >= maxBytes;
  }

  private take(row: EventRow): void {
    if (row.seq !== this.last + 1) damaged(this.last + 1, "is not here");
    const bytes = String(row.bytes);
    const { hash, leaf } = digestEvent(bytes);
    if (hash !== row.hash) damaged(row.seq, "does not have the hash recorded with it");
    const event = JSON.parse(bytes) as { prev: string; tenant: string; data: JsonObject };
    if (event.prev !== this.head) damaged(row.seq, `does not name the hash of event ${this.last}`);
    if (event.tenant !== this.input.tenant) damaged(row.seq, "is another tenant's");
    if (bytes.includes(REFERENCE)) for (const sum of collectReferences(event.data)) this.references.add(sum);
    this.tree.append(leaf);
    this.last = row.seq;
    this.head = hash;
    this.date ||= toRfc3339(row.at).slice(0, DAY_TEXT);
    this.file ??= new ParquetFile(eventsPath(this.input.path), EVENT_SCHEMA, this.input.partBytes);
    this.jsonBytes += bytes.length;
    this.group.add(event.tenant, row, bytes, event.prev, event.data);
    if (this.group.isFull) this.flush();
  }

  /** NOTE: without collections the encoded copies of many groups are held at once, which doubles the memory. */
  private flush(): void {
    if (this.group.rows > 0) this.file?.group(this.group.take(), 1);
    this.flushes += 1;
    if (this.flushes % FLUSHES_PER_COLLECTION === 0) Bun.gc(true);
  }

  private finishEvents(file: ParquetFile, row: SealRow): WrittenFile {
    const { tenant, from, prev, frontier } = this.input;
    const keys = readPublishedKeys(this.context.db);
    const seal = toSeal(tenant, row);
    const key = trustKeys(keys).get(seal.key);
    if (key === undefined || !verifySeal(seal, key.publicKey)) damaged(row.seq, "has a seal that is not valid");
    if (row.hash !== this.head || row.root !== toHex(this.tree.root())) {
      damaged(row.seq, "is sealed over other events: history was changed at or before it");
    }
    const { instance } = this.context.db
      .query<{ instance: string }, []>("SELECT instance_id AS instance FROM instance")
      .get() ?? { instance: "" };
    const statement = { instance, tenant, first: from, last: this.last, prev, frontier, seal, keys };
    return file.finish(statementToMetadata(statement));
  }

  /** Self-contained: what an older segment holds as well may be past its retention when this one is read. */
  private async writeBlobs(): Promise<LocalSegment["blobs"]> {
    if (this.references.size === 0) return undefined;
    const { db, breathe } = this.context;
    const { tenant, path, partBytes } = this.input;
    const read = db.query<{ bytes: string }, [string, string]>(
      "SELECT bytes FROM blobs WHERE tenant_id = ? AND sha256 = ?",
    );
    this.file = new ParquetFile(blobsPath(path), BLOB_SCHEMA, partBytes);
    const group = new BlobGroup(tenant);
    for (const sha256 of [...this.references].sort()) {
      const bytes = read.get(tenant, sha256)?.bytes;
      if (bytes === undefined) {
        throw new WritError("verification_failed", `the document \`${sha256}\` that an event refers to is not here`);
      }
      group.add(sha256, bytes);
      if (group.isFull) this.file.group(group.take(), 1);
      await breathe();
    }
    if (group.rows > 0) this.file.group(group.take(), 1);
    const metadata = [
      { key: "writ.version", value: SEGMENT_VERSION },
      { key: "writ.tenant", value: tenant },
    ];
    return { ...this.file.finish(metadata), count: this.references.size };
  }
}

/** Rows of a group that is not written yet, by column. */
class EventGroup {
  private columns = emptyColumns();
  private held = 0;
  rows = 0;

  get isFull(): boolean {
    return this.rows >= ROW_GROUP_ROWS || this.held >= ROW_GROUP_BYTES;
  }

  add(tenant: string, row: EventRow, bytes: string, prev: string, data: JsonObject): void {
    const { command, resource, decision } = deriveColumns(data);
    const { columns } = this;
    columns.tenant.push(tenant);
    columns.seq.push(BigInt(row.seq));
    columns.id.push(row.id);
    columns.at.push(BigInt(row.at));
    columns.type.push(row.type);
    columns.actor.push(row.actor);
    columns.command.push(command);
    columns.resource.push(resource);
    columns.decision.push(decision);
    columns.bytes.push(bytes);
    columns.hash.push(row.hash);
    columns.prev.push(prev);
    this.held += bytes.length;
    this.rows += 1;
  }

  take() {
    const { columns } = this;
    this.columns = emptyColumns();
    this.held = 0;
    this.rows = 0;
    return [
      { name: "tenant", data: columns.tenant },
      { name: "seq", data: columns.seq, encoding: "DELTA_BINARY_PACKED" as const, columnIndex: true },
      { name: "id", data: columns.id, encoding: "PLAIN" as const },
      { name: "at", data: columns.at, encoding: "DELTA_BINARY_PACKED" as const, columnIndex: true },
      { name: "type", data: columns.type },
      { name: "actor", data: columns.actor },
      { name: "command", data: columns.command },
      { name: "resource", data: columns.resource },
      { name: "decision", data: columns.decision },
      { name: "bytes", data: columns.bytes, encoding: "PLAIN" as const, statistics: false },
      { name: "hash", data: columns.hash, encoding: "PLAIN" as const, statistics: false },
      { name: "prev", data: columns.prev, encoding: "PLAIN" as const, statistics: false },
    ];
  }
}

function emptyColumns() {
  return {
    tenant: [] as string[],
    seq: [] as bigint[],
    id: [] as string[],
    at: [] as bigint[],
    type: [] as string[],
    actor: [] as string[],
    command: [] as (string | null)[],
    resource: [] as (string | null)[],
    decision: [] as (string | null)[],
    bytes: [] as string[],
    hash: [] as string[],
    prev: [] as string[],
  };
}

/** The same of documents. */
class BlobGroup {
  private readonly tenant: string;
  private sums: string[] = [];
  private texts: string[] = [];
  private held = 0;

  constructor(tenant: string) {
    this.tenant = tenant;
  }

  get rows(): number {
    return this.sums.length;
  }

  get isFull(): boolean {
    return this.rows >= ROW_GROUP_ROWS || this.held >= ROW_GROUP_BYTES;
  }

  add(sha256: string, bytes: string): void {
    this.sums.push(sha256);
    this.texts.push(bytes);
    this.held += bytes.length;
  }

  take() {
    const { sums, texts, tenant } = this;
    this.sums = [];
    this.texts = [];
    this.held = 0;
    return [
      { name: "tenant", data: sums.map(() => tenant) },
      { name: "sha256", data: sums, encoding: "PLAIN" as const },
      { name: "bytes", data: texts, encoding: "PLAIN" as const, statistics: false },
    ];
  }
}

/** The path of a segment's events, and of its documents. */
export function eventsPath(path: string): string {
  return `${path}.events.parquet`;
}

/** The path of a segment's documents. */
export function blobsPath(path: string): string {
  return `${path}.blobs.parquet`;
}

function damaged(seq: number, what: string): never {
  throw new WritError("verification_failed", `event ${seq} ${what}: \`writ verify\` says more`);
}
