import type { Bytes } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { emptyRoot, nodeHash } from "#src/ledger/merkle.ts";

// Proofs by the recursion of the RFC over all leaves: what the stored tree is held against.

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
