/**
 * An automaton that finds all of many short strings in one pass, in either ASCII case.
 *
 * It is Aho and Corasick's, with every transition resolved beforehand: one table look-up a byte, whatever the input.
 * States are numbered by their row in `next`, so that `next[state + classOf[byte]]` is the following state; all states
 * where an anchor ends are numbered from `firstHit` on.
 */
export interface AnchorAutomaton {
  /** The column of a byte in `next`: bytes that no anchor contains share one. */
  readonly classOf: Uint8Array;
  readonly next: Uint16Array | Int32Array;
  /** The number of columns. */
  readonly width: number;
  readonly firstHit: number;
  /** By row: how many of the last bytes may yet become an anchor. */
  readonly depths: Uint8Array;
  /** By row: the anchors that end here, longest first. */
  readonly hits: readonly (readonly AnchorHit[])[];
}

/** An anchor that ends at a position. */
export interface AnchorHit {
  readonly length: number;
  /** What the anchor was added for. */
  readonly owner: number;
}

interface Node {
  readonly children: Map<number, Node>;
  readonly depth: number;
  readonly own: AnchorHit[];
  fail: Node | undefined;
  all: AnchorHit[];
  row: number;
}

/** Builds the automaton of `anchors`: lower-case ASCII strings of 2 to 64 characters, each with its owner. */
export function buildAnchorAutomaton(anchors: readonly { text: string; owner: number }[]): AnchorAutomaton {
  const root = newNode(0);
  const classOf = new Uint8Array(256);
  let width = 1;
  for (const { text, owner } of anchors) {
    let node = root;
    for (let i = 0; i < text.length; i += 1) {
      const byte = text.charCodeAt(i);
      if (classOf[byte] === 0) classOf[byte] = width++;
      const column = classOf[byte] as number;
      let child = node.children.get(column);
      if (child === undefined) {
        child = newNode(node.depth + 1);
        node.children.set(column, child);
      }
      node = child;
    }
    node.own.push({ length: text.length, owner });
  }
  for (let upper = 65; upper <= 90; upper += 1) classOf[upper] = classOf[upper + 32] as number;

  const order = linkFailures(root);
  const numbered = [...order.filter((node) => node.all.length === 0), ...order.filter((node) => node.all.length > 0)];
  for (const [row, node] of numbered.entries()) node.row = row;
  const cells = numbered.length * width;
  const next = cells <= 65_536 ? new Uint16Array(cells) : new Int32Array(cells);
  for (const node of order) {
    const from = node.fail === undefined ? undefined : node.fail.row * width;
    for (let column = 0; column < width; column += 1) {
      const child = node.children.get(column);
      const fallback = from === undefined ? root.row * width : (next[from + column] as number);
      next[node.row * width + column] = child === undefined ? fallback : child.row * width;
    }
  }
  return {
    classOf,
    next,
    width,
    firstHit: order.filter((node) => node.all.length === 0).length * width,
    depths: Uint8Array.from(numbered, (node) => node.depth),
    hits: numbered.map((node) => node.all),
  };
}

function newNode(depth: number): Node {
  return { children: new Map(), depth, own: [], fail: undefined, all: [], row: 0 };
}

/** Sets each node's failure link and complete hits; gives the nodes breadth first, the root being the first. */
function linkFailures(root: Node): Node[] {
  const order: Node[] = [root];
  for (let i = 0; i < order.length; i += 1) {
    const node = order[i] as Node;
    node.all = [...node.own, ...(node.fail?.all ?? [])];
    for (const [column, child] of node.children) {
      let fail = node.fail;
      while (fail !== undefined && !fail.children.has(column)) fail = fail.fail;
      child.fail = fail?.children.get(column) ?? root;
      order.push(child);
    }
  }
  return order;
}
