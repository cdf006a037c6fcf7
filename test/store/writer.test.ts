import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { verifyDataFolder } from "#src/audit/verify.ts";
import { isWritError } from "#src/base/errors.ts";
import { newId, type TenantId } from "#src/base/ids.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { systemIdSource } from "#src/crypto/random.ts";
import { GENESIS_HASH } from "#src/ledger/event.ts";
import { readEventsAfter, readHead, readSealsAfter } from "#src/store/events.ts";
import { acceptClock } from "#src/store/instance.ts";
import type { UnitResult } from "#src/store/unit.ts";
import { isRevoked } from "#src/store/writs.ts";
import {
  eventDraft,
  markStatement,
  openForTampering,
  openTestStore,
  type TestStore,
  temporaryFolder,
} from "#test/support/store.ts";

let folder: ReturnType<typeof temporaryFolder>;
let store: TestStore;
let tenant: TenantId;
const commits: number[] = [];
beforeEach(async () => {
  folder = temporaryFolder();
  commits.length = 0;
  const observer = { onCommit: (units: number) => void commits.push(units), onFailure() {} };
  store = await openTestStore({ folder: folder.path, observer });
  tenant = await store.createTenant("instance", "instance");
});
afterEach(async () => {
  await store.close();
  folder.remove();
});

const seqOf = (result: UnitResult): number => (result.kind === "committed" ? result.seq : Number.NaN);
const events = (of = tenant) => readEventsAfter(store.reader, of, 0, 1e9, 1e6);
const hasMark = (mark: string, of = tenant) => isRevoked(store.reader, of, mark);
const reopen = async (options: { quotaBytes?: number; seed?: number } = {}): Promise<void> => {
  await store.close();
  store = await openTestStore({ folder: folder.path, seed: 1_000_000, ...options });
};

describe("what can wait", () => {
  const unit = (type: string) => ({ tenant, statements: [], event: { ...eventDraft(systemIdSource, {}), type } });

  test("joins the next commit instead of causing one", async () => {
    commits.length = 0;
    const waiting = store.writer.submit(unit("late"), { canWait: true });
    const urgent = store.writer.submit(unit("urgent"));
    const [late, first] = await Promise.all([waiting, urgent]);
    expect(commits).toEqual([2]);
    expect(seqOf(late)).toBe(seqOf(first) + 1);
  });

  test("is committed by itself where no other commit comes by, and by the close of the writer", async () => {
    commits.length = 0;
    expect((await store.writer.submit(unit("alone"), { canWait: true })).kind).toBe("committed");
    expect(commits).toEqual([1]);
    const last = store.writer.submit(unit("last"), { canWait: true });
    await reopen();
    expect((await last).kind).toBe("committed");
    expect((await events()).slice(1).map((row) => row.type)).toEqual(["alone", "last"]);
  });
});

