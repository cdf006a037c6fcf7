import type { ErrorCode } from "#src/base/error-codes.ts";
import type { JobName, Jobs } from "./jobs/jobs.ts";

/** Begins a job; nothing of it runs until it is asked for a chunk. */
export type StartRequest = {
  readonly [Name in JobName]: {
    readonly kind: "start";
    readonly id: number;
    /** The database. */
    readonly path: string;
    readonly job: Name;
    readonly input: Jobs[Name]["input"];
  };
}[JobName];

/** Asks a job for its next chunk: answered by one `chunk`, `done` or `failed`. */
export interface PullRequest {
  readonly kind: "pull";
  readonly id: number;
}

/** Ends a job early; not answered. */
export interface CancelRequest {
  readonly kind: "cancel";
  readonly id: number;
}

/** Ends all jobs and closes the database. */
export interface CloseRequest {
  readonly kind: "close";
}

export type ReaderRequest = StartRequest | PullRequest | CancelRequest | CloseRequest;

/** What a job answers a pull with. */
export type PullResponse =
  | { readonly kind: "chunk"; readonly id: number; readonly items: readonly unknown[] }
  | { readonly kind: "done"; readonly id: number; readonly result: unknown }
  | {
      readonly kind: "failed";
      readonly id: number;
      readonly code: ErrorCode;
      /** May be shown; absent where the code says all. */
      readonly message?: string;
      /** For the log alone. */
      readonly cause?: string;
    };

export type ReaderResponse =
  | PullResponse
  | { readonly kind: "progress"; readonly id: number; readonly events: number }
  | { readonly kind: "closed" };
