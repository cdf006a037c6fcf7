import { compileClass } from "./expression.ts";

// What must stand behind an anchor, as bits: a pattern names those with which it can match, and a short look at the text
// spares the match where none is there. A look may be wrong in one direction only: what would match always has the shape.

/** `=` or `:` behind the key that the anchor is part of, then a bare value of {@link LEAST_BARE} or more, or a line's end. */
export const VALUE = 1;
/** `=` or `:`, then a quote, escaped or not. */
export const QUOTED_VALUE = 2;
/** `,`, then a quote, escaped or not. */
export const LISTED_VALUE = 4;
/** `=`, then a bare name, and a key that names a password behind it. */
export const PAIRED_VALUE = 8;
/** `=` or `:`, then a quoted name, and a key that names a password behind it. */
export const PAIRED_NAME = 16;
/** A user and a password of a URL, up to the `@`. */
export const USERINFO = 32;
/** The rest of an assignment, with a value that a semicolon ends. */
export const ENDED_VALUE = 64;
/** Anything. */
export const ANY_SHAPE = 0xff;

const KEY_SHAPES = VALUE | QUOTED_VALUE | LISTED_VALUE | PAIRED_VALUE | PAIRED_NAME;
/** The fewest characters of a bare value. */
export const LEAST_BARE = 8;
/** How many characters a key may still have behind an anchor: as many as the expression of any pattern takes. */
const MAX_KEY_REST = 30;
/** How much may stand between a key and its operator: an escaped quote, two brackets, {@link MAX_GAP} blanks. */
const MAX_KEY_GAP = 20;
/** How many blanks may stand between an operator and its value. */
export const MAX_GAP = 16;

/** The characters of a bare value. */
export const BARE: Uint8Array = compileClass("[A-Za-z0-9_~+/.!@#^*:-]");
const KEY = compileClass("[A-Za-z0-9_.-]");
const GAP = compileClass("[ \\t\"'`\\\\)\\]]");
const BLANK = compileClass("[ \\t]");
const MAX_OPERATOR = 3;
/** What makes an operator of two or three characters. */
const OPERATOR_REST = compileClass("[=>]");
const QUOTE = compileClass("[\"'`\\\\]");
const LINE_END = compileClass("[\\r\\n]");

/** The characters of a name, bare and in quotes. */
const NAME_LETTERS = compileClass("[A-Za-z0-9_@-]");
const QUOTED_LETTERS = compileClass("[^\\s\"',;\\\\]");
/** What may stand between a name and the next key, comments apart, and what that key has before its last letters. */
const BETWEEN_KEYS = compileClass("[\\s,;\"'\\\\]");
const COMMENT = compileClass("[#/]");
const PASSWORD_KEY = compileClass("[$A-Za-z_.>-]");
const PASS = [0x70, 0x61, 0x73, 0x73];

/** How far a look at one of these goes before it gives no answer. */
const MAX_LOOK = 64;
/** The characters of a user, of a password, and of a value, as the expressions have them. */
const USER = compileClass("[^\\s/:@?#\"'`\\\\<>{}$[\\]]");
const PASSWORD = compileClass("[^\\s/@\"'`\\\\<>{}$[\\]]");
const ENDED = compileClass('[^;"\\s\\\\]');
/** How far behind an anchor the semicolon may stand: blanks, `=`, blanks and the longest value before it. */
const MAX_ENDED = 105;
const FILLER = compileClass("[ =]");

const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const EQUALS = 0x3d;
const AT_SIGN = 0x40;
const SEMICOLON = 0x3b;

/** Whether what stands behind an anchor, from `at` on, may be of one of the `shapes`: also where the bytes end too early to tell. */
export function hasShape(shapes: number, bytes: Uint8Array, at: number): boolean {
  if (shapes === ANY_SHAPE) return true;
  if ((shapes & USERINFO) !== 0 && hasUserinfo(bytes, at)) return true;
  if ((shapes & ENDED_VALUE) !== 0 && hasEndedValue(bytes, at)) return true;
  return (shapes & KEY_SHAPES) !== 0 && isAssigned(shapes, bytes, at);
}

