import { BARE, LEAST_BARE, MAX_GAP } from "./anchor-shape.ts";
import { compileClass } from "./expression.ts";
import { FAIL, type MatchState, MORE } from "./program.ts";

/** How a value may be assigned. */
export interface AssignmentOptions {
  /** Whether a comma may stand between key and value, as between a function's arguments; then the value is quoted. */
  readonly comma?: boolean;
  /** Whether the value needs quotes. */
  readonly quoted?: boolean;
}

/** The longest value; of a longer one this much is taken. */
export const MAX_VALUE_BYTES = 4096;
/** How far a look goes for what follows a quote. */
const MAX_LOOK = 32;

/** What may stand directly behind a key that is assigned to. */
export const ASSIGNMENT_STARTS: Uint8Array = compileClass("[\\\\\"'`)\\] \\t=:,]");
/** What stands behind a quote that closes a string of JSON; a value does not begin so. */
const AFTER_QUOTE = compileClass("[,:}\\]\\s]");
/** How a value of JSON begins, a quote being escaped where the JSON is itself within a string. */
const JSON_VALUE = compileClass('["{\\[0-9tfn\\\\-]');

const TAB = 0x09;
const LINE_FEED = 0x0a;
const RETURN = 0x0d;
const SPACE = 0x20;
const DOUBLE = 0x22;
const SINGLE = 0x27;
const COMMA = 0x2c;
const COLON = 0x3a;
const EQUALS = 0x3d;
const GREATER = 0x3e;
const BACKSLASH = 0x5c;
const BACKTICK = 0x60;
/** Where the input ends. */
const END = -1;
/** What has not arrived. */
const OPEN = -2;

/**
 * Matches, from the end of a key on, an assignment and the value, which becomes the capture: the key's closing quote, up
 * to two closing brackets, `=`, `:`, `=>`, `:=`, `==` or `===` with blanks around them, at most one line break before a
 * quote, then the value. Gives its end, `FAIL` or `MORE`. A quoted value goes to its closing quote, a bare one as far as its characters go, each to the
 * line's end and {@link MAX_VALUE_BYTES} at most.
 *
 * Where the text is JSON it must stay so. Therefore a backslash and what it escapes stay together, a double quote within
 * other quotes is taken only when what follows shows that it closed no string of JSON, and a quote with a comma, colon or
 * bracket behind it begins no value.
 */
export function matchAssignment(state: MatchState, at: number, options: AssignmentOptions): number {
  const value = findValue(state, at, options.comma === true);
  return value < 0 ? value : matchValue(state, value, options.quoted === true);
}

function peek(state: MatchState, at: number): number {
  return at < state.limit ? (state.bytes[at] as number) : state.final ? END : OPEN;
}

function isQuote(byte: number): boolean {
  return byte === DOUBLE || byte === SINGLE || byte === BACKTICK;
}

function isBlank(byte: number): boolean {
  return byte === SPACE || byte === TAB;
}

/** The end of at most {@link MAX_GAP} blanks from `at` on. */
function skipBlanks(state: MatchState, at: number): number {
  const stop = Math.min(at + MAX_GAP, state.limit);
  let position = at;
  while (position < stop && isBlank(state.bytes[position] as number)) position += 1;
  return position;
}

/** Where the value that is assigned to the key before `at` begins, with its quote. */
function findValue(state: MatchState, at: number, comma: boolean): number {
  let position = at;
  let byte = peek(state, position);
  if (byte === BACKSLASH) {
    position += 1;
    byte = peek(state, position);
    if (byte === OPEN) return MORE;
    if (!isQuote(byte)) return FAIL;
  }
  if (isQuote(byte)) position += 1;
  for (let count = 0; count < 2; count += 1) {
    byte = peek(state, position);
    if (byte === 0x29 || byte === 0x5d) position += 1;
  }
  position = skipBlanks(state, position);
  byte = peek(state, position);
  const operator = position;
  if (byte === EQUALS) {
    while (position < operator + 3 && peek(state, position) === EQUALS) position += 1;
    if (position === operator + 1 && peek(state, position) === GREATER) position += 1;
  } else if (byte === COLON) {
    position += 1;
    if (peek(state, position) === EQUALS) position += 1;
  } else if (byte === COMMA && comma) position += 1;
  else return byte === OPEN ? MORE : FAIL;
  position = skipBlanks(state, position);
  const found = peek(state, position);
  if (found === OPEN) return MORE;
  if (byte === COMMA) return isQuote(found) ? position : FAIL;
  return found === RETURN || found === LINE_FEED ? nextLine(state, position) : position;
}

/** The quote that the next line begins with, behind one blank or more. */
function nextLine(state: MatchState, at: number): number {
  let position = at;
  if (peek(state, position) === RETURN) position += 1;
  if (peek(state, position) === OPEN) return MORE;
  if (peek(state, position) !== LINE_FEED) return FAIL;
  position += 1;
  const end = skipBlanks(state, position);
  const byte = peek(state, end);
  if (byte === OPEN) return MORE;
  return end > position && isQuote(byte) ? end : FAIL;
}

function matchValue(state: MatchState, at: number, quoted: boolean): number {
  const byte = peek(state, at);
  if (byte === DOUBLE) {
    const first = peek(state, at + 1);
    if (first === OPEN) return MORE;
    return first === END || AFTER_QUOTE[first] === 1 ? FAIL : capture(state, at + 1, doubleQuotedEnd(state, at + 1));
  }
  if (byte === SINGLE || byte === BACKTICK) return capture(state, at + 1, singleQuotedEnd(state, at + 1, byte));
  if (byte === BACKSLASH) {
    const quote = peek(state, at + 1);
    if (quote === OPEN) return MORE;
    if (quote !== DOUBLE && quote !== SINGLE) return FAIL;
    return capture(state, at + 2, escapedQuotedEnd(state, at + 2, quote));
  }
  return quoted ? FAIL : matchBare(state, at);
}

