import { Database, type Statement } from "bun:sqlite";
import { chmodSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "#src/base/log.ts";
import { renderLabels } from "./exposition.ts";
import type { Metrics, Sample } from "./metrics.ts";
import type { NotedRequests, RequestLog, RequestTrace } from "./request-log.ts";

/** What the store needs. */
export interface TelemetryStoreOptions {
  readonly dataFolder: string;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Where requests are noted between two snapshots. */
  readonly requests?: RequestLog;
  /** How long samples are kept. */
  readonly retentionMs?: number;
  /** How many are kept at most; the oldest go first. */
  readonly maxSamples?: number;
}

/** One kept number. */
export interface StoredSample {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** The label part as in the exposition format. */
  readonly labels: string;
  readonly value: number;
}

/**
 * Snapshots of the metrics in a database of their own. Losing it loses nothing that an auditor needs, so nothing here
 * throws: a failure is logged, the file is opened again at the next snapshot, and a damaged one is replaced by an empty one.
 */
export interface TelemetryStore {
  /**
   * Keeps every number that changed since the last snapshot, and drops what is too old, in steps of a few milliseconds
   * with other work between them. While one is under way another is not begun. Never rejects.
   */
  snapshot(nowMs: number): Promise<void>;
  /** The kept samples of one metric, `from` inclusive to `to` exclusive, oldest first; at most 10,000. */
  read(name: string, fromMs: number, toMs: number): readonly StoredSample[];
  /** Requests that were kept, `from` inclusive to `to` exclusive, newest first. */
  readTraces(fromMs: number, toMs: number, limit: number): readonly RequestTrace[];
  /** How often each page was drawn, by day in UTC, newest day first. */
  readPages(limit: number): readonly { readonly day: string; readonly route: string; readonly drawn: number }[];
  close(): void;
}

const DAY_MS = 86_400_000;
const RETENTION_MS = 14 * DAY_MS;
const MAX_SAMPLES = 1_000_000;
/** Requests are kept for a shorter time than numbers. */
const TRACE_RETENTION_MS = 3 * DAY_MS;
const MAX_TRACES = 100_000;
const PAGE_DAYS = 400;
/** Rows written or dropped in one go: some 3 ms. */
const STEP_ROWS = 250;
const FILE = "telemetry.db";
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS sample (
    at INTEGER NOT NULL,
    name TEXT NOT NULL,
    labels TEXT NOT NULL,
    value REAL NOT NULL,
    PRIMARY KEY (name, at, labels)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS sample_by_time ON sample (at);
  CREATE TABLE IF NOT EXISTS trace (
    at INTEGER NOT NULL,
    id TEXT NOT NULL,
    method TEXT NOT NULL,
    route TEXT NOT NULL,
    status INTEGER NOT NULL,
    duration_ms REAL NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS trace_by_time ON trace (at);
  CREATE TABLE IF NOT EXISTS page_day (
    day TEXT NOT NULL,
    route TEXT NOT NULL,
    drawn INTEGER NOT NULL,
    PRIMARY KEY (day, route)
  ) STRICT, WITHOUT ROWID;
`;

interface OpenStore {
  readonly database: Database;
  readonly insert: Statement;
  /** Drops a number of samples older than a time. */
  readonly expire: Statement;
  /** Drops a number of the oldest samples. */
  readonly trim: Statement;
  /** Rows in the table, kept up to date here: counting them is a scan. */
  rows: number;
}

/** A store on `telemetry.db` in the data folder, which is opened at the first use. */
export function createTelemetryStore(options: TelemetryStoreOptions): TelemetryStore {
  const path = join(options.dataFolder, FILE);
  const retentionMs = options.retentionMs ?? RETENTION_MS;
  const maxSamples = options.maxSamples ?? MAX_SAMPLES;
  const last = new Map<string, number>();
  let store: OpenStore | undefined;
  let isClosed = false;
  let underWay: Promise<void> | undefined;

  const attempt = <Value>(what: string, fallback: Value, run: (store: OpenStore) => Value): Value => {
    if (isClosed) return fallback;
    try {
      store ??= openStore(path);
      return run(store);
    } catch (error) {
      options.log.warn(`telemetry: ${what} failed`, { error: String(error) });
      abandon();
      if (isDamaged(error)) removeFiles(path);
      return fallback;
    }
  };
  const abandon = (): void => {
    last.clear();
    try {
      store?.database.close();
    } catch {
      // It is being given up for a failure that is already logged.
    }
    store = undefined;
  };

  return {
    snapshot(nowMs) {
      underWay ??= takeSnapshot(Math.floor(nowMs)).finally(() => {
        underWay = undefined;
      });
      return underWay;
    },
    read: (name, fromMs, toMs) =>
      attempt("reading", [], (open) =>
        open.database
          .query<StoredSample, [string, number, number]>(
            "SELECT at, labels, value FROM sample WHERE name = ? AND at >= ? AND at < ? ORDER BY at, labels LIMIT 10000",
          )
          .all(name, fromMs, toMs),
      ),
    readTraces: (fromMs, toMs, limit) =>
      attempt("reading", [], (open) =>
        open.database
          .query<RequestTrace, [number, number, number]>(
            `SELECT at, id, method, route, status, duration_ms AS durationMs FROM trace WHERE at >= ? AND at < ?
              ORDER BY at DESC, rowid DESC LIMIT ?`,
          )
          .all(fromMs, toMs, limit),
      ),
    readPages: (limit) =>
      attempt("reading", [], (open) =>
        open.database
          .query<{ day: string; route: string; drawn: number }, [number]>(
            "SELECT day, route, drawn FROM page_day ORDER BY day DESC, drawn DESC, route LIMIT ?",
          )
          .all(limit),
      ),
    close() {
      abandon();
      isClosed = true;
    },
  };

  async function takeSnapshot(at: number): Promise<void> {
    const samples = options.metrics.collect().flatMap((family) => family.samples);
    for (let from = 0; from < samples.length; from += STEP_ROWS) {
      const step = samples.slice(from, from + STEP_ROWS);
      if (!attempt("a snapshot", false, (open) => writeSamples(open, at, step))) return;
      await nextTurn();
    }
    const noted = options.requests?.take();
    if (noted !== undefined) attempt("noting requests", false, (open) => writeRequests(open.database, at, noted));
    while (attempt("dropping old samples", false, (open) => dropOldest(open, at))) await nextTurn();
  }

  function writeSamples(open: OpenStore, at: number, samples: readonly Sample[]): true {
    open.database.transaction(() => {
      for (const sample of samples) {
        const labels = renderLabels(sample);
        const key = sample.name + labels;
        if (!Number.isFinite(sample.value) || last.get(key) === sample.value) continue;
        open.rows += open.insert.run(at, sample.name, labels, sample.value).changes;
        last.set(key, sample.value);
      }
    })();
    return true;
  }

  /** One step of pruning; whether there may be more to drop. */
  function dropOldest(open: OpenStore, at: number): boolean {
    const excess = Math.max(0, Math.min(STEP_ROWS, open.rows - maxSamples));
    const dropped = open.expire.run(at - retentionMs, STEP_ROWS).changes + open.trim.run(excess).changes;
    open.rows -= dropped;
    return dropped >= STEP_ROWS;
  }
}

/** At most some thousand rows a minute; what is too old or too many goes in the same step. */
function writeRequests(database: Database, at: number, { traces, pages }: NotedRequests): true {
  database.transaction(() => {
    const insert = database.query(
      "INSERT INTO trace (at, id, method, route, status, duration_ms) VALUES (?, ?, ?, ?, ?, ?)",
    );
    for (const trace of traces) {
      insert.run(trace.at, trace.id, trace.method, trace.route, trace.status, trace.durationMs);
    }
    const day = new Date(at).toISOString().slice(0, 10);
    const count = database.query(
      "INSERT INTO page_day (day, route, drawn) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET drawn = drawn + excluded.drawn",
    );
    for (const [route, drawn] of pages) count.run(day, route, drawn);
    database.query("DELETE FROM trace WHERE at < ?").run(at - TRACE_RETENTION_MS);
    database.query("DELETE FROM trace WHERE rowid <= (SELECT max(rowid) FROM trace) - ?").run(MAX_TRACES);
    const oldest = new Date(at - PAGE_DAYS * DAY_MS).toISOString().slice(0, 10);
    database.query("DELETE FROM page_day WHERE day < ?").run(oldest);
  })();
  return true;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function openStore(path: string): OpenStore {
  const database = new Database(path, { create: true, strict: true });
  try {
    chmodSync(path, 0o600);
    database.run("PRAGMA busy_timeout = 100");
    database.run("PRAGMA journal_mode = WAL");
    database.run("PRAGMA synchronous = NORMAL");
    database.run("PRAGMA journal_size_limit = 4194304");
    database.run(SCHEMA);
    const rows = database.query<{ count: number }, []>("SELECT count(*) AS count FROM sample").get()?.count ?? 0;
    const insert = database.query("INSERT OR IGNORE INTO sample (at, name, labels, value) VALUES (?, ?, ?, ?)");
    const oldest = "DELETE FROM sample WHERE (name, at, labels) IN (SELECT name, at, labels FROM sample";
    const expire = database.query(`${oldest} WHERE at < ? ORDER BY at LIMIT ?)`);
    const trim = database.query(`${oldest} ORDER BY at LIMIT ?)`);
    return { database, insert, expire, trim, rows };
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Whether SQLite found the file to be broken, or no database at all. */
function isDamaged(error: unknown): boolean {
  const code = (error as { code?: unknown }).code;
  return code === "SQLITE_NOTADB" || (typeof code === "string" && code.startsWith("SQLITE_CORRUPT"));
}

function removeFiles(path: string): void {
  for (const suffix of ["", "-wal", "-shm"]) {
    try {
      rmSync(path + suffix, { force: true });
    } catch {
      // The next snapshot tries again.
    }
  }
}
