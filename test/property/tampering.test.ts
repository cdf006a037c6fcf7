import type { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { verifyDataFolder } from "#src/audit/verify.ts";
import type { TenantId } from "#src/base/ids.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { parseCheckpoint, type SignedCheckpoint } from "#src/ledger/checkpoint.ts";
import { readLines } from "#src/ledger/lines.ts";
import { verifyBundle } from "#src/ledger/verify-bundle.ts";
import { databasePath } from "#src/store/database.ts";
import { createReaderPool } from "#src/store/reader-pool.ts";
import { openForTampering, temporaryFolder } from "#test/support/store.ts";
import { openStage } from "../audit/stage.ts";
import { cutTo, rewriteFrom } from "../audit/tamper.ts";
import { seeded } from "../support/mutation.ts";

// Seeded changes to what is signed: every one is found, the first event that is wrong is named, and an original is never
// called tampered. Where `SOAK` is set ten thousand of them, else some hundred.
const CHANGES = process.env["SOAK"] === undefined ? 200 : 5000;
const DAY = 86_400_000;
const SEED = 20_260_131;

setDefaultTimeout(process.env["SOAK"] === undefined ? 60_000 : 3_600_000);

const root = temporaryFolder();
const original = join(root.path, "original");
let tenant: TenantId;
let kept: SignedCheckpoint;
let last: number;
let bundle: Uint8Array;

beforeAll(async () => {
  mkdirSync(original);
  const stage = await openStage({ folder: original });
  const { store, checkpoints } = stage;
  tenant = stage.tenant;
  for (let day = 0; day < 3; day += 1) {
    for (let i = 0; i < 12; i += 1) {
      const bytes = JSON.stringify([{ day, i }]);
      const blobs = i % 5 === 0 ? [{ sha256: sha256Hex(bytes), bytes }] : [];
      const data = {
        day,
        i,
        text: "plain äö",
        ...(blobs[0] === undefined ? {} : { doc: { ref: `sha256:${blobs[0].sha256}` } }),
      };
      const submitted = store.submit(tenant, { data, blobs });
      if (i % 3 !== 0) await submitted;
    }
    await stage.add(20);
    await checkpoints.makeDue();
    store.clock.time += DAY;
  }
  await stage.add(5);
  kept = parseCheckpoint((await checkpoints.show(tenant)).note);
  last = (await store.reader.get<{ seq: number }>("SELECT seq FROM heads WHERE tenant_id = ?", [tenant]))?.seq ?? 0;
  await store.close();
  const pool = createReaderPool(databasePath(original));
  const lines: string[] = [];
  for await (const chunk of pool.stream("export", { tenant, madeAt: "2026-01-01T00:00:00.000Z" })) lines.push(...chunk);
  await pool.close();
  bundle = new TextEncoder().encode(lines.map((line) => `${line}\n`).join(""));
});
afterAll(() => root.remove());

type Random = () => number;
/** Makes a change; gives its name, and the event that must be the first to be named where that is one. */
type Change = (
  db: Database,
  random: Random,
) => { readonly what: string; readonly seq?: number; readonly from?: number };

const pick = (random: Random, count: number) => Math.floor(random() * count);

/** The text with one bit of one character changed; never a null, which SQLite's functions would end at. */
function flip(text: string, random: Random): string {
  for (;;) {
    const at = pick(random, text.length);
    const code = text.charCodeAt(at) ^ (1 << pick(random, 7));
    if (code !== 0 && code !== text.charCodeAt(at))
      return text.slice(0, at) + String.fromCharCode(code) + text.slice(at + 1);
  }
}

function flipBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const changed = Uint8Array.from(bytes);
  const at = pick(random, bytes.length);
  changed[at] = (changed[at] ?? 0) ^ (1 << pick(random, 8));
  return changed;
}

/** A bit of one column of one row, whatever its type; integers differ by a power of two. */
function flipColumn(db: Database, table: string, columns: readonly string[], where: string, random: Random): string {
  const rows = db.query(`SELECT * FROM ${table} WHERE ${where}`).all() as Record<
    string,
    string | number | Uint8Array
  >[];
  const row = rows[pick(random, rows.length)]!;
  const column = columns[pick(random, columns.length)]!;
  const value = row[column];
  const changed =
    typeof value === "string"
      ? flip(value, random)
      : typeof value === "number"
        ? value + 2 ** pick(random, 20)
        : flipBytes(value!, random);
  const keys = Object.keys(row).filter(
    (name) => ["tenant_id", "seq", "size", "level", "tile", "key_id", "sha256"].includes(name) && name in row,
  );
  const condition = keys.map((name) => `${name} IS ?`).join(" AND ");
  try {
    db.query(`UPDATE ${table} SET ${column} = ? WHERE ${condition}`).run(
      changed,
      ...keys.map((name) => row[name] as string),
    );
  } catch (error) {
    if (!String(error).includes("constraint")) throw error;
    return flipColumn(db, table, columns, where, random);
  }
  return `${table}.${column}`;
}

