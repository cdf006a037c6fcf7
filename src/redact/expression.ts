import { WritError } from "#src/base/errors.ts";

/** The pattern cannot match here, whatever follows. */
export const FAIL = -1;
/** Whether the pattern matches depends on bytes that have not arrived yet. */
export const MORE = -2;

/** What a matcher reads and writes. Positions are offsets in the whole stream; `bytes[0]` is at `base`. */
export interface MatchState {
  bytes: Uint8Array;
  base: number;
  /** The first position that may not be read. */
  limit: number;
  /** Whether the input ends at `limit`; otherwise more may arrive. */
  final: boolean;
  captureStart: number;
  captureEnd: number;
  /** For each run of the expressions: a stretch that is known to be in the run's class, so that no byte is read twice. */
  readonly runStarts: Float64Array;
  readonly runEnds: Float64Array;
}

/** Matches at position `at`; gives the position behind the match, {@link FAIL} or {@link MORE}. */
export type Matcher = (state: MatchState, at: number) => number;

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
export function compileExpression(source: string, ignoreCase: boolean, slots: RunSlots): Matcher {
  const parser = new Parser(source, ignoreCase, slots);
  return parser.parseAll();
}

/** The 256 flags of a class such as `[A-Za-z0-9_]`, as used inside expressions. */
export function compileClass(source: string): Uint8Array {
  return new Parser(source, false, { count: 0 }).parseSingleClass();
}

class Parser {
  readonly #source: string;
  readonly #ignoreCase: boolean;
  readonly #slots: RunSlots;
  #at = 0;

  constructor(source: string, ignoreCase: boolean, slots: RunSlots) {
    this.#source = source;
    this.#ignoreCase = ignoreCase;
    this.#slots = slots;
  }

  parseAll(): Matcher {
    const matcher = this.#alternatives();
    if (this.#at !== this.#source.length) this.#refuse("unbalanced `)`");
    return matcher;
  }

  parseSingleClass(): Uint8Array {
    const table = this.#classTable();
    if (this.#at !== this.#source.length) this.#refuse("more than a class");
    return table;
  }

  #alternatives(): Matcher {
    const options = [this.#sequence()];
    while (this.#take("|")) options.push(this.#sequence());
    return options.length === 1 ? (options[0] as Matcher) : choice(options);
  }

  #sequence(): Matcher {
    const parts: Matcher[] = [];
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
    return parts.length === 1 ? (parts[0] as Matcher) : sequence(parts);
  }

  #group(): Matcher {
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

function literalOf(tables: readonly Uint8Array[]): Matcher {
  return (state, at) => {
    const { bytes, base, limit } = state;
    let position = at;
    for (let i = 0; i < tables.length; i += 1) {
      if (position >= limit) return state.final ? FAIL : MORE;
      if ((tables[i] as Uint8Array)[bytes[position - base] as number] === 0) return FAIL;
      position += 1;
    }
    return position;
  };
}

function runOf(table: Uint8Array, least: number, most: number, slot: number): Matcher {
  return (state, at) => {
    const { bytes, base, runStarts, runEnds } = state;
    const stop = Math.min(at + most, state.limit);
    let end = runEnds[slot] as number;
    if (at < (runStarts[slot] as number) || at > end) {
      runStarts[slot] = at;
      end = at;
    }
    while (end < stop && table[bytes[end - base] as number] === 1) end += 1;
    runEnds[slot] = end;
    if (end > stop) end = stop;
    if (end === state.limit && end < at + most && !state.final) return MORE;
    return end - at < least ? FAIL : end;
  };
}

function sequence(parts: readonly Matcher[]): Matcher {
  return (state, at) => {
    let position = at;
    for (let i = 0; i < parts.length; i += 1) {
      position = (parts[i] as Matcher)(state, position);
      if (position < 0) return position;
    }
    return position;
  };
}

function choice(options: readonly Matcher[]): Matcher {
  return (state, at) => {
    for (let i = 0; i < options.length; i += 1) {
      const end = (options[i] as Matcher)(state, at);
      if (end !== FAIL) return end;
    }
    return FAIL;
  };
}

function repeat(inner: Matcher, least: number, most: number): Matcher {
  return (state, at) => {
    let position = at;
    for (let count = 0; count < most; count += 1) {
      const end = inner(state, position);
      if (end === MORE) return MORE;
      if (end === FAIL || end === position) return count < least ? FAIL : position;
      position = end;
    }
    return position;
  };
}

function lookahead(inner: Matcher): Matcher {
  return (state, at) => {
    const end = inner(state, at);
    return end < 0 ? end : at;
  };
}

function negativeLookahead(inner: Matcher): Matcher {
  return (state, at) => {
    const end = inner(state, at);
    if (end === MORE) return MORE;
    return end === FAIL ? at : FAIL;
  };
}

function capture(inner: Matcher): Matcher {
  return (state, at) => {
    const end = inner(state, at);
    if (end >= 0) {
      state.captureStart = at;
      state.captureEnd = end;
    }
    return end;
  };
}
