import type { Database } from "bun:sqlite";
import ground from "#migrations/0001-ground.sql" with { type: "text" };
import entities from "#migrations/0002-entities.sql" with { type: "text" };
import policyLife from "#migrations/0003-policy-life.sql" with { type: "text" };
import policyRollout from "#migrations/0004-policy-rollout.sql" with { type: "text" };
import checkpoints from "#migrations/0005-checkpoints.sql" with { type: "text" };
import archive from "#migrations/0006-archive.sql" with { type: "text" };
import people from "#migrations/0007-people.sql" with { type: "text" };
import approvals from "#migrations/0008-approvals.sql" with { type: "text" };
import toolsAndFiles from "#migrations/0009-tools-and-files.sql" with { type: "text" };
import runs from "#migrations/0010-runs.sql" with { type: "text" };
import devices from "#migrations/0011-devices.sql" with { type: "text" };
import evidence from "#migrations/0012-evidence.sql" with { type: "text" };
import notifications from "#migrations/0013-notifications.sql" with { type: "text" };
import eventSearch from "#migrations/0014-event-search.sql" with { type: "text" };
import eventSearchCheaper from "#migrations/0015-event-search-cheaper.sql" with { type: "text" };
import { WritError } from "#src/base/errors.ts";

/** Numbered, forward only; a number once released never changes its text. */
export const MIGRATIONS: readonly { readonly version: number; readonly sql: string }[] = [
  { version: 1, sql: ground },
  { version: 2, sql: entities },
  { version: 3, sql: policyLife },
  { version: 4, sql: policyRollout },
  { version: 5, sql: checkpoints },
  { version: 6, sql: archive },
  { version: 7, sql: people },
  { version: 8, sql: approvals },
  { version: 9, sql: toolsAndFiles },
  { version: 10, sql: runs },
  { version: 11, sql: devices },
  { version: 12, sql: evidence },
  { version: 13, sql: notifications },
  { version: 14, sql: eventSearch },
  { version: 15, sql: eventSearchCheaper },
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
