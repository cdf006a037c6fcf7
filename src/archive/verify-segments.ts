import { fromUtf8 } from "#src/base/bytes.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { isWritError, messageOf, WritError } from "#src/base/errors.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { type ObjectStore, readObject } from "#src/io/object-store.ts";
import { type ChainStart, type EventRecord, GENESIS_START } from "#src/ledger/chain-verifier.ts";
import { parseCheckpoint, type SignedCheckpoint } from "#src/ledger/checkpoint.ts";
import type { CheckpointRecord } from "#src/ledger/checkpoint-trail.ts";
import type { EventCheck } from "#src/ledger/event-check.ts";
import type { PublishedKey } from "#src/ledger/keys.ts";
import type { ProblemCode, VerifyProblem, VerifyReport } from "#src/ledger/report.ts";
import type { Seal } from "#src/ledger/seal.ts";
import { verifyTenant } from "#src/ledger/verify.ts";
import { deriveColumns, type SegmentStatement } from "#src/store/jobs/archive-columns.ts";
import { type OpenSegment, readSegmentBlobs, type SegmentRow } from "#src/store/jobs/archive-read.ts";
import { blobsKeyBeside, checkpointKeyBeside } from "./layout.ts";
import { type FoundSegment, findSegments, openFound, sourceOf } from "./read-segments.ts";

/** What segments are verified against. */
export interface VerifySegmentsOptions {
  /** Key ids or public keys (base64 or hex) that are known from elsewhere. */
  readonly pinned?: readonly string[];
  readonly expectCheckpoints?: readonly SignedCheckpoint[];
  readonly checks?: readonly EventCheck[];
  readonly onProgress?: (events: number) => void;
}

/** What was found in the segments of one chain. */
export interface SegmentsReport extends VerifyReport {
  readonly segments: number;
  /** Documents that lie beside the events. */
  readonly blobs: number;
}

/** What was found in a store. */
export interface LakeReport {
  readonly ok: boolean;
  /** As the first segment states it; its checkpoints are held to it. */
  readonly instance: string;
  readonly chains: readonly SegmentsReport[];
  readonly problems: readonly VerifyProblem[];
}

const MAX_PROBLEMS = 100;
const MAX_NOTE_BYTES = 64 * 1024;

/**
 * Verifies the segments in a store with nothing but what lies there: every event by its own bytes, the chain and the tree
 * across segments, the seal that each ends with, the checkpoints beside them, the columns against the bytes that they are
 * derived from, and the documents. Holds one group of rows at a time.
 *
 * The manifests are not asked: what they say follows from the segments. Throws `invalid_argument` where there is no
 * segment, and what the store throws.
 */
export async function verifySegments(store: ObjectStore, options: VerifySegmentsOptions = {}): Promise<LakeReport> {
  const found = await findSegments(store);
  if (found.size === 0) throw new WritError("invalid_argument", "there is no segment here");
  const chains: SegmentsReport[] = [];
  let instance: string | undefined;
  for (const [tenant, segments] of found) {
    const reading = new ChainReading(store, tenant, segments, options);
    const report = await reading.run(instance);
    instance ??= reading.instance;
    chains.push(report);
  }
  const problems = missingChains(found, instance ?? "", options.expectCheckpoints ?? []);
  return {
    ok: problems.length === 0 && chains.every((chain) => chain.ok),
    instance: instance ?? "",
    chains,
    problems,
  };
}

/** One chain's segments, read once, in order. */
class ChainReading {
  instance: string | undefined;
  private readonly store: ObjectStore;
  private readonly tenant: string;
  private readonly segments: readonly FoundSegment[];
  private readonly options: VerifySegmentsOptions;
  private readonly problems: VerifyProblem[] = [];
  private readonly opened = new Map<string, Promise<OpenSegment>>();
  private readonly rows = new Map<number, SegmentRow>();
  private needed = new Map<string, number>();
  private blobs = 0;

  constructor(store: ObjectStore, tenant: string, segments: readonly FoundSegment[], options: VerifySegmentsOptions) {
    this.store = store;
    this.tenant = tenant;
    this.segments = segments;
    this.options = options;
  }

  async run(instance: string | undefined): Promise<SegmentsReport> {
    const first = await this.tryOpen(this.segments[0]);
    // The newest segment names every key that there was, so that it alone says which keys count.
    const newest = await this.tryOpen(this.segments.at(-1));
    this.instance = newest?.instance ?? first?.instance;
    const { pinned = [], expectCheckpoints = [], checks = [], onProgress } = this.options;
    const expected = instance ?? this.instance;
    const report = await verifyTenant({
      tenant: this.tenant,
      ...(expected === undefined ? {} : { instance: expected }),
      start: startOf(first),
      keys: newest?.keys ?? first?.keys ?? ([] as PublishedKey[]),
      pinned,
      expectCheckpoints: expectCheckpoints.filter(({ origin }) => origin.endsWith(`/${this.tenant}`)),
      checks: [this.columnCheck(), ...checks],
      events: this.events(),
      seals: this.seals(),
      checkpoints: this.checkpoints(),
      onReference: (sha256, seq) => {
        if (!this.needed.has(sha256)) this.needed.set(sha256, seq);
      },
      ...(onProgress === undefined ? {} : { onProgress }),
    });
    const problems = [...this.problems, ...report.problems].slice(0, MAX_PROBLEMS);
    return { ...report, ok: problems.length === 0, problems, segments: this.segments.length, blobs: this.blobs };
  }

