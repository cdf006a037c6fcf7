import { utf8 } from "#src/base/bytes.ts";

/** First and last code point of each range. */
type Ranges = readonly (readonly [number, number])[];

/** Characters that show nothing and steer how others are shown or read; see {@link InvisibleStage} for what is spared. */
const INVISIBLE: Ranges = [
  [0xad, 0xad],
  [0x34f, 0x34f],
  [0x61c, 0x61c],
  [0x115f, 0x1160],
  [0x17b4, 0x17b5],
  [0x180b, 0x180f],
  [0x200b, 0x200f],
  [0x202a, 0x202e],
  [0x2060, 0x206f],
  [0x3164, 0x3164],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xffa0, 0xffa0],
  [0xfff9, 0xfffb],
  [0x1bca0, 0x1bca3],
  [0x1d173, 0x1d17a],
  [0xe0000, 0xe0fff],
];

/** Emoji and other pictographs, skin tones included. */
const PICTOGRAPHS: Ranges = [
  [0xa9, 0xa9],
  [0xae, 0xae],
  [0x203c, 0x203c],
  [0x2049, 0x2049],
  [0x2122, 0x2122],
  [0x2139, 0x2139],
  [0x2190, 0x21ff],
  [0x2300, 0x23ff],
  [0x24c2, 0x24c2],
  [0x25a0, 0x27bf],
  [0x2900, 0x297f],
  [0x2b00, 0x2bff],
  [0x3030, 0x3030],
  [0x303d, 0x303d],
  [0x3297, 0x3299],
  [0x1f000, 0x1faff],
];

/** Scripts in which a joiner or non-joiner changes the letters beside it. */
const JOINING: Ranges = [
  [0x600, 0x7ff],
  [0x840, 0xdff],
  [0xe80, 0x109f],
  [0x1780, 0x18af],
  [0x1900, 0x1cff],
  [0xa840, 0xa8ff],
  [0xa980, 0xaaff],
  [0xabc0, 0xabff],
  [0xfb50, 0xfdff],
  [0xfe70, 0xfefc],
  [0x10a00, 0x10a5f],
  [0x11000, 0x11fff],
];

const MONGOLIAN: Ranges = [[0x1820, 0x18aa]];
const HAN: Ranges = [
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xf900, 0xfaff],
  [0x20000, 0x3ffff],
];
/** Where a standardized variation selector (1 to 3) has a meaning: CJK, mathematics, Myanmar, Phags-pa. */
const VARIED: Ranges = [
  ...HAN,
  [0x2200, 0x22ff],
  [0x2a00, 0x2aff],
  [0x3000, 0x303f],
  [0xff00, 0xff1f],
  [0x1000, 0x109f],
  [0xa840, 0xa87f],
];

/** What a code point is; several may hold. */
export const INVISIBLE_POINT = 1;
export const PICTOGRAPH = 2;
export const JOINING_LETTER = 4;
export const MONGOLIAN_LETTER = 8;
export const HAN_CHARACTER = 16;
export const TAKES_VARIATION = 32;

const TABLE_SIZE = 0x20000;
const KINDS: Uint8Array = kinds();

function kinds(): Uint8Array {
  const table = new Uint8Array(TABLE_SIZE);
  const mark = (ranges: Ranges, bit: number): void => {
    for (const [first, last] of ranges)
      for (let point = first; point <= last && point < TABLE_SIZE; point += 1) table[point] = (table[point] ?? 0) | bit;
  };
  mark(PICTOGRAPHS, PICTOGRAPH);
  mark(JOINING, JOINING_LETTER);
  mark(MONGOLIAN, MONGOLIAN_LETTER);
  mark(HAN, HAN_CHARACTER);
  mark(VARIED, TAKES_VARIATION);
  for (const [first, last] of INVISIBLE) table.fill(INVISIBLE_POINT, first, last + 1);
  return table;
}

/** The kinds of a code point, as bits; 0 for a negative number. An invisible character is of no other kind. */
export function kindsOf(codePoint: number): number {
  if (codePoint < TABLE_SIZE) return codePoint < 0 ? 0 : (KINDS[codePoint] as number);
  if (codePoint <= 0x3ffff) return HAN_CHARACTER | TAKES_VARIATION;
  return codePoint >= 0xe0000 && codePoint <= 0xe0fff ? INVISIBLE_POINT : 0;
}

export function isInvisible(codePoint: number): boolean {
  return (kindsOf(codePoint) & INVISIBLE_POINT) !== 0;
}

/** The characters that {@link isInvisible} knows, in UTF-8: by their first two bytes, then which bytes may follow. */
export const INVISIBLE_SEQUENCES: readonly (readonly (readonly number[])[])[] = invisibleSequences();

function invisibleSequences(): readonly (readonly (readonly number[])[])[] {
  const found = new Map<string, Set<number>[]>();
  for (const [first, last] of INVISIBLE) {
    for (let codePoint = first; codePoint <= last; codePoint += 1) {
      const bytes = utf8(String.fromCodePoint(codePoint));
      const key = bytes.subarray(0, 2).toHex();
      const places = found.get(key) ?? Array.from(bytes, () => new Set<number>());
      for (const [place, byte] of bytes.entries()) places[place]?.add(byte);
      found.set(key, places);
    }
  }
  return [...found.values()].map((places) => places.map((bytes) => [...bytes]));
}
