import { ERROR_CODES, type ErrorCode } from "./error-codes.ts";

/** What an error may carry besides its message: extra members for the problem document, and the internal cause. */
export interface ErrorOptions {
  /** Shown to the caller as members of the problem document. Never a secret. */
  readonly details?: Readonly<Record<string, unknown>>;
  /** Logged, never shown. */
  readonly cause?: unknown;
}

/**
 * An error with a stable code and a message that may be shown to whoever caused it.
 *
 * Messages are lower case, without a full stop, user input in backticks. The error knows no HTTP.
 */
export class WritError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(code: ErrorCode, message?: string, options: ErrorOptions = {}) {
    super(message ?? ERROR_CODES[code], options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "WritError";
    this.code = code;
    this.details = options.details;
  }
}

/** Whether `error` is a {@link WritError}, with this code where one is given. */
export function isWritError(error: unknown, code?: ErrorCode): error is WritError {
  return error instanceof WritError && (code === undefined || error.code === code);
}

/** Throws `internal` when an invariant does not hold: a fault of this program, never of its input. */
export function invariant(condition: unknown, message: string): asserts condition {
  if (!condition) throw new WritError("internal", `invariant broken: ${message}`);
}

/** The message of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
