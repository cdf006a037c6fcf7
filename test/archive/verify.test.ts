import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { copyFileSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parquetMetadataAsync, parquetReadObjects } from "hyparquet";
import { verifySegments } from "#src/archive/verify-segments.ts";
import { verifyDataFolder } from "#src/audit/verify.ts";
import type { TenantId } from "#src/base/ids.ts";
import { parseCheckpoint } from "#src/ledger/checkpoint.ts";
import { verifyBundle } from "#src/ledger/verify-bundle.ts";
import { openForTampering, SEAL_KEY_ID } from "#test/support/store.ts";
import { type ArchiveStage, DAY, keysOf, openStage } from "./stage.ts";
import { recordDecisions } from "./support.ts";

let stage: ArchiveStage;
let tenant: TenantId;

beforeEach(async () => {
  stage = await openStage();
  tenant = await stage.store.createTenant("instance", "instance");
  for (const day of [0, 1, 2]) {
    await recordDecisions(stage.store, tenant, 70, day * 70);
    stage.store.clock.time += DAY;
  }
  await stage.archive.run(tenant, "system");
});
afterEach(() => stage.close());

const pathOf = (key: string): string => join(stage.lake, key);
const eventKeys = async (): Promise<string[]> =>
  (await keysOf(stage.objects))
    .filter((key) => key.includes("/events-"))
    .sort((a, b) => Number(/events-(\d+)/.exec(a)?.[1]) - Number(/events-(\d+)/.exec(b)?.[1]));

describe("the archive by itself", () => {
  test("verifies, with the key pinned, every event covered by a checkpoint", async () => {
    const report = await verifySegments(stage.objects, { pinned: [SEAL_KEY_ID] });
    expect(report).toMatchObject({ ok: true, instance: "ins_test", problems: [] });
    expect(report.chains).toMatchObject([
      { tenant, segments: 3, events: 211, first: 1, last: 211, sealedThrough: 211, pinned: true, blobs: 15 },
    ]);
    expect(report.chains[0]?.checkpoints).toMatchObject({ count: 3, coveredThrough: 211 });
    expect((await verifySegments(stage.objects, { pinned: ["f".repeat(16)] })).ok).toBe(false);
  });

  test("verifies from any day on, and where it ends is found by a checkpoint that was kept", async () => {
    const [first = "", , last = ""] = await eventKeys();
    const note = readFileSync(pathOf(join(last, "../checkpoint.txt")), "utf8");
    rmSync(pathOf(first));
    const report = await verifySegments(stage.objects);
    expect(report).toMatchObject({ ok: true, chains: [{ first: 72, last: 211 }] });
    rmSync(pathOf(join(last, "..")), { recursive: true });
    const expectCheckpoints = [parseCheckpoint(note)];
    expect(await verifySegments(stage.objects)).toMatchObject({ ok: true, chains: [{ last: 141 }] });
    const cut = await verifySegments(stage.objects, { expectCheckpoints });
    expect(cut.chains[0]?.problems[0]).toMatchObject({ code: "checkpoint_ahead" });
  });

  test("names the first event of a day that is missing, and of one that stands twice", async () => {
    const [, second = ""] = await eventKeys();
    copyFileSync(pathOf(second), pathOf(second.replace("events-72", "events-71")));
    expect((await verifySegments(stage.objects)).ok).toBe(false);
    rmSync(pathOf(second.replace("events-72", "events-71")));
    renameSync(pathOf(second), pathOf(`${second}.gone`));
    const report = await verifySegments(stage.objects);
    expect(report.chains[0]).toMatchObject({ ok: false, last: 71 });
    expect(report.chains[0]?.problems.map(({ code }) => code)).toContain("event_missing");
  });

  test("a bit that is changed anywhere in a segment is found, or changes nothing that counts", async () => {
    const [, key = ""] = await eventKeys();
    const original = readFileSync(pathOf(key));
    let found = 0;
    const places = 60;
    for (let i = 0; i < places; i += 1) {
      const bytes = Buffer.from(original);
      const at = Math.floor(((i + 0.5) * bytes.length) / places);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (i % 8));
      writeFileSync(pathOf(key), bytes);
      const report = await verifySegments(stage.objects);
      if (report.ok) {
        // Statistics and names of columns in the footer are no evidence: what is read is what was written.
        expect(report.chains[0]).toMatchObject({ events: 211, last: 211 });
      } else {
        found += 1;
        expect(report.chains[0]?.last).toBeLessThan(212);
      }
    }
    expect(found).toBeGreaterThan(places / 3);
    writeFileSync(pathOf(key), original);
    expect((await verifySegments(stage.objects)).ok).toBe(true);
  });

  test("a document that was changed, and a checkpoint of another chain, are found", async () => {
    const [, key = ""] = await eventKeys();
    const note = pathOf(join(key, "../checkpoint.txt"));
    const original = readFileSync(note, "utf8");
    writeFileSync(note, original.replace(tenant, tenant.replace(/.$/, "0")));
    expect((await verifySegments(stage.objects)).ok).toBe(false);
    writeFileSync(note, original);
    rmSync(pathOf(key.replace("/events-", "/blobs-")));
    const report = await verifySegments(stage.objects);
    expect(report.chains[0]?.problems[0]).toMatchObject({ code: "blob_missing" });
  });

  test("another reader of Parquet finds the same rows, sorted, with statistics and what the file says of itself", async () => {
    const [key = ""] = await eventKeys();
    const bytes = readFileSync(pathOf(key));
    const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    const metadata = await parquetMetadataAsync(file);
    const stated = Object.fromEntries((metadata.key_value_metadata ?? []).map(({ key: name, value }) => [name, value]));
    expect(stated).toMatchObject({
      "writ.first": "1",
      "writ.last": "71",
      "writ.prev": "0".repeat(64),
      "writ.tenant": tenant,
    });
    const seq = metadata.row_groups[0]?.columns[1]?.meta_data;
    expect(seq).toMatchObject({ codec: "ZSTD", statistics: { min_value: 1n, max_value: 71n } });
    expect(metadata.row_groups[0]?.sorting_columns).toEqual([{ column_idx: 1, descending: false, nulls_first: false }]);
    const rows = await parquetReadObjects({
      file,
      compressors: { ZSTD: (input) => new Uint8Array(Bun.zstdDecompressSync(new Uint8Array(input))) },
    });
    expect(rows.map((row) => row["seq"])).toEqual(Array.from({ length: 71 }, (_, i) => BigInt(i + 1)));
    expect(rows[5]?.["at"]).toEqual(new Date("2026-01-01T00:00:00.000Z"));
    expect(JSON.parse(String(rows[5]?.["bytes"])).seq).toBe(6);
  });
});

