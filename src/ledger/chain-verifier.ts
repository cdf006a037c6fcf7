import { toHex } from "#src/base/bytes.ts";
import { isWritError, messageOf } from "#src/base/errors.ts";
import type { SignedCheckpoint } from "./checkpoint.ts";
import {
  type ChainPlace,
  type CheckpointRecord,
  CheckpointTrail,
  type ConsistencyProof,
  type InclusionProof,
} from "./checkpoint-trail.ts";
import {
  collectReferences,
  decodeEvent,
  digestAndRead,
  GENESIS_HASH,
  hasMalformedWrit,
  type ParsedEvent,
  parseEvent,
} from "./event.ts";
import type { EventCheck, EventCheckRun } from "./event-check.ts";
import { type ScannedEvent, scanEvent } from "./event-scan.ts";
import { type PublishedKey, type TrustedKey, trustKeys } from "./keys.ts";
import { CompactRange } from "./merkle.ts";
import type { ProblemCode, VerifyProblem, VerifyReport } from "./report.ts";
import { type Head, type Seal, verifySeal } from "./seal.ts";
import { isHash } from "./shape.ts";

/** An event as a reader finds it. What a reader holds besides the bytes is compared with them. */
export interface EventRecord {
  readonly seq: number;
  readonly bytes: Uint8Array | string;
  /** Lower-case hex. */
  readonly hash?: string;
  readonly id?: string;
  readonly type?: string;
  readonly actor?: string;
  /** RFC 3339, as in the event. */
  readonly at?: string;
}

/** Where a chain or a part of it begins. Nothing of it is believed: the first seal proves it or not. */
export interface ChainStart {
  /** Of the first event to come. */
  readonly seq: number;
  /** Hash of the event before it, lower-case hex. */
  readonly prev: string;
  /** Compact range of the `seq - 1` leaves before it. */
  readonly frontier: Uint8Array;
}

/** The start of a whole chain. */
export const GENESIS_START: ChainStart = { seq: 1, prev: GENESIS_HASH, frontier: new Uint8Array() };

/** What one chain is verified against. */
export interface ChainOptions {
  readonly tenant: string;
  /** The instance that checkpoints must name, where it is known. */
  readonly instance?: string;
  readonly start?: ChainStart;
  /** All seal keys of the instance, from the first one on. */
  readonly keys: readonly PublishedKey[];
  /** Key ids or public keys (base64 or hex) that are known from elsewhere. */
  readonly pinned?: readonly string[];
  /** Whether the last event must be covered by a seal or checkpoint; true unless stated. */
  readonly requireSealedTail?: boolean;
  /** What the reader holds as the newest event: compared with what the events give. */
  readonly expectHead?: { readonly seq: number; readonly hash?: string; readonly root?: string };
  /** Checkpoints that somebody kept: the chain must have been so, and must not have been cut back since. */
  readonly expectCheckpoints?: readonly SignedCheckpoint[];
  /** Called for each blob (SHA-256 in hex) that an event refers to. */
  readonly onReference?: (sha256: string, seq: number) => void;
  /** Called with the tree's leaf of each event that follows the ones before it. */
  readonly onLeaf?: (seq: number, leaf: Uint8Array) => void;
  /** Further checks of each event. */
  readonly checks?: readonly EventCheck[];
}

const MAX_PROBLEMS = 100;

/**
 * Verifies one tenant's chain, event by event and seal by seal as they come, in memory that does not grow with the chain.
 *
 * Never throws for what it is fed: everything wrong is a problem in the report. An event that does not follow the ones
 * before it ends the verification, because nothing behind it can be placed; a seal that is wrong does not, since a later
 * one may still vouch for the same events.
 */
export class ChainVerifier {
  private readonly options: ChainOptions;
  private readonly first: number;
  private readonly problems: VerifyProblem[] = [];
  private readonly keysUsed = new Set<string>();
  private readonly keys: ReadonlyMap<string, TrustedKey>;
  private readonly checks: readonly EventCheckRun[];
  private readonly trail: CheckpointTrail;
  private leaf: Uint8Array | undefined;
  private tree: CompactRange;
  private last: number;
  private head: string;
  private at = "";
  private sealedThrough: number;
  private lastSealSeq = 0;
  private generation = 0;
  private ended = false;

