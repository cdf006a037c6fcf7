import { equalBytes } from "#src/base/bytes.ts";
import { HASH_BYTES, nodeHash } from "./merkle.ts";

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

function half(value: number): number {
  return Math.floor(value / 2);
}

function isPowerOfTwo(value: number): boolean {
  return Number.isInteger(Math.log2(value));
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** More than any proof in a tree of 2^53 leaves has. */
const MAX_HASHES = 128;

function areHashes(hashes: readonly Uint8Array[]): boolean {
  return hashes.length <= MAX_HASHES && hashes.every((hash) => hash.length === HASH_BYTES);
}
