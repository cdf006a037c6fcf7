import { Database } from "bun:sqlite";
import { join } from "node:path";
import { createProofs } from "#src/audit/proofs.ts";
import { toHex } from "#src/base/bytes.ts";
import type { TenantId } from "#src/base/ids.ts";
import { composeEvent, digestEvent, GENESIS_HASH } from "#src/ledger/event.ts";
import { CompactRange } from "#src/ledger/merkle.ts";
import { databasePath } from "#src/store/database.ts";
import { migrate } from "#src/store/migrations.ts";
import { createReader } from "#src/store/reader.ts";
import { TileBuilder, WRITE_TILE } from "#src/store/tree-builder.ts";
import { temporaryFolder } from "../support/store.ts";
import { median, print } from "./harness.ts";

// Proofs from the stored tree of a long chain. The tree is built by the store's own code; of the events only those are there
// that proofs read, small ones.

const SIZES = process.env["SOAK"] === undefined ? [10_000, 100_000, 1_000_037] : [10_000, 1_000_037, 10_000_037];
const PROOFS = 400;
const TENANT = "ten_bench" as TenantId;

for (const size of SIZES) {
  const folder = temporaryFolder();
  const db = new Database(databasePath(join(folder.path)), { create: true, strict: true });
  migrate(db);
  const writeTile = db.prepare(WRITE_TILE);
  const insert = db.prepare(
    "INSERT INTO events (tenant_id, seq, id, at, type, actor, bytes, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
  );
  const range = CompactRange.empty();
  let prev = GENESIS_HASH;
  const append = db.transaction(() => {
    const builder = new TileBuilder(
      {
        read: () => undefined,
        events: () => [],
        write: (level, tile, hashes) => void writeTile.run(TENANT, level, tile, hashes),
      },
      0,
    );
    for (let seq = 1; seq <= size; seq += 1) {
      const id = `evt_${seq}`;
      const at = "2026-01-31T23:59:59.123Z";
      const bytes = composeEvent({
        tenant: TENANT,
        seq,
        id,
        at,
        type: "test.done",
        actor: "system",
        prev,
        dataJson: "{}",
      });
      const { hash, leaf } = digestEvent(bytes);
      builder.append(leaf);
      range.append(leaf);
      insert.run(TENANT, seq, id, 0, "test.done", "system", bytes, hash);
      prev = hash;
    }
  });
  const started = performance.now();
  append();
  print(`proof.${size}.build`, (size * 1000) / (performance.now() - started), "1/s");
  db.query(
    "INSERT INTO heads (tenant_id, seq, hash, root, frontier, at, authority_epoch, stored_bytes) VALUES (?, ?, ?, ?, ?, 0, 0, 0)",
  ).run(TENANT, size, prev, toHex(range.root()), range.toBytes());
  const proofs = createProofs(createReader(db));
  for (const kind of ["inclusion", "consistency"] as const) {
    const times: number[] = [];
    for (let i = 0; i < PROOFS; i += 1) {
      const seq = 1 + ((i * 2_654_435_761) % size);
      const began = performance.now();
      if (kind === "inclusion") await proofs.inclusion(TENANT, seq, size);
      else await proofs.consistency(TENANT, seq, size);
      times.push(performance.now() - began);
    }
    print(`proof.${size}.${kind}`, median(times), "ms", { name: "1 ms", value: 1 });
  }
  db.close();
  folder.remove();
}
