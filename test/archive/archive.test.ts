import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import { readSegments } from "#src/store/archive.ts";
import { openForTampering } from "#test/support/store.ts";
import { type ArchiveStage, DAY, faulty, keysOf, openStage } from "./stage.ts";
import { recordDecisions } from "./support.ts";

let stage: ArchiveStage;
let tenant: TenantId;

beforeEach(async () => {
  stage = await openStage();
  tenant = await stage.store.createTenant("instance", "instance");
});
afterEach(() => stage.close());

const count = async (of: TenantId = tenant): Promise<number> =>
  (await stage.store.reader.get<{ n: number }>("SELECT count(*) AS n FROM events WHERE tenant_id = ?", [of]))?.n ?? 0;
const typesOf = async (prefix: string): Promise<string[]> =>
  (
    await stage.store.reader.all<{ type: string }>(
      "SELECT type FROM events WHERE tenant_id = ? AND type LIKE ? ORDER BY seq",
      [tenant, `${prefix}%`],
    )
  ).map(({ type }) => type);
const failure = (work: Promise<unknown>): Promise<unknown> => work.then(() => undefined).catch((error) => error);

describe("a run", () => {
  test("writes a segment a day, of the days that have ended, and the rest where it is asked to", async () => {
    await recordDecisions(stage.store, tenant, 20);
    stage.store.clock.time += DAY;
    await recordDecisions(stage.store, tenant, 10, 20);
    expect(
      (await stage.archive.run(tenant, "system")).segments.map(({ firstSeq, lastSeq, date }) => [
        firstSeq,
        lastSeq,
        date,
      ]),
    ).toEqual([[1, 21, "2026-01-01"]]);
    const { segments, more } = await stage.archive.run(tenant, "system", { today: true });
    expect(segments.map(({ firstSeq, lastSeq, date }) => [firstSeq, lastSeq, date])).toEqual([[22, 33, "2026-01-02"]]);
    expect(more).toBe(false);
    const folder = `tenant=${tenant}/date=2026-01-02`;
    expect(await keysOf(stage.objects, `${folder}/`)).toEqual([
      `${folder}/blobs-22-33.parquet`,
      `${folder}/checkpoint.txt`,
      `${folder}/events-22-33.parquet`,
      `${folder}/manifest-22-33.json`,
    ]);
    expect(await typesOf("archive.")).toEqual([
      "archive.segment_begun",
      "archive.segment_written",
      "archive.segment_begun",
      "archive.segment_written",
    ]);
    expect(readdirSync(stage.dependencies.stagingFolder)).toEqual([]);
  });

  test("ends a segment early where it has enough, and goes on with the next", async () => {
    await recordDecisions(stage.store, tenant, 3000);
    const archive = stage.withArchive({ bounds: { maxEvents: 1000, maxBytes: 2 ** 30 } });
    const { segments } = await archive.run(tenant, "system", { today: true });
    expect(segments.length).toBeGreaterThan(1);
    // What the first segments record is in the last one.
    expect(segments.at(-1)?.lastSeq).toBeGreaterThanOrEqual(3001);
    for (const [index, { firstSeq }] of segments.entries()) {
      expect(firstSeq).toBe((segments[index - 1]?.lastSeq ?? 0) + 1);
    }
  });

  test("has nothing of another tenant", async () => {
    const other = await stage.store.createTenant("other");
    await recordDecisions(stage.store, tenant, 5);
    await recordDecisions(stage.store, other, 5);
    await stage.archive.run(tenant, "system", { today: true });
    expect((await keysOf(stage.objects)).filter((key) => !key.startsWith(`tenant=${tenant}/`))).toEqual([]);
    expect(await readSegments(stage.store.reader, other, 0, 10)).toEqual([]);
    expect((await stage.archive.status(other)).archivedThrough).toBe(0);
  });

  test("refuses to archive what was changed since it was sealed", async () => {
    await recordDecisions(stage.store, tenant, 20);
    const db = openForTampering(stage.folder);
    db.run("UPDATE events SET bytes = replace(bytes, 'acme/shop/7', 'acme/shop/8') WHERE seq = 9");
    db.close();
    const error = await failure(stage.archive.run(tenant, "system", { today: true }));
    expect(error).toMatchObject({ code: "verification_failed" });
    expect(String(error)).toContain("event 9 ");
    expect(await keysOf(stage.objects)).toEqual([]);
    expect(await stage.archive.status(tenant)).toMatchObject({ state: "failing" });
  });
});