describe("a data folder whose older events are pruned", () => {
  const prune = async (): Promise<void> => {
    await stage.archive.prune(tenant, "system", { graceSeconds: 0 });
    await stage.store.submit(tenant);
  };

  test("verifies across the cut, says what lies in the archive, and goes on", async () => {
    await prune();
    const report = await verifyDataFolder(stage.folder, { pinned: [SEAL_KEY_ID] });
    expect(report).toMatchObject({
      ok: true,
      chains: [{ first: 212, archived: { through: 211, date: "2026-01-03" } }],
    });
    await recordDecisions(stage.store, tenant, 100, 300);
    await stage.archive.run(tenant, "system", { today: true });
    await prune();
    expect((await verifyDataFolder(stage.folder)).ok).toBe(true);
    expect(await verifySegments(stage.objects)).toMatchObject({ ok: true });
    await stage.archive.restore(tenant, "system", { from: 100 });
    expect(await verifyDataFolder(stage.folder)).toMatchObject({ ok: true, chains: [{ archived: { through: 71 } }] });
    await stage.archive.restore(tenant, "system");
    const whole = await verifyDataFolder(stage.folder);
    expect(whole).toMatchObject({ ok: true, chains: [{ first: 1 }] });
    expect(whole.chains[0]).not.toHaveProperty("archived");
  });

  test("is exported from the cut on, and says where the rest lies", async () => {
    await prune();
    const { pool } = stage.dependencies;
    const madeAt = "2026-01-09T00:00:00.000Z";
    const { items, result } = await pool.run("export", { tenant, madeAt });
    expect(result.first).toBe(212);
    expect(await verifyBundle(items)).toMatchObject({ ok: true, first: 212 });
    const error = await pool.run("export", { tenant, from: 5, madeAt }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "invalid_argument" });
    expect(String(error)).toContain("archive");
  });

  test("a row that pretends that events were archived is found", async () => {
    const db = openForTampering(stage.folder);
    db.run("UPDATE archive_segments SET state = 'pruned' WHERE first_seq = 1");
    db.run("DELETE FROM events WHERE seq <= 64");
    db.close();
    const report = await verifyDataFolder(stage.folder);
    expect(report.chains[0]?.problems[0]).toMatchObject({ code: "cut_unrecorded", seq: 71 });
  });

  test("an event behind the cut that was changed, and one that was removed, are found", async () => {
    await prune();
    const db = openForTampering(stage.folder);
    db.run("UPDATE archive_segments SET frontier = zeroblob(length(frontier)) WHERE last_seq = 211");
    expect((await verifyDataFolder(stage.folder)).ok).toBe(false);
    db.close();
  });
});
