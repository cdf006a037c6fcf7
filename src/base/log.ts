import { isWritError, messageOf } from "./errors.ts";

/** How much a line matters. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** Fields of a log line: plain values only, never a credential. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** Structured log: one JSON object a line. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, error?: unknown, fields?: LogFields): void;
}

const ORDER: readonly LogLevel[] = ["debug", "info", "warn", "error"];
// What Writ issues is recognisable, so a line that carries it by mistake loses it here: credentials by their prefix, writs
// by the first three bytes of their envelope (a DAG-CBOR pair that starts with a byte string of 64), keys by their line.
const OWN_SECRETS =
  /writ_(?:agent|admin|pdp|device|scim)_[A-Za-z0-9_-]+|\bglhA[A-Za-z0-9_-]{85,}|writ-key-v1 [a-z]+ [0-9a-f]{16} [A-Za-z0-9_-]+/g;
const MAX_CAUSES = 4;

/** A log that hands each finished line to `write`, from `level` up. */
export function createLog(write: (line: string) => void, level: LogLevel = "info", now: () => number = Date.now): Log {
  const threshold = ORDER.indexOf(level);
  const emit = (at: LogLevel, message: string, fields?: LogFields): void => {
    if (ORDER.indexOf(at) < threshold) return;
    const head = { at: new Date(now()).toISOString(), level: at, message };
    const line = JSON.stringify(fields === undefined ? head : { ...head, ...fields, ...head });
    write(line.replace(OWN_SECRETS, "writ_[redacted]"));
  };
  return {
    debug: (message, fields) => emit("debug", message, fields),
    info: (message, fields) => emit("info", message, fields),
    warn: (message, fields) => emit("warn", message, fields),
    error: (message, error, fields) => emit("error", message, { ...fields, ...describeError(error) }),
  };
}

/** The message of an error, its code where it has one, and what it says of its causes, outermost first. */
function describeError(error: unknown): LogFields {
  if (error === undefined) return {};
  const causes: string[] = [];
  let cause = error instanceof Error ? error.cause : undefined;
  while (cause !== undefined && causes.length < MAX_CAUSES) {
    causes.push(messageOf(cause));
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return {
    error: messageOf(error),
    ...(isWritError(error) ? { code: error.code } : {}),
    ...(causes.length > 0 ? { cause: causes.join(": ") } : {}),
  };
}

/** A log that says nothing. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
