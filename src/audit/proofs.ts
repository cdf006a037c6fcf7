import { type Bytes, fromHex, toHex } from "#src/base/bytes.ts";
import { invariant, WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import { leafHash } from "#src/ledger/merkle.ts";
import { verifyConsistency, verifyInclusion } from "#src/ledger/merkle-proof.ts";
import { consistencyRanges, inclusionRanges } from "#src/ledger/tree.ts";
import { readCheckpointCovering } from "#src/store/checkpoints.ts";
import { readEventBySeq, readHead } from "#src/store/events.ts";
import type { Reader } from "#src/store/reader.ts";
import { readRangeHashes, readRoot } from "#src/store/tree.ts";

/** That an event stands in a tree: RFC 9162 section 2.1.3. Hashes are lower-case hex. */
export interface Inclusion {
  readonly seq: number;
  readonly size: number;
  readonly leaf: string;
  /** The lowest first. */
  readonly path: readonly string[];
  readonly root: string;
}

/** That a tree is the beginning of a larger one: RFC 9162 section 2.1.4. Hashes are lower-case hex. */
export interface Consistency {
  readonly from: number;
  readonly to: number;
  readonly path: readonly string[];
  readonly fromRoot: string;
  readonly toRoot: string;
}

/** Proofs of one tenant's tree, each in a number of look-ups that grows with the logarithm of its size. */
export interface Proofs {
  /**
   * That event `seq` is among the first `size`; unless stated, those of the first checkpoint that covers it, or all.
   * Throws `not_found` for an event that is not there, `invalid_argument` for a size that does not hold it.
   */
  inclusion(tenant: TenantId, seq: number, size?: number): Promise<Inclusion>;
  /** That the first `from` events are the beginning of the first `to`, all unless stated; `invalid_argument`. */
  consistency(tenant: TenantId, from: number, to?: number): Promise<Consistency>;
}

/** Makes the service. INVARIANT: what it gives verifies, or it throws `store_failed`: the stored tree is never taken at its word. */
export function createProofs(reader: Reader): Proofs {
  const sizeOf = async (tenant: TenantId, size: number | undefined): Promise<number> => {
    const head = await readHead(reader, tenant);
    if (head === undefined) throw new WritError("not_found");
    if (size === undefined) return head.seq;
    if (size > head.seq) throw new WritError("invalid_argument", `the chain has ${head.seq} events`);
    return size;
  };
  return {
    inclusion: async (tenant, seq, wanted) => {
      const covering = wanted === undefined ? await readCheckpointCovering(reader, tenant, seq) : undefined;
      const size = await sizeOf(tenant, wanted ?? covering?.size);
      const event = await readEventBySeq(reader, tenant, seq);
      if (event === undefined) throw new WritError("not_found");
      if (seq > size) throw new WritError("invalid_argument", `event ${seq} is not among the first ${size}`);
      const leaf = leafHash(event.bytes);
      const path = await readRangeHashes(reader, tenant, inclusionRanges(seq - 1, size));
      const root = await readRoot(reader, tenant, size);
      if (!verifyInclusion(leaf, seq - 1, size, path, root)) throw brokenTree();
      return { seq, size, leaf: toHex(leaf), path: path.map(toHex), root: toHex(root) };
    },
    consistency: async (tenant, from, wanted) => {
      const to = await sizeOf(tenant, wanted);
      const path = await readRangeHashes(reader, tenant, consistencyRanges(from, to));
      const [fromRoot, toRoot] = [await readRoot(reader, tenant, from), await readRoot(reader, tenant, to)];
      if (!verifyConsistency(from, fromRoot, to, toRoot, path)) throw brokenTree();
      return { from, to, path: path.map(toHex), fromRoot: toHex(fromRoot), toRoot: toHex(toRoot) };
    },
  };
}

/** Whether the first `size` events have this root (hex) and are the beginning of the first `to`, which have `toRoot`. */
export async function isExtended(
  reader: Reader,
  tenant: TenantId,
  before: { readonly size: number; readonly root: string },
  now: { readonly size: number; readonly root: string },
): Promise<boolean> {
  invariant(before.size <= now.size, "a chain does not shrink");
  const path: Bytes[] = await readRangeHashes(reader, tenant, consistencyRanges(before.size, now.size));
  return verifyConsistency(before.size, fromHex(before.root), now.size, fromHex(now.root), path);
}

function brokenTree(): WritError {
  return new WritError("store_failed", "the stored tree does not agree with the events: `writ verify` says where");
}