function capture(state: MatchState, start: number, end: number): number {
  if (end < 0) return end;
  if (end <= start) return FAIL;
  state.captureStart = start;
  state.captureEnd = end;
  return end;
}

function matchBare(state: MatchState, at: number): number {
  const { bytes, limit } = state;
  const stop = Math.min(at + MAX_VALUE_BYTES, limit);
  let end = at;
  while (end < stop && BARE[bytes[end] as number] === 1) end += 1;
  if (end === limit && !state.final) return MORE;
  if (end - at < LEAST_BARE) return FAIL;
  for (let count = 0; count < 2; count += 1) if (peek(state, end) === EQUALS) end += 1;
  const following = peek(state, end);
  if (following === OPEN) return MORE;
  return following === 0x28 || following === 0x5b ? FAIL : capture(state, at, end);
}

function isLineEnd(byte: number): boolean {
  return byte === LINE_FEED || byte === RETURN;
}

/** The end of a value in double quotes; a backslash escapes whatever follows it but a line's end. */
function doubleQuotedEnd(state: MatchState, at: number): number {
  const { bytes, limit } = state;
  const stop = Math.min(at + MAX_VALUE_BYTES, limit);
  let end = at;
  while (end < stop) {
    const byte = bytes[end] as number;
    if (byte === DOUBLE || isLineEnd(byte)) return end;
    if (byte !== BACKSLASH) end += 1;
    else {
      if (end + 1 < limit && isLineEnd(bytes[end + 1] as number)) return end;
      end += 2;
    }
  }
  return cut(state, at, end);
}

/** The end of a value that ran into a bound: the end of all, its greatest length, or what has not arrived. */
function cut(state: MatchState, at: number, end: number): number {
  if (end - at >= MAX_VALUE_BYTES && end <= state.limit) return end;
  return state.final ? Math.min(end, state.limit) : MORE;
}

/**
 * The end of a value in single quotes or backticks. Whether it is a secret may be judged by what stands before the first
 * quote of another kind; without a closing quote in its line it ends there, as it was within a string itself.
 */
function singleQuotedEnd(state: MatchState, at: number, quote: number): number {
  const { bytes, limit } = state;
  const stop = Math.min(at + MAX_VALUE_BYTES, limit);
  let other = END;
  let end = at;
  while (end < stop) {
    const byte = bytes[end] as number;
    if (byte === quote) {
      state.judgedEnd = other;
      return end;
    }
    if (isLineEnd(byte)) return other === END ? end : other;
    const escaped = byte === BACKSLASH;
    const at2 = escaped ? end + 1 : end;
    const shown = at2 < limit ? (bytes[at2] as number) : state.final ? END : OPEN;
    if (shown === OPEN) return MORE;
    if (escaped && isLineEnd(shown)) return other === END ? end : other;
    if (shown === DOUBLE) {
      const closes = closesJson(state, at2 + 1);
      if (closes === MORE) return MORE;
      if (closes === 1) return other === END ? end : other;
    }
    if (isQuote(shown) && !escaped && other === END) other = end;
    end = at2 + 1;
  }
  const bound = cut(state, at, end);
  state.judgedEnd = other;
  return bound >= 0 && bound - at < MAX_VALUE_BYTES && other !== END ? other : bound;
}

/** 1 when what follows a double quote, from `at` on, is what follows a string of JSON; 0 when not, or {@link MORE}. */
function closesJson(state: MatchState, at: number): number {
  let position = skipSpace(state, at);
  const mark = peek(state, position);
  if (mark === OPEN) return MORE;
  if (mark === END || position === at + MAX_LOOK) return 1;
  if (AFTER_QUOTE[mark] === 0) return 0;
  const from = position + 1;
  position = skipSpace(state, from);
  const following = peek(state, position);
  if (following === OPEN) return MORE;
  if (following === END || position === from + MAX_LOOK) return 1;
  if (mark === COMMA || mark === COLON) return JSON_VALUE[following] as number;
  const newLine = position > from && isLineEnd(state.bytes[position - 1] as number);
  return newLine || isQuote(following) || following === BACKSLASH || AFTER_QUOTE[following] === 1 ? 1 : 0;
}

function skipSpace(state: MatchState, at: number): number {
  const stop = Math.min(at + MAX_LOOK, state.limit);
  let position = at;
  while (position < stop && (isBlank(state.bytes[position] as number) || isLineEnd(state.bytes[position] as number)))
    position += 1;
  return position;
}

/**
 * The end of a value between escaped quotes, so within a string. A quote closes it when, once the string is read, an even
 * number of backslashes stands before that quote; a quote that is not escaped ends the string, an escaped line's end the line.
 */
function escapedQuotedEnd(state: MatchState, at: number, quote: number): number {
  const { bytes, limit } = state;
  const stop = Math.min(at + MAX_VALUE_BYTES, limit);
  let end = at;
  while (end < stop) {
    const byte = bytes[end] as number;
    if (isLineEnd(byte) || byte === quote) return end;
    if (byte !== BACKSLASH) {
      end += 1;
      continue;
    }
    let run = end;
    while (run < stop && bytes[run] === BACKSLASH) run += 1;
    if (run === stop) return cut(state, at, run);
    const count = run - end;
    const escaped = bytes[run] as number;
    if (count % 2 === 0) end = run;
    else if (escaped === quote && ((count - 1) / 2) % 2 === 0) return run - 1;
    else if (count === 1 && (escaped === 0x6e || escaped === 0x72)) return end;
    else end = run + 1;
  }
  return cut(state, at, end);
}
