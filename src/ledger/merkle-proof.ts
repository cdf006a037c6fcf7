import { type Bytes, equalBytes } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { emptyRoot, HASH_BYTES, nodeHash } from "./merkle.ts";

/** The root over leaf hashes, by the recursion of RFC 9162 section 2.1.1. */
export function treeRoot(leaves: readonly Uint8Array[]): Bytes {
  return leaves.length === 0 ? emptyRoot() : rootOf(leaves, 0, leaves.length);
}

/**
 * The audit path of RFC 9162 section 2.1.3.1: the hashes that lead from leaf `index` to the root, the lowest first.
 * Throws `invalid_argument` for an index outside of the tree.
 */
export function proveInclusion(leaves: readonly Uint8Array[], index: number): Bytes[] {
  if (!Number.isSafeInteger(index) || index < 0 || index >= leaves.length) {
    throw new WritError("invalid_argument", `the tree has no leaf ${index}`);
  }
  const path: Bytes[] = [];
  let start = 0;
  let end = leaves.length;
  while (end - start > 1) {
    const middle = start + splitPoint(end - start);
    if (index < middle) {
      path.push(rootOf(leaves, middle, end));
      end = middle;
    } else {
      path.push(rootOf(leaves, start, middle));
      start = middle;
    }
  }
  return path.reverse();
}

/** Whether `path` leads from `leaf` at `index` to `root` in a tree of `size` leaves, RFC 9162 section 2.1.3.2. */
export function verifyInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
  root: Uint8Array,
): boolean {
  if (!isSize(size) || !isSize(index) || index >= size || !areHashes([leaf, root, ...path])) return false;
  let hash = Uint8Array.from(leaf);
  let node = index;
  let last = size - 1;
  for (const sibling of path) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      hash = nodeHash(hash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && equalBytes(hash, root);
}

/**
 * The consistency proof of RFC 9162 section 2.1.4.1: shows that the tree of the first `size` leaves is a beginning of the
 * tree of all. Empty where both are the same; throws `invalid_argument` for size 0 or more than there are.
 */
export function proveConsistency(leaves: readonly Uint8Array[], size: number): Bytes[] {
  if (!Number.isSafeInteger(size) || size < 1 || size > leaves.length) {
    throw new WritError("invalid_argument", `no consistency proof from size ${size} to ${leaves.length}`);
  }
  const path: Bytes[] = [];
  let start = 0;
  let end = leaves.length;
  let complete = true;
  while (end !== size) {
    const middle = start + splitPoint(end - start);
    if (size <= middle) {
      path.push(rootOf(leaves, middle, end));
      end = middle;
    } else {
      path.push(rootOf(leaves, start, middle));
      start = middle;
      complete = false;
    }
  }
  if (!complete) path.push(rootOf(leaves, start, end));
  return path.reverse();
}

/** Whether `path` shows that the tree with `oldRoot` is a beginning of the one with `newRoot`, RFC 9162 section 2.1.4.2. */
export function verifyConsistency(
  oldSize: number,
  oldRoot: Uint8Array,
  newSize: number,
  newRoot: Uint8Array,
  path: readonly Uint8Array[],
): boolean {
  if (
    !isSize(oldSize) ||
    !isSize(newSize) ||
    oldSize < 1 ||
    oldSize > newSize ||
    !areHashes([oldRoot, newRoot, ...path])
  )
    return false;
  if (oldSize === newSize) return path.length === 0 && equalBytes(oldRoot, newRoot);
  const hashes = isPowerOfTwo(oldSize) ? [oldRoot, ...path] : path;
  const first = hashes[0];
  if (first === undefined) return false;
  let node = oldSize - 1;
  let last = newSize - 1;
  while (node % 2 === 1) [node, last] = [half(node), half(last)];
  let oldHash = Uint8Array.from(first);
  let newHash = oldHash;
  for (const sibling of hashes.slice(1)) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      oldHash = nodeHash(sibling, oldHash);
      newHash = nodeHash(sibling, newHash);
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)];
    } else {
      newHash = nodeHash(newHash, sibling);
    }
    [node, last] = [half(node), half(last)];
  }
  return last === 0 && equalBytes(oldHash, oldRoot) && equalBytes(newHash, newRoot);
}

function rootOf(leaves: readonly Uint8Array[], start: number, end: number): Bytes {
  if (end - start === 1) return Uint8Array.from(leaves[start] as Uint8Array);
  const middle = start + splitPoint(end - start);
  return nodeHash(rootOf(leaves, start, middle), rootOf(leaves, middle, end));
}

/** The largest power of two smaller than `size`. */
function splitPoint(size: number): number {
  let power = 1;
  while (power * 2 < size) power *= 2;
  return power;
}

function half(value: number): number {
  return Math.floor(value / 2);
}

function isPowerOfTwo(value: number): boolean {
  return splitPoint(value * 2) === value;
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** More than any proof in a tree of 2^53 leaves has. */
const MAX_HASHES = 128;

function areHashes(hashes: readonly Uint8Array[]): boolean {
  return hashes.length <= MAX_HASHES && hashes.every((hash) => hash.length === HASH_BYTES);
}
