import type { Bytes } from "#src/base/bytes.ts";
import { invariant, WritError } from "#src/base/errors.ts";
import { CompactRange, emptyRoot, nodeHash } from "./merkle.ts";

/**
 * How a tree is stored, and which of its nodes a proof needs.
 *
 * Nodes are kept in *tiles*: a tile at level L holds the hashes of {@link TILE_LEAVES} neighbouring complete subtrees of
 * 64^L leaves each. What lies between is computed from those, so that one row serves six levels of the tree. All that is
 * here is arithmetic; who reads tiles hands in what gives a node.
 */
export const TILE_LEAVES = 64;

/** How many levels of the tree one level of tiles spans: 2^6 is {@link TILE_LEAVES}. */
const TILE_HEIGHT = 6;

/** A complete subtree: `index` counts the subtrees of 2^`height` leaves from the left. */
export interface TreeNode {
  readonly height: number;
  readonly index: number;
}

/** The leaves from `start` to before `end`: a part of the tree that has one hash. */
export interface LeafRange {
  readonly start: number;
  readonly end: number;
}

/** Where a tile stands. */
export interface TilePlace {
  readonly level: number;
  readonly index: number;
}

/** Gives the hash of a complete subtree. */
export type NodeSource = (node: TreeNode) => Uint8Array;

/**
 * The parts of the tree whose hashes are the audit path of RFC 9162 section 2.1.3.1 for leaf `index` in a tree of `size`,
 * the lowest first. Throws `invalid_argument` for a leaf that the tree does not have.
 */
export function inclusionRanges(index: number, size: number): LeafRange[] {
  if (!Number.isSafeInteger(index) || index < 0 || !Number.isSafeInteger(size) || index >= size) {
    throw new WritError("invalid_argument", `a tree of ${size} leaves has no leaf ${index}`);
  }
  const path: LeafRange[] = [];
  let [start, end] = [0, size];
  while (end - start > 1) {
    const middle = start + splitPoint(end - start);
    if (index < middle) {
      path.push({ start: middle, end });
      end = middle;
    } else {
      path.push({ start, end: middle });
      start = middle;
    }
  }
  return path.reverse();
}

/**
 * The parts whose hashes are the consistency proof of RFC 9162 section 2.1.4.1 from `oldSize` to `newSize` leaves. Throws
 * `invalid_argument` for sizes that are not in order, and for an old tree without leaves, of which there is nothing to prove.
 */
export function consistencyRanges(oldSize: number, newSize: number): LeafRange[] {
  if (!Number.isSafeInteger(oldSize) || oldSize < 1 || !Number.isSafeInteger(newSize) || oldSize > newSize) {
    throw new WritError("invalid_argument", `there is no consistency proof from ${oldSize} to ${newSize} leaves`);
  }
  const path: LeafRange[] = [];
  let [start, end] = [0, newSize];
  let isWhole = true;
  while (end !== oldSize) {
    const middle = start + splitPoint(end - start);
    if (oldSize <= middle) {
      path.push({ start: middle, end });
      end = middle;
    } else {
      path.push({ start, end: middle });
      start = middle;
      isWhole = false;
    }
  }
  if (!isWhole) path.push({ start, end });
  return path.reverse();
}

/**
 * The complete subtrees that a part of the tree consists of, from the left, the largest first. The part begins at a multiple
 * of a power of two that is not smaller than it, as every part that a proof needs does.
 */
export function subtreesOf({ start, end }: LeafRange): TreeNode[] {
  const nodes: TreeNode[] = [];
  for (let at = start; at < end; ) {
    let height = 0;
    while (2 ** (height + 1) <= end - at) height += 1;
    invariant(at % 2 ** height === 0, "a part of the tree begins where its largest subtree can");
    nodes.push({ height, index: at / 2 ** height });
    at += 2 ** height;
  }
  return nodes;
}

/** The hash of a part of the tree. */
export function hashRange(range: LeafRange, nodeAt: NodeSource): Bytes {
  const hashes = subtreesOf(range).map(nodeAt);
  const last = hashes.at(-1);
  if (last === undefined) return emptyRoot();
  return hashes.slice(0, -1).reduceRight<Bytes>((right, left) => nodeHash(left, right), Uint8Array.from(last));
}

/** The compact range of the first `size` leaves. */
export function compactRangeOf(size: number, nodeAt: NodeSource): CompactRange {
  const hashes = subtreesOf({ start: 0, end: size }).map(nodeAt);
  const bytes = new Uint8Array(hashes.length * 32);
  for (const [place, hash] of hashes.entries()) bytes.set(hash, place * 32);
  return CompactRange.fromBytes(size, bytes);
}

/** The tile from which a node is computed. */
export function tileOf({ height, index }: TreeNode): TilePlace {
  const level = Math.floor(height / TILE_HEIGHT);
  return { level, index: Math.floor(index / 2 ** (TILE_HEIGHT - (height % TILE_HEIGHT))) };
}

/** Hash of a node from its tile's hashes, or undefined where the tile does not have enough of them yet. */
export function nodeInTile({ height, index }: TreeNode, hashes: readonly Uint8Array[]): Bytes | undefined {
  const width = 2 ** (height % TILE_HEIGHT);
  const first = (index * width) % TILE_LEAVES;
  if (first + width > hashes.length) return undefined;
  return joinAll(hashes.slice(first, first + width));
}

/** The root of a complete subtree over a power of two of hashes. */
export function joinAll(hashes: readonly Uint8Array[]): Bytes {
  let row = hashes;
  while (row.length > 1) {
    const above: Bytes[] = [];
    for (let at = 0; at < row.length; at += 2) above.push(nodeHash(row[at] as Uint8Array, row[at + 1] as Uint8Array));
    row = above;
  }
  invariant(row[0] !== undefined, "a subtree has a leaf");
  return Uint8Array.from(row[0]);
}

/** The largest power of two smaller than `size`, which is at least 2. */
function splitPoint(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}
