import { isAscii } from "node:buffer";
import { concatBytes } from "#src/base/bytes.ts";
import {
  isHan,
  isInvisible,
  isJoiningLetter,
  isMongolian,
  isPictograph,
  SUSPECT_PAIRS,
  takesVariation,
} from "./code-points.ts";
import type { Findings, Stage } from "./stage.ts";

const ZERO_WIDTH_NON_JOINER = 0x200c;
const ZERO_WIDTH_JOINER = 0x200d;
const TEXT_STYLE = 0xfe0e;
const EMOJI_STYLE = 0xfe0f;
const KEYCAP = 0x20e3;
const BLACK_FLAG = 0x1f3f4;
const BYTE_ORDER_MARK = 0xfeff;
/** The flags that are spelled in tags: England, Scotland, Wales. */
const TAG_FLAGS: ReadonlySet<string> = new Set(["gbeng", "gbsct", "gbwls"]);
const TAG_FLAG_BYTES = 24;
/** Not a code point: nothing there, or not UTF-8. */
const NONE = -1;
/** What follows has not arrived. */
const OPEN = -2;
const EMPTY = new Uint8Array(0);

/**
 * Removes characters that are not seen: they hide instructions from people, and secrets from patterns. Bytes that are not
 * UTF-8 pass unchanged.
 *
 * Removed: soft hyphen, zero-width space and word joiner, all bidirectional marks, overrides, embeddings and isolates,
 * invisible operators, fillers, variation selectors, annotation and format controls, tags. Spared, because text needs them:
 *
 * - a zero-width joiner between two pictographs (a style selector may stand before it), and a joiner or non-joiner between
 *   two characters of scripts that join letters (Arabic, Syriac, the scripts of India and South-East Asia, Mongolian);
 * - one style selector behind a pictograph, and behind the base of a keycap that a keycap mark follows;
 * - the tags that make the flags of England, Scotland and Wales behind a black flag;
 * - one variation selector behind a Han character, a mathematical sign or a Mongolian letter, as far as such exist;
 * - a byte order mark that begins the stream.
 *
 * At most 24 bytes wait for what follows. A removal counts as `invisible`.
 */
export class InvisibleStage implements Stage {
  readonly #findings: Findings;
  #held: Uint8Array = EMPTY;
  /** The last code point that was kept. */
  #previous = NONE;
  #atStart = true;

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  push(chunk: Uint8Array): Uint8Array[] {
    if (chunk.length === 0) return [];
    return this.#clean(this.#held.length === 0 ? chunk : concatBytes(this.#held, chunk), false);
  }

  finish(): Uint8Array[] {
    return this.#held.length === 0 ? [] : this.#clean(this.#held, true);
  }

  #clean(text: Uint8Array, final: boolean): Uint8Array[] {
    if (!isAscii(text)) return this.#cleanUnicode(text, final);
    this.#previous = text[text.length - 1] as number;
    this.#atStart = false;
    this.#held = EMPTY;
    return [text];
  }

  #cleanUnicode(text: Uint8Array, final: boolean): Uint8Array[] {
    const kept = new Uint8Array(text.length);
    let length = 0;
    let copied = 0;
    let at = 0;
    let boundary = 0;
    let removed = 0;
    while (at < text.length) {
      const lead = text[at] as number;
      if (lead < 0xc2 || (at + 1 < text.length && SUSPECT_PAIRS[(lead << 8) | (text[at + 1] as number)] === 0)) {
        at += 1;
        continue;
      }
      const codePoint = codePointAt(text, at, final);
      if (codePoint === OPEN) break;
      if (codePoint === NONE || !isInvisible(codePoint)) {
        at += codePoint === NONE ? 1 : widthOf(codePoint);
        continue;
      }
      const previous = at > boundary ? codePointBefore(text, at, boundary, this.#previous) : this.#previous;
      const spared = this.#sparedBytes(text, at, codePoint, previous, final);
      if (spared === OPEN) break;
      const width = widthOf(codePoint);
      if (spared > 0) {
        at += spared;
        this.#previous = spared > width ? BLACK_FLAG : codePoint;
        boundary = at;
      } else {
        this.#previous = previous;
        length = append(kept, length, text, copied, at);
        at += width;
        copied = at;
        boundary = at;
        removed += 1;
      }
      this.#atStart = false;
    }
    let open = at;
    if (!final && at >= text.length) open = completeEnd(text, boundary);
    if (open > boundary) this.#previous = codePointBefore(text, open, boundary, this.#previous);
    if (open > 0) this.#atStart = false;
    length = append(kept, length, text, copied, open);
    this.#held = text.slice(open);
    if (removed > 0) this.#findings.add("invisible", removed);
    return length === 0 ? [] : [kept.subarray(0, length)];
  }

  /** How many bytes from `at` on stay: 0 removes the character, {@link OPEN} needs what follows. */
  #sparedBytes(text: Uint8Array, at: number, codePoint: number, previous: number, final: boolean): number {
    const width = widthOf(codePoint);
    if (codePoint === BYTE_ORDER_MARK) return this.#atStart && at === 0 ? width : 0;
    if (codePoint === ZERO_WIDTH_JOINER || codePoint === ZERO_WIDTH_NON_JOINER) {
      const pictograph = codePoint === ZERO_WIDTH_JOINER && (isPictograph(previous) || previous === EMOJI_STYLE);
      if (!pictograph && !isJoiningLetter(previous)) return 0;
      const following = codePointAt(text, at + width, final);
      if (following === OPEN) return OPEN;
      return (pictograph ? isPictograph(following) : isJoiningLetter(following)) ? width : 0;
    }
    if (codePoint === EMOJI_STYLE || codePoint === TEXT_STYLE) {
      if (isPictograph(previous)) return width;
      if (!isKeycapBase(previous)) return 0;
      const following = codePointAt(text, at + width, final);
      return following === OPEN ? OPEN : following === KEYCAP ? width : 0;
    }
    if (codePoint >= 0xfe00 && codePoint <= 0xfe02) return takesVariation(previous) ? width : 0;
    if (codePoint >= 0x180b && codePoint <= 0x180f && codePoint !== 0x180e) return isMongolian(previous) ? width : 0;
    if (codePoint >= 0xe0100 && codePoint <= 0xe01ef) return isHan(previous) ? width : 0;
    return previous === BLACK_FLAG ? tagFlag(text, at, final) : 0;
  }
}

