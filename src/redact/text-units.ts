/** Not a code point: nothing there, or not well-formed. */
export const NONE = -1;
/** What follows has not arrived. */
export const OPEN = -2;

const BACKSLASH = 0x5c;
const ESCAPE_BYTES = 6;

/**
 * The code point that begins at `at`, with the bytes that it takes: see {@link pointOf} and {@link widthOf}. It is written in
 * UTF-8, or with `escapes` as RFC 8259 section 7 has it: `\uXXXX`, two of them for a surrogate pair. {@link NONE} where there
 * is none, {@link OPEN} where the text ends too early and is not `final`.
 */
export function codePointAt(text: Uint8Array, at: number, final: boolean, escapes: boolean): number {
  const lead = text[at];
  if (lead === undefined) return final ? NONE : OPEN;
  if (lead === BACKSLASH && escapes) return escapedPointAt(text, at, final);
  if (lead < 0x80) return unitOf(lead, 1);
  if (lead < 0xc2 || lead > 0xf4) return NONE;
  const width = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  let point = lead & (0xff >> (width + 1));
  for (let i = 1; i < width; i += 1) {
    const byte = text[at + i];
    if (byte === undefined) return final ? NONE : OPEN;
    if (byte < 0x80 || byte > 0xbf) return NONE;
    point = (point << 6) | (byte & 0x3f);
  }
  const least = width === 2 ? 0x80 : width === 3 ? 0x800 : 0x10000;
  return point < least || point > 0x10ffff || isSurrogate(point) ? NONE : unitOf(point, width);
}

/** The code point of what {@link codePointAt} gave, or a negative number. */
export function pointOf(unit: number): number {
  return unit >> 4;
}

/** How many bytes it takes. */
export function widthOf(unit: number): number {
  return unit & 15;
}

function unitOf(point: number, width: number): number {
  return (point << 4) | width;
}

function isSurrogate(point: number): boolean {
  return point >= 0xd800 && point < 0xe000;
}

function escapedPointAt(text: Uint8Array, at: number, final: boolean): number {
  const high = escapedUnitAt(text, at, final);
  if (high < 0 || !isSurrogate(high)) return high < 0 ? high : unitOf(high, ESCAPE_BYTES);
  if (high >= 0xdc00) return NONE;
  const low = escapedUnitAt(text, at + ESCAPE_BYTES, final);
  if (low === OPEN) return OPEN;
  if (low < 0xdc00 || low >= 0xe000) return NONE;
  return unitOf(0x10000 + ((high & 0x3ff) << 10) + (low & 0x3ff), 2 * ESCAPE_BYTES);
}

/** The sixteen bits that the escape at `at` stands for. */
function escapedUnitAt(text: Uint8Array, at: number, final: boolean): number {
  let value = 0;
  for (let i = 0; i < ESCAPE_BYTES; i += 1) {
    const byte = text[at + i];
    if (byte === undefined) return final ? NONE : OPEN;
    if (i === 0 ? byte !== BACKSLASH : i === 1 && byte !== 0x75) return NONE;
    if (i < 2) continue;
    const digit = hexDigit(byte);
    if (digit < 0) return NONE;
    value = (value << 4) | digit;
  }
  return value;
}

function hexDigit(byte: number): number {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const letter = byte | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1;
}
