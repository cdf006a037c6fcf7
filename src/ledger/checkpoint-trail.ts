import { fromHex } from "#src/base/bytes.ts";
import { isWritError, messageOf } from "#src/base/errors.ts";
import { checkpointOrigin, findSigner, parseCheckpoint, type SignedCheckpoint, tenantOfOrigin } from "./checkpoint.ts";
import type { TrustedKey } from "./keys.ts";
import { verifyConsistency, verifyInclusion } from "./merkle-proof.ts";
import type { CheckpointSummary, ProblemCode } from "./report.ts";

/** A checkpoint as a reader finds it. What stands beside the note is compared with it. */
export interface CheckpointRecord {
  readonly note: string;
  readonly size: number;
  /** RFC 3339, as in the note. */
  readonly at?: string;
  /** Id of the key that signed. */
  readonly key?: string;
}

/** A consistency proof, RFC 9162 section 2.1.4.1: of the checkpoint that comes next, from a size whose root is known. */
export interface ConsistencyProof {
  readonly from: number;
  readonly to: number;
  /** Lower-case hex. */
  readonly path: readonly string[];
}

/** An inclusion proof, RFC 9162 section 2.1.3.1, of the event that came last, to a root that a checkpoint has to have. */
export interface InclusionProof {
  readonly seq: number;
  readonly size: number;
  /** Lower-case hex, as are the hashes of the path. */
  readonly root: string;
  readonly path: readonly string[];
}

/** Where the chain's verifier stands. */
export interface ChainPlace {
  readonly last: number;
  readonly head: string;
  /** Lower-case hex. */
  readonly root: string;
}

/** What a trail of checkpoints is verified against. */
export interface TrailOptions {
  readonly tenant: string;
  /** The instance that origins must name, where it is known. */
  readonly instance: string | undefined;
  readonly keys: ReadonlyMap<string, TrustedKey>;
  /** The events begin behind this one. */
  readonly before: number;
  /** Checkpoints that somebody kept: the chain must have been so. */
  readonly expected: readonly SignedCheckpoint[];
  readonly note: (seq: number, code: ProblemCode, message: string) => void;
}

/** How many inclusion proofs may wait for the checkpoint that they lead to. */
const MAX_CLAIMS = 1024;

/**
 * Verifies the checkpoints of one chain while its events come: each by a known key and never an older one again, over exactly
 * the events before it, never earlier than the one before. Since every root is computed from the events, each checkpoint is
 * shown to extend all before it; a checkpoint beyond the last event needs a consistency proof.
 */
export class CheckpointTrail {
  private readonly options: TrailOptions;
  private readonly claims = new Map<number, string>();
  private expected: readonly SignedCheckpoint[];
  private bridge: ConsistencyProof | undefined;
  /** The largest tree whose root is known: of the events so far, or of a proven checkpoint beyond them. */
  private reached: { readonly size: number; readonly root: string } | undefined;
  private newest: SignedCheckpoint | undefined;
  private generation = 0;
  private count = 0;
  private covered: number;

  constructor(options: TrailOptions) {
    this.options = options;
    this.covered = options.before;
    this.expected = this.acceptExpected(options.expected);
  }

  /** The size of the next checkpoint that somebody kept; infinite where none is to come. */
  get nextExpected(): number {
    return this.expected[0]?.size ?? Number.POSITIVE_INFINITY;
  }

  /** The events up to this one are covered by a checkpoint that vouches. */
  get coveredThrough(): number {
    return this.covered;
  }

  /** Compares what somebody kept of this size with the chain as it is here. */
  meetExpected({ last, root, head }: ChainPlace): void {
    for (; this.nextExpected === last; this.expected = this.expected.slice(1)) {
      const kept = this.expected[0] as SignedCheckpoint;
      if (kept.root === root && kept.head === head) continue;
      const message = `the events 1 to ${last} are not those of the expected checkpoint: history was changed`;
      this.options.note(last, "checkpoint_mismatch", message);
    }
  }

  /** Takes a checkpoint, when the events that it covers have been taken and no later one, or all have. */
  checkpoint(record: CheckpointRecord, place: ChainPlace): void {
    const checkpoint = this.read(record);
    const bridge = this.bridge;
    this.bridge = undefined;
    if (checkpoint === undefined || !this.isInOrder(checkpoint, place)) return;
    const key = this.signerOf(checkpoint);
    if (key === undefined || !this.isOver(checkpoint, place, bridge)) return;
    const { size } = checkpoint;
    if ((record.key ?? key.id) !== key.id) {
      this.options.note(size, "index_mismatch", `the key beside the checkpoint of ${size} events did not sign it`);
      return;
    }
    if (key.generation < this.generation) {
      const message = `the checkpoint of ${size} events is by a key that had been replaced before`;
      this.options.note(size, "checkpoint_key_older", message);
      return;
    }
    this.generation = key.generation;
    this.newest = checkpoint;
    this.count += 1;
    this.reached = { size, root: checkpoint.root };
    if (key.vouches) this.covered = Math.min(size, place.last);
  }

  /** Takes a consistency proof: it belongs to the checkpoint that comes next. */
  consistency(proof: ConsistencyProof): void {
    this.bridge = proof;
  }

  /** Takes an inclusion proof of the event that came last. */
  inclusion({ seq, size, root, path }: InclusionProof, place: ChainPlace, leaf: Uint8Array | undefined): void {
    const { note } = this.options;
    const known = this.claims.get(size);
    const isProven =
      leaf !== undefined &&
      seq === place.last &&
      (known ?? root) === root &&
      verifyInclusion(leaf, seq - 1, size, path.map(fromHex), fromHex(root));
    if (!isProven) note(seq, "proof_invalid", `the inclusion proof of event ${seq} in ${size} events does not hold`);
    else if (this.claims.size >= MAX_CLAIMS)
      note(seq, "proof_invalid", "too many inclusion proofs have no checkpoint yet");
    else if (this.newest?.size === size && this.newest.root === root) return;
    else this.claims.set(size, root);
  }