/** The bytes of the tags that name a flag at `at`, or 0. */
function tagFlag(text: Uint8Array, at: number, final: boolean): number {
  let name = "";
  for (let offset = 0; offset < TAG_FLAG_BYTES; offset += 4) {
    const codePoint = codePointAt(text, at + offset, final);
    if (codePoint === OPEN) return OPEN;
    if (codePoint === 0xe007f) return TAG_FLAGS.has(name) ? offset + 4 : 0;
    if (codePoint < 0xe0061 || codePoint > 0xe007a) return 0;
    name += String.fromCharCode(codePoint - 0xe0000);
  }
  return 0;
}

function isKeycapBase(codePoint: number): boolean {
  return (codePoint >= 0x30 && codePoint <= 0x39) || codePoint === 0x23 || codePoint === 0x2a;
}

function widthOf(codePoint: number): number {
  return codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
}

/** The code point that begins at `at`: {@link NONE} where there is none, {@link OPEN} where the text ends too early. */
function codePointAt(text: Uint8Array, at: number, final: boolean): number {
  const lead = text[at];
  if (lead === undefined) return final ? NONE : OPEN;
  if (lead < 0x80) return lead;
  if (lead < 0xc2 || lead > 0xf4) return NONE;
  const width = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  let codePoint = lead & (0xff >> (width + 1));
  for (let i = 1; i < width; i += 1) {
    const byte = text[at + i];
    if (byte === undefined) return final ? NONE : OPEN;
    if (byte < 0x80 || byte > 0xbf) return NONE;
    codePoint = (codePoint << 6) | (byte & 0x3f);
  }
  if (codePoint > 0x10ffff || widthOf(codePoint) !== width || (codePoint >= 0xd800 && codePoint < 0xe000)) return NONE;
  return codePoint;
}

/** The code point that ends at `at`, not before `from`; `otherwise` when there is nothing between. */
function codePointBefore(text: Uint8Array, at: number, from: number, otherwise: number): number {
  if (at <= from) return otherwise;
  for (let start = at - 1; start >= from && start >= at - 4; start -= 1) {
    const byte = text[start] as number;
    if (byte >= 0x80 && byte < 0xc0) continue;
    const codePoint = codePointAt(text, start, true);
    return codePoint !== NONE && start + widthOf(codePoint) === at ? codePoint : NONE;
  }
  return NONE;
}

/** Where a sequence that may go on begins, at the end of `text`. */
function completeEnd(text: Uint8Array, from: number): number {
  for (let start = text.length - 1; start >= from && start >= text.length - 3; start -= 1) {
    const byte = text[start] as number;
    if (byte < 0x80) break;
    if (byte >= 0xc0) return codePointAt(text, start, false) === OPEN ? start : text.length;
  }
  return text.length;
}

function append(target: Uint8Array, length: number, source: Uint8Array, from: number, to: number): number {
  if (to - from > 64) target.set(source.subarray(from, to), length);
  else for (let i = from; i < to; i += 1) target[length + i - from] = source[i] as number;
  return length + Math.max(0, to - from);
}
