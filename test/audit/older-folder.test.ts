import { afterEach, beforeEach, expect, test } from "bun:test";
import { verifyDataFolder } from "#src/audit/verify.ts";
import { toHex } from "#src/base/bytes.ts";
import { MIGRATIONS } from "#src/store/migrations.ts";
import { readRoot } from "#src/store/tree.ts";
import { openForTampering, temporaryFolder } from "#test/support/store.ts";
import { openStage } from "./stage.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

/** Takes back what later migrations made: the folder is as the first release left it. */
function makeOlder(): void {
  const db = openForTampering(folder.path);
  const tables = (version: number) =>
    MIGRATIONS.filter((migration) => migration.version > version).flatMap(({ sql }) =>
      [...sql.matchAll(/^CREATE TABLE (\w+)/gm)].map(([, name]) => name),
    );
  for (const table of tables(1)) db.run(`DROP TABLE IF EXISTS ${table}`);
  db.run("PRAGMA user_version = 1");
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  db.close();
}

test("a folder without trees and checkpoints verifies as it is", async () => {
  const stage = await openStage({ folder: folder.path });
  await stage.add(150);
  await stage.store.close();
  makeOlder();
  const report = await verifyDataFolder(folder.path);
  expect(report.problems).toEqual([]);
  expect(report.chains.map(({ problems }) => problems)).toEqual([[], []]);
  const db = openForTampering(folder.path);
  db.run("UPDATE events SET actor = 'sub_x' WHERE seq = 70");
  db.close();
  expect((await verifyDataFolder(folder.path)).ok).toBe(false);
});

test("its tree is built when Writ starts on it, and the first checkpoint covers all", async () => {
  const stage = await openStage({ folder: folder.path });
  await stage.add(150);
  const root = toHex(await readRoot(stage.store.reader, stage.tenant, 151));
  await stage.store.close();
  const db = openForTampering(folder.path);
  db.run("DELETE FROM tree_tiles");
  db.close();
  const again = await openStage({ folder: folder.path, seed: 9_000_000 });
  expect((await again.checkpoints.request(again.tenant, again.actor)).root).toBe(root);
  await again.store.close();
  expect((await verifyDataFolder(folder.path)).ok).toBe(true);
});
