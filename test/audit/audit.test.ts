import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type Audit, createAudit } from "#src/audit/audit.ts";
import { createRecorder, Personal, type PersonalSealer } from "#src/audit/recorder.ts";
import { verifyBundleFile } from "#src/audit/verify.ts";
import { utf8 } from "#src/base/bytes.ts";
import { type AgentId, newId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import { sha256, sha256Hex } from "#src/crypto/hash.ts";
import { open, seal } from "#src/crypto/sealing.ts";
import { verifyBundle } from "#src/ledger/verify-bundle.ts";
import { databasePath } from "#src/store/database.ts";
import { createReaderPool, type ReaderPool } from "#src/store/reader-pool.ts";
import { eventDraft, openTestStore, SEAL_KEY_ID, type TestStore, temporaryFolder } from "#test/support/store.ts";

const folder = temporaryFolder();
let store: TestStore;
let pool: ReaderPool;
let audit: Audit;
let acme: TenantId;
let other: TenantId;
const erased = new Set<SubjectId>();
const AGENT = "agt_00000000000000000000000000" as AgentId;
const START = 1_767_225_600_000;

/** One key a subject, as the vault keeps them. */
const sealer: PersonalSealer & Parameters<typeof createAudit>[0]["opener"] = {
  sealPersonal: async (tenant, subject, binding, text) => seal(sha256(subject), text, [tenant, binding]),
  openPersonal: async (tenant, subject, binding, sealed) =>
    erased.has(subject) ? undefined : open(sha256(subject), sealed, [tenant, binding]),
};

beforeAll(async () => {
  store = await openTestStore({ folder: folder.path });
  pool = createReaderPool(databasePath(folder.path));
  audit = createAudit({ pool, reader: store.reader, opener: sealer, clock: store.clock });
  await store.createTenant("instance", "instance");
  acme = await store.createTenant("acme");
  other = await store.createTenant("other");
  for (let i = 2; i <= 40; i += 1) {
    store.clock.time += 1000;
    const bytes = JSON.stringify([{ uid: i % 5 }]);
    const blob = { sha256: sha256Hex(bytes), bytes };
    const data =
      i % 4 === 0 ? { i, entities: { ref: `sha256:${blob.sha256}` } } : i % 10 === 1 ? { agent: AGENT, i } : { i };
    const event = eventDraft(store.ids, data, i % 2 === 0 ? "decision.made" : "decisional");
    const submits = [store.submit(acme, { event, blobs: i % 4 === 0 ? [blob] : [] })];
    submits.push(store.submit(other, { event: eventDraft(store.ids, { i }) }));
    if (i % 3 === 0) submits.push(store.submit(other));
    await Promise.all(submits);
  }
});
afterAll(async () => {
  await pool.close();
  await store.close();
  folder.remove();
});

async function linesOf(tenant: TenantId, range: { from?: number; through?: number } = {}): Promise<string[]> {
  return Array.fromAsync(audit.exportBundle(tenant, range));
}

describe("list", () => {
  const list = async (filter: Parameters<Audit["list"]>[1], page: Parameters<Audit["list"]>[2] = {}) => {
    const { events, next } = await audit.list(acme, filter, page, { openPersonal: false });
    return { seqs: events.map((event) => event.seq), next };
  };

  test("is newest first, in pages that meet without gap", async () => {
    const first = await list({}, { limit: 15 });
    const second = await list({}, { limit: 15, before: first.next! });
    const third = await list({}, { limit: 15, before: second.next! });
    expect(third.next).toBeUndefined();
    expect([...first.seqs, ...second.seqs, ...third.seqs]).toEqual(Array.from({ length: 40 }, (_, i) => 40 - i));
  });

  test("filters by type prefix at a dot, actor, agent and time", async () => {
    expect((await list({ type: "decision" })).seqs).toEqual(Array.from({ length: 20 }, (_, i) => 40 - 2 * i));
    expect((await list({ type: "deci" })).seqs).toEqual([]);
    const { events } = await audit.list(acme, {}, { before: 21, limit: 1 }, { openPersonal: false });
    expect((await list({ actor: events[0]!.actor })).seqs).toEqual([20]);
    expect((await list({ agent: AGENT })).seqs).toEqual([31, 21, 11]);
    expect((await list({ since: START + 5000, until: START + 8000 })).seqs).toEqual([8, 7, 6]);
    expect((await list({ since: START + 60_000 })).seqs).toEqual([]);
  });

  test("refuses a page that is none", async () => {
    for (const page of [{ limit: 0 }, { limit: 501 }, { limit: 1.5 }, { before: 0 }, { before: Number.NaN }]) {
      expect(await list({}, page).catch((error) => error.code)).toBe("invalid_argument");
    }
  });
});

describe("show", () => {
  test("opens personal members for whoever may see them; erased ones say so and the chain still verifies", async () => {
    const subject = newId("subject", store.ids);
    const recorder = createRecorder({ writer: store.writer, sealer, ids: store.ids });
    const data = { plain: 1, email: new Personal(subject, "a@example.org") };
    const { seq } = await recorder.record({ tenant: acme, type: "person.enrolled", actor: subject, data });
    expect((await audit.show(acme, seq, { openPersonal: true })).data).toMatchObject({
      plain: 1,
      email: "a@example.org",
    });
    const sealed = await audit.show(acme, seq, { openPersonal: false });
    expect(sealed.personal).toMatchObject({ email: "sealed" });
    expect(JSON.stringify(sealed)).not.toContain("a@example.org");
    erased.add(subject);
    const after = await audit.show(acme, sealed.id, { openPersonal: true });
    expect(after.data["email"]).toBe("erased");
    expect((await verifyBundle(await linesOf(acme))).ok).toBe(true);
  });

  test("what is absent and what is another tenant's answer alike", async () => {
    const theirs = await audit.show(other, 3, { openPersonal: false });
    for (const wanted of [theirs.id, "evt_00000000000000000000000000", "x", "' OR 1=1", 1e6, -1]) {
      const error = await audit.show(acme, wanted, { openPersonal: true }).catch((caught) => caught);
      expect([error.code, error.message]).toEqual(["not_found", "there is no such thing, or it is not yours to see"]);
    }
  });
});

describe("bundles", () => {
  test("a whole chain verifies from a file, pinned", async () => {
    const path = join(folder.path, "bundle.jsonl");
    await Bun.write(path, `${(await linesOf(acme)).join("\n")}\n`);
    const report = await verifyBundleFile(path, { pinned: [SEAL_KEY_ID] });
    expect(report).toMatchObject({ ok: true, tenant: acme, instance: "ins_test", first: 1, blobs: 5, pinned: true });
    expect(report.sealedThrough).toBe(report.last);
    expect(await verifyBundleFile(join(folder.path, "none")).catch((error) => error.code)).toBe("invalid_argument");
  });

  test("every range verifies, and its end is rounded up to a seal", async () => {
    for (const [from, through] of [
      [1, 1],
      [2, 2],
      [3, 9],
      [8, 8],
      [17, 33],
      [40, 40],
      [5, undefined],
      [1, 1e9],
    ] as const) {
      const report = await verifyBundle(await linesOf(acme, through === undefined ? { from } : { from, through }));
      expect(report.problems).toEqual([]);
      expect(report.first).toBe(from);
      if (through !== undefined) expect(report.last).toBeGreaterThanOrEqual(Math.min(through, 40));
      expect(report.sealedThrough).toBe(report.last);
    }
    const seals = await store.reader.all<{ seq: number }>("SELECT seq FROM seals WHERE tenant_id = ? ORDER BY seq", [
      other,
    ]);
    const unsealed = Array.from({ length: 50 }, (_, i) => i + 1).find((seq) => !seals.some((row) => row.seq === seq))!;
    const rounded = await verifyBundle(await linesOf(other, { through: unsealed }));
    expect(rounded).toMatchObject({ ok: true, last: unsealed + 1 });
  });

  test("a range without events and a tenant without a chain are refused before the first line", async () => {
    const codeOf = (tenant: TenantId, range = {}) => linesOf(tenant, range).catch((error) => error.code);
    expect(await codeOf(acme, { from: 1000 })).toBe("invalid_argument");
    expect(await codeOf(acme, { from: 9, through: 3 })).toBe("invalid_argument");
    expect(await codeOf(acme, { from: 0 })).toBe("invalid_argument");
    expect(await codeOf(newId("tenant", store.ids))).toBe("not_found");
  });

  test("never holds an id of another tenant", async () => {
    const idsOf = async (tenant: TenantId) => {
      const rows = await store.reader.all<{ id: string; hash: string }>(
        "SELECT id, hash FROM events WHERE tenant_id = ?",
        [tenant],
      );
      return [tenant, ...rows.flatMap((row) => [row.id, row.hash])];
    };
    for (const [mine, theirs] of [
      [acme, other],
      [other, acme],
    ] as const) {
      const text = (await linesOf(mine)).join("\n");
      expect(text).toContain(mine);
      for (const id of await idsOf(theirs)) expect(text).not.toContain(id);
    }
  });

  test("a flip of any byte of it does not verify", async () => {
    const lines = await linesOf(acme, { from: 6, through: 9 });
    const text = `${lines.join("\n")}\n`;
    const header = lines[0]!;
    const unproven = [/"instance":"[^"]*"/, /"made_at":"[^"]*"/].map((pattern) => pattern.exec(header)!);
    const bytes = utf8(text);
    let passed = 0;
    for (let at = 0; at < bytes.length; at += 7) {
      const flipped = Uint8Array.from(bytes);
      flipped[at]! ^= 1;
      const changed = new TextDecoder().decode(flipped).split("\n").slice(0, -1);
      const report = await verifyBundle(changed);
      if (!report.ok) continue;
      passed += 1;
      expect(unproven.some((match) => at >= match.index && at < match.index + match[0].length)).toBe(true);
    }
    expect(passed).toBeLessThan(10);
  });
});

test("the database that the server is on verifies in the reader's thread", async () => {
  expect(await audit.verify({ pinned: [SEAL_KEY_ID] })).toMatchObject({ ok: true, pinned: true, problems: [] });
});
