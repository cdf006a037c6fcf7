/** Why something does not verify. Stable: programs switch on it. */
export type ProblemCode =
  | "approver_unknown"
  | "assertion_invalid"
  | "assertion_missing"
  | "at_decreases"
  | "blob_mismatch"
  | "blob_missing"
  | "bundle_malformed"
  | "checkpoint_ahead"
  | "checkpoint_invalid"
  | "checkpoint_key_older"
  | "checkpoint_key_unknown"
  | "checkpoint_malformed"
  | "checkpoint_mismatch"
  | "checkpoint_missing"
  | "checkpoint_out_of_order"
  | "checkpoint_unproven"
  | "cosignature_invalid"
  | "cut_unrecorded"
  | "event_malformed"
  | "event_missing"
  | "event_out_of_order"
  | "hash_mismatch"
  | "head_mismatch"
  | "index_mismatch"
  | "keys_invalid"
  | "prev_mismatch"
  | "proof_invalid"
  | "seal_invalid"
  | "seal_key_older"
  | "seal_key_unknown"
  | "seal_malformed"
  | "seal_mismatch"
  | "seal_out_of_order"
  | "seal_without_event"
  | "segment_malformed"
  | "start_invalid"
  | "tenant_mismatch"
  | "tree_mismatch"
  | "unsealed_tail"
  | "writ_malformed";

/** One thing that does not verify. */
export interface VerifyProblem {
  /** The event that it concerns; 0 where it concerns none. */
  readonly seq: number;
  readonly code: ProblemCode;
  readonly message: string;
}

/** What was found of a chain's checkpoints. */
export interface CheckpointSummary {
  /** How many verified. */
  readonly count: number;
  /** The events up to this one are covered by a checkpoint that vouches; the seq before the first if none are. */
  readonly coveredThrough: number;
  /** The newest that verified. */
  readonly newest?: { readonly size: number; readonly at: string; readonly origin: string };
}

/** What a verification found. */
export interface VerifyReport {
  /** Whether everything verified: `problems` is empty. */
  readonly ok: boolean;
  readonly tenant: string;
  /** How many events were read and follow one another. */
  readonly events: number;
  /** Seq of the first event that was expected. */
  readonly first: number;
  /** Seq of the last event that follows the ones before it; `first - 1` if none does. */
  readonly last: number;
  /** Hash of that event, lower-case hex. */
  readonly head: string;
  /** Root of the tree up to that event, lower-case hex. */
  readonly root: string;
  /** The events `first` to this one are vouched for by a seal, whatever else is wrong; `first - 1` if none is. */
  readonly sealedThrough: number;
  readonly checkpoints: CheckpointSummary;
  /** The first one first. An event that does not follow ends the verification; at most a hundred are kept. */
  readonly problems: readonly VerifyProblem[];
  /** Ids of the keys whose seals verified, in the order of their first seal. */
  readonly keysUsed: readonly string[];
  /** Whether a pinned key vouches; if not, the evidence agrees with itself and who made it stays open. */
  readonly pinned: boolean;
}
