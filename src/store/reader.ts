import type { Database, Statement as PreparedStatement } from "bun:sqlite";
import { openForReading } from "./database.ts";
import type { SqlValue } from "./unit.ts";

/**
 * Reads. Asynchronous, so that another engine can stand behind it; the embedded one answers at once.
 *
 * Every query of a tenant's table binds a `TenantId` first: the functions that hold the SQL are in this folder, one file an
 * aggregate, and no other folder writes SQL.
 */
export interface Reader {
  get<Row>(sql: string, params: readonly SqlValue[]): Promise<Row | undefined>;
  all<Row>(sql: string, params: readonly SqlValue[]): Promise<Row[]>;
  close(): void;
}

/** A reader on a read-only connection of this thread: for look-ups by key, never for scans. */
export function openReader(path: string): Reader {
  return createReader(openForReading(path));
}

/** A reader on a connection that is already open. */
export function createReader(db: Database): Reader {
  const statements = new Map<string, PreparedStatement>();
  const prepare = (sql: string): PreparedStatement => {
    let prepared = statements.get(sql);
    if (prepared === undefined) {
      prepared = db.prepare(sql);
      statements.set(sql, prepared);
    }
    return prepared;
  };
  return {
    get: async <Row>(sql: string, params: readonly SqlValue[]) =>
      (prepare(sql).get(...params) as Row | null) ?? undefined,
    all: async <Row>(sql: string, params: readonly SqlValue[]) => prepare(sql).all(...params) as Row[],
    close: () => {
      for (const statement of statements.values()) statement.finalize();
      db.close();
    },
  };
}
