import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { fromHex, toHex, utf8 } from "#src/base/bytes.ts";
import { sha256Noble } from "#src/crypto/hash.ts";
import { CompactRange, emptyRoot, leafHash, nodeHash } from "#src/ledger/merkle.ts";
import { verifyConsistency, verifyInclusion } from "#src/ledger/merkle-proof.ts";
import { proveConsistency, proveInclusion, treeRoot } from "./reference-proofs.ts";

// The inputs and roots that Certificate Transparency implementations have tested RFC 6962 trees with since 2013.
const INPUTS = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
const ROOTS = [
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

function leavesOf(count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => leafHash(utf8(`leaf ${i}`)));
}

describe("RFC 6962 trees", () => {
  test("the empty tree and the known roots", () => {
    const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    expect(toHex(emptyRoot())).toBe(empty);
    const range = CompactRange.empty();
    expect(toHex(range.root())).toBe(empty);
    const roots = INPUTS.map((input) => {
      range.append(leafHash(fromHex(input)));
      return toHex(range.root());
    });
    expect(roots).toEqual(ROOTS);
    expect(range.size).toBe(8);
  });

  test("leaves and nodes are hashed apart", () => {
    const [a, b] = [utf8("a".repeat(32)), utf8("b".repeat(32))];
    expect(nodeHash(a, b)).toEqual(Uint8Array.from(sha256Noble(Uint8Array.of(1, ...a, ...b))));
    expect(leafHash(a)).toEqual(Uint8Array.from(sha256Noble(Uint8Array.of(0, ...a))));
    expect(leafHash("aä")).toEqual(leafHash(utf8("aä")));
  });
});

describe("CompactRange", () => {
  test("has the root of the recursion at every size, and survives its bytes", () => {
    const leaves = leavesOf(150);
    let range = CompactRange.empty();
    for (let size = 0; size <= leaves.length; size += 1) {
      expect(range.root()).toEqual(treeRoot(leaves.slice(0, size)));
      const bytes = range.toBytes();
      expect(bytes.length).toBe(size.toString(2).replaceAll("0", "").length * 32);
      range = CompactRange.fromBytes(size, bytes);
      const leaf = leaves[size];
      if (leaf !== undefined) range.append(leaf);
    }
  });

  test("works beyond 32 bits", () => {
    const size = 2 ** 40 + 1;
    const range = CompactRange.fromBytes(size, new Uint8Array(64).fill(7));
    range.append(leafHash("x"));
    expect(range.size).toBe(size + 1);
    expect(range.toBytes().length).toBe(64);
    const side = new Uint8Array(32).fill(7);
    expect(range.root()).toEqual(nodeHash(side, nodeHash(side, leafHash("x"))));
  });

  test("what it hands out is not itself", () => {
    const range = CompactRange.empty();
    range.append(leafHash("a"));
    const root = range.root();
    const copy = range.clone();
    range.root().fill(0);
    range.toHashes()[0]!.fill(0);
    copy.append(leafHash("b"));
    expect(range.root()).toEqual(root);
    expect(range.size).toBe(1);
  });

  test.each([
    [1, 0],
    [0, 32],
    [3, 32],
    [2, 33],
    [4, 64],
    [-1, 0],
    [1.5, 32],
  ])("refuses %d leaves in %d bytes", (size, length) => {
    expect(() => CompactRange.fromBytes(size, new Uint8Array(length))).toThrow(
      expect.objectContaining({ code: "verification_failed" }),
    );
  });
});

describe("proofs", () => {
  const leaves = leavesOf(40);
  const roots = leaves.map((_, i) => treeRoot(leaves.slice(0, i + 1)));
  const rootAt = (size: number) => roots[size - 1]!;

  test("of inclusion verify for every leaf of every tree, and for that leaf, size and root alone", () => {
    for (let size = 1; size <= leaves.length; size += 1) {
      const tree = leaves.slice(0, size);
      for (let index = 0; index < size; index += 1) {
        const path = proveInclusion(tree, index);
        expect(verifyInclusion(leaves[index]!, index, size, path, rootAt(size))).toBe(true);
        expect(verifyInclusion(leaves[index]!, index + 1, size, path, rootAt(size))).toBe(false);
        expect(verifyInclusion(leafHash("other"), index, size, path, rootAt(size))).toBe(false);
        expect(verifyInclusion(leaves[index]!, index, size, [...path, path[0] ?? leaves[0]!], rootAt(size))).toBe(
          false,
        );
        if (path.length > 0) {
          expect(verifyInclusion(leaves[index]!, index, size, path.slice(1), rootAt(size))).toBe(false);
          expect(verifyInclusion(leaves[index]!, index, size, path, rootAt(size - 1))).toBe(false);
        }
      }
    }
  });

  test("of consistency verify for every two sizes, and for those roots alone", () => {
    for (let size = 1; size <= leaves.length; size += 1) {
      for (let old = 1; old <= size; old += 1) {
        const path = proveConsistency(leaves.slice(0, size), old);
        expect(verifyConsistency(old, rootAt(old), size, rootAt(size), path)).toBe(true);
        expect(verifyConsistency(old, leafHash("other"), size, rootAt(size), path)).toBe(false);
        expect(verifyConsistency(old, rootAt(old), size, leafHash("other"), path)).toBe(false);
        expect(verifyConsistency(old, rootAt(old), size, rootAt(size), [...path, leaves[0]!])).toBe(false);
        if (path.length > 0) expect(verifyConsistency(old, rootAt(old), size, rootAt(size), path.slice(1))).toBe(false);
      }
    }
  });

  test("with one bit changed do not verify", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), fc.nat(), fc.nat(), fc.nat(255), (size, a, b, bit) => {
        const index = a % size;
        const flip = (path: Uint8Array[]) => {
          const hash = path[b % path.length]!;
          hash[bit >> 3]! ^= 1 << (bit & 7);
          return path;
        };
        const inclusion = flip(proveInclusion(leaves.slice(0, size), index));
        expect(verifyInclusion(leaves[index]!, index, size, inclusion, rootAt(size))).toBe(false);
        const old = 1 + (a % (size - 1));
        const consistency = flip(proveConsistency(leaves.slice(0, size), old));
        expect(verifyConsistency(old, rootAt(old), size, rootAt(size), consistency)).toBe(false);
      }),
    );
  });

  test("are not made for what is not there, nor verified for nonsense", () => {
    expect(() => proveInclusion(leaves, 40)).toThrow();
    expect(() => proveInclusion([], 0)).toThrow();
    expect(() => proveConsistency(leaves, 0)).toThrow();
    expect(() => proveConsistency(leaves, 41)).toThrow();
    expect(verifyInclusion(leaves[0]!, -1, 1, [], leaves[0]!)).toBe(false);
    expect(verifyInclusion(leaves[0]!, 0, 2, [new Uint8Array(31)], leaves[0]!)).toBe(false);
    expect(verifyInclusion(new Uint8Array(31), 0, 2, [leaves[1]!], rootAt(2))).toBe(false);
    expect(() => nodeHash(leaves[0]!, new Uint8Array(31))).toThrow();
    expect(verifyConsistency(0, emptyRoot(), 5, rootAt(5), [])).toBe(false);
    expect(verifyConsistency(5, rootAt(5), 4, rootAt(4), [])).toBe(false);
    expect(verifyConsistency(5, rootAt(5), 5, rootAt(4), [])).toBe(false);
  });
});
