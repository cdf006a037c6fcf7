import { hasShape } from "./anchor-shape.ts";
import { ByteFilter } from "./byte-filter.ts";

/** A short string at which a pattern may match. */
export interface Anchor {
  /** At least {@link MIN_ANCHOR_BYTES} ASCII characters; lower case where `ignoreCase`. */
  readonly text: string;
  readonly ignoreCase: boolean;
  /** By byte, whether it may stand behind the anchor: where it may not, nothing can match. */
  readonly follow: Uint8Array;
  /** What must stand behind the anchor, as bits: see {@link hasShape}. */
  readonly shapes: number;
  /** What the anchor was added for. */
  readonly owner: number;
  /** The instruction at which a match goes on, and how many bytes behind the anchor's beginning: what went before is sure. */
  readonly entry: number;
  readonly skipped: number;
}

/** Finds all of many anchors: a filter says where one may begin, and a trie says which do. */
export interface AnchorIndex {
  readonly filter: ByteFilter;
  /** The column of a byte in `next`: bytes that no anchor contains have 0. */
  readonly classOf: Uint8Array;
  /**
   * The nodes, one row each, the root's being 0. `next[row + classOf[byte]]` is 0 where no anchor goes on like that, else twice
   * the following row, and 1 more when an anchor ends there; `next[row + ENDING]` is then its index in `ends`.
   */
  readonly next: Int32Array;
  /** The anchors that end at a node; the first entry is that of all nodes where none does. */
  readonly ends: readonly (readonly Anchor[])[];
  /** By such an index and byte, `ending << 8 | byte`: the shapes of the anchors that the byte may follow. */
  readonly follow: Uint8Array;
}

/** The column that no byte has. */
export const ENDING = 1;
/** The shortest anchor: one that covers a pair of bytes wherever it stands. */
export const MIN_ANCHOR_BYTES = 3;
/** Where an anchor was found. */
export interface AnchorCursor {
  /** The row of the anchor that begins there, and the position behind that anchor; the root's where the end is too near to tell. */
  row: number;
  end: number;
}

/**
 * The first position, from `from` on, at which an anchor begins and may be matched, or has to be looked at because the end is
 * near; the text's length when there is none. `bytes` are what the index's filter was loaded with.
 */
export function nextAnchor(index: AnchorIndex, bytes: Uint8Array, from: number, cursor: AnchorCursor): number {
  const { filter } = index;
  let at = filter.next(from);
  while (at < bytes.length && !mayMatchAt(index, bytes, at, cursor)) at = filter.next(at + 1);
  return at;
}

/** Whether an anchor begins at `at` with what may follow behind it, as far as can be seen; sets the cursor. */
function mayMatchAt(index: AnchorIndex, bytes: Uint8Array, at: number, cursor: AnchorCursor): boolean {
  const { classOf, next, follow } = index;
  const length = bytes.length;
  let row = 0;
  let position = at;
  while (position < length) {
    const cell = next[row + (classOf[bytes[position] as number] as number)] as number;
    if (cell === 0) return false;
    row = cell >> 1;
    position += 1;
    if ((cell & 1) === 0) continue;
    if (position === length) break;
    const shapes = follow[((next[row + ENDING] as number) << 8) | (bytes[position] as number)] as number;
    if (shapes !== 0 && hasShape(shapes, bytes, position)) {
      cursor.row = row;
      cursor.end = position;
      return true;
    }
  }
  cursor.row = 0;
  cursor.end = at;
  return true;
}

/** Builds the index of `anchors`. Anchors of the same text keep their order. */
export function buildAnchorIndex(anchors: readonly Anchor[]): AnchorIndex {
  const filter = new ByteFilter(
    anchors.map((anchor) => Array.from({ length: anchor.text.length + 1 }, (_, offset) => bytesAt(anchor, offset))),
  );
  return { filter, ...buildTrie(anchors) };
}

const ALL_BYTES: readonly number[] = Array.from({ length: 256 }, (_, byte) => byte);

function bytesAt({ text, ignoreCase, follow }: Anchor, offset: number): readonly number[] {
  if (offset === text.length) return ALL_BYTES.filter((byte) => follow[byte] === 1);
  const code = text.charCodeAt(offset);
  return ignoreCase && isLower(code) ? [code, code - 32] : [code];
}

/** Builds the trie: a node is the set of the anchors that agree with the bytes so far. */
function buildTrie(anchors: readonly Anchor[]): Omit<AnchorIndex, "filter"> {
  const classOf = new Uint8Array(256);
  let width = ENDING + 1;
  for (const anchor of anchors)
    for (let offset = 0; offset < anchor.text.length; offset += 1)
      for (const byte of bytesAt(anchor, offset)) if (classOf[byte] === 0) classOf[byte] = width++;
  const nodes: { readonly anchors: readonly Anchor[]; readonly depth: number }[] = [{ anchors, depth: 0 }];
  const cells: (readonly [cell: number, child: number])[] = [];
  for (let node = 0; node < nodes.length; node += 1) {
    const { anchors: agreeing, depth } = nodes[node] as { anchors: readonly Anchor[]; depth: number };
    const byByte = new Map<number, Anchor[]>();
    for (const anchor of agreeing) {
      if (depth === anchor.text.length) continue;
      for (const byte of bytesAt(anchor, depth)) byByte.set(byte, [...(byByte.get(byte) ?? []), anchor]);
    }
    const children = new Map<string, number>();
    for (const [byte, group] of byByte) {
      const key = group.map((anchor) => anchors.indexOf(anchor)).join();
      const child = children.get(key) ?? nodes.push({ anchors: group, depth: depth + 1 }) - 1;
      children.set(key, child);
      cells.push([node * width + (classOf[byte] as number), child]);
    }
  }
  const next = new Int32Array(nodes.length * width);
  const ends: (readonly Anchor[])[] = [[]];
  for (const [node, { anchors: agreeing, depth }] of nodes.entries()) {
    const complete = agreeing.filter(({ text }) => text.length === depth);
    if (complete.length > 0) next[node * width + ENDING] = ends.push(complete) - 1;
  }
  for (const [cell, child] of cells) next[cell] = 2 * child * width + (next[child * width + ENDING] === 0 ? 0 : 1);
  return { classOf, next, ends, follow: followOf(ends) };
}

function followOf(ends: readonly (readonly Anchor[])[]): Uint8Array {
  const follow = new Uint8Array(ends.length * 256);
  for (const [ending, anchors] of ends.entries())
    for (const anchor of anchors)
      for (let byte = 0; byte < 256; byte += 1)
        if (anchor.follow[byte] === 1)
          follow[(ending << 8) | byte] = (follow[(ending << 8) | byte] as number) | anchor.shapes;
  return follow;
}

function isLower(code: number): boolean {
  return code >= 97 && code <= 122;
}
