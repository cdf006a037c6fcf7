import { afterAll, beforeAll, expect, test } from "bun:test";
import { verifySegments } from "#src/archive/verify-segments.ts";
import { WritError } from "#src/base/errors.ts";
import { cleanUp, freshFolder } from "#test/support/binary.ts";
import { startS3rver, startVersitygw, type TestBucket } from "#test/support/object-stores.ts";
import { describePeer } from "#test/support/peer.ts";
import { DAY, faulty, keysOf, openStage } from "./stage.ts";
import { recordDecisions } from "./support.ts";

afterAll(cleanUp);

const LOCK = {
  lock: "GOVERNANCE" as const,
  legalHold: true,
  retentionSeconds: 86_400,
  graceSeconds: 30 * 86_400,
  prunes: false,
};

describePeer("versitygw", "a bucket with Object Lock", () => {
  let bucket: TestBucket;
  beforeAll(async () => {
    bucket = await startVersitygw(freshFolder("versitygw"));
  }, 30_000);
  afterAll(() => bucket.stop());

  test("holds every object of a segment, is pruned from, restored from, and verifies by itself", async () => {
    const store = bucket.open("held/");
    const stage = await openStage({ store, config: LOCK, clock: { now: Date.now } });
    try {
      const tenant = await stage.store.createTenant("instance", "instance");
      await recordDecisions(stage.store, tenant, 200);
      const { segments } = await stage.archive.run(tenant, "system", { today: true });
      expect(segments).toMatchObject([{ state: "written", lockedUntil: expect.any(Number) }]);
      const keys = await keysOf(store);
      expect(keys.length).toBe(4);
      for (const key of keys) {
        expect(await store.readLock(key)).toMatchObject({ mode: "GOVERNANCE", legalHold: true });
      }
      // The same again costs no second version of anything: it is there and held.
      const counted = faulty(store);
      let puts = 0;
      counted.before = (operation) => {
        if (operation === "put") puts += 1;
      };
      await stage.withArchive({ store: counted }).check(tenant, "system");
      expect(puts).toBe(0);
      await stage.archive.prune(tenant, "system", { graceSeconds: 0 });
      await stage.archive.restore(tenant, "system");
      expect(await verifySegments(store)).toMatchObject({ ok: true });
    } finally {
      await stage.close();
    }
  }, 30_000);

  test("is slow, and then away while a segment is on its way: the next run finishes it without a second one", async () => {
    const slow = faulty(bucket.open("slow/"));
    const stage = await openStage({ store: slow });
    try {
      const tenant = await stage.store.createTenant("instance", "instance");
      await recordDecisions(stage.store, tenant, 50);
      stage.store.clock.time += DAY;
      slow.after = (key) => {
        if (key.endsWith("checkpoint.txt")) throw new WritError("timeout");
      };
      expect(await stage.archive.run(tenant, "system").catch((error) => error)).toMatchObject({ code: "timeout" });
      slow.after = () => undefined;
      const { put } = slow;
      const late: typeof put = async (...args) => {
        await Bun.sleep(50);
        await put(...args);
      };
      const { segments } = await stage.withArchive({ store: { ...slow, put: late } }).run(tenant, "system");
      expect(segments.length).toBe(1);
      expect((await keysOf(slow)).filter((key) => key.includes("/events-")).length).toBe(1);
      expect(await verifySegments(slow)).toMatchObject({ ok: true });
    } finally {
      await stage.close();
    }
  }, 30_000);
});

describePeer(["node", "s3rver"], "a store without locks", () => {
  test("archives where none is asked for, and counts nothing as archived where one is", async () => {
    const bucket = await startS3rver(freshFolder("s3rver"));
    const store = bucket.open("x/");
    const stage = await openStage({ store });
    try {
      const tenant = await stage.store.createTenant("instance", "instance");
      await recordDecisions(stage.store, tenant, 50);
      const locked = stage.withArchive({ config: LOCK });
      expect(await locked.run(tenant, "system", { today: true }).catch((error) => error)).toMatchObject({
        code: "archive_lock_ignored",
      });
      expect(await locked.status(tenant)).toMatchObject({ state: "failing", archivedThrough: 0 });
      expect((await stage.archive.run(tenant, "system", { today: true })).segments.length).toBeGreaterThan(0);
      expect(await verifySegments(store)).toMatchObject({ ok: true });
    } finally {
      await stage.close();
      await bucket.stop();
    }
  }, 30_000);
});
