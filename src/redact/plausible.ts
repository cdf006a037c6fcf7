/** Whether the bytes from `start` to `end` are plausibly a secret. Takes the same time for every length. */
export type ValueCheck = (bytes: Uint8Array, start: number, end: number) => boolean;

/** How much of a value is looked at. */
const CHECKED_BYTES = 64;

const REDACTED = "[redacted";

/** Values that stand where a password would and are none. */
const ORDINARY_WORDS: ReadonlySet<string> = new Set(
  "password passwd passphrase current-password new-password confirm-password confirmpassword text string number boolean true false null undefined required optional hidden none input username email basic bearer oauth oauth2 default object function symbol process secret secrets token redacted latest".split(
    " ",
  ),
);
/** The lengths and first letters of these words, so that most values need no look-up: bit n of entry c is set for length n. */
const WORD_LENGTHS = new Int32Array(256);
for (const word of ORDINARY_WORDS) {
  const first = word.charCodeAt(0);
  WORD_LENGTHS[first] = (WORD_LENGTHS[first] ?? 0) | (1 << word.length);
  WORD_LENGTHS[first - 32] = WORD_LENGTHS[first] as number;
}

const OTHER = 0;
const DIGIT = 1;
const LOWER = 2;
const UPPER = 3;
const BLANK = 4;
const HIGH = 5;
/** By byte: what kind of character it is. */
const KIND = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 128) return HIGH;
  if (byte === 32 || (byte >= 9 && byte <= 13)) return BLANK;
  if (byte >= 48 && byte <= 57) return DIGIT;
  if (byte >= 97 && byte <= 122) return LOWER;
  return byte >= 65 && byte <= 90 ? UPPER : OTHER;
});

/** Whether the value is written out, not computed: no template, no member of something, no word of a language, not redacted. */
export function isLiteral(bytes: Uint8Array, start: number, end: number): boolean {
  const stop = Math.min(end, start + CHECKED_BYTES);
  if (stop <= start) return true;
  if (BEGINS_CODE[bytes[start] as number] === 1 || isOrdinaryWord(bytes, start, stop)) return false;
  let members = isNameStart(bytes[start] as number) ? 0 : -1;
  for (let at = start; at < stop; at += 1) {
    const byte = bytes[at] as number;
    const next = at + 1 < stop ? (bytes[at + 1] as number) : 0;
    if (OPENS_CODE[byte] === 1 && opensCode(bytes, at, stop, next)) return false;
    if (members < 0) continue;
    if (byte !== DOT) members = isNameStart(byte) || KIND[byte] === DIGIT ? members : -1;
    else members = isNameStart(next) ? members + 1 : -1;
  }
  return members <= 0;
}

/** Whether a template begins at `at`, or what an earlier redaction left. */
function opensCode(bytes: Uint8Array, at: number, stop: number, next: number): boolean {
  switch (bytes[at]) {
    case 0x24:
      return next === 0x28 || next === 0x7b;
    case 0x7b:
    case 0x23:
      return next === 0x7b;
    case 0x3c:
      return next === 0x25;
    default:
      return stop - at >= REDACTED.length && startsWith(bytes, at, REDACTED);
  }
}

function isNameStart(byte: number): boolean {
  return KIND[byte] === LOWER || KIND[byte] === UPPER || byte === 0x5f;
}

function isOrdinaryWord(bytes: Uint8Array, start: number, stop: number): boolean {
  const length = stop - start;
  if (length > 31 || ((WORD_LENGTHS[bytes[start] as number] as number) & (1 << length)) === 0) return false;
  return ORDINARY_WORDS.has(textOf(bytes, start, stop).toLowerCase());
}

function startsWith(bytes: Uint8Array, at: number, text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (bytes[at + i] !== text.charCodeAt(i)) return false;
  return true;
}

/** Whether a value that is assigned to a password is plausibly one, not a label or a field's name; without quotes, a random one. */
export function isLikelyPassword(bytes: Uint8Array, start: number, end: number): boolean {
  if (!QUOTES.has(bytes[start - 1])) return isLikelyRandom(bytes, start, end);
  if (end - start < 6) return false;
  const stop = Math.min(end, start + CHECKED_BYTES);
  for (let at = start; at < stop; at += 1) {
    const kind = KIND[bytes[at] as number] as number;
    if (kind === HIGH) return false;
    if (kind === BLANK) return isTwoWords(bytes, start, end);
  }
  return !isOrdinaryName(bytes, start, stop) && !isOrdinaryFormat(bytes, start, stop) && isLiteral(bytes, start, end);
}

/** A version, exact or a range's; a date with or without a time; where a package or a page is. */
const ORDINARY_FORMAT =
  /^(?:[~^<>=v]{0,3}\d{1,5}(?:\.(?:\d{1,8}|[x*])){1,3}(?:[-+][0-9a-z.+-]*)?|\d{4}-\d\d-\d\d(?:[T ][\d:.]{5,15}(?:Z|[+-][\d:]{4,5})?)?|(?:https?|git|git\+[a-z]+|npm|workspace|file|link|github|catalog):.*)$/;