const own = () => `tenant_id = '${tenant}'`;
const CHANGES_OF_DATABASES: readonly Change[] = [
  (db, random) => {
    const seq = 1 + pick(random, last);
    return { what: flipColumn(db, "events", ["bytes"], `${own()} AND seq = ${seq}`, random), seq };
  },
  (db, random) => {
    const seq = 1 + pick(random, last);
    return {
      what: flipColumn(db, "events", ["id", "at", "type", "actor", "hash"], `${own()} AND seq = ${seq}`, random),
      seq,
    };
  },
  (db, random) => {
    const seq = 1 + pick(random, last);
    db.query("DELETE FROM events WHERE tenant_id = ? AND seq = ?").run(tenant, seq);
    return { what: "event removed", seq };
  },
  (db, random) => {
    const a = 1 + pick(random, last);
    const b = 1 + ((a + pick(random, last - 1)) % last);
    const move = db.query("UPDATE events SET seq = ? WHERE tenant_id = ? AND seq = ?");
    move.run(last + 9, tenant, a);
    move.run(a, tenant, b);
    move.run(b, tenant, last + 9);
    return { what: "events swapped", seq: Math.min(a, b) };
  },
  (db, random) => {
    const seq = 1 + pick(random, last);
    db.query(
      `INSERT INTO events SELECT tenant_id, ${last + 1}, id || 'x', at, type, actor, bytes, hash FROM events WHERE tenant_id = ? AND seq = ?`,
    ).run(tenant, seq);
    return { what: "event repeated" };
  },
  (db, random) => ({ what: flipColumn(db, "seals", ["hash", "root", "key_id", "signature"], own(), random) }),
  (db, random) => ({
    what: flipColumn(db, "checkpoints", ["at", "period", "key_id", "note", "made_by"], own(), random),
  }),
  (db, random) => ({ what: flipColumn(db, "heads", ["hash", "root", "frontier", "at", "seq"], own(), random) }),
  (db, random) => ({ what: flipColumn(db, "tree_tiles", ["hashes"], own(), random) }),
  (db, random) => ({ what: flipColumn(db, "blobs", ["bytes"], own(), random) }),
  (db, random) => ({ what: flipColumn(db, "seal_keys", ["public_key", "at", "signature"], "1 = 1", random) }),
  (db, random) => {
    const sizes = db.query("SELECT size FROM checkpoints WHERE tenant_id = ?").all(tenant) as { size: number }[];
    const { size } = sizes[pick(random, sizes.length)]!;
    db.query("DELETE FROM checkpoints WHERE tenant_id = ? AND size = ?").run(tenant, size);
    return { what: `checkpoint of ${size} removed`, seq: size + 1 };
  },
  (db, random) => {
    const sums = db.query("SELECT sha256 FROM blobs WHERE tenant_id = ?").all(tenant) as { sha256: string }[];
    const { sha256 } = sums[pick(random, sums.length)]!;
    db.query("DELETE FROM blobs WHERE tenant_id = ? AND sha256 = ?").run(tenant, sha256);
    return { what: "document removed" };
  },
  (db, random) => {
    const seq = kept.size - 1 - pick(random, 30);
    cutTo(db, tenant, seq);
    return { what: `cut to ${seq}, checkpoint kept`, from: seq };
  },
  (db, random) => {
    const seq = 1 + pick(random, last);
    rewriteFrom(db, tenant, seq, `{"forged":${pick(random, 1e9)}}`);
    db.query("DELETE FROM tree_tiles").run();
    return { what: `rewritten from ${seq}`, from: seq };
  },
];

