import { constants, Database } from "bun:sqlite";
import { accessSync, constants as fileConstants, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

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
 * macOS, where a plain fsync stops at the drive's cache. Throws where the database cannot be written.
 */
export function openForWriting(path: string): Database {
  const db = new Database(path, { create: true, strict: true });
  requireWritable(path, db);
  db.run("PRAGMA page_size = 8192");
  db.run("PRAGMA journal_mode = WAL");
  db.run("PRAGMA synchronous = FULL");
  db.run("PRAGMA fullfsync = ON");
  db.run("PRAGMA checkpoint_fullfsync = ON");
  // What is deleted is overwritten in the pages that a commit writes anyway: a subject's key above all.
  db.run("PRAGMA secure_delete = FAST");
  db.run("PRAGMA foreign_keys = ON");
  db.run("PRAGMA trusted_schema = OFF");
  db.run("PRAGMA busy_timeout = 2000");
  db.run("PRAGMA cache_size = -16000");
  db.run("PRAGMA wal_autocheckpoint = 2000");
  return db;
}

/** SQLite opens what it may not write for reading, and says so only when something is to be written. */
function requireWritable(path: string, db: Database): void {
  try {
    for (const file of [path, `${path}-wal`, `${path}-shm`]) {
      if (statSync(file, { throwIfNoEntry: false }) !== undefined) accessSync(file, fileConstants.W_OK);
    }
  } catch (error) {
    db.close();
    throw error;
  }
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

/**
 * A connection for verifying a database that a server may or may not be running on: nothing is written to the database.
 *
 * Where no write-ahead log waits, the file is opened as one that does not change, which leaves no trace in the folder at
 * all. Where one does (a server runs, or one was killed), SQLite coordinates through the log's index file, which it makes
 * where it is missing; the log itself is not folded in. `isSettled` tells, when all was read, whether the first way still
 * held: if a server has begun to write meanwhile, what was read may be of two states and has to be read again.
 */
export function openForVerifying(path: string): { readonly db: Database; isSettled(): boolean } {
  if (hasLog(path)) return { db: openForReading(path), isSettled: () => true };
  const flags = constants.SQLITE_OPEN_READONLY | constants.SQLITE_OPEN_URI;
  const db = new Database(`${pathToFileURL(resolve(path)).href}?immutable=1`, flags);
  db.run("PRAGMA trusted_schema = OFF");
  db.run("PRAGMA cache_size = -8000");
  return { db, isSettled: () => !hasLog(path) };
}

function hasLog(path: string): boolean {
  return (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0) > 0;
}
