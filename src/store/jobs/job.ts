import type { Database } from "bun:sqlite";

/** What a job has besides its input. */
export interface JobContext {
  /** A connection that cannot write. */
  readonly db: Database;
  /**
   * To be awaited between steps of at most some milliseconds: lets other jobs of the thread have their turn, and throws
   * where this one was cancelled.
   */
  breathe(): Promise<void>;
  /** Says how many events were gone through so far. */
  progress(events: number): void;
}

/**
 * A long read in steps: gives its items in bounded chunks, the next one when it is asked for, and a result at the end.
 *
 * No transaction stays open between steps, so that a job never keeps the write-ahead log from being folded in. What it
 * needs to hold from one step to the next it takes from the chain, which only grows.
 */
export type Job<Input, Item, Result> = (
  context: JobContext,
  input: Input,
) => AsyncGenerator<readonly Item[], Result, void>;
