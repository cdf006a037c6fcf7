import { messageOf } from "./errors.ts";

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
// Credentials that Writ issues, writs among them, are recognisable: a line that carries one by mistake loses it here.
const OWN_CREDENTIAL = /writ_(?:agent|admin|pdp|device|scim)_[A-Za-z0-9_-]+/g;

/** A log that hands each finished line to `write`, from `level` up. */
export function createLog(write: (line: string) => void, level: LogLevel = "info", now: () => number = Date.now): Log {
  const threshold = ORDER.indexOf(level);
  const emit = (at: LogLevel, message: string, fields?: LogFields): void => {
    if (ORDER.indexOf(at) < threshold) return;
    const line = JSON.stringify({ at: new Date(now()).toISOString(), level: at, message, ...fields });
    write(line.replace(OWN_CREDENTIAL, "writ_[redacted]"));
  };
  return {
    debug: (message, fields) => emit("debug", message, fields),
    info: (message, fields) => emit("info", message, fields),
    warn: (message, fields) => emit("warn", message, fields),
    error: (message, error, fields) =>
      emit("error", message, { ...fields, ...(error === undefined ? {} : { error: messageOf(error) }) }),
  };
}

/** A log that says nothing. */
export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {} };
