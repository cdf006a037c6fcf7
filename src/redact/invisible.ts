import { isAscii } from "node:buffer";
import { concatBytes } from "#src/base/bytes.ts";
import { ByteFilter } from "./byte-filter.ts";
import {
  HAN_CHARACTER,
  INVISIBLE_POINT,
  INVISIBLE_SEQUENCES,
  JOINING_LETTER,
  kindsOf,
  MONGOLIAN_LETTER,
  PICTOGRAPH,
  TAKES_VARIATION,
} from "./code-points.ts";
import { beginsAsJson } from "./json-start.ts";
import type { Findings, Stage } from "./stage.ts";
import { codePointAt, NONE, OPEN, pointOf, widthOf } from "./text-units.ts";

const ZERO_WIDTH_NON_JOINER = 0x200c;
const ZERO_WIDTH_JOINER = 0x200d;
const TEXT_STYLE = 0xfe0e;
const EMOJI_STYLE = 0xfe0f;
const KEYCAP = 0x20e3;
const BLACK_FLAG = 0x1f3f4;
const BYTE_ORDER_MARK = 0xfeff;
/** The flags that are spelled in tags: England, Scotland, Wales. */
const TAG_FLAGS: ReadonlySet<string> = new Set(["gbeng", "gbsct", "gbwls"]);
/** The most tags that spell a flag, the cancelling one included. */
const MAX_FLAG_TAGS = 6;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const ESCAPE = Buffer.from("\\u");
const EMPTY: Uint8Array = new Uint8Array(0);

/**
 * Removes characters that are not seen: they hide instructions from people, and secrets from patterns. Bytes that are not
 * UTF-8 pass unchanged. In JSON, and in event streams, the same holds for characters that are written as escapes (`\\u200b`,
 * or two for a surrogate pair); see {@link beginsAsJson}.
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
 * At most 84 bytes wait for what follows, and up to 256 that a stream begins with. A removal counts as `invisible`.
 */
export class InvisibleStage implements Stage {
  readonly #findings: Findings;
  readonly #state: CleaningState = { held: EMPTY, previous: NONE, atStart: true, escapes: undefined };

  constructor(findings: Findings) {
    this.#findings = findings;
  }

  push(chunk: Uint8Array): Uint8Array[] {
    const { held } = this.#state;
    if (chunk.length === 0) return [];
    return this.#clean(held.length === 0 ? chunk : concatBytes(held, chunk), false);
  }

  finish(): Uint8Array[] {
    const { held } = this.#state;
    return held.length === 0 ? [] : this.#clean(held, true);
  }

  #clean(text: Uint8Array, final: boolean): Uint8Array[] {
    const state = this.#state;
    state.escapes ??= beginsAsJson(text, final);
    if (state.escapes === undefined) {
      state.held = text.slice();
      return [];
    }
    const last = text[text.length - 1] as number;
    if (isAscii(text) && (!state.escapes || (last !== BACKSLASH && !hasEscape(text)))) {
      state.previous = last;
      state.atStart = false;
      state.held = EMPTY;
      return [text];
    }
    return cleanText(state, text, final, this.#findings);
  }
}

function hasEscape(text: Uint8Array): boolean {
  return Buffer.from(text.buffer, text.byteOffset, text.length).includes(ESCAPE);
}

/** What finds the characters that may go; by whether those written as escapes are meant too. Made on first use. */
const suspects: [plain?: ByteFilter, escaped?: ByteFilter] = [];

function suspectsOf(escapes: boolean): ByteFilter {
  const index = escapes ? 1 : 0;
  suspects[index] ??= new ByteFilter(
    escapes ? [...INVISIBLE_SEQUENCES, [[BACKSLASH], [LETTER_U]]] : INVISIBLE_SEQUENCES,
  );
  return suspects[index];
}

interface CleaningState {
  held: Uint8Array;
  /** The last code point that was kept. */
  previous: number;
  atStart: boolean;
  /** Whether the text has escapes; undefined until its beginning has been seen. */
  escapes: boolean | undefined;
}

/** How many bytes at `at`, with those that follow, are surely no character that may go; 0 where it has to be looked at. */
function plainBytes(text: Uint8Array, at: number, escapes: boolean): number {
  const lead = text[at] as number;
  if (lead === BACKSLASH && escapes) {
    const next = text[at + 1];
    return next === undefined || next === LETTER_U ? 0 : next < 0x80 ? 2 : 1;
  }
  return lead < 0xc2 ? 1 : 0;
}

/** Where the last character begins of those that begin from `at` on and before `end`; `otherwise` when there is none. */
function lastCharacter(text: Uint8Array, at: number, end: number, otherwise: number): number {
  let last = end - 1;
  while (last >= at && continues(text[last] as number)) last -= 1;
  return last >= at ? last : otherwise;
}

/** Whether at `at` stands an ASCII character that the backslashes before it, from `start` on, escape. */
function isEscaped(text: Uint8Array, start: number, at: number): boolean {
  if ((text[at] as number) >= 0x80) return false;
  let first = at;
  while (first > start && text[first - 1] === BACKSLASH) first -= 1;
  return ((at - first) & 1) === 1;
}

/** Whether a byte goes on with a character of UTF-8. */
function continues(byte: number): boolean {
  return (byte & 0xc0) === 0x80;
}