describe("group commit", () => {
  test("units that come together share few commits, keep their order and are sealed once each commit", async () => {
    const other = await store.createTenant("other");
    commits.length = 0;
    const results = await Promise.all(
      Array.from({ length: 600 }, (_, i) => store.submit(i % 3 === 0 ? other : tenant, { data: { i } })),
    );
    expect(commits).toEqual([256, 256, 88]);
    const ofTenant = results.filter((_, i) => i % 3 !== 0).map(seqOf);
    expect(ofTenant).toEqual(Array.from({ length: 400 }, (_, i) => i + 2));
    const stored = await events();
    const order = stored.slice(1).map((row) => JSON.parse(row.bytes).data.i);
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect((await readSealsAfter(store.reader, tenant, 0, 1000)).length).toBe(1 + 3);
    expect((await readSealsAfter(store.reader, other, 0, 1000)).length).toBe(1 + 3);
    expect((await verifyDataFolder(folder.path)).ok).toBe(true);
  });

  test("an answer is durable: another connection sees the event, its index columns and the head", async () => {
    store.clock.time += 5;
    const result = await store.submit(tenant, { event: eventDraft(store.ids, { a: 1 }, "thing.made") });
    if (result.kind !== "committed") throw new Error(result.reason);
    const [first, second] = await events();
    expect(JSON.parse(first!.bytes).prev).toBe(GENESIS_HASH);
    expect(second).toMatchObject({ seq: 2, type: "thing.made", at: store.clock.time, hash: result.hash });
    expect(JSON.parse(second!.bytes)).toMatchObject({ seq: 2, tenant, prev: first!.hash, data: { a: 1 } });
    expect(await readHead(store.reader, tenant)).toMatchObject({ seq: 2, hash: result.hash, at: store.clock.time });
  });

  test("a queue beyond its bound is refused at once and loses nothing that was taken", async () => {
    const results = await Promise.allSettled(Array.from({ length: 20_100 }, () => store.submit(tenant)));
    const refused = results.filter((result) => result.status === "rejected");
    expect(refused.length).toBe(100);
    expect(refused.every((result) => isWritError(result.reason, "rate_limited"))).toBe(true);
    expect((await readHead(store.reader, tenant))?.seq).toBe(20_001);
  });

  test("nothing is taken once it closes, and what was taken is finished", async () => {
    const taken = Array.from({ length: 300 }, () => store.submit(tenant));
    const closing = store.writer.close();
    expect(await store.submit(tenant).catch((error) => error.code)).toBe("not_ready");
    await closing;
    expect((await Promise.all(taken)).every((result) => result.kind === "committed")).toBe(true);
    store.reader.close();
    store = await openTestStore({ folder: folder.path, seed: 1_000_000 });
    expect((await readHead(store.reader, tenant))?.seq).toBe(301);
  });
});

describe("a unit is whole or leaves no trace", () => {
  test("one that meets a row already there is refused alone, its neighbours commit", async () => {
    await store.submit(tenant, { statements: [markStatement(tenant, "there")] });
    const [first, refused, last] = await Promise.all([
      store.submit(tenant, { statements: [markStatement(tenant, "a")] }),
      store.submit(tenant, {
        statements: [markStatement(tenant, "b"), markStatement(tenant, "there"), markStatement(tenant, "c")],
        blobs: [{ sha256: sha256Hex("[]"), bytes: "[]" }],
        raisesEpoch: true,
      }),
      store.submit(tenant, { statements: [markStatement(tenant, "d")] }),
    ]);
    expect([first?.kind, last?.kind]).toEqual(["committed", "committed"]);
    expect(refused).toEqual({ kind: "refused", reason: "conflict", epoch: 1 });
    expect([seqOf(first!), seqOf(last!)]).toEqual([3, 4]);
    expect(await Promise.all(["a", "b", "c", "d"].map((mark) => hasMark(mark)))).toEqual([true, false, false, true]);
    expect((await events()).length).toBe(4);
    expect(await store.reader.all("SELECT 1 FROM blobs", [])).toEqual([]);
    expect(store.writer.epochOf(tenant)).toBe(1);
    expect((await verifyDataFolder(folder.path)).ok).toBe(true);
  });

  test("a row count other than expected takes back what was done, also by a single statement", async () => {
    await store.submit(tenant, { statements: [markStatement(tenant, "x"), markStatement(tenant, "y")] });
    const moveAll = { sql: "UPDATE revocations SET at = 7 WHERE tenant_id = ?", params: [tenant], expectRows: 1 };
    const copyAll = {
      sql: "INSERT INTO revocations (tenant_id, cid, at) SELECT tenant_id, cid || '2', at FROM revocations WHERE tenant_id = ?",
      params: [tenant],
      expectRows: 1,
    };
    expect(await store.submit(tenant, { statements: [moveAll] })).toMatchObject({ reason: "conflict" });
    expect(await store.submit(tenant, { statements: [copyAll] })).toMatchObject({ reason: "conflict" });
    expect(await store.reader.all("SELECT cid, at FROM revocations ORDER BY cid", [])).toEqual([
      { cid: "x", at: 0 },
      { cid: "y", at: 0 },
    ]);
    expect((await events()).length).toBe(2);
  });

  test("of many that want the same row exactly one gets it", async () => {
    const results = await Promise.all(
      Array.from({ length: 50 }, () => store.submit(tenant, { statements: [markStatement(tenant, "one")] })),
    );
    expect(results.filter((result) => result.kind === "committed").length).toBe(1);
    expect((await events()).length).toBe(2);
  });

  test("an event id that is in use is a conflict of its unit alone", async () => {
    const event = eventDraft(store.ids);
    const [first, second, third] = await Promise.all([
      store.submit(tenant, { event }),
      store.submit(tenant, { event, statements: [markStatement(tenant, "twice")] }),
      store.submit(tenant),
    ]);
    expect([first!.kind, second!.kind, third!.kind]).toEqual(["committed", "refused", "committed"]);
    expect(await hasMark("twice")).toBe(false);
  });

  test("a statement that cannot run fails its batch, with no trace, and the writer goes on", async () => {
    const broken = { sql: "INSERT INTO no_such_table VALUES (1)", params: [] };
    const [neighbour, failed] = await Promise.allSettled([
      store.submit(tenant, { statements: [markStatement(tenant, "n")] }),
      store.submit(tenant, { statements: [broken] }),
    ]);
    expect([neighbour.status, failed.status]).toEqual(["rejected", "rejected"]);
    expect(await hasMark("n")).toBe(false);
    expect(seqOf(await store.submit(tenant))).toBe(2);
    expect((await verifyDataFolder(folder.path)).ok).toBe(true);
  });
});

