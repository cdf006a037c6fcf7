import { join } from "node:path";
import type { TenantId } from "#src/base/ids.ts";
import { systemIdSource } from "#src/crypto/random.ts";
import { openForWriting } from "#src/store/database.ts";
import type { Unit } from "#src/store/unit.ts";
import { eventDraft, openTestStore, type TestStore, temporaryFolder } from "#test/support/store.ts";
import { median, print } from "./harness.ts";

// The writer beside a bare INSERT of the same bytes in the same batches with the same `synchronous=FULL`. The writer's
// work besides: another thread, hash chain, Merkle tree, index of ids, a signature for each commit.

const BATCHES = 150;
const ROUNDS = 3;
const DATA = { detail: "x".repeat(780) };

/** Units a second through the writer, `size` at a time. */
async function measureWriter(store: TestStore, tenant: TenantId, size: number): Promise<number> {
  const batches = Array.from({ length: BATCHES }, () =>
    Array.from({ length: size }, (): Unit => ({ tenant, statements: [], event: eventDraft(systemIdSource, DATA) })),
  );
  const start = performance.now();
  for (const batch of batches) {
    const results = await Promise.all(batch.map((unit) => store.writer.submit(unit)));
    if (results.some((result) => result.kind !== "committed")) throw new Error("a unit was refused");
  }
  return (BATCHES * size * 1000) / (performance.now() - start);
}

/** Rows a second into a table of texts. */
function measureBare(db: ReturnType<typeof openForWriting>, bytes: string, size: number): number {
  const insert = db.prepare("INSERT INTO rows (bytes) VALUES (?)");
  const start = performance.now();
  for (let batch = 0; batch < BATCHES; batch += 1) {
    db.run("BEGIN IMMEDIATE");
    for (let i = 0; i < size; i += 1) insert.run(bytes);
    db.run("COMMIT");
  }
  return (BATCHES * size * 1000) / (performance.now() - start);
}

const folder = temporaryFolder();
const store = await openTestStore({ folder: folder.path });
const bare = openForWriting(join(folder.path, "bare.db"));
try {
  const tenant = await store.createTenant("bench", "instance");
  bare.run("CREATE TABLE rows (id INTEGER PRIMARY KEY, bytes TEXT NOT NULL) STRICT");
  await store.submit(tenant, { data: DATA });
  const row = await store.reader.get<{ bytes: string }>("SELECT bytes FROM events ORDER BY seq DESC LIMIT 1", []);
  const bytes = row?.bytes ?? "";
  for (const size of [1, 8, 64]) {
    const ours: number[] = [];
    const theirs: number[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      ours.push(await measureWriter(store, tenant, size));
      theirs.push(measureBare(bare, bytes, size));
    }
    print(`commit.batches_of_${size}`, median(ours), "1/s", { name: "bare INSERT", value: median(theirs) });
  }
} finally {
  bare.close();
  await store.close();
  folder.remove();
}