describe("the scheduler", () => {
  test("has each tenant archived once a day has ended, prunes where that is on, and is not kept by one that fails", async () => {
    const { signal } = new AbortController();
    const other = await stage.store.createTenant("other");
    const archive = stage.withArchive({ config: { ...stage.dependencies.config, prunes: true, graceSeconds: 60 } });
    for (const of of [tenant, other]) await recordDecisions(stage.store, of, 70);
    const db = openForTampering(stage.folder);
    db.run("UPDATE events SET hash = replace(hash, substr(hash, 1, 1), 'g') WHERE tenant_id = ? AND seq = 3", [tenant]);
    db.close();
    stage.store.clock.time += DAY;
    expect(await failure(archive.runAll(signal))).toMatchObject({ code: "verification_failed" });
    expect(await archive.status(tenant)).toMatchObject({ state: "failing", archivedThrough: 0 });
    expect(await archive.status(other)).toMatchObject({ state: "ok", archivedThrough: 71, prunedThrough: 0 });
    // Not due again at once, whatever became of it.
    expect(await failure(archive.runAll(signal))).toBeUndefined();
    stage.store.clock.time += 3_600_000;
    await failure(archive.runAll(signal));
    expect(await archive.status(other)).toMatchObject({ prunedThrough: 71 });
    stage.store.clock.time += 3 * DAY;
    expect(await archive.status(other)).toMatchObject({ state: "late" });
  });
});

describe("what goes wrong", () => {
  test("a store that is down for a week is asked again, and then has every day", async () => {
    const store = faulty(stage.objects);
    const archive = stage.withArchive({ store });
    store.before = () => {
      throw new WritError("upstream_failed", "nothing accepts the connection");
    };
    for (let day = 0; day < 7; day += 1) {
      await recordDecisions(stage.store, tenant, 5, day * 5);
      stage.store.clock.time += DAY;
      expect(await failure(archive.run(tenant, "system"))).toMatchObject({ code: "upstream_failed" });
    }
    expect(await archive.status(tenant)).toMatchObject({ state: "failing", archivedThrough: 0 });
    store.before = () => undefined;
    const { segments } = await archive.run(tenant, "system");
    expect(segments.map(({ date }) => date)).toEqual([1, 2, 3, 4, 5, 6, 7].map((day) => `2026-01-0${day}`));
    expect(await archive.status(tenant)).toMatchObject({ state: "ok" });
    expect((await typesOf("archive.")).filter((type) => !type.includes("segment"))).toEqual([
      "archive.failed",
      "archive.recovered",
    ]);
  });

  test("each operation of the store fails once, done or not: the next run has it all, once", async () => {
    await recordDecisions(stage.store, tenant, 10);
    const failAt = async (n: number, isDone: boolean): Promise<boolean> => {
      const store = faulty(stage.objects);
      let calls = 0;
      const fail = (): void => {
        calls += 1;
        if (calls === n) throw new WritError("timeout");
      };
      if (isDone) store.after = fail;
      else store.before = fail;
      const error = await failure(stage.withArchive({ store }).run(tenant, "system", { today: true }));
      return error !== undefined;
    };
    let n = 1;
    while (await failAt(n, false)) n += 1;
    expect(n).toBeGreaterThan(8);
    expect(await failAt(1, true)).toBe(true);
    await recordDecisions(stage.store, tenant, 10, 10);
    await stage.archive.run(tenant, "system", { today: true });
    const rows = await readSegments(stage.store.reader, tenant, 0, 100);
    expect(rows.every(({ state }) => state === "written")).toBe(true);
    for (const [index, { firstSeq }] of rows.entries()) {
      expect(firstSeq).toBe((rows[index - 1]?.lastSeq ?? 0) + 1);
    }
    expect((await keysOf(stage.objects)).filter((key) => key.includes("/events-")).length).toBe(rows.length);
    expect(await stage.archive.check(tenant, "system")).toEqual({ segments: rows.length, problems: [] });
  });

  test("a store that keeps other bytes than it was given is found out", async () => {
    await recordDecisions(stage.store, tenant, 10);
    const store = faulty(stage.objects);
    store.after = (key) => {
      if (!key.includes("/events-")) return;
      const path = join(stage.lake, key);
      const bytes = new Uint8Array(readFileSync(path));
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      writeFileSync(path, bytes);
    };
    const error = await failure(stage.withArchive({ store }).run(tenant, "system", { today: true }));
    expect(error).toMatchObject({ code: "object_store_failed" });
    expect(String(error)).toContain("gives back other bytes");
    expect((await readSegments(stage.store.reader, tenant, 0, 10)).map(({ state }) => state)).toEqual(["writing"]);
  });

  test("a store that takes a lock and does not hold it is found out", async () => {
    await recordDecisions(stage.store, tenant, 10);
    const config = { ...stage.dependencies.config, lock: "COMPLIANCE" as const };
    const archive = stage.withArchive({ config });
    expect(await failure(archive.run(tenant, "system", { today: true }))).toMatchObject({
      code: "archive_lock_ignored",
    });
    expect(await archive.status(tenant)).toMatchObject({
      state: "failing",
      lastRun: { errorCode: "archive_lock_ignored" },
    });
  });

  test("a disk at its reserve stops the run before anything is written", async () => {
    await recordDecisions(stage.store, tenant, 10);
    const archive = stage.withArchive({
      checkCapacity: () => {
        throw new WritError("disk_full");
      },
    });
    expect(await failure(archive.run(tenant, "system", { today: true }))).toMatchObject({ code: "disk_full" });
    expect(await readSegments(stage.store.reader, tenant, 0, 10)).toEqual([]);
  });

  test("an object that the store lost is written again while its rows are here", async () => {
    await recordDecisions(stage.store, tenant, 10);
    await stage.archive.run(tenant, "system", { today: true });
    const [key = ""] = (await keysOf(stage.objects)).filter((name) => name.includes("/events-"));
    rmSync(join(stage.lake, key));
    const { problems } = await stage.archive.check(tenant, "system");
    expect(problems).toMatchObject([{ key, problem: "absent", first: 1 }]);
    expect(await stage.archive.status(tenant)).toMatchObject({ state: "damaged" });
    expect((await stage.archive.prune(tenant, "system", { graceSeconds: 0 })).stopped).toBe("damaged");
    await stage.archive.run(tenant, "system");
    expect(await stage.archive.check(tenant, "system")).toMatchObject({ problems: [] });
    expect(await stage.archive.status(tenant)).toMatchObject({ state: "ok" });
  });
});

