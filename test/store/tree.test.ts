import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { toHex } from "#src/base/bytes.ts";
import type { TenantId } from "#src/base/ids.ts";
import { CompactRange, leafHash } from "#src/ledger/merkle.ts";
import { TILE_LEAVES } from "#src/ledger/tree.ts";
import { databasePath } from "#src/store/database.ts";
import { readFrontier, readRangeHashes, readRoot } from "#src/store/tree.ts";
import { openForTampering, openTestStore, type TestStore, temporaryFolder } from "#test/support/store.ts";

let folder: ReturnType<typeof temporaryFolder>;
let store: TestStore;
let tenant: TenantId;
let opened = 0;
beforeEach(async () => {
  folder = temporaryFolder();
  store = await openTestStore({ folder: folder.path });
  tenant = await store.createTenant("instance", "instance");
});
afterEach(async () => {
  await store.close();
  folder.remove();
});

const add = (count: number) => Promise.all(Array.from({ length: count }, () => store.submit(tenant)));

/** The tree as it follows from all events. */
async function rangeOf(size: number): Promise<CompactRange> {
  const range = CompactRange.empty();
  const rows = await store.reader.all<{ bytes: string }>(
    "SELECT bytes FROM events WHERE tenant_id = ? ORDER BY seq LIMIT ?",
    [tenant, size],
  );
  for (const { bytes } of rows) range.append(leafHash(bytes));
  return range;
}

const tiles = () =>
  store.reader.all<{ level: number; tile: number; length: number }>(
    "SELECT level, tile, length(hashes) / 32 AS length FROM tree_tiles WHERE tenant_id = ? ORDER BY level, tile",
    [tenant],
  );

async function expectTree(sizes: readonly number[]): Promise<void> {
  for (const size of sizes) {
    const range = await rangeOf(size);
    expect(toHex(await readRoot(store.reader, tenant, size))).toBe(toHex(range.root()));
    expect(toHex((await readFrontier(store.reader, tenant, size)).toBytes())).toBe(toHex(range.toBytes()));
  }
}

async function reopen(change?: (db: Database) => void): Promise<void> {
  opened += 1;
  await store.close();
  if (change !== undefined) {
    const db = openForTampering(folder.path);
    change(db);
    db.close();
  }
  store = await openTestStore({ folder: folder.path, seed: opened * 1_000_000 });
}

describe("the stored tree", () => {
  test("is that of the events, at every size", async () => {
    await add(199);
    expect(await tiles()).toEqual([
      ...[0, 1, 2].map((tile) => ({ level: 0, tile, length: TILE_LEAVES })),
      { level: 1, tile: 0, length: 3 },
    ]);
    await expectTree(Array.from({ length: 200 }, (_, i) => i + 1));
  });

  test("goes on after a restart, wherever the last tile was", async () => {
    for (const count of [30, 33, 1, 64, 5]) {
      await add(count);
      await reopen();
    }
    await add(10);
    await expectTree([63, 64, 65, 128, 129, 144]);
  });

  test("has a second level, and one above it", async () => {
    await add(64 * 64 + 70);
    const levels = (await tiles()).filter(({ level }) => level > 0);
    expect(levels).toEqual([
      { level: 1, tile: 0, length: 64 },
      { level: 1, tile: 1, length: 1 },
      { level: 2, tile: 0, length: 1 },
    ]);
    await expectTree([4095, 4096, 4097, 4160, 4167]);
    await reopen();
    await add(60);
    await expectTree([4224, 4227]);
  });

  test("of a folder that was made before it was stored is built when Writ starts", async () => {
    await add(300);
    const before = await tiles();
    await reopen((db) => db.run("DELETE FROM tree_tiles"));
    expect(await tiles()).toEqual(before);
    await reopen((db) => db.run("DELETE FROM tree_tiles WHERE level = 0 AND tile >= 2"));
    expect(await tiles()).toEqual(before);
    await add(30);
    await expectTree([1, 128, 256, 301, 331]);
  });

  test("is not built from events that are not there", async () => {
    await add(200);
    await store.close();
    const db = openForTampering(folder.path);
    db.run("DELETE FROM tree_tiles");
    db.run("DELETE FROM events WHERE seq = 100");
    db.close();
    const error = await openTestStore({ folder: folder.path }).catch((caught) => caught);
    expect(error.code).toBe("store_failed");
    expect(error.message).toContain("between 65 and 128 is missing");
    const repaired = new Database(databasePath(folder.path));
    repaired.run("DELETE FROM events");
    repaired.run("DELETE FROM heads");
    repaired.close();
    store = await openTestStore({ folder: folder.path });
  });

  test("needs none of the events up to a whole tile", async () => {
    await add(199);
    const root = toHex((await rangeOf(200)).root());
    await reopen((db) => db.run(`DELETE FROM events WHERE seq <= ${3 * TILE_LEAVES}`));
    expect(toHex(await readRoot(store.reader, tenant, 200))).toBe(root);
    await add(60);
    expect((await tiles()).filter(({ level }) => level === 0)).toHaveLength(4);
    expect((await readRangeHashes(store.reader, tenant, [{ start: 0, end: 64 }]))[0]).toHaveLength(32);
  });

  test("says that a part is missing instead of inventing it", async () => {
    await add(10);
    const error = await readRoot(store.reader, tenant, 12).catch((caught) => caught);
    expect(error.code).toBe("store_failed");
    expect((await readRoot(store.reader, "ten_other" as TenantId, 1).catch((caught) => caught)).code).toBe(
      "store_failed",
    );
  });
});
