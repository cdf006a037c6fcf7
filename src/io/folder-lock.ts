import { Database } from "bun:sqlite";
import { accessSync, chmodSync, constants, existsSync } from "node:fs";
import { join } from "node:path";
import { messageOf, WritError } from "#src/base/errors.ts";
import { PRIVATE_FILE_MODE } from "./durable-file.ts";

/** A held lock on a data folder. */
export interface FolderLock {
  /** Gives the lock up; more than once is fine. */
  release(): void;
}

/** The file that carries the lock, inside the folder. Nothing else may open it: closing any handle drops a POSIX lock. */
export const LOCK_FILE = "lock.db";

// INVARIANT: a lock's handle is reachable from here until it is released. One that is collected would drop the lock.
const held = new Set<Database>();

/**
 * Takes the one lock on a data folder, which exists. Whoever holds it may open the store for writing; nobody else may.
 *
 * The lock is an exclusive transaction of SQLite on a database that is not empty, hence a lock of the operating system on
 * the file: it ends with the process, however that ends, and leaves nothing to clean up. Throws `locked` at once when
 * another process, or this one, holds it, `store_failed` when the file cannot be made.
 */
export function acquireFolderLock(folder: string): FolderLock {
  const path = join(folder, LOCK_FILE);
  let database: Database | undefined;
  try {
    const isNew = !existsSync(path);
    database = new Database(path, { create: true, readwrite: true });
    if (isNew) chmodSync(path, PRIVATE_FILE_MODE);
    // SQLite falls back to a handle that only reads, on which an exclusive transaction begins and locks nothing.
    accessSync(path, constants.W_OK);
    database.run("PRAGMA busy_timeout = 0");
    database.run("PRAGMA journal_mode = DELETE");
    // An empty database has no pages to lock.
    database.run("CREATE TABLE IF NOT EXISTS holder (note TEXT NOT NULL) STRICT");
    database.run("BEGIN EXCLUSIVE");
  } catch (cause) {
    database?.close();
    throw toLockError(cause, path);
  }
  return hold(database);
}

function hold(database: Database): FolderLock {
  held.add(database);
  return {
    release() {
      if (!held.delete(database)) return;
      database.run("ROLLBACK");
      database.close();
    },
  };
}

function toLockError(cause: unknown, path: string): WritError {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  if (code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED")) return new WritError("locked");
  return new WritError("store_failed", `cannot lock \`${path}\`: ${messageOf(cause)}`, { cause });
}