/** What the first character of such a value is. */
const BEGINS_FORMAT = flagsOf("0123456789~^<>=vhgnwflc");

/** Whether the value says which version, when or where: a package or a setting may have "password" in its name. */
function isOrdinaryFormat(bytes: Uint8Array, start: number, stop: number): boolean {
  return BEGINS_FORMAT[bytes[start] as number] === 1 && ORDINARY_FORMAT.test(textOf(bytes, start, stop));
}

/** Whether the value is a pass phrase of two words that says nothing about passwords. */
function isTwoWords(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start > 21) return false;
  for (let at = start; at < end; at += 1) if (KIND[bytes[at] as number] !== LOWER && bytes[at] !== 32) return false;
  const value = textOf(bytes, start, end);
  return /^[a-z]{3,10} [a-z]{3,10}$/.test(value) && !/pass|word|your|enter|new|old|set|for|the|is\b/.test(value);
}

/** Whether the value is a word with a capital, a path, or three and more small words joined by `-`, `_` or `.`. */
function isOrdinaryName(bytes: Uint8Array, start: number, stop: number): boolean {
  const first = bytes[start] as number;
  if (first === SLASH) return true;
  if (first === DOT && (bytes[start + 1] === SLASH || (bytes[start + 1] === DOT && bytes[start + 2] === SLASH)))
    return true;
  let joints = 0;
  let slashes = 0;
  let gap = true;
  let doubled = false;
  for (let at = KIND[first] === LOWER ? start : start + 1; at < stop; at += 1) {
    const byte = bytes[at] as number;
    const lower = KIND[byte] === LOWER;
    if (!lower) {
      if (byte === SLASH) slashes += 1;
      else if (JOINTS[byte] === 1) joints += 1;
      else return false;
      if (gap) doubled = true;
    }
    gap = !lower;
  }
  if (slashes > 0) return joints === 0 && KIND[first] === LOWER && (bytes[stop - 1] !== SLASH || slashes > 1);
  if (doubled || gap) return false;
  return joints >= 2 || (joints === 0 && KIND[first] === UPPER);
}

/** Whether a value looks drawn at random: long, with digits, and not a path, a digest or an identifier. */
export function isLikelyRandom(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 10) return false;
  const stop = Math.min(end, start + CHECKED_BYTES);
  let digits = 0;
  let letters = 0;
  let changes = 0;
  let last = -1;
  for (let i = start; i < stop; i += 1) {
    const byte = bytes[i] as number;
    if (byte <= 32 || byte >= 128) return false;
    const kind = KIND[byte] as number;
    if (kind === DIGIT) digits += 1;
    else if (kind !== OTHER) letters += 1;
    if (kind !== last) changes += 1;
    last = kind;
  }
  if (letters === 0 || (digits + letters) * 3 < (stop - start) * 2 || digits < 2 || changes < (digits < 3 ? 6 : 4))
    return false;
  const first = bytes[start] as number;
  if (first === SLASH || first === DOT || isOrdinaryFormat(bytes, start, stop)) return false;
  if (first === 0x73 && /^sha(?:1|256|384|512)-/.test(textOf(bytes, start, stop))) return false;
  return isLiteral(bytes, start, end);
}

/** Whether a value has a digit or ends as base 64 does, and is written out: what follows `Authorization`. */
export function isLikelyCredential(bytes: Uint8Array, start: number, end: number): boolean {
  const stop = Math.min(end, start + CHECKED_BYTES);
  let random = bytes[stop - 1] === 0x3d;
  for (let at = start; at < stop && !random; at += 1) random = KIND[bytes[at] as number] === DIGIT;
  return random && isLiteral(bytes, start, end);
}

/** Whether a name is one, and not a variable that holds it. */
export function isLikelyName(bytes: Uint8Array, start: number, end: number): boolean {
  if (!isLiteral(bytes, start, end)) return false;
  return !/^(?:user_?name|user|options|this|self|null|none|undefined)\b/i.test(textOf(bytes, start, end));
}

const QUOTES: ReadonlySet<number | undefined> = new Set([0x22, 0x27, 0x60]);
const DOT = 0x2e;
const SLASH = 0x2f;
const JOINTS = flagsOf("-_.");
/** What a computed value or a tag begins with. */
const BEGINS_CODE = flagsOf("<{$%");
const OPENS_CODE = flagsOf("${#<[");

function flagsOf(chars: string): Uint8Array {
  const flags = new Uint8Array(256);
  for (const char of chars) flags[char.charCodeAt(0)] = 1;
  return flags;
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, Math.min(end - start, CHECKED_BYTES)).toString("latin1");
}
