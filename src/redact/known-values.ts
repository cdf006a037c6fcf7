import { concatBytes, fromUtf8, utf8 } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { type Findings, isEscapeLetter, type Stage } from "./stage.ts";

/** The shortest value that can be looked for: a shorter one would be found in everything. */
export const MIN_KNOWN_VALUE_BYTES = 4;
const MAX_WINDOW = 32;
const REPLACEMENT = utf8("[redacted:known-value]");
const BACKSLASH = 0x5c;

/**
 * All forms in which `value` may come back: itself; in base 64, with either alphabet, wherever it may begin within a
 * group of three bytes (then without the characters that it shares with its neighbours); URL-encoded in the habits of
 * {@link URL_SAFE} or octet by octet, with hex digits in either case; and each of these JSON-escaped.
 */
export function encodedForms(value: Uint8Array): Uint8Array[] {
  // Texts hold an octet a character: sets tell equal ones apart, and most forms of most values are equal.
  const octets = toOctetText(value);
  const base64 = [0, 1, 2].map((shift) => innerBase64(value, shift));
  const texts = new Set([octets, ...base64]);
  for (const text of base64) texts.add(text.replaceAll("+", "-").replaceAll("/", "_"));
  for (const text of [octets, ...base64]) addUrlForms(texts, text);
  addOctetForms(texts, value);
  const forms = new Set<string>();
  for (const text of texts) {
    forms.add(text);
    if (!JSON_INERT.test(text)) for (const escaped of jsonEscape(text)) forms.add(escaped);
  }
  return [...forms]
    .filter((form) => form.length >= MIN_KNOWN_VALUE_BYTES)
    .sort((one, other) => other.length - one.length)
    .map(fromOctetText);
}

