import { WritError } from "#src/base/errors.ts";

/** The pattern cannot match here, whatever follows. */
export const FAIL = -1;
/** Whether the pattern matches depends on bytes that have not arrived yet. */
export const MORE = -2;

/** What a matcher reads and writes. */
export interface MatchState {
  bytes: Uint8Array;
  /** The first position that may not be read. */
  limit: number;
  /** Whether the input ends at `limit`; otherwise more may arrive. */
  final: boolean;
  captureStart: number;
  captureEnd: number;
  /** Where the part of the capture ends that shows whether it is a secret; negative for all of it. */
  judgedEnd: number;
  /** For each run of the expressions: a stretch that is known to be in the run's class, so that no byte is read twice. */
  readonly runStarts: Int32Array;
  readonly runEnds: Int32Array;
}

/** Matches at position `at`; gives the position behind the match, {@link FAIL} or {@link MORE}. */
export type Matcher = (state: MatchState, at: number) => number;

/** A compiled part: how it matches, and which bytes a match that takes any begins with. */
interface Part {
  readonly match: Matcher;
  readonly starts: Uint8Array;
  /** Whether it can match without taking a byte. */
  readonly empty: boolean;
}

/** Hands out the memory slots that an expression's runs need; one for all expressions that share a {@link MatchState}. */
export interface RunSlots {
  count: number;
}

const MAX_GROUP_REPEATS = 16;
const MAX_RUN = 16_384;

/**
 * Compiles an expression into a matcher that takes linear time on every input.
 *
 * The notation is a subset of regular expressions over bytes: literals, `\n \r \t \s \d \w`, classes, groups, one
 * capture, alternatives, lookahead, and the quantifiers `?`, `{n}` and `{n,m}`. The meaning is that of a parsing
 * expression grammar: alternatives are tried in order, a repetition takes all it can, and nothing is given back.
 * So there is no backtracking, and since each run of one class remembers how far it has read, many starting points
 * in one long run cost no more than one. `*` and `+` are refused: every length has a bound.
 *
 * @param ignoreCase ASCII letters match in either case.
 * @throws `invalid_argument` when the expression is malformed or unbounded.
 */
export function compileExpression(source: string, ignoreCase: boolean, slots: RunSlots): CompiledExpression {
  const parser = new Parser(source, ignoreCase, slots);
  return { match: parser.parseAll().match, classes: parser.classes };
}

/** A matcher and the classes that it knows bytes by. */
export interface CompiledExpression {
  readonly match: Matcher;
  readonly classes: readonly Uint8Array[];
}

/** The 256 flags of a class such as `[A-Za-z0-9_]`, as used inside expressions. */
export function compileClass(source: string): Uint8Array {
  return new Parser(source, false, { count: 0 }).parseSingleClass();
}

class Parser {
  readonly #source: string;
  readonly #ignoreCase: boolean;
  readonly #slots: RunSlots;
  /** All classes so far, single characters among them. */
  readonly classes: Uint8Array[] = [];
  #at = 0;

  constructor(source: string, ignoreCase: boolean, slots: RunSlots) {
    this.#source = source;
    this.#ignoreCase = ignoreCase;
    this.#slots = slots;
  }