  private async *events(): AsyncGenerator<readonly EventRecord[], void> {
    for (const segment of this.segments) {
      try {
        const open = await this.open(segment);
        this.checkPlace(segment, open);
        for await (const group of open.rows()) {
          this.rows.clear();
          for (const row of group) this.rows.set(row.seq, row);
          yield group.map(toRecord);
        }
        await this.checkBlobs(segment);
      } catch (error) {
        if (!isWritError(error, "verification_failed")) throw error;
        this.note(segment.first, "segment_malformed", `\`${segment.key}\`: ${messageOf(error)}`);
        return;
      }
      this.opened.delete(segment.key);
    }
  }

  private async *seals(): AsyncGenerator<Seal, void> {
    for (const segment of this.segments) {
      const statement = await this.tryOpen(segment);
      if (statement === undefined) return;
      yield statement.seal;
    }
  }

  private async *checkpoints(): AsyncGenerator<CheckpointRecord, void> {
    for (const folder of new Set(this.segments.map((segment) => segment.folder))) {
      const download = await this.store.get(checkpointKeyBeside(folder));
      if (download === undefined) continue;
      const note = readNote(await readObject(download, MAX_NOTE_BYTES));
      yield { note, size: sizeOf(note) ?? this.lastOf(folder) };
    }
  }

  private lastOf(folder: string): number {
    return this.segments.findLast((segment) => segment.folder === folder)?.last ?? 0;
  }

  /** What stands in the columns beside an event is what its bytes say. */
  private columnCheck(): EventCheck {
    return {
      name: "columns",
      begin: () => ({
        event: (event) => {
          const row = this.rows.get(event.seq);
          if (row === undefined) return [];
          const derived = { tenant: event.tenant, prev: event.prev, ...deriveColumns(event.data) };
          const wrong = COLUMNS.find((name) => row[name] !== derived[name]);
          if (wrong === undefined) return [];
          const message = `the column \`${wrong}\` beside event ${event.seq} is not what its bytes say`;
          return [{ seq: event.seq, code: "index_mismatch", message }];
        },
      }),
    };
  }

  private checkPlace({ key, first, last }: FoundSegment, { statement, events }: OpenSegment): void {
    const isRight =
      statement.first === first &&
      statement.last === last &&
      events === last - first + 1 &&
      statement.tenant === this.tenant &&
      (this.instance === undefined || statement.instance === this.instance);
    if (!isRight) this.note(first, "segment_malformed", `\`${key}\` does not hold what its name and metadata say`);
  }

  /** Called when all events of a segment were taken: each document that they refer to lies beside them, as its name says. */
  private async checkBlobs(segment: FoundSegment): Promise<void> {
    const { needed } = this;
    this.needed = new Map();
    const { key, first } = segment;
    const blobsKey = blobsKeyBeside(segment);
    const head = await this.store.head(blobsKey);
    if (head !== undefined) {
      for await (const group of readSegmentBlobs(sourceOf(this.store, blobsKey, head.bytes))) {
        for (const { sha256, bytes } of group) {
          this.blobs += 1;
          needed.delete(sha256);
          if (sha256Hex(bytes) === sha256) continue;
          this.note(first, "blob_mismatch", `the document \`${sha256}\` beside \`${key}\` is not what its name says`);
        }
      }
    }
    for (const [sha256, seq] of needed) {
      this.note(seq, "blob_missing", `the document \`${sha256}\` that event ${seq} refers to is not here`);
    }
  }

  private open(segment: FoundSegment): Promise<OpenSegment> {
    let open = this.opened.get(segment.key);
    if (open === undefined) {
      open = openFound(this.store, segment);
      // What nobody comes to ask again is told by whoever asks first.
      open.catch(() => undefined);
      this.opened.set(segment.key, open);
    }
    return open;
  }

  private async tryOpen(segment: FoundSegment | undefined): Promise<SegmentStatement | undefined> {
    if (segment === undefined) return undefined;
    try {
      return (await this.open(segment)).statement;
    } catch (error) {
      if (!isWritError(error, "verification_failed")) throw error;
      return undefined;
    }
  }

  private note(seq: number, code: ProblemCode, message: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ seq, code, message });
  }
}

const COLUMNS = ["tenant", "prev", "command", "resource", "decision"] as const;

function startOf(statement: SegmentStatement | undefined): ChainStart {
  if (statement === undefined || statement.first === 1) return GENESIS_START;
  return { seq: statement.first, prev: statement.prev, frontier: statement.frontier };
}

function toRecord({ seq, bytes, hash, id, type, actor, at }: SegmentRow): EventRecord {
  return { seq, bytes, hash, id, type, actor, at: timeText(at) };
}

/** A time that cannot be written is no event's. */
function timeText(at: number): string {
  try {
    return toRfc3339(at);
  } catch {
    return "";
  }
}

function readNote(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch {
    return "";
  }
}

function sizeOf(note: string): number | undefined {
  try {
    return parseCheckpoint(note).size;
  } catch {
    return undefined;
  }
}

/** A checkpoint that somebody kept of a chain that is not here at all. */
function missingChains(
  found: ReadonlyMap<string, unknown>,
  instance: string,
  expected: readonly SignedCheckpoint[],
): VerifyProblem[] {
  const here = new Set([...found.keys()].map((tenant) => `${instance}/${tenant}`));
  return expected
    .filter(({ origin }) => !here.has(origin))
    .map(({ origin, size }) => ({
      seq: 0,
      code: "checkpoint_ahead",
      message: `a checkpoint of \`${origin}\` with ${size} events is known, and no such chain is here`,
    }));
}
