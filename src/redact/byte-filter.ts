import { createKernel, GROUPS, KEY_BYTES, type Kernel, type Key, WINDOW_BYTES } from "./simd-kernel.ts";

/** What a filter looks for: for each of some successive places, the bytes that may stand there. */
export type ByteSequence = readonly (readonly number[])[];

/**
 * Says where in a text one of many short sequences of bytes may begin: it misses none, and tells wrongly of some.
 *
 * The first {@link KEY_BYTES} bytes decide, in {@link GROUPS} groups of similar sequences, after the idea of Teddy (in
 * Hyperscan); 16 positions are looked at at once, by a small program in WebAssembly: see {@link createKernel}. One text at a time:
 * a filter is shared by all stages of a thread, each of which loads its text when it is given some.
 */
export class ByteFilter {
  readonly #kernel: Kernel;
  readonly #marks: Int32Array;
  #text: Uint8Array = new Uint8Array(0);
  /** The window that was looked at: positions of the text. */
  #start = 0;
  #end = 0;

  constructor(sequences: readonly ByteSequence[]) {
    this.#kernel = createKernel(groupKeys(sequences.map(keyOf)));
    this.#marks = this.#kernel.marks;
  }

  /** Begins with another text, which must not change while it is looked at. */
  load(text: Uint8Array): void {
    this.#text = text;
    this.#start = 0;
    this.#end = 0;
  }

  /**
   * The first position, from `from` on, at which a sequence may begin; at each of the last {@link KEY_BYTES} - 1 one may, as
   * what follows is not known. The text's length when there is none. `from` never decreases.
   */
  next(from: number): number {
    const marks = this.#marks;
    let at = from;
    while (at < this.#text.length) {
      if (at >= this.#end) this.#look(at);
      const last = (this.#end - this.#start - 1) >> 5;
      let word = (at - this.#start) >> 5;
      let bits = (marks[word] as number) & (-1 << ((at - this.#start) & 31));
      while (bits === 0 && word < last) {
        word += 1;
        bits = marks[word] as number;
      }
      if (bits !== 0) return this.#start + (word << 5) + 31 - Math.clz32(bits & -bits);
      at = this.#end;
    }
    return at;
  }

  /** Marks the window that begins at `from`. */
  #look(from: number): void {
    const { text, mark } = this.#kernel;
    const source = this.#text;
    const rest = source.length - from;
    const count = Math.min(rest, WINDOW_BYTES);
    text.set(source.subarray(from, from + count + KEY_BYTES));
    mark(count);
    // Beyond the count, of a last block and a last word, nothing is marked.
    const marks = this.#marks;
    const over = count & 31;
    if (over !== 0) marks[count >> 5] = (marks[count >> 5] as number) & ~(-1 << over);
    for (let at = Math.max(0, rest - KEY_BYTES + 1); at < count; at += 1)
      marks[at >> 5] = (marks[at >> 5] as number) | (1 << (at & 31));
    this.#start = from;
    this.#end = from + count;
  }
}

const ANY_BYTE: ReadonlySet<number> = new Set(Array.from({ length: 256 }, (_, byte) => byte));

function keyOf(sequence: ByteSequence): Key {
  return Array.from({ length: KEY_BYTES }, (_, place) =>
    place < sequence.length ? new Set(sequence[place]) : ANY_BYTE,
  );
}

/** How often each key may move to a better group. */
const ROUNDS = 2;

/**
 * Shares keys out to {@link GROUPS} groups so that all together take little of ordinary text: each goes, first as it comes and
 * then again, to the group that it makes the least larger.
 */
function groupKeys(keys: readonly Key[]): readonly (readonly Key[])[] {
  const entries = keys.map((key) => ({ key, outline: outlineOf(key), group: -1 }));
  entries.sort((a, b) => shareOf(b.outline, NOTHING) - shareOf(a.outline, NOTHING));
  const outlines: Outline[] = Array.from({ length: GROUPS }, () => NOTHING);
  const shares = outlines.map(() => 0);
  for (let round = 0; round <= ROUNDS; round += 1) {
    for (const entry of entries) {
      if (entry.group >= 0) {
        const rest = entries.filter((other) => other.group === entry.group && other !== entry);
        outlines[entry.group] = rest.reduce((outline, other) => union(outline, other.outline), NOTHING);
        shares[entry.group] = shareOf(outlines[entry.group] as Outline, NOTHING);
      }
      let least = Number.POSITIVE_INFINITY;
      for (let group = 0; group < GROUPS; group += 1) {
        const growth = shareOf(outlines[group] as Outline, entry.outline) - (shares[group] as number);
        if (growth < least) {
          least = growth;
          entry.group = group;
        }
      }
      outlines[entry.group] = union(outlines[entry.group] as Outline, entry.outline);
      shares[entry.group] = (shares[entry.group] as number) + least;
    }
  }
  return outlines.map((_, group) => entries.filter((entry) => entry.group === group).map((entry) => entry.key));
}

/** For each place of a key: 16 flags for the lower half bytes that occur, shifted by 16 those for the upper ones. */
type Outline = Int32Array;

const NOTHING: Outline = new Int32Array(KEY_BYTES);

function outlineOf(key: Key): Outline {
  return Int32Array.from(key, (bytes) => {
    let flags = 0;
    for (const byte of bytes) flags |= (1 << (byte & 15)) | (1 << (16 + (byte >> 4)));
    return flags;
  });
}

function union(a: Outline, b: Outline): Outline {
  return a.map((flags, place) => flags | (b[place] as number));
}

/** About how much of ordinary text the union of two outlines takes. */
function shareOf(a: Outline, b: Outline): number {
  let share = 1;
  for (let place = 0; place < KEY_BYTES; place += 1) {
    const flags = (a[place] as number) | (b[place] as number);
    const low = flags & 255;
    const middle = 256 | ((flags >> 8) & 255);
    let sum = 0;
    for (let uppers = flags >>> 16; uppers !== 0; uppers &= uppers - 1) {
      const row = (31 - Math.clz32(uppers & -uppers)) << 9;
      sum += (SUMS[row | low] as number) + (SUMS[row | middle] as number);
    }
    share *= sum;
  }
  return share;
}

/** About how frequent each byte is in text. */
const FREQUENCIES = Float64Array.from({ length: 256 }, (_, byte) => {
  const char = String.fromCharCode(byte);
  if (/[ etaoinsrl]/.test(char)) return 0.05;
  if (/[a-z]/.test(char)) return 0.015;
  if (/["',.:;/(){}=_-]/.test(char)) return 0.01;
  return /[0-9A-Z]/.test(char) ? 0.005 : 0.001;
});

/** By upper half byte, which eight of the lower ones (a bit), and flags for these: how frequent the bytes are together. */
const SUMS = sumsOf();

function sumsOf(): Float64Array {
  const sums = new Float64Array(16 * 512);
  for (let index = 0; index < sums.length; index += 1) {
    const flags = index & 255;
    if (flags === 0) continue;
    const byte = ((index >> 9) << 4) | ((index & 256) >> 5) | (31 - Math.clz32(flags));
    const others = index & ~(1 << (31 - Math.clz32(flags)));
    sums[index] = (sums[others] as number) + (FREQUENCIES[byte] as number);
  }
  return sums;
}
