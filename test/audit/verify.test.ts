import type { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { verifyDataFolder } from "#src/audit/verify.ts";
import { toBase64 } from "#src/base/bytes.ts";
import type { TenantId } from "#src/base/ids.ts";
import { createSigner } from "#src/crypto/ed25519.ts";
import { sha256, sha256Hex } from "#src/crypto/hash.ts";
import { keyId, publishKey } from "#src/ledger/keys.ts";
import type { ProblemCode } from "#src/ledger/report.ts";
import { sealMessage } from "#src/ledger/seal.ts";
import { DATABASE_FILE, databasePath } from "#src/store/database.ts";
import {
  openForTampering,
  openTestStore,
  SEAL_KEY_ID,
  SEAL_SIGNER,
  sealKeyRow,
  type TestStore,
  temporaryFolder,
} from "#test/support/store.ts";
import { cutTo, rewriteFrom } from "./tamper.ts";

const EVENTS = 12;
const root = temporaryFolder();
const original = join(root.path, "original");
let tenant: TenantId;
let copies = 0;

beforeAll(async () => {
  mkdirSync(original);
  const store = await openTestStore({ folder: original });
  await store.createTenant("instance", "instance");
  tenant = await store.createTenant("acme");
  for (let i = 2; i <= EVENTS; i += 1) {
    store.clock.time += 1000;
    const bytes = JSON.stringify([{ uid: i }]);
    const blobs = i % 4 === 0 ? [{ sha256: sha256Hex(bytes), bytes }] : [];
    const data = blobs[0] === undefined ? { i } : { i, entities: { ref: `sha256:${blobs[0].sha256}` } };
    // The events 5 and 6 share a commit, hence a seal.
    const submitted = store.submit(tenant, { data, blobs });
    if (i !== 5) await submitted;
  }
  await store.close();
});
afterAll(() => root.remove());

function copyFolder(): string {
  copies += 1;
  const folder = join(root.path, String(copies));
  mkdirSync(folder);
  copyFileSync(databasePath(original), databasePath(folder));
  return folder;
}

async function verifyTampered(tamper: (db: Database) => void) {
  const folder = copyFolder();
  const db = openForTampering(folder);
  tamper(db);
  db.run("PRAGMA wal_checkpoint(TRUNCATE)");
  db.close();
  const report = await verifyDataFolder(folder);
  const chain = report.chains.find((candidate) => candidate.tenant === tenant);
  return { report, chain, codes: [...report.problems, ...(chain?.problems ?? [])].map((problem) => problem.code) };
}

test("an untouched folder verifies, and verifying leaves no trace", async () => {
  const folder = copyFolder();
  const before = readFileSync(databasePath(folder));
  const report = await verifyDataFolder(folder, { pinned: [toBase64(SEAL_SIGNER.publicKey)] });
  expect(report).toMatchObject({ ok: true, instance: "ins_test", events: EVENTS + 1, problems: [], pinned: true });
  expect(report.chains.find((chain) => chain.tenant === tenant)).toMatchObject({
    name: "acme",
    events: EVENTS,
    sealedThrough: EVENTS,
    keysUsed: [SEAL_KEY_ID],
    blobs: 3,
  });
  expect(readdirSync(folder)).toEqual([DATABASE_FILE]);
  expect(readFileSync(databasePath(folder)).equals(before)).toBe(true);
});

test("without a pinned key it says so; with another key's pin it does not verify", async () => {
  expect(await verifyDataFolder(original)).toMatchObject({ ok: true, pinned: false });
  const report = await verifyDataFolder(original, { pinned: ["00".repeat(8)] });
  expect(report).toMatchObject({ ok: false, pinned: false });
  expect(report.chains[0]?.problems[0]?.code).toBe("keys_invalid");
});

const run = (sql: string) => (db: Database) => void db.run(sql);
const ofTenant = (sql: string) => (db: Database) => void db.query(sql).run(tenant);

const TAMPERINGS: readonly [what: string, code: ProblemCode, seq: number, tamper: (db: Database) => void][] = [
  [
    "an event's bytes",
    "hash_mismatch",
    7,
    ofTenant(`UPDATE events SET bytes = replace(bytes, '"i":7', '"i":8') WHERE tenant_id = ? AND seq = 7`),
  ],
  [
    "bytes behind an event's end",
    "hash_mismatch",
    7,
    ofTenant("UPDATE events SET bytes = bytes || char(0) || 'x' WHERE tenant_id = ? AND seq = 7"),
  ],
  [
    "an event's hash",
    "hash_mismatch",
    7,
    ofTenant(`UPDATE events SET hash = '${"0".repeat(64)}' WHERE tenant_id = ? AND seq = 7`),
  ],
  [
    "the id beside an event",
    "index_mismatch",
    7,
    ofTenant("UPDATE events SET id = 'evt_x' WHERE tenant_id = ? AND seq = 7"),
  ],
  [
    "the time beside an event",
    "index_mismatch",
    7,
    ofTenant("UPDATE events SET at = at + 1 WHERE tenant_id = ? AND seq = 7"),
  ],
  [
    "a time that no clock shows",
    "index_mismatch",
    7,
    ofTenant("UPDATE events SET at = 9000000000000000 WHERE tenant_id = ? AND seq = 7"),
  ],
  [
    "the type beside an event",
    "index_mismatch",
    7,
    ofTenant("UPDATE events SET type = 'other' WHERE tenant_id = ? AND seq = 7"),
  ],
  [
    "the actor beside an event",
    "index_mismatch",
    7,
    ofTenant("UPDATE events SET actor = 'sub_x' WHERE tenant_id = ? AND seq = 7"),
  ],
  ["an event that is gone", "event_missing", 7, ofTenant("DELETE FROM events WHERE tenant_id = ? AND seq = 7")],
  ["the first event gone", "event_missing", 1, ofTenant("DELETE FROM events WHERE tenant_id = ? AND seq = 1")],
  [
    "the last event gone",
    "head_mismatch",
    EVENTS,
    ofTenant(`DELETE FROM events WHERE tenant_id = ? AND seq = ${EVENTS}`),
  ],
  [
    "two events swapped",
    "event_missing",
    7,
    (db) => {
      for (const [from, to] of [
        [7, 99],
        [8, 7],
        [99, 8],
      ] as const) {
        db.query("UPDATE events SET seq = ? WHERE tenant_id = ? AND seq = ?").run(to, tenant, from);
      }
    },
  ],
  [
    "the last event and its seal gone",
    "head_mismatch",
    EVENTS,
    (db) => {
      db.query("DELETE FROM events WHERE tenant_id = ? AND seq = ?").run(tenant, EVENTS);
      db.query("DELETE FROM seals WHERE tenant_id = ? AND seq = ?").run(tenant, EVENTS);
    },
  ],
  ["a cut inside of a commit, with head and seals made to fit", "unsealed_tail", 5, (db) => cutTo(db, tenant, 5)],
  [
    "an event rewritten with all behind it, seals not signed",
    "seal_invalid",
    1,
    (db) => rewriteFrom(db, tenant, 1, '{"forged":true}'),
  ],
  ["the last event forged", "seal_invalid", EVENTS, (db) => rewriteFrom(db, tenant, EVENTS, '{"forged":true}')],
  [
    "a seal's signature",
    "seal_invalid",
    8,
    ofTenant("UPDATE seals SET signature = zeroblob(64) WHERE tenant_id = ? AND seq = 8"),
  ],
  [
    "a seal's root",
    "seal_invalid",
    8,
    ofTenant(`UPDATE seals SET root = '${"0".repeat(64)}' WHERE tenant_id = ? AND seq = 8`),
  ],
  [
    "a seal moved to another event",
    "seal_invalid",
    7,
    (db) => {
      db.query("DELETE FROM seals WHERE tenant_id = ? AND seq = 7").run(tenant);
      db.query("UPDATE seals SET seq = 7 WHERE tenant_id = ? AND seq = 8").run(tenant);
    },
  ],
  [
    "a seal of no event",
    "seal_without_event",
    40,
    ofTenant(
      `INSERT INTO seals SELECT tenant_id, 40, hash, root, key_id, signature FROM seals WHERE tenant_id = ? AND seq = ${EVENTS}`,
    ),
  ],
  [
    "the last seal gone",
    "unsealed_tail",
    EVENTS,
    ofTenant(`DELETE FROM seals WHERE tenant_id = ? AND seq = ${EVENTS}`),
  ],
  [
    "a seal's key",
    "seal_key_unknown",
    8,
    ofTenant("UPDATE seals SET key_id = 'other' WHERE tenant_id = ? AND seq = 8"),
  ],
  [
    "the published key",
    "keys_invalid",
    0,
    (db) => void db.query("UPDATE seal_keys SET public_key = ?").run(createSigner(sha256("x")).publicKey),
  ],
  ["the time of the published key", "keys_invalid", 0, run("UPDATE seal_keys SET at = '2025-01-01T00:00:00.000Z'")],
  ["the published key gone", "seal_key_unknown", 1, run("DELETE FROM seal_keys")],
  ["a document", "blob_mismatch", 0, run("UPDATE blobs SET bytes = '[]'")],
  ["a document that is gone", "blob_missing", 4, run("DELETE FROM blobs")],
  [
    "the head's hash",
    "head_mismatch",
    EVENTS,
    ofTenant(`UPDATE heads SET hash = '${"0".repeat(64)}' WHERE tenant_id = ?`),
  ],
  [
    "the head's root",
    "head_mismatch",
    EVENTS,
    ofTenant(`UPDATE heads SET root = '${"0".repeat(64)}' WHERE tenant_id = ?`),
  ],
  [
    "the head's compact range",
    "head_mismatch",
    EVENTS,
    ofTenant("UPDATE heads SET frontier = zeroblob(64) WHERE tenant_id = ?"),
  ],
  ["the head's time", "head_mismatch", EVENTS, ofTenant("UPDATE heads SET at = at + 1 WHERE tenant_id = ?")],
  ["the head's seq", "head_mismatch", EVENTS, ofTenant(`UPDATE heads SET seq = ${EVENTS - 1} WHERE tenant_id = ?`)],
  ["the head gone", "head_mismatch", 0, ofTenant("DELETE FROM heads WHERE tenant_id = ?")],
  ["the tenant's row gone", "tenant_mismatch", 0, ofTenant("DELETE FROM tenants WHERE tenant_id = ?")],
  ["the instance's row gone", "tenant_mismatch", 0, run("DELETE FROM instance")],
  [
    "another tenant's event in the chain",
    "tenant_mismatch",
    0,
    (db) => {
      const [other] = db.query("SELECT tenant_id AS id FROM tenants WHERE kind = 'instance'").all() as { id: string }[];
      db.query("DELETE FROM events WHERE tenant_id = ? AND seq = 1").run(tenant);
      db.query("UPDATE events SET tenant_id = ? WHERE tenant_id = ?").run(tenant, other!.id);
    },
  ],
];

describe("tampering is found", () => {
  for (const [what, code, seq, tamper] of TAMPERINGS) {
    test(what, async () => {
      const { report, chain, codes } = await verifyTampered(tamper);
      expect(report.ok).toBe(false);
      expect(codes).toContain(code);
      const found = chain?.problems.find((problem) => problem.code === code);
      if (seq > 0) expect(found?.seq).toBe(seq);
    });
  }

  test("what stands before a changed event stays trusted", async () => {
    const { chain } = await verifyTampered(
      ofTenant("UPDATE events SET bytes = bytes || ' ' WHERE tenant_id = ? AND seq = 9"),
    );
    expect(chain).toMatchObject({ ok: false, last: 8, sealedThrough: 8, events: 8 });
    expect(chain?.problems[0]).toMatchObject({ seq: 9, code: "hash_mismatch" });
  });

  test("a key put in place of the real one passes without a pin alone", async () => {
    const thief = createSigner(sha256("thief"));
    const folder = copyFolder();
    const db = openForTampering(folder);
    const row = sealKeyRow(publishKey(thief, "2026-01-01T00:00:00.000Z"));
    db.run("DELETE FROM events WHERE tenant_id != ?", [tenant]);
    db.run("DELETE FROM seals WHERE tenant_id != ?", [tenant]);
    db.run("DELETE FROM heads WHERE tenant_id != ?", [tenant]);
    db.query("UPDATE seal_keys SET key_id = ?, public_key = ?, signature = ?").run(
      row.keyId,
      row.publicKey,
      row.signature,
    );
    rewriteFrom(db, tenant, 3, '{"forged":true}', (head) => {
      const signature = thief.sign(sealMessage([head]));
      db.query("UPDATE seals SET key_id = ?, signature = ? WHERE tenant_id = ? AND seq = ?").run(
        keyId(thief.publicKey),
        signature,
        tenant,
        head.seq,
      );
    });
    db.run("PRAGMA wal_checkpoint(TRUNCATE)");
    db.close();
    const chainOf = (report: Awaited<ReturnType<typeof verifyDataFolder>>) =>
      report.chains.find((chain) => chain.tenant === tenant);
    expect(chainOf(await verifyDataFolder(folder))).toMatchObject({ ok: true, pinned: false });
    expect(chainOf(await verifyDataFolder(folder, { pinned: [SEAL_KEY_ID] }))).toMatchObject({ ok: false });
  });

  test("a cut back to an earlier seal is what the seals alone cannot show", async () => {
    const { chain } = await verifyTampered((db) => cutTo(db, tenant, 6));
    expect(chain).toMatchObject({ ok: true, events: 6, sealedThrough: 6 });
  });
});

describe("folders", () => {
  let store: TestStore | undefined;

  test("of a running server, while it writes", async () => {
    const folder = copyFolder();
    store = await openTestStore({ folder, seed: 1_000_000 });
    const writing = Promise.all(Array.from({ length: 2000 }, () => store!.submit(tenant)));
    expect((await verifyDataFolder(folder)).ok).toBe(true);
    await writing;
    const report = await verifyDataFolder(folder);
    expect(report).toMatchObject({ ok: true, events: EVENTS + 1 + 2000 });
    await store.close();
  });

  test("with nothing in it, not there, or no database", async () => {
    const codeOf = (path: string) => verifyDataFolder(path).catch((error) => error.code);
    expect(await codeOf(join(root.path, "absent"))).toBe("invalid_argument");
    const folder = join(root.path, "garbage");
    mkdirSync(folder);
    await Bun.write(databasePath(folder), "not a database, however long this text may be ".repeat(50));
    expect(await codeOf(folder)).toBe("store_failed");
    await Bun.write(databasePath(folder), "");
    expect(await codeOf(folder)).toBe("store_failed");
  });
});
