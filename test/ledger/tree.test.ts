import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { toHex, utf8 } from "#src/base/bytes.ts";
import { CompactRange, leafHash } from "#src/ledger/merkle.ts";
import {
  compactRangeOf,
  consistencyRanges,
  hashRange,
  inclusionRanges,
  joinAll,
  nodeInTile,
  subtreesOf,
  TILE_LEAVES,
  type TreeNode,
  tileOf,
} from "#src/ledger/tree.ts";
import { proveConsistency, proveInclusion, treeRoot } from "./reference-proofs.ts";

const LEAVES = Array.from({ length: 300 }, (_, i) => leafHash(utf8(`leaf ${i}`)));
const nodeAt = ({ height, index }: TreeNode) => joinAll(LEAVES.slice(index * 2 ** height, (index + 1) * 2 ** height));
const hex = (hashes: readonly Uint8Array[]) => hashes.map(toHex);
const sizes = fc.integer({ min: 1, max: LEAVES.length });

describe("proofs from parts of the tree", () => {
  test("are those of the recursion over all leaves", () => {
    fc.assert(
      fc.property(sizes, fc.nat(), (size, place) => {
        const index = place % size;
        const leaves = LEAVES.slice(0, size);
        expect(hex(inclusionRanges(index, size).map((range) => hashRange(range, nodeAt)))).toEqual(
          hex(proveInclusion(leaves, index)),
        );
        const old = (place % size) + 1;
        expect(hex(consistencyRanges(old, size).map((range) => hashRange(range, nodeAt)))).toEqual(
          hex(proveConsistency(leaves, old)),
        );
        const range = compactRangeOf(size, nodeAt);
        expect(toHex(range.root())).toBe(toHex(treeRoot(leaves)));
        expect(range.size).toBe(size);
      }),
    );
  });

  test("need a number of parts that grows with the logarithm, and tiles likewise", () => {
    for (const size of [1e3, 1e6, 1e9, 2 ** 40 + 12_345]) {
      const depth = Math.ceil(Math.log2(size));
      for (const index of [0, 1, Math.floor(size / 3), size - 1]) {
        const ranges = inclusionRanges(index, size);
        expect(ranges.length).toBeLessThanOrEqual(depth);
        const tiles = new Set(ranges.flatMap(subtreesOf).map((node) => JSON.stringify(tileOf(node))));
        expect(tiles.size).toBeLessThanOrEqual(2 * Math.ceil(depth / 6));
      }
      expect(consistencyRanges(Math.floor(size / 3), size).length).toBeLessThanOrEqual(depth + 1);
    }
  });

  test("of leaves and sizes that are not there do not exist", () => {
    for (const [index, size] of [
      [0, 0],
      [1, 1],
      [-1, 2],
      [0.5, 2],
      [0, Number.NaN],
    ] as const) {
      expect(() => inclusionRanges(index, size)).toThrow("has no leaf");
    }
    for (const [from, to] of [
      [0, 5],
      [6, 5],
      [1.5, 5],
      [Number.NaN, 5],
    ] as const) {
      expect(() => consistencyRanges(from, to)).toThrow("no consistency proof");
    }
  });
});

describe("tiles", () => {
  test("give every node that lies in them, and none that does not yet", () => {
    const tile = LEAVES.slice(64, 64 + 20);
    for (let height = 0; height < 6; height += 1) {
      for (let index = 64 / 2 ** height; index < 128 / 2 ** height; index += 1) {
        const node = { height, index };
        expect(tileOf(node)).toEqual({ level: 0, index: 1 });
        const isThere = (index + 1) * 2 ** height <= 84;
        expect(nodeInTile(node, tile) === undefined ? undefined : toHex(nodeInTile(node, tile)!)).toBe(
          isThere ? toHex(nodeAt(node)) : undefined,
        );
      }
    }
    expect(tileOf({ height: 6, index: 64 })).toEqual({ level: 1, index: 1 });
    expect(tileOf({ height: 13, index: 3 })).toEqual({ level: 2, index: 0 });
    expect(TILE_LEAVES).toBe(64);
  });

  test("join to the root of a complete tree", () => {
    const range = CompactRange.empty();
    for (const leaf of LEAVES.slice(0, 256)) range.append(leaf);
    expect(toHex(joinAll(LEAVES.slice(0, 256)))).toBe(toHex(range.root()));
  });
});