describe("pruning and restoring", () => {
  test("rows go after the grace alone, as far as the tree needs none of them, and come back as they were", async () => {
    await recordDecisions(stage.store, tenant, 200);
    const before = await stage.store.reader.all("SELECT * FROM events WHERE tenant_id = ? AND seq <= 201", [tenant]);
    await stage.archive.run(tenant, "system", { today: true });
    expect(await stage.archive.prune(tenant, "system")).toEqual({
      segments: 0,
      events: 0,
      through: 0,
      stopped: "grace",
    });
    stage.store.clock.time += 31 * DAY;
    const used = async () =>
      (await stage.store.reader.get<{ n: number }>("SELECT stored_bytes AS n FROM heads WHERE tenant_id = ?", [tenant]))
        ?.n ?? 0;
    const full = await used();
    expect(await stage.archive.prune(tenant, "system")).toMatchObject({ segments: 1, events: 201, through: 201 });
    expect(await used()).toBeLessThan(full / 2);
    const all = await count();
    // 192 is the last multiple of 64 up to 201.
    while ((await count()) > all - 192 && (await count()) > 12) await Bun.sleep(5);
    expect(
      (await stage.store.reader.get("SELECT min(seq) AS first FROM events WHERE tenant_id = ?", [tenant])) as object,
    ).toEqual({ first: 193 });
    expect(await stage.archive.restore(tenant, "system")).toEqual({ segments: 1, events: 201, through: 0 });
    expect(await stage.store.reader.all("SELECT * FROM events WHERE tenant_id = ? AND seq <= 201", [tenant])).toEqual(
      before,
    );
    expect(await used()).toBeGreaterThan(full);
    expect(await typesOf("archive.segment_")).toEqual([
      "archive.segment_begun",
      "archive.segment_written",
      "archive.segment_pruned",
      "archive.segment_restored",
    ]);
  });

  test("a segment that the store lost or changed is neither pruned nor restored", async () => {
    await recordDecisions(stage.store, tenant, 100);
    await stage.archive.run(tenant, "system", { today: true });
    await stage.archive.prune(tenant, "system", { graceSeconds: 0 });
    const [key = ""] = (await keysOf(stage.objects)).filter((name) => name.includes("/events-"));
    truncateSync(join(stage.lake, key), 1000);
    expect(await failure(stage.archive.restore(tenant, "system"))).toMatchObject({ code: "verification_failed" });
    await stage.archive.check(tenant, "system");
    expect((await readSegments(stage.store.reader, tenant, 0, 1))[0]?.state).toBe("lost");
  });
});
