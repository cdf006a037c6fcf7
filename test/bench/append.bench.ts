import { join } from "node:path";
import { canonicalize } from "#src/base/canonical-json.ts";
import { newId, type TenantId } from "#src/base/ids.ts";
import { systemIdSource } from "#src/crypto/random.ts";
import { Committer } from "#src/store/committer.ts";
import { openForWriting } from "#src/store/database.ts";
import { insertTenant } from "#src/store/instance.ts";
import { migrate } from "#src/store/migrations.ts";
import type { Unit } from "#src/store/unit.ts";
import { eventDraft, SEAL_KEY_ID, SEAL_SIGNER, temporaryFolder } from "#test/support/store.ts";
import { median, print } from "./harness.ts";

// What a commit costs beside a bare INSERT of the same row in the same batches, each with `synchronous=FULL`, into a table
// without key or index: hash chain, tree with its stored nodes, all indexes, head, and a signed seal. On one thread, as
// the writer's own is. Then how the rate changes as the chain grows; ten million events where `SOAK` is set.

const ROUNDS = 5;
const EVENTS = 6400;
const DATA = { detail: "x".repeat(780) };
const GROWN_BATCH = 256;
const SIZES = [10_000, 100_000, 1_000_000, ...(process.env["SOAK"] === undefined ? [] : [10_000_000])];

const folder = temporaryFolder();
// As they are made: in the order of time. Ids in random order would touch a page of their index for each event.
const ids = systemIdSource;
const tenant = newId("tenant", ids) as TenantId;
const db = openForWriting(join(folder.path, "writ.db"));
const bare = openForWriting(join(folder.path, "bare.db"));
try {
  migrate(db);
  const committer = new Committer({ db, sealKey: { id: SEAL_KEY_ID, signer: SEAL_SIGNER }, tenantQuotaBytes: 0 });
  const row = {
    tenantId: tenant,
    name: "bench",
    kind: "customer",
    status: "active",
    createdAt: 0,
    settings: "{}",
  } as const;
  committer.commit([{ tenant, statements: [insertTenant(row)], event: eventDraft(ids, {}, "tenant.created") }], 1);
  committer.commit([{ tenant, statements: [], event: eventDraft(ids, DATA) }], 2);
  const values = db.query("SELECT * FROM events ORDER BY seq DESC LIMIT 1").values()[0] as string[];
  bare.run(
    "CREATE TABLE rows (tenant_id TEXT, seq INTEGER, id TEXT, at INTEGER, type TEXT, actor TEXT, bytes TEXT, hash TEXT) STRICT",
  );
  const insert = bare.prepare("INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)");

  const dataJson = canonicalize(DATA);
  let events = 2;
  const batchOf = (size: number): Unit[] =>
    Array.from({ length: size }, (): Unit => {
      const event = { id: newId("event", ids), type: "test.done", actor: "system", dataJson };
      return { tenant, statements: [], event };
    });
  const commit = (batch: readonly Unit[]): void => {
    const results = committer.commit(batch, 3);
    if (results.some((result) => result?.kind !== "committed")) throw new Error("a unit was refused");
    events += batch.length;
  };
  const measureOurs = (size: number): number => {
    const batches = Array.from({ length: EVENTS / size }, () => batchOf(size));
    const start = performance.now();
    for (const batch of batches) commit(batch);
    return (EVENTS * 1000) / (performance.now() - start);
  };
  const measureBare = (size: number): number => {
    const start = performance.now();
    for (let done = 0; done < EVENTS; done += size) {
      bare.run("BEGIN IMMEDIATE");
      for (let i = 0; i < size; i += 1) insert.run(...values);
      bare.run("COMMIT");
    }
    return (EVENTS * 1000) / (performance.now() - start);
  };
  const measureBehind = (size: number): void => {
    while (events < size) commit(batchOf(GROWN_BATCH));
    const rates = Array.from({ length: ROUNDS }, () => [measureOurs(GROWN_BATCH), measureBare(GROWN_BATCH)] as const);
    print(`append.behind_${size}`, median(rates.map(([ours]) => ours)), "1/s", {
      name: "bare INSERT",
      value: median(rates.map(([, theirs]) => theirs)),
    });
  };
  for (const size of SIZES.slice(0, 2)) measureBehind(size);
  for (const size of [1, 8, 64, 256]) {
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < (size === 1 ? 1 : ROUNDS); round += 1) {
      ours.push(measureOurs(size));
      theirs.push(measureBare(size));
    }
    print(`append.batches_of_${size}`, median(ours), "1/s", { name: "bare INSERT", value: median(theirs) });
  }
  for (const size of SIZES.slice(2)) measureBehind(size);
} finally {
  db.close();
  bare.close();
  folder.remove();
}
