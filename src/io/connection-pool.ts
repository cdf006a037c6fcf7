import type { Connection } from "./connection.ts";

/** Connections that wait for their next request, by key. */
export interface ConnectionPool {
  /** The connection of this key that was used last and has waited at most `maxIdleMs`; it is the caller's from now on. */
  take(key: string, maxIdleMs: number): Connection | undefined;
  /** Keeps a connection whose last exchange is complete, or closes it where it is too old or there are enough. */
  put(key: string, connection: Connection): void;
  close(): void;
}

interface Waiting {
  readonly connection: Connection;
  readonly since: number;
}

/** Servers close idle connections after five seconds at the earliest, as a rule. */
const MAX_IDLE_MS = 4_000;
/** So that a changed DNS entry takes effect however busy the connections are. */
const MAX_AGE_MS = 60_000;
const MAX_IDLE_PER_KEY = 64;
const SWEEP_MS = 1_000;

/** A pool that closes what has waited too long. */
export function createConnectionPool(): ConnectionPool {
  const waiting = new Map<string, Waiting[]>();
  let sweeper: ReturnType<typeof setInterval> | undefined;
  let closed = false;

  function forget(key: string, connection: Connection): void {
    const list = waiting.get(key);
    const index = list?.findIndex((entry) => entry.connection === connection) ?? -1;
    if (index < 0) return;
    list?.splice(index, 1);
    if (list?.length === 0) waiting.delete(key);
  }

  function sweep(): void {
    const oldest = performance.now() - MAX_IDLE_MS;
    const stale = [...waiting.values()].flat().filter((entry) => entry.since < oldest);
    for (const { connection } of stale) connection.destroy();
    if (waiting.size > 0 || sweeper === undefined) return;
    clearInterval(sweeper);
    sweeper = undefined;
  }

  return {
    take(key, maxIdleMs) {
      const entry = waiting.get(key)?.at(-1);
      if (entry === undefined) return undefined;
      // The newest is at the end: where it has waited too long, all have.
      if (performance.now() - entry.since > Math.min(maxIdleMs, MAX_IDLE_MS)) return undefined;
      entry.connection.onGone = undefined;
      forget(key, entry.connection);
      return entry.connection.isUsable ? entry.connection : this.take(key, maxIdleMs);
    },
    put(key, connection) {
      const now = performance.now();
      const list = waiting.get(key) ?? [];
      if (closed || list.length >= MAX_IDLE_PER_KEY || now - connection.openedAt > MAX_AGE_MS || !connection.isUsable) {
        connection.destroy();
        return;
      }
      connection.onGone = () => forget(key, connection);
      connection.detach();
      list.push({ connection, since: now });
      waiting.set(key, list);
      if (sweeper === undefined) {
        sweeper = setInterval(sweep, SWEEP_MS);
        sweeper.unref();
      }
    },
    close() {
      closed = true;
      for (const { connection } of [...waiting.values()].flat()) connection.destroy();
      waiting.clear();
      if (sweeper !== undefined) clearInterval(sweeper);
      sweeper = undefined;
    },
  };
}
