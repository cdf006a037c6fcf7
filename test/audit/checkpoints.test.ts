import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { verifyDataFolder } from "#src/audit/verify.ts";
import { fromHex } from "#src/base/bytes.ts";
import type { TenantId } from "#src/base/ids.ts";
import { findSigner, parseCheckpoint } from "#src/ledger/checkpoint.ts";
import { verifyConsistency, verifyInclusion } from "#src/ledger/merkle-proof.ts";
import { openForTampering, SEAL_SIGNER, temporaryFolder } from "#test/support/store.ts";
import { type AuditStage, openStage } from "./stage.ts";
import { cutTo, rewriteFrom } from "./tamper.ts";

const DAY = 86_400_000;

let folder: ReturnType<typeof temporaryFolder>;
let stage: AuditStage;
beforeEach(async () => {
  folder = temporaryFolder();
  stage = await openStage({ folder: folder.path });
});
afterEach(async () => {
  await stage.store.close();
  folder.remove();
});

async function restart(every: "day" | "hour" = "day"): Promise<void> {
  const { time } = stage.store.clock;
  await stage.store.close();
  stage = await openStage({ folder: folder.path, seed: Math.floor(time / 1000) }, every);
  stage.store.clock.time = time;
}

const sizes = async (tenant: TenantId) => (await stage.checkpoints.list(tenant, {})).map(({ size }) => size);
const eventTypes = (tenant: TenantId) =>
  stage.store.reader.all<{ type: string }>("SELECT type FROM events WHERE tenant_id = ? ORDER BY seq", [tenant]);

describe("a checkpoint on request", () => {
  test("covers all events, is signed, and is recorded behind them", async () => {
    await stage.add(100);
    const made = await stage.checkpoints.request(stage.tenant, stage.actor);
    expect(made).toMatchObject({ size: 101, origin: `ins_test/${stage.tenant}`, madeBy: "request", witnesses: [] });
    expect(findSigner(parseCheckpoint(made.note), [SEAL_SIGNER]).kind).toBe("signed");
    expect((await eventTypes(stage.tenant)).at(-1)).toEqual({ type: "checkpoint.signed" });
    expect(await stage.checkpoints.show(stage.tenant)).toEqual(made);
    expect(await stage.checkpoints.show(stage.tenant, 101)).toEqual(made);
    expect(await verifyDataFolder(folder.path)).toMatchObject({ ok: true });
  });

  test("does not make its own record a reason for another one", async () => {
    const first = await stage.checkpoints.request(stage.tenant, stage.actor);
    expect(await stage.checkpoints.request(stage.tenant, stage.actor)).toEqual(first);
    await stage.add(1);
    expect((await stage.checkpoints.request(stage.tenant, stage.actor)).size).toBe(first.size + 2);
  });

  test("many at once, among writes, extend one another", async () => {
    const requests = Array.from({ length: 20 }, async () => {
      await stage.add(3);
      return stage.checkpoints.request(stage.tenant, stage.actor);
    });
    await Promise.all(requests);
    const found = await sizes(stage.tenant);
    expect(new Set(found).size).toBe(found.length);
    const report = await verifyDataFolder(folder.path);
    expect(report.chains.map(({ problems }) => problems)).toEqual([[], []]);
    expect(report.chains.find(({ tenant }) => tenant === stage.tenant)?.checkpoints.count).toBe(found.length);
  });

  test("of a tenant that is not there, or not yet made, is not found", async () => {
    const absent = "ten_absent" as TenantId;
    expect((await stage.checkpoints.request(absent, stage.actor).catch((error) => error)).code).toBe("not_found");
    expect((await stage.checkpoints.show(stage.tenant).catch((error) => error)).code).toBe("not_found");
    await stage.checkpoints.request(stage.tenant, stage.actor);
    expect((await stage.checkpoints.show(stage.tenant, 7).catch((error) => error)).code).toBe("not_found");
    expect((await stage.checkpoints.show(absent).catch((error) => error)).code).toBe("not_found");
  });
});

