/** A short string at which a pattern may match. */
export interface Anchor {
  /** At least {@link MIN_ANCHOR_BYTES} ASCII characters; lower case where `ignoreCase`. */
  readonly text: string;
  readonly ignoreCase: boolean;
  /** By byte, whether it may stand behind the anchor: where it may not, nothing can match. */
  readonly follow: Uint8Array;
  /** What the anchor was added for. */
  readonly owner: number;
  /** The instruction at which a match goes on, and how many bytes behind the anchor's beginning: what went before is sure. */
  readonly entry: number;
  readonly skipped: number;
}

/**
 * Finds all of many anchors: a filter over pairs of bytes that says where one may begin, and a trie that says which do.
 *
 * The filter looks at two neighbouring pairs, and only at every other position: an anchor begins at the first byte of the
 * first pair (the low half of the bits) or one byte before it (the high half). Each bit stands for a group of anchors; it
 * is set for a pair where an anchor of the group has it, so that `first[a] & second[b]` is zero almost everywhere.
 */
export interface AnchorIndex {
  /** By pair of bytes, the second being the high one. */
  readonly first: Int32Array;
  readonly second: Int32Array;
  /** The column of a byte in `next`: bytes that no anchor contains have 0. */
  readonly classOf: Uint8Array;
  /** `next[node * width + classOf[byte]]`: the following node, 0 for none; the root is 0. */
  readonly next: Uint16Array;
  readonly width: number;
  /** By node: the anchors that end there. */
  readonly ends: readonly (readonly Anchor[] | undefined)[];
  /** By node and byte, `node << 8 | byte`: whether an anchor ends at the node that the byte may follow. */
  readonly follow: Uint8Array;
}

/** The shortest anchor: one that covers a pair of bytes wherever it stands. */
export const MIN_ANCHOR_BYTES = 3;
/** The bits that say: an anchor may begin at the first pair. */
const BEGINS_HERE = 0xffff;
const GROUPS = 16;

/** Where an anchor was found. */
export interface AnchorCursor {
  /** The node of the anchor that begins there, and the position behind that anchor; 0 where the end is too near to tell. */
  node: number;
  end: number;
}

/**
 * The first position, from `from` on, at which an anchor begins and may be matched, or has to be looked at because the end is
 * near; `bytes.length` when there is none. `pairs` are the bytes, two by two. A function of its own, and nothing else in it:
 * this loop is what clean text costs.
 */
export function nextAnchor(
  index: AnchorIndex,
  bytes: Uint8Array,
  pairs: Uint16Array,
  from: number,
  cursor: AnchorCursor,
): number {
  const { first, second } = index;
  const last = pairs.length - 1;
  let at = (from + 1) >> 1;
  if (at < last) {
    let pair = pairs[at] as number;
    for (; at < last; at += 1) {
      const following = pairs[at + 1] as number;
      const bits = (first[pair] as number) & (second[following] as number);
      pair = following;
      if (bits === 0) continue;
      const here = at << 1;
      if (bits >>> GROUPS !== 0 && here > from && mayMatchAt(index, bytes, here - 1, cursor)) return here - 1;
      if ((bits & BEGINS_HERE) !== 0 && mayMatchAt(index, bytes, here, cursor)) return here;
    }
  }
  for (let position = Math.max(from, (at << 1) - 1); position < bytes.length; position += 1)
    if (mayMatchAt(index, bytes, position, cursor)) return position;
  return bytes.length;
}

/** Whether an anchor begins at `at` with a byte behind it that may follow, as far as can be seen; sets the cursor. */
function mayMatchAt(index: AnchorIndex, bytes: Uint8Array, at: number, cursor: AnchorCursor): boolean {
  const { classOf, next, width, follow } = index;
  const length = bytes.length;
  let node = 0;
  for (let position = at; position < length; position += 1) {
    const byte = bytes[position] as number;
    if (follow[(node << 8) | byte] === 1) {
      cursor.node = node;
      cursor.end = position;
      return true;
    }
    node = next[node * width + (classOf[byte] as number)] as number;
    if (node === 0) return false;
  }
  cursor.node = 0;
  cursor.end = at;
  return true;
}

/** Builds the index of `anchors`. Anchors of the same text keep their order. */
export function buildAnchorIndex(anchors: readonly Anchor[]): AnchorIndex {
  return { ...buildFilter(anchors), ...buildTrie(anchors) };
}

function buildFilter(anchors: readonly Anchor[]): Pick<AnchorIndex, "first" | "second"> {
  const first = new Int32Array(65_536);
  const second = new Int32Array(65_536);
  /** By the low byte of a pair: the bits of anchors that say nothing about the high one. */
  const halves = new Int32Array(256);
  const sorted = [...anchors].sort((a, b) => (a.text < b.text ? -1 : 1));
  const shifted = [...anchors].sort((a, b) => (a.text.slice(1) < b.text.slice(1) ? -1 : 1));
  for (const [index, anchor] of sorted.entries()) {
    const group = 1 << Math.floor((index * GROUPS) / sorted.length);
    addPairs(first, halves, anchor, 0, group);
    addPairs(second, halves, anchor, 2, group);
    const other = GROUPS + Math.floor((shifted.indexOf(anchor) * GROUPS) / sorted.length);
    addPairs(first, halves, anchor, 1, 1 << other);
    addPairs(second, halves, anchor, 3, 1 << other);
  }
  for (let pair = 0; pair < second.length; pair += 1)
    second[pair] = (second[pair] as number) | (halves[pair & 255] as number);
  return { first, second };
}

/** Sets `bits` for each pair that may stand at `offset` of the anchor; in `halves` where the second may be any byte. */
function addPairs(table: Int32Array, halves: Int32Array, anchor: Anchor, offset: number, bits: number): void {
  const lows = bytesAt(anchor, offset);
  if (offset + 1 > anchor.text.length) {
    for (const low of lows) halves[low] = (halves[low] as number) | bits;
    return;
  }
  for (const high of bytesAt(anchor, offset + 1)) {
    for (const low of lows) table[low | (high << 8)] = (table[low | (high << 8)] as number) | bits;
  }
}

const ALL_BYTES: readonly number[] = Array.from({ length: 256 }, (_, byte) => byte);

function bytesAt({ text, ignoreCase, follow }: Anchor, offset: number): readonly number[] {
  if (offset === text.length) return ALL_BYTES.filter((byte) => follow[byte] === 1);
  const code = text.charCodeAt(offset);
  return ignoreCase && isLower(code) ? [code, code - 32] : [code];
}

/** Builds the trie: a node is the set of the anchors that agree with the bytes so far. */
function buildTrie(anchors: readonly Anchor[]): Omit<AnchorIndex, "first" | "second"> {
  const classOf = new Uint8Array(256);
  let width = 1;
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
  const next = new Uint16Array(nodes.length * width);
  for (const [cell, child] of cells) next[cell] = child;
  const follow = new Uint8Array(nodes.length * 256);
  const ends = nodes.map(({ anchors: agreeing, depth }, node) => {
    const complete = agreeing.filter(({ text }) => text.length === depth);
    for (const anchor of complete)
      for (let byte = 0; byte < 256; byte += 1) if (anchor.follow[byte] === 1) follow[(node << 8) | byte] = 1;
    return complete.length === 0 ? undefined : complete;
  });
  return { classOf, next, width, ends, follow };
}

function isLower(code: number): boolean {
  return code >= 97 && code <= 122;
}
