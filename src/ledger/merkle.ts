import { type Bytes, concatBytes } from "#src/base/bytes.ts";
import { invariant, WritError } from "#src/base/errors.ts";
import { sha256 } from "#src/crypto/hash.ts";

/** Length of every hash in the tree, in bytes. */
export const HASH_BYTES = 32;

const nodeInput = new Uint8Array(1 + 2 * HASH_BYTES);
nodeInput[0] = 1;

/** The hash of a leaf, RFC 9162 section 2.1.1: SHA-256(0x00 || bytes). */
export function leafHash(bytes: Uint8Array | string): Bytes {
  return sha256(typeof bytes === "string" ? `\0${bytes}` : concatBytes(Uint8Array.of(0), bytes));
}

/** The hash of an inner node, RFC 9162 section 2.1.1: SHA-256(0x01 || left || right). Both have 32 bytes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Bytes {
  invariant(left.length === HASH_BYTES && right.length === HASH_BYTES, "a hash in the tree has 32 bytes");
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + HASH_BYTES);
  return sha256(nodeInput);
}

/** The root of the empty tree: SHA-256 of nothing. */
export function emptyRoot(): Bytes {
  return sha256();
}

/**
 * All that is needed of a Merkle tree to append to it and to know its root: the roots of its complete subtrees, one for
 * each bit of the size that is set, the largest first. Appending hashes once on average, the root at most log2(size) times.
 */
export class CompactRange {
  private count: number;
  private readonly subtrees: Bytes[];

  private constructor(count: number, subtrees: Bytes[]) {
    this.count = count;
    this.subtrees = subtrees;
  }

  /** The range of no leaves. */
  static empty(): CompactRange {
    return new CompactRange(0, []);
  }

  /** The inverse of {@link toBytes}; throws `verification_failed` if that many bytes do not fit `size` leaves. */
  static fromBytes(size: number, bytes: Uint8Array): CompactRange {
    if (!Number.isSafeInteger(size) || size < 0 || bytes.length !== countOnes(size) * HASH_BYTES) {
      throw new WritError("verification_failed", `${bytes.length} bytes are no compact range of ${size} leaves`);
    }
    const subtrees: Bytes[] = [];
    for (let at = 0; at < bytes.length; at += HASH_BYTES)
      subtrees.push(new Uint8Array(bytes.subarray(at, at + HASH_BYTES)));
    return new CompactRange(size, subtrees);
  }

  /** How many leaves the tree has. */
  get size(): number {
    return this.count;
  }

  /** Adds a leaf by its {@link leafHash}. */
  append(leaf: Uint8Array): void {
    let hash = new Uint8Array(leaf);
    for (let rest = this.count; rest % 2 === 1; rest = (rest - 1) / 2)
      hash = nodeHash(this.subtrees.pop() as Bytes, hash);
    this.subtrees.push(hash);
    this.count += 1;
  }

  /** The root of the tree, RFC 9162 section 2.1.1. */
  root(): Bytes {
    let hash = this.subtrees.at(-1);
    if (hash === undefined) return emptyRoot();
    for (let i = this.subtrees.length - 2; i >= 0; i -= 1) hash = nodeHash(this.subtrees[i] as Bytes, hash);
    return new Uint8Array(hash);
  }

  /** The hashes of the complete subtrees, one behind the other, the largest first; empty for the empty tree. */
  toBytes(): Bytes {
    return concatBytes(...this.subtrees);
  }

  /** The same hashes, one by one. */
  toHashes(): Bytes[] {
    return this.subtrees.map((hash) => new Uint8Array(hash));
  }

  /** A copy that goes its own way. */
  clone(): CompactRange {
    return new CompactRange(this.count, [...this.subtrees]);
  }
}

/** How many bits of a non-negative integer are set; works beyond 32 bits. */
function countOnes(size: number): number {
  let ones = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2;
  return ones;
}