  /**
   * What was found, when nothing more comes.
   * @param isWhole whether the events went on to their end: if not, what is missing may stand behind what failed
   */
  finish(place: ChainPlace, isWhole: boolean): CheckpointSummary {
    if (isWhole) this.checkEnd(place);
    const newest = this.newest;
    return {
      count: this.count,
      coveredThrough: this.covered,
      ...(newest === undefined ? {} : { newest: { size: newest.size, at: newest.at, origin: newest.origin } }),
    };
  }

  private checkEnd(place: ChainPlace): void {
    const { note, before } = this.options;
    for (const kept of this.expected) {
      if (this.newest?.size === kept.size && this.newest.root === kept.root) continue;
      if (kept.size <= before) {
        const message = `the expected checkpoint of ${kept.size} events lies before the first event here`;
        note(before + 1, "checkpoint_unproven", message);
      } else {
        const message = `the chain ends with event ${place.last}, and a checkpoint of ${kept.size} events is known: the end was cut off`;
        note(place.last + 1, "checkpoint_ahead", message);
      }
    }
    for (const size of this.claims.keys()) {
      note(
        place.last,
        "proof_invalid",
        `an inclusion proof leads to a tree of ${size} events, which no checkpoint here has`,
      );
    }
  }

  private read(record: CheckpointRecord): SignedCheckpoint | undefined {
    const { tenant, note } = this.options;
    const size = record.size;
    try {
      const checkpoint = parseCheckpoint(record.note);
      if (checkpoint.size === size && (record.at ?? checkpoint.at) === checkpoint.at) {
        if (this.isOwn(checkpoint)) return checkpoint;
        note(size, "tenant_mismatch", `a checkpoint of \`${checkpoint.origin}\` stands in the chain of \`${tenant}\``);
      } else {
        note(size, "index_mismatch", `what stands beside the checkpoint of ${size} events is not what it says`);
      }
    } catch (error) {
      if (!isWritError(error)) throw error;
      note(size, "checkpoint_malformed", `the checkpoint of ${size} events: ${messageOf(error)}`);
    }
    return undefined;
  }

  private isOwn({ origin }: SignedCheckpoint): boolean {
    const { instance, tenant } = this.options;
    return instance === undefined ? tenantOfOrigin(origin) === tenant : origin === checkpointOrigin(instance, tenant);
  }

  private isInOrder({ size, at }: SignedCheckpoint, { last }: ChainPlace): boolean {
    const { note, before } = this.options;
    const newest = this.newest;
    if (size < last || size < before || (newest !== undefined && (newest.size >= size || newest.at > at))) {
      note(size, "checkpoint_out_of_order", `the checkpoint of ${size} events stands where it cannot`);
      return false;
    }
    return true;
  }

  private signerOf(checkpoint: SignedCheckpoint): TrustedKey | undefined {
    const state = findSigner(checkpoint, this.options.keys.values());
    if (state.kind === "signed") return state.key;
    const { size } = checkpoint;
    if (state.kind === "invalid") {
      this.options.note(size, "checkpoint_invalid", `the signature of the checkpoint of ${size} events is not valid`);
    } else {
      this.options.note(size, "checkpoint_key_unknown", `no known key signed the checkpoint of ${size} events`);
    }
    return undefined;
  }

  private isOver(checkpoint: SignedCheckpoint, place: ChainPlace, bridge: ConsistencyProof | undefined): boolean {
    const { size, root, head } = checkpoint;
    const { note } = this.options;
    if (size === place.last) {
      if (root === place.root && head === place.head) return this.isClaimed(checkpoint);
      const message = `the checkpoint of ${size} events is over other events: history was changed at or before event ${size}`;
      note(size, "checkpoint_mismatch", message);
      return false;
    }
    const reached = this.reached !== undefined && this.reached.size > place.last ? this.reached : undefined;
    const [from, fromRoot] = reached === undefined ? [place.last, place.root] : [reached.size, reached.root];
    if (bridge === undefined) {
      const message = `the chain ends with event ${place.last}, and there is a checkpoint of ${size} events: the end was cut off`;
      note(place.last + 1, "checkpoint_ahead", message);
      return false;
    }
    const isConsistent =
      bridge.from === from &&
      bridge.to === size &&
      verifyConsistency(from, fromHex(fromRoot), size, fromHex(root), bridge.path.map(fromHex));
    if (isConsistent) return this.isClaimed(checkpoint);
    note(place.last, "proof_invalid", `the consistency proof from ${bridge.from} to ${bridge.to} events does not hold`);
    return false;
  }

  /** Whether the inclusion proofs that lead to a tree of this size lead to this one. */
  private isClaimed({ size, root }: SignedCheckpoint): boolean {
    const claimed = this.claims.get(size);
    this.claims.delete(size);
    if (claimed === undefined || claimed === root) return true;
    this.options.note(size, "proof_invalid", `an inclusion proof leads to another tree of ${size} events`);
    return false;
  }

  private acceptExpected(expected: readonly SignedCheckpoint[]): readonly SignedCheckpoint[] {
    return expected
      .filter((kept) => {
        if (!this.isOwn(kept)) return false;
        const state = findSigner(kept, this.options.keys.values());
        if (state.kind === "signed") return true;
        const message = `the expected checkpoint of ${kept.size} events is not signed by a key that is known here`;
        this.options.note(0, state.kind === "invalid" ? "checkpoint_invalid" : "checkpoint_key_unknown", message);
        return false;
      })
      .sort((a, b) => a.size - b.size);
  }
}
