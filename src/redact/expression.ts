import { WritError } from "#src/base/errors.ts";
import { BYTES, CAPTURE, CHOICE, DONE, LOOK, NOT, type Program, REPEAT, RUN } from "./program.ts";

/** A compiled part: its instructions, and which bytes a match that takes any begins with. */
interface Part {
  readonly code: readonly number[];
  readonly starts: Uint8Array;
  /** Whether it can match without taking a byte. */
  readonly empty: boolean;
}

const MAX_GROUP_REPEATS = 16;
const MAX_RUN = 16_384;

/**
 * Compiles expressions into one program, which takes linear time on every input.
 *
 * The notation is a subset of regular expressions over bytes: literals, `\n \r \t \s \d \w`, classes, groups, one
 * capture, alternatives, lookahead, and the quantifiers `?`, `{n}` and `{n,m}`. The meaning is that of a parsing
 * expression grammar: alternatives are tried in order, a repetition takes all it can, and nothing is given back.
 * So there is no backtracking, and since each run of one class remembers how far it has read, many starting points
 * in one long run cost no more than one. `*` and `+` are refused: every length has a bound.
 */
export class ProgramBuilder {
  readonly #code: number[] = [];
  readonly #classes: Uint8Array[] = [];
  readonly #classAt = new Map<string, number>();
  #slots = 0;

  /**
   * Adds an expression; gives the instruction at which it begins.
   *
   * @param ignoreCase ASCII letters match in either case.
   * @throws `invalid_argument` when the expression is malformed or unbounded.
   */
  add(source: string, ignoreCase: boolean): number {
    const entry = this.#code.length;
    const { code } = new Parser(source, ignoreCase, this).parseAll();
    this.#code.push(...code, DONE);
    return entry;
  }

  /** All that was added. */
  build(): Program {
    const classes = new Uint8Array(this.#classes.length * 256);
    for (const [index, table] of this.#classes.entries()) classes.set(table, index * 256);
    return { code: Int32Array.from(this.#code), classes, slots: this.#slots };
  }

  /** The first flag of a class, which is kept once. */
  classOf(table: Uint8Array): number {
    const key = table.toHex();
    const known = this.#classAt.get(key);
    if (known !== undefined) return known;
    const at = this.#classes.length * 256;
    this.#classes.push(table);
    this.#classAt.set(key, at);
    return at;
  }

  /** The memory of one more run. */
  newSlot(): number {
    return this.#slots++;
  }
}

/** The 256 flags of a class such as `[A-Za-z0-9_]`, as used inside expressions. */
export function compileClass(source: string): Uint8Array {
  return new Parser(source, false, new ProgramBuilder()).parseSingleClass();
}

class Parser {
  readonly #source: string;
  readonly #ignoreCase: boolean;
  readonly #builder: ProgramBuilder;
  #at = 0;

  constructor(source: string, ignoreCase: boolean, builder: ProgramBuilder) {
    this.#source = source;
    this.#ignoreCase = ignoreCase;
    this.#builder = builder;
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
    return options.length === 1 ? (options[0] as Part) : this.#choice(options);
  }

  #sequence(): Part {
    const parts: Part[] = [];
    let literal: Uint8Array[] = [];
    const flush = (): void => {
      if (literal.length > 0) parts.push(this.#literal(literal));
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
        parts.push(this.#run(table, least, most));
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
      return least === 1 && most === 1 ? inner : this.#repeat(inner, least, most);
    }
    if (least !== 1 || most !== 1) this.#refuse("only a plain group repeats");
    if (kind === "?=") return { code: wrap(LOOK, inner), starts: NOTHING, empty: true };
    if (kind === "?!") return { code: wrap(NOT, inner), starts: NOTHING, empty: true };
    return { ...inner, code: wrap(CAPTURE, inner) };
  }

  #literal(tables: readonly Uint8Array[]): Part {
    const code = [BYTES, tables.length, ...tables.map((table) => this.#builder.classOf(table))];
    return { code, starts: tables[0] as Uint8Array, empty: false };
  }

  #run(table: Uint8Array, least: number, most: number): Part {
    const code = [RUN, this.#builder.classOf(table), least, most, this.#builder.newSlot()];
    return { code, starts: table, empty: least === 0 };
  }

  #choice(options: readonly Part[]): Part {
    const heads: number[] = [];
    const bodies: number[] = [];
    for (const option of options) {
      heads.push(this.#admitted(option), 3 + 2 * options.length + bodies.length);
      bodies.push(...option.code, DONE);
    }
    const code = [CHOICE, 3 + heads.length + bodies.length, options.length, ...heads, ...bodies];
    const starts = union(options.map((option) => option.starts));
    return { code, starts, empty: options.some((option) => option.empty) };
  }

  #repeat(inner: Part, least: number, most: number): Part {
    const code = [REPEAT, 6 + inner.code.length, this.#admitted(inner), least, most, ...inner.code, DONE];
    return { code, starts: inner.starts, empty: inner.empty || least === 0 };
  }

  /** The class of the bytes before which it is worth trying a part. */
  #admitted(part: Part): number {
    return this.#builder.classOf(part.empty ? new Uint8Array(256).fill(1) : part.starts);
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

const NOTHING = new Uint8Array(256);

function union(tables: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(256);
  for (const table of tables)
    for (let byte = 0; byte < 256; byte += 1) all[byte] = (all[byte] ?? 0) | (table[byte] ?? 0);
  return all;
}

function wrap(instruction: number, inner: Part): number[] {
  return [instruction, 3 + inner.code.length, ...inner.code, DONE];
}

function sequence(parts: readonly Part[]): Part {
  const solid = parts.findIndex((part) => !part.empty);
  const leading = solid < 0 ? parts : parts.slice(0, solid + 1);
  return {
    code: parts.flatMap((part) => part.code),
    starts: union(leading.map((part) => part.starts)),
    empty: solid < 0,
  };
}