describe("what a unit rests on", () => {
  test("a stale epoch is refused, within one batch too", async () => {
    const [, raised, stale] = await Promise.all([
      store.submit(tenant, { expectEpoch: 1 }),
      store.submit(tenant, { expectEpoch: 1, raisesEpoch: true }),
      store.submit(tenant, { expectEpoch: 1, statements: [markStatement(tenant, "stale")] }),
    ]);
    expect(raised).toMatchObject({ kind: "committed", epoch: 2 });
    expect(stale).toEqual({ kind: "refused", reason: "stale", epoch: 2 });
    expect(await hasMark("stale")).toBe(false);
    expect(store.writer.epochOf(tenant)).toBe(2);
  });

  test("the epoch is known before whoever is answered can ask for it, and is one tenant's alone", async () => {
    const other = await store.createTenant("other");
    const seen = await store.submit(tenant, { raisesEpoch: true }).then(() => store.writer.epochOf(tenant));
    expect(seen).toBe(2);
    expect(store.writer.epochOf(other)).toBe(1);
    expect(store.writer.epochOf("ten_none" as TenantId)).toBe(0);
  });

  test("a full tenant stops its agents' units, not its operator's, and not another tenant", async () => {
    const other = await store.createTenant("other");
    await reopen({ quotaBytes: 2000 });
    const big = { data: { text: "x".repeat(3000) }, countsAgainstQuota: true };
    expect(await store.submit(tenant, big)).toMatchObject({ kind: "committed" });
    expect(await store.submit(tenant, big)).toMatchObject({ kind: "refused", reason: "quota" });
    expect(await store.submit(tenant, { data: { governed: true } })).toMatchObject({ kind: "committed" });
    expect(await store.submit(other, big)).toMatchObject({ kind: "committed" });
    await reopen({ quotaBytes: 2000, seed: 2_000_000 });
    expect(await store.submit(tenant, big)).toMatchObject({ kind: "refused", reason: "quota" });
  });

  test("blobs count against the quota, once each", async () => {
    const bytes = "y".repeat(5000);
    const blobs = [{ sha256: sha256Hex(bytes), bytes }];
    const before = (await readHead(store.reader, tenant))!.storedBytes;
    await store.submit(tenant, { blobs });
    const once = (await readHead(store.reader, tenant))!.storedBytes;
    await store.submit(tenant, { blobs });
    const twice = (await readHead(store.reader, tenant))!.storedBytes;
    expect(once - before).toBeGreaterThan(5000);
    expect(twice - once).toBeLessThan(1000);
  });

  test("a tenant that is not there is refused, and making one begins its own chain", async () => {
    const absent = newId("tenant", store.ids);
    expect(await store.submit(absent)).toEqual({ kind: "refused", reason: "unknown_tenant", epoch: 0 });
    const made = await store.createTenant("made");
    expect((await events(made)).map((row) => row.seq)).toEqual([1]);
    expect(await store.createTenant("made").catch((error) => error.message)).toContain("conflict");
    expect(store.writer.epochOf(made)).toBe(1);
  });
});

