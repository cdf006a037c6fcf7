import type { EncodedBatch } from "./batch-codec.ts";
import type { UnitResult } from "./unit.ts";

/** What the writer's thread is told first. */
export interface OpenRequest {
  readonly kind: "open";
  readonly path: string;
  readonly sealKeyId: string;
  readonly sealSeed: Uint8Array;
  readonly tenantQuotaBytes: number;
}

/** Commit these, in this order, in one transaction. */
export interface CommitRequest {
  readonly kind: "commit";
  readonly batch: EncodedBatch;
  /** The wall clock in milliseconds. */
  readonly now: number;
}

/** Seal with another key from the next commit on. */
export interface SealKeyRequest {
  readonly kind: "seal_key";
  readonly sealKeyId: string;
  readonly sealSeed: Uint8Array;
}

/** Sign tokens that name this key with it. */
export interface TokenKeyRequest {
  readonly kind: "token_key";
  readonly id: string;
  readonly seed: Uint8Array;
}

/** Finish: the write-ahead log is folded into the database. */
export interface CloseRequest {
  readonly kind: "close";
}

export type WriterRequest = OpenRequest | CommitRequest | SealKeyRequest | TokenKeyRequest | CloseRequest;

/** A failed commit's cause, so far as callers can act on it. */
export type CommitFailure = "disk_full" | "store_failed";

export type WriterResponse =
  | { readonly kind: "opened"; readonly epochs: readonly (readonly [tenant: string, epoch: number])[] }
  | { readonly kind: "committed"; readonly results: readonly (UnitResult | undefined)[] }
  | {
      readonly kind: "failed";
      readonly code: CommitFailure;
      readonly message: string;
      /** Epochs re-read after the failure; absent while the database cannot be reopened. */
      readonly epochs?: readonly (readonly [tenant: string, epoch: number])[];
      /** How many events of the batch were found on the disk although their answers are errors. */
      readonly undelivered: number;
    }
  | { readonly kind: "closed" };
