import { MAX_LEDGER_DEPTH } from "./canonical-text.ts";

/**
 * Proves of bytes that they are the RFC 8785 form of a value by going through them once, without making the value or a
 * second text to compare with.
 *
 * Every answer is on the safe side: where a function gives a place, {@link parseCanonical} takes the same text; where it
 * gives {@link NOT_PROVEN} the text may still be canonical, and the slow way decides. Left to that way is what is rare:
 * anything outside of ASCII, escapes by number, escapes in keys.
 */
export const NOT_PROVEN = -1;

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** So many digits make an integer that a double holds exactly and ECMAScript writes without an exponent. */
const SAFE_DIGITS = 15;

/** 1 for what stands for itself in a string. */
const PLAIN = tableOf((code) => code >= 0x20 && code < 0x80 && code !== QUOTE && code !== BACKSLASH);
/** 1 for what RFC 8785 writes behind a backslash, the `u` apart. */
const ESCAPED = tableOf((code) => '"\\bfnrt'.includes(String.fromCharCode(code)));
const NUMERIC = tableOf((code) => "+-.0123456789eE".includes(String.fromCharCode(code)));

/** A table of 256 entries: 1 where `holds`. */
export function tableOf(holds: (code: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => (holds(code) ? 1 : 0));
}

/** The codes of ASCII text, to be compared by {@link matchesAt}. */
export function codesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** Whether exactly these codes stand at a place. */
export function matchesAt(bytes: Uint8Array, at: number, codes: Uint8Array): boolean {
  for (let i = 0; i < codes.length; i += 1) if (bytes[at + i] !== codes[i]) return false;
  return true;
}

/** The place behind a run of bytes that `table` has 1 for. */
export function skipWhile(bytes: Uint8Array, at: number, table: Uint8Array): number {
  let place = at;
  while (table[bytes[place] as number] === 1) place += 1;
  return place;
}

/** Where the members of an object stand. */
export class MemberPlaces {
  /** Three places for each member: of its key, behind its key, and of its value. */
  readonly places: Int32Array;
  /** How many of them are used. */
  used = 0;

  /** @param maxMembers an object with more of them is not proven */
  constructor(maxMembers: number) {
    this.places = new Int32Array(maxMembers * 3);
  }

  /** Whether there was room. */
  add(key: number, end: number): boolean {
    if (this.used === this.places.length) return false;
    this.places[this.used] = key;
    this.places[this.used + 1] = end;
    this.places[this.used + 2] = end + 2;
    this.used += 3;
    return true;
  }
}

const TRUE = codesOf("true");
const FALSE = codesOf("false");
const NULL = codesOf("null");

/**
 * The place behind the value that begins at `at`, or {@link NOT_PROVEN}.
 * @param depth how many objects and arrays it stands in
 */
export function scanValue(bytes: Uint8Array, at: number, depth: number): number {
  switch (bytes[at]) {
    case QUOTE:
      return scanString(bytes, at + 1);
    case OPEN_BRACE:
      return scanObject(bytes, at, depth, undefined);
    case OPEN_BRACKET:
      return scanArray(bytes, at, depth);
    case TRUE[0]:
      return matchesAt(bytes, at, TRUE) ? at + TRUE.length : NOT_PROVEN;
    case FALSE[0]:
      return matchesAt(bytes, at, FALSE) ? at + FALSE.length : NOT_PROVEN;
    case NULL[0]:
      return matchesAt(bytes, at, NULL) ? at + NULL.length : NOT_PROVEN;
    default:
      return scanNumber(bytes, at);
  }
}

/** From behind the opening quote to behind the closing one. */
function scanString(bytes: Uint8Array, from: number): number {
  let at = from;
  for (;;) {
    while (PLAIN[bytes[at] as number] === 1) at += 1;
    if (bytes[at] === QUOTE) return at + 1;
    if (bytes[at] !== BACKSLASH || ESCAPED[bytes[at + 1] as number] !== 1) return NOT_PROVEN;
    at += 2;
  }
}

function scanArray(bytes: Uint8Array, from: number, depth: number): number {
  if (depth >= MAX_LEDGER_DEPTH) return NOT_PROVEN;
  if (bytes[from + 1] === CLOSE_BRACKET) return from + 2;
  for (let at = from; ; ) {
    at = scanValue(bytes, at + 1, depth + 1);
    if (at === NOT_PROVEN) return NOT_PROVEN;
    if (bytes[at] === CLOSE_BRACKET) return at + 1;
    if (bytes[at] !== COMMA) return NOT_PROVEN;
  }
}

/** The place behind the object that begins at `from`, or {@link NOT_PROVEN}; its members are added to `members`. */
export function scanObject(bytes: Uint8Array, from: number, depth: number, members: MemberPlaces | undefined): number {
  if (depth >= MAX_LEDGER_DEPTH || bytes[from] !== OPEN_BRACE) return NOT_PROVEN;
  if (bytes[from + 1] === CLOSE_BRACE) return from + 2;
  let lastKey = 0;
  let lastEnd = -1;
  for (let at = from; ; ) {
    const key = at + 2;
    if (bytes[at + 1] !== QUOTE) return NOT_PROVEN;
    const end = skipWhile(bytes, key, PLAIN);
    if (bytes[end] !== QUOTE || bytes[end + 1] !== COLON) return NOT_PROVEN;
    if (lastEnd >= 0 && !isBefore(bytes, lastKey, lastEnd, key, end)) return NOT_PROVEN;
    if (members !== undefined && !members.add(key, end)) return NOT_PROVEN;
    lastKey = key;
    lastEnd = end;
    at = scanValue(bytes, end + 2, depth + 1);
    if (at === NOT_PROVEN) return NOT_PROVEN;
    if (bytes[at] === CLOSE_BRACE) return at + 1;
    if (bytes[at] !== COMMA) return NOT_PROVEN;
  }
}

/** Whether one key stands strictly before another; among ASCII the order of bytes is that of UTF-16 code units. */
function isBefore(bytes: Uint8Array, left: number, leftEnd: number, right: number, rightEnd: number): boolean {
  const shared = Math.min(leftEnd - left, rightEnd - right);
  for (let i = 0; i < shared; i += 1) {
    const one = bytes[left + i] as number;
    const other = bytes[right + i] as number;
    if (one !== other) return one < other;
  }
  return leftEnd - left < rightEnd - right;
}

function scanNumber(bytes: Uint8Array, from: number): number {
  const isNegative = bytes[from] === MINUS;
  const digits = isNegative ? from + 1 : from;
  let at = digits;
  while ((bytes[at] as number) >= ZERO && (bytes[at] as number) <= NINE) at += 1;
  const count = at - digits;
  if (count === 0) return NOT_PROVEN;
  if (count > SAFE_DIGITS || NUMERIC[bytes[at] as number] === 1) return scanOddNumber(bytes, from);
  if (bytes[digits] === ZERO && (count > 1 || isNegative)) return NOT_PROVEN;
  return at;
}

/** Fractions, exponents and large integers: what ECMAScript writes for the value must be what stands here. */
function scanOddNumber(bytes: Uint8Array, from: number): number {
  const end = skipWhile(bytes, from, NUMERIC);
  const text = String.fromCharCode(...bytes.subarray(from, Math.min(end, from + 32)));
  const value = Number(text);
  const isExact = !Number.isInteger(value) || Math.abs(value) <= 2 ** 53;
  return isExact && String(value) === text && end - from === text.length ? end : NOT_PROVEN;
}
