import type { Json } from "./canonical-json.ts";
import { WritError } from "./errors.ts";

/** Bounds for {@link parseStrictJson}. */
export interface StrictJsonLimits {
  /** How deep arrays and objects may nest. */
  readonly maxDepth: number;
}

/** What requests may nest. */
export const DEFAULT_JSON_LIMITS: StrictJsonLimits = { maxDepth: 64 };

/**
 * Parses one JSON value (RFC 8259) and refuses what two readers could read differently: duplicate keys
 * (`json_duplicate_key`), integers beyond ±2^53 (`integer_out_of_range`), lone surrogates (`json_lone_surrogate`), nesting
 * beyond the limit (`json_too_deep`). Anything else malformed is `body_not_json`, with the offset in the message.
 *
 * Objects have a null prototype, so `__proto__` is a key like any other.
 */
export function parseStrictJson(text: string, limits: StrictJsonLimits = DEFAULT_JSON_LIMITS): Json {
  const parser = new Parser(text, limits.maxDepth);
  return parser.parseDocument();
}

/**
 * The same in steps of about a millisecond, for a text whose length is that of a few long strings: those are read before
 * the rest, `breathe` awaited now and then.
 */
export async function parseStrictJsonInSteps(
  text: string,
  breathe: () => Promise<void>,
  limits: StrictJsonLimits = DEFAULT_JSON_LIMITS,
): Promise<Json> {
  const long = await readLongStrings(text, breathe);
  await breathe();
  return new Parser(text, limits.maxDepth, long).parseDocument();
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
// A whole string of such characters without surrogates, as nearly every string is: nothing in it needs a second look.
const SIMPLE_STRING = /"[ !#-[\]-\ud7ff\ue000-\uffff]*"/y;
class Parser {
  private at = 0;
  private readonly text: string;
  private readonly maxDepth: number;
  private readonly long: ReadonlyMap<number, LongString> | undefined;

  /** @param long strings that were read before, by the offset of their first quote */
  constructor(text: string, maxDepth: number, long?: ReadonlyMap<number, LongString>) {
    this.text = text;
    this.maxDepth = maxDepth;
    this.long = long;
  }

  parseDocument(): Json {
    const value = this.parseValue(0);
    this.skipSpace();
    if (this.at !== this.text.length) this.fail("text after the value");
    return value;
  }

  private parseValue(depth: number): Json {
    this.skipSpace();
    switch (this.text.charCodeAt(this.at)) {
      case 0x7b:
        return this.parseObject(depth + 1);
      case 0x5b:
        return this.parseArray(depth + 1);
      case 0x22:
        return this.parseString();
      case 0x74:
        return this.parseWord("true", true);
      case 0x66:
        return this.parseWord("false", false);
      case 0x6e:
        return this.parseWord("null", null);
      default:
        return this.parseNumber();
    }
  }

  private parseObject(depth: number): Json {
    if (depth > this.maxDepth) throw new WritError("json_too_deep");
    const object: Record<string, Json> = Object.create(null);
    this.at += 1;
    this.skipSpace();
    if (this.take(0x7d)) return object;
    for (;;) {
      this.skipSpace();
      if (this.text.charCodeAt(this.at) !== 0x22) this.fail("a key was expected");
      const key = this.parseString();
      if (key in object) throw new WritError("json_duplicate_key", `the key \`${key.slice(0, 100)}\` stands twice`);
      this.skipSpace();
      if (!this.take(0x3a)) this.fail("`:` was expected");
      object[key] = this.parseValue(depth);
      this.skipSpace();
      if (this.take(0x2c)) continue;
      if (this.take(0x7d)) return object;
      this.fail("`,` or `}` was expected");
    }
  }

  private parseArray(depth: number): Json {
    if (depth > this.maxDepth) throw new WritError("json_too_deep");
    const array: Json[] = [];
    this.at += 1;
    this.skipSpace();
    if (this.take(0x5d)) return array;
    for (;;) {
      array.push(this.parseValue(depth));
      this.skipSpace();
      if (this.take(0x2c)) continue;
      if (this.take(0x5d)) return array;
      this.fail("`,` or `]` was expected");
    }
  }

  private parseString(): string {
    const start = this.at;
    const read = this.long?.get(start);
    if (read !== undefined) {
      this.at = read.end;
      return read.value;
    }
    SIMPLE_STRING.lastIndex = start;
    if (SIMPLE_STRING.test(this.text)) {
      this.at = SIMPLE_STRING.lastIndex;
      return this.text.slice(start + 1, this.at - 1);
    }
    return this.parseEscapedString();
  }

  /** The runtime's parser reads a string exactly as RFC 8259 has it, and much faster than escape by escape. */
  private parseEscapedString(): string {
    const end = this.findStringEnd();
    const value = readString(this.text.slice(this.at, end));
    if (value === undefined) this.fail("a string is not closed or has a control character or a malformed escape");
    if (!value.isWellFormed()) throw new WritError("json_lone_surrogate");
    this.at = end;
    return value;
  }

  /** Just behind the quote that closes the string: the first with an even number of backslashes before it. */
  private findStringEnd(): number {
    for (let quote = this.at; ; ) {
      quote = this.text.indexOf('"', quote + 1);
      if (quote === -1) return this.text.length;
      let before = quote - 1;
      while (this.text.charCodeAt(before) === 0x5c) before -= 1;
      if ((quote - before) % 2 === 1) return quote + 1;
    }
  }

  private parseNumber(): number {
    NUMBER.lastIndex = this.at;
    const match = NUMBER.exec(this.text);
    if (match === null) this.fail("a value was expected");
    const literal = match[0];
    this.at += literal.length;
    const value = Number(literal);
    if (!Number.isFinite(value) || (Number.isInteger(value) && Math.abs(value) > 2 ** 53)) {
      throw new WritError(
        "integer_out_of_range",
        `the number \`${literal.slice(0, 40)}\` is beyond plus or minus 2^53`,
      );
    }
    // 2^53 itself is the one value that 2^53 + 1 also rounds to: only its own digits stand for it.
    if (Math.abs(value) === 2 ** 53 && literal.replace("-", "") !== "9007199254740992") {
      throw new WritError(
        "integer_out_of_range",
        `the number \`${literal.slice(0, 40)}\` is beyond plus or minus 2^53`,
      );
    }
    return value;
  }

  private parseWord(word: string, value: Json): Json {
    if (!this.text.startsWith(word, this.at)) this.fail("a value was expected");
    this.at += word.length;
    return value;
  }

  private skipSpace(): void {
    for (;;) {
      const code = this.text.charCodeAt(this.at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.at += 1;
    }
  }

  private take(code: number): boolean {
    if (this.text.charCodeAt(this.at) !== code) return false;
    this.at += 1;
    return true;
  }

  private fail(what: string): never {
    throw new WritError("body_not_json", `${what}, at offset ${this.at}`);
  }
}

/** The value of a JSON string with its quotes, or undefined where it is none. */
function readString(literal: string): string | undefined {
  try {
    const value: unknown = JSON.parse(literal);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A string that was read, and the offset behind its closing quote. */
interface LongString {
  readonly value: string;
  readonly end: number;
}

/** UTF-16 code units that are read between two yields. */
const STEP = 128 * 1024;

/**
 * Strings longer than a step, by where they begin. Of a text that is JSON, quotes stand around strings and nowhere else; of
 * one that is not, nothing that is found here is where the parser looks for a string, or it is what stands there.
 */
async function readLongStrings(text: string, breathe: () => Promise<void>): Promise<ReadonlyMap<number, LongString>> {
  const found = new Map<number, LongString>();
  let breathed = 0;
  for (let start = text.indexOf('"'); start !== -1; ) {
    let end = -1;
    for (let quote = start; end === -1; ) {
      quote = text.indexOf('"', quote + 1);
      if (quote === -1) return found;
      if (quote - breathed > STEP) {
        breathed = quote;
        await breathe();
      }
      let before = quote - 1;
      while (before > start && text.charCodeAt(before) === 0x5c) before -= 1;
      if ((quote - before) % 2 === 1) end = quote + 1;
    }
    if (end - start > STEP) {
      const value = await readInSlices(text, start + 1, end - 1, breathe);
      if (value?.isWellFormed() === true) found.set(start, { value, end });
      await breathe();
    }
    start = text.indexOf('"', end);
  }
  return found;
}

/** The content of a string between its quotes; undefined where some slice of it is none. */
async function readInSlices(
  text: string,
  start: number,
  end: number,
  breathe: () => Promise<void>,
): Promise<string | undefined> {
  const slices: string[] = [];
  for (let from = start; from < end; ) {
    const to = sliceEnd(text, from, Math.min(end, from + STEP));
    const slice = readString(`"${text.slice(from, to)}"`);
    if (slice === undefined) return undefined;
    slices.push(slice);
    from = to;
    await breathe();
  }
  return slices.join("");
}

/** The next offset from `at` on that no escape stands across; `from` is one. */
function sliceEnd(text: string, from: number, at: number): number {
  for (let back = at - 1; back >= Math.max(from, at - 5); back -= 1) {
    if (text.charCodeAt(back) !== 0x5c) continue;
    let run = back;
    while (run >= from && text.charCodeAt(run) === 0x5c) run -= 1;
    // The last of an odd number of backslashes begins an escape.
    if ((back - run) % 2 === 0) continue;
    const behind = back + (text.charCodeAt(back + 1) === 0x75 ? 6 : 2);
    return Math.max(at, behind);
  }
  return at;
}