  constructor(options: ChainOptions) {
    const start = options.start ?? GENESIS_START;
    this.options = options;
    this.checks = (options.checks ?? []).map((check) => check.begin(options.tenant));
    this.first = start.seq;
    this.last = start.seq - 1;
    this.sealedThrough = this.last;
    this.head = start.prev;
    this.keys = this.attempt("keys_invalid", () => trustKeys(options.keys, options.pinned)) ?? new Map();
    this.tree =
      this.attempt("start_invalid", () => CompactRange.fromBytes(this.last, start.frontier)) ?? CompactRange.empty();
    this.trail = new CheckpointTrail({
      tenant: options.tenant,
      instance: options.instance,
      keys: this.keys,
      before: this.last,
      expected: options.expectCheckpoints ?? [],
      note: (seq, code, message) => this.note(seq, code, message),
    });
    if (!isHash(start.prev) || (start.seq === 1 && start.prev !== GENESIS_HASH)) {
      this.end(0, "start_invalid", "the hash before the first event is not one that can stand there");
    }
  }

  /** Whether the verification is over because of what it found. */
  get hasEnded(): boolean {
    return this.ended;
  }

  /** Takes the next event. */
  event(record: EventRecord): void {
    if (this.ended) return;
    const { bytes } = record;
    const { hash, leaf, read: scanned } = digestAndRead(bytes, (encoded) => scanEvent(encoded, bytes));
    // What a scan passes is well-formed text; of anything else it is to be said first whether it is text at all.
    const text = scanned === undefined ? this.readText(record) : "";
    if (text === undefined) return;
    const event = this.readEvent(scanned ?? text, hash, record);
    if (event === undefined || !this.follows(event, record)) return;
    this.tree.append(leaf);
    this.last = event.seq;
    this.head = hash;
    this.at = event.at;
    this.leaf = leaf;
    if (this.trail.nextExpected <= this.last) this.trail.meetExpected(this.place());
    this.options.onLeaf?.(event.seq, leaf);
    if (scanned?.hasMalformedWrit ?? hasMalformedWrit(event)) {
      this.note(event.seq, "writ_malformed", `event ${event.seq} names a writ by what is no CID of one`);
    }
    for (const check of this.checks) this.noteAll(check.event(event, hash));
    if (this.options.onReference === undefined) return;
    for (const sha256 of scanned?.references ?? collectReferences(event.data))
      this.options.onReference(sha256, event.seq);
  }

  /** Takes a seal, when the events that it covers have been taken and no later one. */
  seal(seal: Seal): void {
    if (this.ended) return;
    const [head, ...others] = seal.heads.filter(({ tenant }) => tenant === this.options.tenant);
    if (head === undefined || others.length > 0) {
      const message = `a seal behind event ${this.last} does not have one head of this tenant`;
      this.note(this.last, "tenant_mismatch", message);
    } else if (head.seq <= this.lastSealSeq) {
      const message = `a seal of event ${head.seq} follows one of event ${this.lastSealSeq}`;
      this.note(head.seq, "seal_out_of_order", message);
    } else if (head.seq !== this.last) {
      this.note(head.seq, "seal_without_event", `event ${head.seq} has a seal and does not stand before it`);
    } else {
      this.lastSealSeq = head.seq;
      this.checkSeal(seal, head);
    }
  }

  /** Takes a checkpoint, when the events that it covers have been taken and no later one, or all have. */
  checkpoint(record: CheckpointRecord): void {
    if (!this.ended) this.trail.checkpoint(record, this.place());
  }

  /** Takes the consistency proof of the checkpoint that comes next, where that is beyond the last event. */
  consistency(proof: ConsistencyProof): void {
    if (!this.ended) this.trail.consistency(proof);
  }

  /** Takes an inclusion proof of the event that came last. */
  inclusion(proof: InclusionProof): void {
    if (!this.ended) this.trail.inclusion(proof, this.place(), this.leaf);
  }

  /** Records a problem that the caller found. */
  note(seq: number, code: ProblemCode, message: string): void {
    if (this.problems.length < MAX_PROBLEMS) this.problems.push({ seq, code, message });
  }

  /** Records a problem that the caller found and behind which nothing can be placed. */
  end(seq: number, code: ProblemCode, message: string): void {
    this.note(seq, code, message);
    this.ended = true;
  }

  /** What was found. Call once, at the end. */
  finish(): VerifyReport {
    const root = toHex(this.tree.root());
    if (!this.ended) this.checkEnd(root);
    const checkpoints = this.trail.finish(this.place(), !this.ended);
    for (const check of this.checks) this.noteAll(check.finish?.() ?? []);
    return {
      ok: this.problems.length === 0,
      tenant: this.options.tenant,
      events: this.last - this.first + 1,
      first: this.first,
      last: this.last,
      head: this.head,
      root,
      sealedThrough: this.sealedThrough,
      checkpoints,
      problems: this.problems,
      keysUsed: [...this.keysUsed],
      pinned: (this.options.pinned?.length ?? 0) > 0 && this.keys.size > 0,
    };
  }

