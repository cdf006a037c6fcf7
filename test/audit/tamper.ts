import type { Database } from "bun:sqlite";
import { toHex } from "#src/base/bytes.ts";
import type { TenantId } from "#src/base/ids.ts";
import { composeEvent, hashEventHex } from "#src/ledger/event.ts";
import { CompactRange, leafHash } from "#src/ledger/merkle.ts";
import type { sealMessage } from "#src/ledger/seal.ts";

interface StoredEvent {
  readonly seq: number;
  readonly id: string;
  readonly at: number;
  readonly type: string;
  readonly actor: string;
  readonly bytes: string;
  readonly hash: string;
}

export const readAll = (db: Database, tenant: TenantId) =>
  db.query("SELECT * FROM events WHERE tenant_id = ? ORDER BY seq").all(tenant) as StoredEvent[];

/** What somebody with the database and without the seal key can do best: everything is made to fit but the seals. */
export function rewriteFrom(
  db: Database,
  tenant: TenantId,
  seq: number,
  data: string,
  seal?: (head: Parameters<typeof sealMessage>[0][0]) => void,
) {
  const tree = CompactRange.empty();
  let prev = "0".repeat(64);
  for (const row of readAll(db, tenant)) {
    const parsed = JSON.parse(row.bytes);
    const { id, at, type, actor } = parsed;
    const dataJson =
      row.seq === seq ? data : row.bytes.slice(row.bytes.indexOf('"data":') + 7, row.bytes.indexOf(',"id":'));
    const bytes = composeEvent({ tenant, seq: row.seq, id, at, type, actor, prev, dataJson });
    prev = hashEventHex(bytes);
    tree.append(leafHash(bytes));
    db.query("UPDATE events SET bytes = ?, hash = ? WHERE tenant_id = ? AND seq = ?").run(bytes, prev, tenant, row.seq);
    const head = { tenant, seq: row.seq, hash: prev, root: toHex(tree.root()) };
    db.query("UPDATE seals SET hash = ?, root = ? WHERE tenant_id = ? AND seq = ?").run(
      prev,
      head.root,
      tenant,
      row.seq,
    );
    seal?.(head);
  }
  const values = [prev, toHex(tree.root()), tree.toBytes(), tenant] as const;
  db.query("UPDATE heads SET hash = ?, root = ?, frontier = ? WHERE tenant_id = ?").run(...values);
}

/** Cuts the chain behind `seq` and makes head and tree fit. */
export function cutTo(db: Database, tenant: TenantId, seq: number): void {
  db.query("DELETE FROM events WHERE tenant_id = ? AND seq > ?").run(tenant, seq);
  db.query("DELETE FROM seals WHERE tenant_id = ? AND seq > ?").run(tenant, seq);
  const tree = CompactRange.empty();
  for (const row of readAll(db, tenant)) tree.append(leafHash(row.bytes));
  const last = readAll(db, tenant).at(-1)!;
  const values = [seq, last.hash, toHex(tree.root()), tree.toBytes(), last.at, tenant] as const;
  db.query("UPDATE heads SET seq = ?, hash = ?, root = ?, frontier = ?, at = ? WHERE tenant_id = ?").run(...values);
}