function cleanText(state: CleaningState, text: Uint8Array, final: boolean, findings: Findings): Uint8Array[] {
  const escapes = state.escapes === true;
  const filter = suspectsOf(escapes);
  filter.load(text);
  let kept = EMPTY;
  const { length: end } = text;
  let length = 0;
  let copied = 0;
  let at = 0;
  /** Where the unit before `at` begins; before `boundary`, the state's code point is the one before. */
  let before = -1;
  let boundary = 0;
  let removed = 0;
  while (at < end) {
    const suspect = filter.next(at);
    if (suspect > at) {
      before = lastCharacter(text, at, suspect, before);
      const escaped = escapes && suspect < end && isEscaped(text, at, suspect);
      if (escaped) before = suspect - 1;
      at = escaped ? suspect + 1 : suspect;
      continue;
    }
    const plain = plainBytes(text, at, escapes);
    if (plain > 0) {
      if (!continues(text[at] as number)) before = at;
      at += plain;
      continue;
    }
    const unit = codePointAt(text, at, final, escapes);
    if (unit === OPEN) break;
    const point = pointOf(unit);
    if (unit === NONE || (kindsOf(point) & INVISIBLE_POINT) === 0) {
      before = at;
      at += unit === NONE ? 1 : widthOf(unit);
      continue;
    }
    const previous = before >= boundary ? pointEnding(text, before, at, escapes) : state.previous;
    const first = state.atStart && at === 0;
    const spared = sparedBytes(text, at, unit, previous, final, escapes, first);
    if (spared === OPEN) break;
    if (spared > 0) {
      at += spared;
      state.previous = spared > widthOf(unit) ? BLACK_FLAG : point;
    } else {
      state.previous = previous;
      if (removed === 0) kept = new Uint8Array(end);
      length = append(kept, length, text, copied, at);
      at += widthOf(unit);
      copied = at;
      removed += 1;
    }
    boundary = at;
    state.atStart = false;
  }
  const open = Math.min(at, end);
  if (before >= boundary) state.previous = pointEnding(text, before, open, escapes);
  if (open > 0) state.atStart = false;
  state.held = text.slice(open);
  if (removed === 0) return open === 0 ? [] : [text.subarray(0, open)];
  findings.add("invisible", removed);
  length = append(kept, length, text, copied, open);
  return length === 0 ? [] : [kept.subarray(0, length)];
}

/** The code point that stands from `start` to exactly `end`; behind a backslash, what it escapes. */
function pointEnding(text: Uint8Array, start: number, end: number, escapes: boolean): number {
  if (escapes && end - start === 2 && text[start] === BACKSLASH) return text[start + 1] as number;
  const unit = codePointAt(text, start, true, escapes);
  return unit !== NONE && start + widthOf(unit) === end ? pointOf(unit) : NONE;
}

/** How many bytes of the invisible character at `at`, and of what belongs to it, stay; 0 removes it, {@link OPEN} needs what follows. */
function sparedBytes(
  text: Uint8Array,
  at: number,
  unit: number,
  previous: number,
  final: boolean,
  escapes: boolean,
  first: boolean,
): number {
  const width = widthOf(unit);
  const point = pointOf(unit);
  const kinds = kindsOf(previous);
  if (point === BYTE_ORDER_MARK) return first ? width : 0;
  if (point === ZERO_WIDTH_JOINER || point === ZERO_WIDTH_NON_JOINER) {
    const pictograph = point === ZERO_WIDTH_JOINER && ((kinds & PICTOGRAPH) !== 0 || previous === EMOJI_STYLE);
    if (!pictograph && (kinds & JOINING_LETTER) === 0) return 0;
    const following = codePointAt(text, at + width, final, escapes);
    if (following === OPEN) return OPEN;
    return (kindsOf(pointOf(following)) & (pictograph ? PICTOGRAPH : JOINING_LETTER)) === 0 ? 0 : width;
  }
  if (point === EMOJI_STYLE || point === TEXT_STYLE) {
    if ((kinds & PICTOGRAPH) !== 0) return width;
    if (!isKeycapBase(previous)) return 0;
    const following = codePointAt(text, at + width, final, escapes);
    return following === OPEN ? OPEN : pointOf(following) === KEYCAP ? width : 0;
  }
  if (point >= 0xfe00 && point <= 0xfe02) return (kinds & TAKES_VARIATION) === 0 ? 0 : width;
  if (point >= 0x180b && point <= 0x180f && point !== 0x180e) return (kinds & MONGOLIAN_LETTER) === 0 ? 0 : width;
  if (point >= 0xe0100 && point <= 0xe01ef) return (kinds & HAN_CHARACTER) === 0 ? 0 : width;
  return previous === BLACK_FLAG ? tagFlag(text, at, final, escapes) : 0;
}

/** The bytes of the tags that name a flag at `at`, or 0. */
function tagFlag(text: Uint8Array, at: number, final: boolean, escapes: boolean): number {
  let name = "";
  let position = at;
  for (let count = 0; count < MAX_FLAG_TAGS; count += 1) {
    const unit = codePointAt(text, position, final, escapes);
    if (unit === OPEN) return OPEN;
    const point = pointOf(unit);
    position += widthOf(unit);
    if (point === 0xe007f) return TAG_FLAGS.has(name) ? position - at : 0;
    if (point < 0xe0061 || point > 0xe007a) return 0;
    name += String.fromCharCode(point - 0xe0000);
  }
  return 0;
}

function isKeycapBase(codePoint: number): boolean {
  return (codePoint >= 0x30 && codePoint <= 0x39) || codePoint === 0x23 || codePoint === 0x2a;
}

function append(target: Uint8Array, length: number, source: Uint8Array, from: number, to: number): number {
  if (to - from > 64) target.set(source.subarray(from, to), length);
  else for (let i = from; i < to; i += 1) target[length + i - from] = source[i] as number;
  return length + Math.max(0, to - from);
}