  parseAll(): Part {
    const matcher = this.#alternatives();
    if (this.#at !== this.#source.length) this.#refuse("unbalanced `)`");
    return matcher;
  }

  parseSingleClass(): Uint8Array {
    const table = this.#classTable();
    if (this.#at !== this.#source.length) this.#refuse("more than a class");
    return table;
  }

  #alternatives(): Part {
    const options = [this.#sequence()];
    while (this.#take("|")) options.push(this.#sequence());
    return options.length === 1 ? (options[0] as Part) : choice(options);
  }

  #sequence(): Part {
    const parts: Part[] = [];
    let literal: Uint8Array[] = [];
    const flush = (): void => {
      if (literal.length > 0) parts.push(literalOf(literal));
      literal = [];
    };
    while (this.#at < this.#source.length && this.#peek() !== "|" && this.#peek() !== ")") {
      if (this.#peek() === "(") {
        flush();
        parts.push(this.#group());
        continue;
      }
      const table = this.#classTable();
      const [least, most] = this.#quantifier();
      if (least === 1 && most === 1) literal.push(table);
      else {
        flush();
        parts.push(runOf(table, least, most, this.#slots.count++));
      }
    }
    flush();
    return parts.length === 1 ? (parts[0] as Part) : sequence(parts);
  }

  #group(): Part {
    this.#at += 1;
    const kind = ["?:", "?=", "?!"].find((prefix) => this.#source.startsWith(prefix, this.#at)) ?? "";
    this.#at += kind.length;
    const inner = this.#alternatives();
    if (!this.#take(")")) this.#refuse("unbalanced `(`");
    const [least, most] = this.#quantifier();
    if (kind === "?:") {
      if (most > MAX_GROUP_REPEATS) this.#refuse("a group repeats too often");
      return least === 1 && most === 1 ? inner : repeat(inner, least, most);
    }
    if (least !== 1 || most !== 1) this.#refuse("only a plain group repeats");
    if (kind === "?=") return lookahead(inner);
    return kind === "?!" ? negativeLookahead(inner) : capture(inner);
  }

  #quantifier(): readonly [number, number] {
    if (this.#take("?")) return [0, 1];
    if (this.#peek() === "*" || this.#peek() === "+") this.#refuse("a repetition has no bound");
    const match = /^\{(\d{1,5})(?:,(\d{1,5}))?\}/.exec(this.#source.slice(this.#at, this.#at + 13));
    if (match === null) return [1, 1];
    this.#at += match[0].length;
    const least = Number(match[1]);
    const most = match[2] === undefined ? least : Number(match[2]);
    if (most < least || most > MAX_RUN) this.#refuse("a repetition's bounds are wrong");
    return [least, most];
  }

  #classTable(): Uint8Array {
    const table = new Uint8Array(256);
    this.classes.push(table);
    if (!this.#take("[")) this.#addUnit(table);
    else {
      const negated = this.#take("^");
      while (this.#peek() !== "]") {
        if (this.#at >= this.#source.length) this.#refuse("unbalanced `[`");
        const low = this.#addUnit(table);
        if (this.#peek() === "-" && this.#source[this.#at + 1] !== "]") {
          this.#at += 1;
          const high = this.#addUnit(table);
          if (low === undefined || high === undefined || high < low) this.#refuse("a range is wrong");
          table.fill(1, low, high);
        }
      }
      this.#at += 1;
      if (this.#ignoreCase) foldCase(table);
      if (negated) for (let byte = 0; byte < 256; byte += 1) table[byte] = table[byte] === 0 ? 1 : 0;
      return table;
    }
    if (this.#ignoreCase) foldCase(table);
    return table;
  }

  /** Adds one character or escape to `table`; gives its code where it is a single one. */
  #addUnit(table: Uint8Array): number | undefined {
    const char = this.#source[this.#at] ?? this.#refuse("ends too early");
    this.#at += 1;
    let code = char.charCodeAt(0);
    if (char === "\\") {
      const escaped = this.#source[this.#at] ?? this.#refuse("ends in a backslash");
      this.#at += 1;
      const named = NAMED_CLASSES.get(escaped);
      if (named !== undefined) {
        for (const member of named) table[member.charCodeAt(0)] = 1;
        return undefined;
      }
      code = ESCAPES.get(escaped) ?? escaped.charCodeAt(0);
    }
    if (code > 255) this.#refuse("a character is not a byte");
    table[code] = 1;
    return code;
  }

  #peek(): string | undefined {
    return this.#source[this.#at];
  }

  #take(char: string): boolean {
    if (this.#peek() !== char) return false;
    this.#at += 1;
    return true;
  }

  #refuse(reason: string): never {
    throw new WritError("invalid_argument", `pattern \`${this.#source}\`: ${reason} at ${this.#at}`);
  }
}

const DIGITS = "0123456789";
const LOWER = "abcdefghijklmnopqrstuvwxyz";
const NAMED_CLASSES: ReadonlyMap<string, string> = new Map([
  ["d", DIGITS],
  ["w", `${DIGITS}${LOWER}${LOWER.toUpperCase()}_`],
  ["s", " \t\r\n"],
]);
const ESCAPES: ReadonlyMap<string, number> = new Map([
  ["n", 10],
  ["r", 13],
  ["t", 9],
]);

function foldCase(table: Uint8Array): void {
  for (let upper = 65; upper <= 90; upper += 1) {
    const either = (table[upper] ?? 0) | (table[upper + 32] ?? 0);
    table[upper] = either;
    table[upper + 32] = either;
  }
}

const NOTHING = new Uint8Array(256);

function union(tables: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(256);
  for (const table of tables)
    for (let byte = 0; byte < 256; byte += 1) all[byte] = (all[byte] ?? 0) | (table[byte] ?? 0);
  return all;
}

function literalOf(tables: readonly Uint8Array[]): Part {
  const count = tables.length;
  const flags = new Uint8Array(count * 256);
  for (const [index, table] of tables.entries()) flags.set(table, index * 256);
  const match: Matcher = (state, at) => {
    const { bytes, limit } = state;
    const whole = at + count <= limit;
    const stop = whole ? count : limit - at;
    for (let i = 0; i < stop; i += 1) if (flags[(i << 8) | (bytes[at + i] as number)] === 0) return FAIL;
    return whole ? at + count : state.final ? FAIL : MORE;
  };
  return { match, starts: tables[0] as Uint8Array, empty: false };
}

function runOf(table: Uint8Array, least: number, most: number, slot: number): Part {
  const match: Matcher = (state, at) => {
    const { bytes, limit } = state;
    if (at < limit && table[bytes[at] as number] === 0) return least === 0 ? at : FAIL;
    const { runStarts, runEnds } = state;
    const stop = Math.min(at + most, limit);
    let end = runEnds[slot] as number;
    if (at < (runStarts[slot] as number) || at > end) {
      runStarts[slot] = at;
      end = at;
    }
    while (end < stop && table[bytes[end] as number] === 1) end += 1;
    runEnds[slot] = end;
    if (end > stop) end = stop;
    if (end === limit && end < at + most && !state.final) return MORE;
    return end - at < least ? FAIL : end;
  };
  return { match, starts: table, empty: least === 0 };
}

function sequence(parts: readonly Part[]): Part {
  const matchers = parts.map((part) => part.match);
  const match: Matcher = (state, at) => {
    let position = at;
    for (let i = 0; i < matchers.length; i += 1) {
      position = (matchers[i] as Matcher)(state, position);
      if (position < 0) return position;
    }
    return position;
  };
  const solid = parts.findIndex((part) => !part.empty);
  const leading = solid < 0 ? parts : parts.slice(0, solid + 1);
  return { match, starts: union(leading.map((part) => part.starts)), empty: solid < 0 };
}

/** Ordered choice: only the options that can begin with the next byte are tried. */
function choice(options: readonly Part[]): Part {
  const all = options.map((option) => option.match);
  const byByte = Array.from({ length: 256 }, (_, byte) =>
    options.filter((option) => option.empty || option.starts[byte] === 1).map((option) => option.match),
  );
  const match: Matcher = (state, at) => {
    const likely = at < state.limit ? (byByte[state.bytes[at] as number] as Matcher[]) : all;
    for (let i = 0; i < likely.length; i += 1) {
      const end = (likely[i] as Matcher)(state, at);
      if (end !== FAIL) return end;
    }
    return FAIL;
  };
  return {
    match,
    starts: union(options.map((option) => option.starts)),
    empty: options.some((option) => option.empty),
  };
}

function repeat(inner: Part, least: number, most: number): Part {
  const { match: once, starts, empty } = inner;
  const match: Matcher = (state, at) => {
    let position = at;
    for (let count = 0; count < most; count += 1) {
      const hopeless = !empty && position < state.limit && starts[state.bytes[position] as number] === 0;
      const end = hopeless ? FAIL : once(state, position);
      if (end === MORE) return MORE;
      if (end === FAIL || end === position) return count < least ? FAIL : position;
      position = end;
    }
    return position;
  };
  return { match, starts, empty: empty || least === 0 };
}

function lookahead(inner: Part): Part {
  const match: Matcher = (state, at) => {
    const end = inner.match(state, at);
    return end < 0 ? end : at;
  };
  return { match, starts: NOTHING, empty: true };
}

function negativeLookahead(inner: Part): Part {
  const match: Matcher = (state, at) => {
    const end = inner.match(state, at);
    if (end === MORE) return MORE;
    return end === FAIL ? at : FAIL;
  };
  return { match, starts: NOTHING, empty: true };
}

function capture(inner: Part): Part {
  const match: Matcher = (state, at) => {
    const end = inner.match(state, at);
    if (end >= 0) {
      state.captureStart = at;
      state.captureEnd = end;
    }
    return end;
  };
  return { match, starts: inner.starts, empty: inner.empty };
}