describe("the clock", () => {
  test("set back a little it leaves `at` where it was, set back far it denies until an operator accepts it", async () => {
    const start = store.clock.time;
    store.clock.time = start - 59_000;
    expect(await store.submit(tenant)).toMatchObject({ kind: "committed", at: start });
    store.clock.time = start - 61_000;
    expect(await store.submit(tenant, { statements: [markStatement(tenant, "late")] })).toMatchObject({
      kind: "refused",
      reason: "clock_behind",
    });
    expect(await hasMark("late")).toBe(false);
    const accept = { statements: [acceptClock(store.clock.time)], ignoresClock: true };
    expect(await store.submit(tenant, accept)).toMatchObject({ kind: "committed", at: start });
    expect(await store.submit(tenant)).toMatchObject({ kind: "committed", at: start });
    store.clock.time -= 61_000;
    expect(await store.submit(tenant)).toMatchObject({ reason: "clock_behind" });
    store.clock.time += 61_000;
    const { time } = store.clock;
    await reopen();
    store.clock.time = time;
    expect(await store.submit(tenant)).toMatchObject({ kind: "committed", at: start });
    expect((await verifyDataFolder(folder.path)).ok).toBe(true);
  });
});

describe("touches and reopening", () => {
  const use = (mark: string, at: number | null) => ({
    sql: "INSERT INTO token_uses (tenant_id, token_id, last_at) VALUES (?, ?, ?)",
    params: [tenant, mark, at],
  });

  test("a touch is applied without an event; one that cannot be is lost without harm to its neighbours", async () => {
    store.writer.touch([use("a", 1)]);
    store.writer.touch([use("b", null)]);
    expect((await store.submit(tenant)).kind).toBe("committed");
    expect(await store.reader.all("SELECT token_id FROM token_uses", [])).toEqual([{ token_id: "a" }]);
    expect((await events()).length).toBe(2);
  });

  test("heads, epochs and the tree are read anew, and the chain goes on", async () => {
    await store.submit(tenant, { raisesEpoch: true });
    const before = await readHead(store.reader, tenant);
    await reopen();
    expect(store.writer.epochOf(tenant)).toBe(2);
    const result = await store.submit(tenant);
    expect(seqOf(result)).toBe(before!.seq + 1);
    expect(JSON.parse((await events()).at(-1)!.bytes).prev).toBe(before!.hash);
    expect((await verifyDataFolder(folder.path)).ok).toBe(true);
  });
});

describe("an answer that is an error although the disk kept the event", () => {
  test("is followed by its record as soon as the database opens again, once", async () => {
    // After COMMIT the writer reads the accepted clock again: with its table gone that fails, and so does reopening.
    const rename = { sql: "ALTER TABLE instance RENAME TO gone", params: [] };
    const event = eventDraft(store.ids, { n: 1 }, "decision.made");
    const failed = store.submit(tenant, { statements: [rename], event, ignoresClock: true, raisesEpoch: true });
    expect(await failed.catch((error) => error.code)).toBe("store_failed");
    expect(await store.submit(tenant).catch((error) => error.code)).toBe("store_failed");
    const db = openForTampering(folder.path);
    db.run("ALTER TABLE gone RENAME TO instance");
    db.close();
    const next = await store.submit(tenant);
    expect(seqOf(next)).toBe(4);
    const [, kept, notice] = await events();
    expect(kept!.id).toBe(event.id);
    expect(notice!.type).toBe("decision.undelivered");
    expect(JSON.parse(notice!.bytes).data).toEqual({ event: event.id, event_type: "decision.made" });
    expect(store.writer.epochOf(tenant)).toBe(2);
    expect((await verifyDataFolder(folder.path)).ok).toBe(true);
  });
});