/** Whether one of the `shapes` stands behind the key that goes on at `at`. */
function isAssigned(shapes: number, bytes: Uint8Array, at: number): boolean {
  const { length } = bytes;
  let position = at;
  let limit = Math.min(length, at + MAX_KEY_REST);
  while (position < limit && KEY[bytes[position] as number] === 1) position += 1;
  limit = Math.min(length, position + MAX_KEY_GAP);
  while (position < limit && GAP[bytes[position] as number] === 1) position += 1;
  if (position === length) return true;
  const operator = bytes[position] as number;
  if (operator !== EQUALS && operator !== COLON && operator !== COMMA) return false;
  const operatorEnd = Math.min(length, position + MAX_OPERATOR);
  position += 1;
  if (operator !== COMMA)
    while (position < operatorEnd && OPERATOR_REST[bytes[position] as number] === 1) position += 1;
  const stop = Math.min(length, position + MAX_GAP);
  while (position < stop && BLANK[bytes[position] as number] === 1) position += 1;
  if (position === length) return true;
  const first = bytes[position] as number;
  if (QUOTE[first] === 1) {
    if (operator === COMMA) return (shapes & LISTED_VALUE) !== 0;
    if ((shapes & QUOTED_VALUE) !== 0) return true;
    const name = position + (first === BACKSLASH ? 2 : 1);
    return (shapes & PAIRED_NAME) !== 0 && isPaired(bytes, name, QUOTED_LETTERS);
  }
  if (operator === COMMA) return false;
  if ((shapes & VALUE) !== 0 && (LINE_END[first] === 1 || isLongValue(bytes, position))) return true;
  return (shapes & PAIRED_VALUE) !== 0 && operator === EQUALS && isPaired(bytes, position, NAME_LETTERS);
}

/** Whether a bare value at `at` is long enough. */
function isLongValue(bytes: Uint8Array, at: number): boolean {
  const stop = Math.min(bytes.length, at + LEAST_BARE);
  let end = at;
  while (end < stop && BARE[bytes[end] as number] === 1) end += 1;
  return end === stop;
}

/** Whether behind the name at `at` a key stands that names a password; comments between are not looked through. */
function isPaired(bytes: Uint8Array, at: number, letters: Uint8Array): boolean {
  const name = runEnd(bytes, at, letters);
  if (name < 0) return true;
  const key = runEnd(bytes, name, BETWEEN_KEYS);
  if (key < 0 || COMMENT[bytes[key] as number] === 1) return true;
  const end = runEnd(bytes, key, PASSWORD_KEY);
  if (end < 0) return true;
  for (let at = key; at + PASS.length <= end; at += 1) {
    let same = 0;
    while (same < PASS.length && ((bytes[at + same] as number) | 0x20) === PASS[same]) same += 1;
    if (same === PASS.length) return true;
  }
  return false;
}

function hasUserinfo(bytes: Uint8Array, at: number): boolean {
  const user = runEnd(bytes, at, USER);
  if (user < 0) return true;
  if (bytes[user] !== COLON) return false;
  const password = runEnd(bytes, user + 1, PASSWORD);
  return password < 0 || bytes[password] === AT_SIGN;
}

function hasEndedValue(bytes: Uint8Array, at: number): boolean {
  const value = runEnd(bytes, at, FILLER);
  if (value < 0) return true;
  const stop = Math.min(bytes.length, at + MAX_ENDED);
  let end = value;
  while (end < stop && ENDED[bytes[end] as number] === 1) end += 1;
  return end === bytes.length || bytes[end] === SEMICOLON;
}

/** Where the bytes of a class end that begin at `at`; negative where that is not seen. */
function runEnd(bytes: Uint8Array, at: number, table: Uint8Array): number {
  const stop = Math.min(bytes.length, at + MAX_LOOK);
  let end = at;
  while (end < stop && table[bytes[end] as number] === 1) end += 1;
  return end < stop ? end : -1;
}
