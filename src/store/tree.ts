import type { Bytes } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import { type CompactRange, leafHash } from "#src/ledger/merkle.ts";
import {
  compactRangeOf,
  hashRange,
  type LeafRange,
  type NodeSource,
  nodeInTile,
  subtreesOf,
  TILE_LEAVES,
  type TilePlace,
  tileOf,
} from "#src/ledger/tree.ts";
import type { Reader } from "./reader.ts";
import { READ_LEAVES, READ_TILE, splitHashes } from "./tree-builder.ts";

/**
 * The hashes of parts of a chain's tree, in order: a look-up for each tile that they need, and the events of the last,
 * incomplete tile where they reach into it. Throws `store_failed` where a part is beyond what is stored.
 *
 * INVARIANT: local events may be deleted up to a multiple of {@link TILE_LEAVES} alone; then the tree needs none of them.
 */
export async function readRangeHashes(
  reader: Reader,
  tenant: TenantId,
  ranges: readonly LeafRange[],
): Promise<Bytes[]> {
  const nodeAt = await readNodes(reader, tenant, ranges);
  return ranges.map((range) => hashRange(range, nodeAt));
}

/** The root over the first `size` events. */
export async function readRoot(reader: Reader, tenant: TenantId, size: number): Promise<Bytes> {
  return (await readFrontier(reader, tenant, size)).root();
}

/** The compact range of the first `size` events: what a verification of the events behind them begins with. */
export async function readFrontier(reader: Reader, tenant: TenantId, size: number): Promise<CompactRange> {
  return compactRangeOf(size, await readNodes(reader, tenant, [{ start: 0, end: size }]));
}

async function readNodes(reader: Reader, tenant: TenantId, ranges: readonly LeafRange[]): Promise<NodeSource> {
  const end = Math.max(0, ...ranges.map((range) => range.end));
  const tiles = new Map<string, readonly Uint8Array[]>();
  for (const node of ranges.flatMap(subtreesOf)) {
    const place = tileOf(node);
    const key = keyOf(place);
    if (!tiles.has(key)) tiles.set(key, await readTile(reader, tenant, place, end));
  }
  return (node) => {
    const hash = nodeInTile(node, tiles.get(keyOf(tileOf(node))) ?? []);
    if (hash === undefined) throw new WritError("store_failed", "a part of the stored tree is missing");
    return hash;
  };
}

async function readTile(
  reader: Reader,
  tenant: TenantId,
  { level, index }: TilePlace,
  end: number,
): Promise<readonly Uint8Array[]> {
  const row = await reader.get<{ hashes: Uint8Array }>(READ_TILE, [tenant, level, index]);
  if (row !== undefined) return splitHashes(row.hashes);
  if (level > 0) return [];
  const first = index * TILE_LEAVES + 1;
  const last = Math.min(first + TILE_LEAVES - 1, end);
  const events = await reader.all<{ bytes: string }>(READ_LEAVES, [tenant, first, last]);
  return events.map(({ bytes }) => leafHash(bytes));
}

function keyOf({ level, index }: TilePlace): string {
  return `${level} ${index}`;
}
