import type { Database } from "bun:sqlite";
import ground from "#migrations/0001-ground.sql" with { type: "text" };
import entities from "#migrations/0002-entities.sql" with { type: "text" };
import { WritError } from "#src/base/errors.ts";

/** Numbered, forward only; a number once released never changes its text. */
export const MIGRATIONS: readonly { readonly version: number; readonly sql: string }[] = [
  { version: 1, sql: ground },
  { version: 2, sql: entities },
];

/**
 * Brings the database to the newest schema, each migration in a transaction of its own.
 *
 * Throws `store_failed` when the database was written by a newer Writ: going back would lose what this one cannot read.
 */
export function migrate(db: Database): void {
  const { user_version: current } = db.query("PRAGMA user_version").get() as { user_version: number };
  const newest = MIGRATIONS.at(-1)?.version ?? 0;
  if (current > newest) {
    throw new WritError("store_failed", `the database has schema ${current}, this binary knows up to ${newest}`);
  }
  for (const migration of MIGRATIONS) {
    if (migration.version <= current) continue;
    db.transaction(() => {
      db.run(migration.sql);
      db.run(`PRAGMA user_version = ${migration.version}`);
    }).immediate();
  }
}