describe("a database", () => {
  test("every change is found, and the first event that is wrong is named", async () => {
    const random = seeded(SEED);
    const folder = join(root.path, "changed");
    mkdirSync(folder);
    for (let i = 0; i < CHANGES; i += 1) {
      rmSync(databasePath(folder), { force: true });
      copyFileSync(databasePath(original), databasePath(folder));
      if (i % 50 === 0)
        expect(await verifyDataFolder(folder, { expectCheckpoints: [kept] })).toMatchObject({ ok: true });
      const db = openForTampering(folder);
      // Indexes that look into an event's text would refuse text that is no JSON: whoever tampers takes them away.
      db.run("DROP INDEX IF EXISTS events_about_agent");
      const { what, seq, from } = CHANGES_OF_DATABASES[i % CHANGES_OF_DATABASES.length]!(db, random);
      db.run("PRAGMA wal_checkpoint(TRUNCATE)");
      db.close();
      const report = await verifyDataFolder(folder);
      const problem = report.chains.find((chain) => chain.tenant === tenant)?.problems[0] ?? report.problems[0];
      expect({ i, what, ok: report.ok }).toEqual({ i, what, ok: false });
      if (seq !== undefined) expect({ i, what, seq: problem?.seq }).toEqual({ i, what, seq });
      if (from !== undefined) expect(problem?.seq).toBeGreaterThanOrEqual(from);
    }
  });

  test("cut back to any earlier seal, with all that tells of more: a kept checkpoint shows it", async () => {
    const random = seeded(SEED + 1);
    for (let i = 0; i < 10; i += 1) {
      const folder = join(root.path, `cut-${i}`);
      mkdirSync(folder);
      copyFileSync(databasePath(original), databasePath(folder));
      const db = openForTampering(folder);
      const seals = db.query("SELECT seq FROM seals WHERE tenant_id = ? AND seq < ?").all(tenant, kept.size) as {
        seq: number;
      }[];
      const { seq } = seals[pick(random, seals.length)]!;
      cutTo(db, tenant, seq);
      db.query("DELETE FROM checkpoints WHERE tenant_id = ? AND size > ?").run(tenant, seq);
      db.query("DELETE FROM tree_tiles").run();
      db.query("DELETE FROM blobs WHERE tenant_id = ?").run(tenant);
      db.query("DELETE FROM events WHERE tenant_id != ?").run(tenant);
      db.query("DELETE FROM seals WHERE tenant_id != ?").run(tenant);
      db.close();
      const report = await verifyDataFolder(folder, { expectCheckpoints: [kept] });
      const codes = report.chains.find((chain) => chain.tenant === tenant)?.problems.map(({ code }) => code);
      expect(codes).toContain("checkpoint_ahead");
    }
  });
});

describe("a bundle", () => {
  test("every change to an event, key, seal, checkpoint or document is found", async () => {
    const random = seeded(SEED + 2);
    const lines = new TextDecoder().decode(bundle).split("\n").slice(0, -1);
    const places = lines.flatMap((line, place) => (line.startsWith('{"event"') ? [place] : []));
    const seqAt = (place: number) => places.indexOf(place) + 1;
    const encode = (changed: readonly string[]) =>
      new TextEncoder().encode(changed.map((line) => `${line}\n`).join(""));
    const changes: readonly (() => { bytes: Uint8Array; seq?: number })[] = [
      () => {
        const start = lines[0]!.length + 1;
        const place = start + pick(random, bundle.length - start);
        const bytes = bundle.slice();
        bytes[place] = (bytes[place] ?? 0) ^ (1 << pick(random, 8));
        return { bytes };
      },
      () => {
        const place = places[pick(random, places.length)]!;
        return { bytes: encode(lines.toSpliced(place, 1)), seq: seqAt(place) === last ? last : seqAt(place) + 1 };
      },
      () => {
        const place = places[pick(random, places.length)]!;
        return { bytes: encode(lines.toSpliced(place, 0, lines[place]!)), seq: seqAt(place) };
      },
      () => {
        const [a, b] = [places[pick(random, places.length - 1)]!, places[places.length - 1]!];
        return { bytes: encode(lines.with(a, lines[b]!).with(b, lines[a]!)) };
      },
      () => ({ bytes: bundle.slice(0, lines[0]!.length + 1 + pick(random, bundle.length - lines[0]!.length - 1)) }),
    ];
    expect((await verifyBundle(readLines([bundle]), { expectCheckpoints: [kept] })).ok).toBe(true);
    for (let i = 0; i < CHANGES; i += 1) {
      const { bytes, seq } = changes[i % changes.length]!();
      const report = await verifyBundle(readLines([bytes]));
      expect({ i, ok: report.ok }).toEqual({ i, ok: false });
      if (seq !== undefined && i % changes.length === 2) expect(report.problems[0]?.seq).toBe(seq);
    }
    expect((await verifyBundle(readLines([bundle]))).ok).toBe(true);
  });
});