describe("checkpoints by schedule", () => {
  test("are made once a day, also across restarts, and after days without a start", async () => {
    await stage.checkpoints.makeDue();
    await stage.checkpoints.makeDue();
    await restart();
    await stage.checkpoints.makeDue();
    expect(await sizes(stage.tenant)).toEqual([1]);
    stage.store.clock.time += 5 * DAY;
    await stage.add(3);
    await restart();
    await Promise.all([stage.checkpoints.makeDue(), stage.checkpoints.makeDue()]);
    expect(await sizes(stage.tenant)).toEqual([5, 1]);
    expect((await verifyDataFolder(folder.path)).ok).toBe(true);
  });

  test("are made hourly where that is set, and one on request is none of them", async () => {
    await restart("hour");
    await stage.checkpoints.makeDue();
    stage.store.clock.time += 3_600_000;
    await stage.add(1);
    await stage.checkpoints.request(stage.tenant, stage.actor);
    await stage.checkpoints.makeDue();
    await stage.checkpoints.makeDue();
    expect((await stage.checkpoints.list(stage.tenant, {})).map(({ madeBy }) => madeBy)).toEqual([
      "schedule",
      "request",
      "schedule",
    ]);
  });

  test("keep their order when the clock jumps a day forward and back", async () => {
    await stage.checkpoints.makeDue();
    const start = stage.store.clock.time;
    stage.store.clock.time = start + DAY;
    await stage.checkpoints.makeDue();
    stage.store.clock.time = start;
    await stage.checkpoints.makeDue();
    const later = await stage.checkpoints.request(stage.tenant, stage.actor);
    expect(Date.parse(later.at)).toBeGreaterThanOrEqual(start + DAY);
    stage.store.clock.time = start + 2 * DAY;
    await stage.add(1);
    await stage.checkpoints.makeDue();
    expect((await stage.checkpoints.list(stage.tenant, {})).filter(({ madeBy }) => madeBy === "schedule")).toHaveLength(
      3,
    );
    expect((await verifyDataFolder(folder.path)).ok).toBe(true);
  });

  test("of the instance cover those of every tenant", async () => {
    const other = await stage.store.createTenant("other");
    await stage.checkpoints.makeDue();
    const types = (await eventTypes(stage.instance)).map(({ type }) => type);
    expect(types.slice(-2)).toEqual(["checkpoint.collected", "checkpoint.signed"]);
    const newest = await stage.checkpoints.show(stage.instance);
    expect(newest.size).toBe(types.length - 1);
    expect(await sizes(other)).toEqual([1]);
    expect((await verifyDataFolder(folder.path)).ok).toBe(true);
    const db = openForTampering(folder.path);
    db.query("DELETE FROM checkpoints WHERE tenant_id = ?").run(other);
    db.close();
    const { chains } = await verifyDataFolder(folder.path);
    expect(chains.find(({ tenant }) => tenant === stage.instance)?.problems[0]).toMatchObject({
      code: "checkpoint_missing",
    });
    expect(chains.find(({ tenant }) => tenant === other)?.problems[0]).toMatchObject({
      code: "checkpoint_missing",
      seq: 2,
    });
  });
});

describe("a chain that was changed", () => {
  for (const [what, change] of [
    ["cut back", (db: ReturnType<typeof openForTampering>) => cutTo(db, stage.tenant, 50)],
    ["rewritten", (db: ReturnType<typeof openForTampering>) => rewriteFrom(db, stage.tenant, 70, '{"forged":true}')],
  ] as const) {
    test(`${what} gets no checkpoint, and does not keep others from theirs`, async () => {
      await stage.add(150);
      await stage.checkpoints.request(stage.tenant, stage.actor);
      const db = openForTampering(folder.path);
      change(db);
      // What somebody with the database would do too: no tile tells of what was there.
      db.query("DELETE FROM tree_tiles").run();
      db.close();
      await restart();
      const error = await stage.checkpoints.request(stage.tenant, stage.actor).catch((caught) => caught);
      expect(error.code).toBe("history_changed");
      expect((await stage.checkpoints.makeDue().catch((caught) => caught)).code).toBe("history_changed");
      expect(await sizes(stage.instance)).toHaveLength(1);
      expect((await verifyDataFolder(folder.path)).ok).toBe(false);
    });
  }
});

describe("proofs", () => {
  test("of inclusion and consistency verify against checkpoints", async () => {
    await stage.add(130);
    const first = await stage.checkpoints.request(stage.tenant, stage.actor);
    await stage.add(300);
    const second = await stage.checkpoints.request(stage.tenant, stage.actor);
    for (const seq of [1, 2, 64, 65, 130, 131]) {
      const proof = await stage.proofs.inclusion(stage.tenant, seq);
      expect(proof).toMatchObject({ size: first.size, root: first.root });
      const path = proof.path.map(fromHex);
      expect(verifyInclusion(fromHex(proof.leaf), seq - 1, first.size, path, fromHex(first.root))).toBe(true);
      expect((await stage.proofs.inclusion(stage.tenant, seq, second.size)).root).toBe(second.root);
    }
    const { path, toRoot } = await stage.proofs.consistency(stage.tenant, first.size, second.size);
    expect(toRoot).toBe(second.root);
    expect(
      verifyConsistency(first.size, fromHex(first.root), second.size, fromHex(second.root), path.map(fromHex)),
    ).toBe(true);
  });

  test("of what is not there are refused, absent and foreign alike", async () => {
    await stage.add(10);
    const codeOf = (promise: Promise<unknown>) => promise.catch((error) => error.code);
    expect(await codeOf(stage.proofs.inclusion(stage.tenant, 12))).toBe("not_found");
    expect(await codeOf(stage.proofs.inclusion(stage.tenant, 5, 4))).toBe("invalid_argument");
    expect(await codeOf(stage.proofs.inclusion(stage.tenant, 5, 12))).toBe("invalid_argument");
    expect(await codeOf(stage.proofs.inclusion("ten_absent" as TenantId, 1))).toBe("not_found");
    expect(await codeOf(stage.proofs.consistency(stage.tenant, 12))).toBe("invalid_argument");
    expect(await codeOf(stage.proofs.consistency(stage.tenant, 5, 12))).toBe("invalid_argument");
    expect(await codeOf(stage.proofs.consistency("ten_absent" as TenantId, 1))).toBe("not_found");
  });

  test("are not given where the stored tree was changed", async () => {
    await stage.add(200);
    const db = openForTampering(folder.path);
    db.run("UPDATE tree_tiles SET hashes = zeroblob(2048) WHERE level = 0 AND tile = 0");
    db.close();
    const error = await stage.proofs.inclusion(stage.tenant, 10, 200).catch((caught) => caught);
    expect(error.code).toBe("store_failed");
    const { chains } = await verifyDataFolder(folder.path);
    expect(chains.flatMap(({ problems }) => problems)).toMatchObject([{ code: "tree_mismatch", seq: 64 }]);
  });
});