function toOctetText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function fromOctetText(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** The base 64 characters that depend on `value` alone when `shift` bytes stand before it in its group. */
function innerBase64(value: Uint8Array, shift: number): string {
  const padded = concatBytes(new Uint8Array(shift), value);
  const first = Math.ceil((shift * 8) / 6);
  const last = Math.floor(((shift + value.length) * 8) / 6);
  return padded.toBase64().slice(first, last);
}

const HEX = Array.from({ length: 256 }, (_, octet) => octet.toString(16).toUpperCase().padStart(2, "0"));

/**
 * What encoders leave as it is besides letters and digits: RFC 3986 strictly; that and slashes; as a component; as a form
 * field, in two habits; as a path; as a whole URL.
 */
const URL_SAFE = ["-_.~", "-_.~/", "-_.~!'()*", "-_.* ", "-_.~ ", "-_.~!'()*/:@$&+,;=", "-_.~!'()*/:@$&+,;=?#"];

/** For each habit what every octet becomes. */
const URL_TABLES: readonly (readonly string[])[] = URL_SAFE.map((safe) =>
  Array.from({ length: 256 }, (_, octet) => {
    const char = String.fromCharCode(octet);
    if (char === " " && safe.includes(char)) return "+";
    return /[A-Za-z0-9]/.test(char) || safe.includes(char) ? char : `%${hexOf(octet)}`;
  }),
);
/** What every encoder of URLs leaves as it is. */
const URL_INERT = /^[A-Za-z0-9_.-]*$/;
/** What no writer of JSON escapes. */
const JSON_INERT = /^[ !#$%'()*+,\-.0-;=?-[\]-~]*$/;

/** The forms in which encoders of URLs write these octets. */
function addUrlForms(texts: Set<string>, octets: string): void {
  if (URL_INERT.test(octets)) return;
  for (const table of URL_TABLES) {
    let upper = "";
    for (let i = 0; i < octets.length; i += 1) upper += table[octets.charCodeAt(i)];
    texts.add(upper);
    texts.add(lowerHex(upper));
  }
}

function addOctetForms(texts: Set<string>, value: Uint8Array): void {
  let upper = "";
  for (const octet of value) upper += `%${hexOf(octet)}`;
  texts.add(upper);
  texts.add(lowerHex(upper));
}

function hexOf(octet: number): string {
  return HEX[octet] as string;
}

function lowerHex(text: string): string {
  return text.replace(/%[0-9A-F]{2}/g, (octet) => octet.toLowerCase());
}

function jsonEscape(octets: string): string[] {
  try {
    const plain = JSON.stringify(fromUtf8(fromOctetText(octets))).slice(1, -1);
    const ascii = plain.replace(/[\u007f-\uffff]/g, escapeCharacter);
    // What is safe to stand in HTML, as some writers of JSON have it.
    const inert = plain.replace(/[<>&\u2028\u2029]/g, escapeCharacter);
    return [plain, ascii, inert]
      .flatMap((text) => [text, text.replaceAll("/", "\\/")])
      .map((text) => toOctetText(utf8(text)));
  } catch {
    return [];
  }
}

function escapeCharacter(char: string): string {
  return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** One form of a value, and of each of its beginnings the longest that it also ends with. */
interface Form {
  readonly bytes: Uint8Array;
  readonly borders: Int32Array;
}

/** What a stage looks for: made once a list of values, since a call cleans a body and every header of its answer. */
interface SearchTable {
  /** Longest first: of two forms at one place the longer is the right one. */
  readonly forms: readonly Form[];
  readonly window: number;
  /** For two bytes, at most how far the window may move on. */
  readonly shifts: Uint8Array;
}

/** By the list itself: its entry goes when the call that holds it does, and the secrets in it with it. */
const tables = new WeakMap<readonly Uint8Array[], SearchTable>();

function searchTableOf(values: readonly Uint8Array[]): SearchTable {
  let table = tables.get(values);
  if (table === undefined) {
    table = buildSearchTable(values);
    tables.set(values, table);
  }
  return table;
}

function buildSearchTable(values: readonly Uint8Array[]): SearchTable {
  if (values.some((value) => value.length < MIN_KNOWN_VALUE_BYTES)) {
    throw new WritError("invalid_argument", `a known value must have at least ${MIN_KNOWN_VALUE_BYTES} bytes`);
  }
  const all = values.flatMap(encodedForms).sort((a, b) => b.length - a.length);
  const window = Math.min(MAX_WINDOW, ...all.map((form) => form.length));
  const shifts = new Uint8Array(65_536).fill(window - 1);
  for (const form of all) {
    for (let i = 0; i + 1 < window; i += 1) {
      const pair = ((form[i] as number) << 8) | (form[i + 1] as number);
      shifts[pair] = Math.min(shifts[pair] as number, window - 2 - i);
    }
  }
  return { forms: all.map((bytes) => ({ bytes, borders: bordersOf(bytes) })), window, shifts };
}

/** One form at work, with the memory that makes looking for it linear (Knuth, Morris and Pratt). */
class Needle {
  readonly bytes: Uint8Array;
  readonly #borders: Int32Array;
  /** Up to here the text was compared, and its last `#matched` bytes are the needle's first. */
  #compared = 0;
  #matched = 0;

  constructor({ bytes, borders }: Form) {
    this.bytes = bytes;
    this.#borders = borders;
  }

  /** Whether the needle stands at `start`, which never decreases: `undefined` means that it may, when more has arrived. */
  standsAt(text: Uint8Array, start: number): boolean | undefined {
    if (start >= this.#compared) {
      this.#compared = start;
      this.#matched = 0;
    }
    while (this.#compared - this.#matched < start) this.#matched = this.#borders[this.#matched] as number;
    while (this.#compared - this.#matched === start) {
      if (this.#matched === this.bytes.length) return true;
      if (this.#compared === text.length) return undefined;
      this.#step(text[this.#compared] as number);
    }
    return false;
  }

  /** The first position from `from` on at which the needle may begin and end behind `text`, or the text's length. */
  openFrom(text: Uint8Array, from: number): number {
    this.#compared = from;
    this.#matched = 0;
    while (this.#compared < text.length) this.#step(text[this.#compared] as number);
    const open = this.#compared - this.#matched;
    this.forget();
    return open;
  }

  /** The text has moved. */
  forget(): void {
    this.#compared = 0;
    this.#matched = 0;
  }

  #step(byte: number): void {
    if (this.#matched === this.bytes.length) this.#matched = this.#borders[this.#matched] as number;
    while (this.#matched > 0 && this.bytes[this.#matched] !== byte)
      this.#matched = this.#borders[this.#matched] as number;
    if (this.bytes[this.#matched] === byte) this.#matched += 1;
    this.#compared += 1;
  }
}

function bordersOf(bytes: Uint8Array): Int32Array {
  const borders = new Int32Array(bytes.length + 1);
  let matched = 0;
  for (let i = 1; i < bytes.length; i += 1) {
    while (matched > 0 && bytes[i] !== bytes[matched]) matched = borders[matched] as number;
    if (bytes[i] === bytes[matched]) matched += 1;
    borders[i + 1] = matched;
  }
  return borders;
}

/**
 * Replaces known values, in all their {@link encodedForms}, by `[redacted:known-value]`.
 *
 * Looks at every k-th pair of bytes only, after Wu and Manber, k being the shortest form's length less one; where a form
 * may begin, it is compared. What waits at the end of a push is the longest beginning of a form, so never more than the
 * longest form less one byte.
 */
export class KnownValueStage implements Stage {
  readonly #findings: Findings;
  readonly #needles: readonly Needle[];
  readonly #window: number;
  readonly #shifts: Uint8Array;
  #held: Uint8Array = new Uint8Array(0);
  #previous = 0;

  /**
   * @param values must not change any more
   * @throws `invalid_argument` when a value has fewer than {@link MIN_KNOWN_VALUE_BYTES} bytes.
   */
  constructor(values: readonly Uint8Array[], findings: Findings) {
    const { forms, window, shifts } = searchTableOf(values);
    this.#findings = findings;
    this.#needles = forms.map((form) => new Needle(form));
    this.#window = window;
    this.#shifts = shifts;
  }

  push(chunk: Uint8Array): Uint8Array[] {
    if (chunk.length === 0) return [];
    const text = this.#held.length === 0 ? chunk : concatBytes(this.#held, chunk);
    return this.#scan(text, false);
  }

  finish(): Uint8Array[] {
    return this.#scan(this.#held, true);
  }

  #scan(text: Uint8Array, final: boolean): Uint8Array[] {
    const output: Uint8Array[] = [];
    for (const needle of this.#needles) needle.forget();
    let emitted = 0;
    let start = 0;
    let open = text.length;
    while (true) {
      start = this.#nextCandidate(text, start);
      if (start + this.#window > text.length) {
        if (!final) open = this.#openFrom(text, start);
        break;
      }
      const found = this.#needleAt(text, start, final);
      if (found === undefined) {
        open = start;
        break;
      }
      if (found === 0) {
        start += 1;
        continue;
      }
      const before = start > 0 ? text[start - 1] : this.#previous;
      const kept = before === BACKSLASH && isEscapeLetter(text[start]) ? 1 : 0;
      if (start + kept > emitted) output.push(text.subarray(emitted, start + kept));
      output.push(REPLACEMENT);
      this.#findings.add("known-value");
      start += found;
      emitted = start;
    }
    if (open > emitted) output.push(text.subarray(emitted, open));
    if (open > 0) this.#previous = text[open - 1] as number;
    this.#held = text.slice(open);
    return output;
  }

  /** The first position from `start` on where a form may begin; from `text.length - window + 1` on nothing was looked at. */
  #nextCandidate(text: Uint8Array, start: number): number {
    const shifts = this.#shifts;
    const last = text.length - 1;
    let at = start + this.#window - 2;
    while (at < last) {
      const shift = shifts[((text[at] as number) << 8) | (text[at + 1] as number)] as number;
      if (shift === 0) break;
      at += shift;
    }
    return at - this.#window + 2;
  }

  /** The length of the form that stands at `start`, 0 for none, undefined where that is still open. */
  #needleAt(text: Uint8Array, start: number, final: boolean): number | undefined {
    for (const needle of this.#needles) {
      const stands = needle.standsAt(text, start);
      if (stands === true) return needle.bytes.length;
      if (stands === undefined && !final) return undefined;
    }
    return 0;
  }

  #openFrom(text: Uint8Array, from: number): number {
    let open = text.length;
    for (const needle of this.#needles) open = Math.min(open, needle.openFrom(text, Math.min(from, text.length)));
    return open;
  }
}