  private place(): ChainPlace {
    return { last: this.last, head: this.head, root: toHex(this.tree.root()) };
  }

  private noteAll(problems: readonly VerifyProblem[]): void {
    for (const { seq, code, message } of problems) this.note(seq, code, message);
  }

  private readText(record: EventRecord): string | undefined {
    const { bytes } = record;
    if (typeof bytes === "string") return bytes;
    return this.attempt("event_malformed", () => decodeEvent(bytes), record.seq);
  }

  private readEvent(given: ScannedEvent | string, hash: string, record: EventRecord): ParsedEvent | undefined {
    if (record.hash === undefined || record.hash === hash) {
      if (typeof given !== "string") return given;
      return this.attempt("event_malformed", () => parseEvent(given), record.seq);
    }
    this.end(record.seq, "hash_mismatch", `the bytes of event ${record.seq} do not have the hash recorded with them`);
    return undefined;
  }

  private follows(event: ParsedEvent, record: EventRecord): boolean {
    const { seq } = event;
    const expected = this.last + 1;
    if (event.tenant !== this.options.tenant) {
      this.end(seq, "tenant_mismatch", `event ${seq} is of the tenant \`${event.tenant}\``);
    } else if (seq > expected) {
      this.end(expected, "event_missing", `event ${expected} is missing: event ${seq} stands in its place`);
    } else if (seq < expected) {
      this.end(seq, "event_out_of_order", `event ${seq} stands where event ${expected} should`);
    } else if (event.prev !== this.head) {
      const message = `event ${seq} does not name the hash of event ${seq - 1}: one of the two was changed`;
      this.end(seq, "prev_mismatch", message);
    } else if (event.at < this.at) {
      this.end(seq, "at_decreases", `event ${seq} is older than event ${seq - 1}`);
    } else {
      const column = INDEXED.find((name) => record[name] !== undefined && record[name] !== event[name]);
      if (column === undefined) return true;
      this.end(seq, "index_mismatch", `\`${column}\` beside event ${seq} is not what its bytes say`);
    }
    return false;
  }

  private checkSeal(seal: Seal, head: Head): void {
    const key = this.keys.get(seal.key);
    if (key === undefined) {
      this.note(
        head.seq,
        "seal_key_unknown",
        `the seal of event ${head.seq} is by the key \`${seal.key.slice(0, 64)}\`, which is not known`,
      );
    } else if (!verifySeal(seal, key.publicKey)) {
      this.note(head.seq, "seal_invalid", `the signature of the seal of event ${head.seq} is not valid`);
    } else if (head.hash !== this.head || head.root !== toHex(this.tree.root())) {
      this.note(
        head.seq,
        "seal_mismatch",
        `the seal of event ${head.seq} is over other events: history was changed at or before it`,
      );
    } else if (key.generation < this.generation) {
      this.note(head.seq, "seal_key_older", `the seal of event ${head.seq} is by a key that had been replaced before`);
    } else {
      this.generation = key.generation;
      this.keysUsed.add(key.id);
      if (key.vouches) this.sealedThrough = head.seq;
    }
  }

  private checkEnd(root: string): void {
    const { expectHead, requireSealedTail } = this.options;
    if (expectHead !== undefined && expectHead.seq !== this.last) {
      const message = `the chain ends with event ${this.last}, and should with event ${expectHead.seq}`;
      this.note(Math.min(this.last, expectHead.seq) + 1, "head_mismatch", message);
    } else if (
      expectHead !== undefined &&
      ((expectHead.hash ?? this.head) !== this.head || (expectHead.root ?? root) !== root)
    ) {
      this.note(this.last, "head_mismatch", `the chain up to event ${this.last} is not the one recorded as its head`);
    }
    const covered = Math.max(this.sealedThrough, this.trail.coveredThrough);
    if ((requireSealedTail ?? true) && covered < this.last) {
      const message = `the events ${covered + 1} to ${this.last} are covered by no seal and no checkpoint that counts`;
      this.note(covered + 1, "unsealed_tail", message);
    }
  }

  private attempt<Value>(code: ProblemCode, action: () => Value, seq = 0): Value | undefined {
    try {
      return action();
    } catch (error) {
      if (!isWritError(error)) throw error;
      this.end(seq, code, seq === 0 ? messageOf(error) : `event ${seq}: ${messageOf(error)}`);
      return undefined;
    }
  }
}

const INDEXED = ["seq", "id", "at", "type", "actor"] as const;
