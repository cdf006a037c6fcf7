import { Database } from "bun:sqlite";
import { join } from "node:path";

/** The name of the database in the data folder. */
export const DATABASE_FILE = "writ.db";

/** The path of the database in a data folder. */
export function databasePath(dataFolder: string): string {
  return join(dataFolder, DATABASE_FILE);
}

/**
 * The one connection that writes, held by the writer's thread.
 *
 * `synchronous=FULL` with a write-ahead log: a commit is on the disk before it returns; `fullfsync` makes that true on
 * macOS, where a plain fsync stops at the drive's cache.
 */
export function openForWriting(path: string): Database {
  const db = new Database(path, { create: true, strict: true });
  db.run("PRAGMA page_size = 8192");
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA synchronous = FULL");
  db.run("PRAGMA fullfsync = ON");
  db.run("PRAGMA checkpoint_fullfsync = ON");
  db.run("PRAGMA foreign_keys = ON");
  db.run("PRAGMA trusted_schema = OFF");
  db.run("PRAGMA busy_timeout = 2000");
  db.run("PRAGMA cache_size = -16000");
  db.run("PRAGMA wal_autocheckpoint = 2000");
  return db;
}

/** A connection that cannot write. */
export function openForReading(path: string): Database {
  const db = new Database(path, { readonly: true, strict: true });
  db.run("PRAGMA query_only = ON");
  db.run("PRAGMA trusted_schema = OFF");
  db.run("PRAGMA busy_timeout = 2000");
  db.run("PRAGMA cache_size = -8000");
  return db;
}
