/** One policy's text within a source: from its first comment or token to its `;` and a comment behind it on that line. */
export interface PolicyPiece {
  readonly text: string;
  /** UTF-16 offset of `text` in the source. */
  readonly offset: number;
}

/** Something refused before Cedar sees the text; `offset` counts UTF-16 code units of the source. */
export interface TextProblem {
  readonly message: string;
  readonly offset: number;
  readonly help?: string;
}

/** Pieces in the order of the source, and what is wrong with it. */
export interface TextScan {
  readonly pieces: readonly PolicyPiece[];
  readonly problems: readonly TextProblem[];
}

/** How long one policy's text may be, in UTF-16 code units. */
export const MAX_POLICY_LENGTH = 256 * 1024;

/**
 * How deep one policy may nest, in units of the engine's stack. Cedar recurses when it parses and evaluates: it was
 * measured to trap beyond 125 nested brackets, 300 chained operators or accesses and 400 `&&`, and a trap ends the engine
 * for the whole process. The weights below leave half of that.
 */
const MAX_DEPTH_UNITS = 512;
const BRACKET_UNITS = 8;
const CHAIN_UNITS = 4;
const JUNCTION_UNITS = 2;

// Cedar's lexer: white space is Unicode's, a comment ends at \n or \r. Strings, which may span lines, are read apart.
const TOKEN = /\p{White_Space}+|\/\/[^\n\r]*|[_a-zA-Z][_a-zA-Z0-9]*|[0-9]+|&&|\|\||::|[=!<>]=|./suy;
const WHITE_SPACE = /^\p{White_Space}/u;
const SAME_LINE_COMMENT = /[ \t]*\/\/[^\n\r]*/y;
const LONE_SURROGATE = /\p{Surrogate}/u;
const MAX_SAFE_DIGITS = "9007199254740992";

/**
 * Splits a source at the `;` that end policies and refuses what Cedar would read wrongly or not survive: integers beyond
 * 2^53 (its JSON form rounds them silently), lone surrogates, policies nested too deep or too long.
 */
export function scanPolicyText(source: string): TextScan {
  const surrogate = LONE_SURROGATE.exec(source);
  if (surrogate !== null) {
    return { pieces: [], problems: [{ message: "the text has half of a surrogate pair", offset: surrogate.index }] };
  }
  return new Scanner(source).scan();
}

/** Line and column, both from 1, the column in UTF-16 code units, of an offset in `source`; lines end with `\n`. */
export function positionAt(source: string, offset: number): { readonly line: number; readonly column: number } {
  let line = 1;
  let lineStart = 0;
  for (let at = source.indexOf("\n"); at !== -1 && at < offset; at = source.indexOf("\n", at + 1)) {
    line += 1;
    lineStart = at + 1;
  }
  return { line, column: offset - lineStart + 1 };
}

/** The UTF-16 offset of a UTF-8 byte offset in `text`; its end when the byte is beyond. */
export function utf16Offset(text: string, byteOffset: number): number {
  let bytes = 0;
  let offset = 0;
  for (const character of text) {
    if (bytes >= byteOffset) return offset;
    const code = character.codePointAt(0) ?? 0;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    offset += character.length;
  }
  return offset;
}

/** The deepest that one bracket's inside goes; a `,` starts anew, an `&&` or `||` starts a new run of chained operators. */
interface Level {
  junctions: number;
  branches: number;
  chain: number;
  deepest: number;
}

class Scanner {
  private readonly source: string;
  private readonly pieces: PolicyPiece[] = [];
  private readonly problems: TextProblem[] = [];
  private at = 0;
  private start = -1;
  private levels: Level[] = [newLevel()];
  private refused = false;

  constructor(source: string) {
    this.source = source;
  }

  scan(): TextScan {
    let hasTokens = false;
    while (this.at < this.source.length) {
      const offset = this.at;
      const token = this.readToken();
      this.at += token.length;
      if (WHITE_SPACE.test(token)) continue;
      if (this.start === -1) this.start = offset;
      if (token.startsWith("//")) continue;
      hasTokens = true;
      this.take(token, offset);
      if (token === ";") {
        this.endPiece();
        hasTokens = false;
      }
    }
    // What follows the last `;` without one of its own is a policy that Cedar will complain about; comments alone are not.
    if (hasTokens) this.addPiece();
    return { pieces: this.pieces, problems: this.problems };
  }

  private readToken(): string {
    if (this.source.charCodeAt(this.at) === 0x22) return this.source.slice(this.at, this.stringEnd());
    TOKEN.lastIndex = this.at;
    return TOKEN.exec(this.source)?.[0] ?? this.source.charAt(this.at);
  }

  /** Behind the closing quote, or the end of the source where there is none. */
  private stringEnd(): number {
    for (let end = this.at + 1; end < this.source.length; end += 1) {
      const code = this.source.charCodeAt(end);
      if (code === 0x5c) end += 1;
      else if (code === 0x22) return end + 1;
    }
    return this.source.length;
  }

  private take(token: string, offset: number): void {
    if (/^[0-9]/.test(token)) this.checkInteger(token, offset);
    if (this.refused) return;
    const level = this.levels[this.levels.length - 1] ?? newLevel();
    if (token === "(" || token === "[" || token === "{") {
      level.chain += token === "{" ? 0 : 1;
      this.levels.push(newLevel());
    } else if (token === ")" || token === "]" || token === "}") {
      if (this.levels.length > 1) this.levels.pop();
    } else if (token === ",") {
      Object.assign(level, newLevel());
    } else if (token === "&&" || token === "||" || token === "when" || token === "unless") {
      level.junctions += 1;
      level.chain = 0;
    } else if (token === "if" || token === "else" || token === "then") {
      level.branches += token === "if" ? 1 : 0;
    } else if (CHAINING.has(token)) {
      level.chain += 1;
    } else return;
    this.checkDepth(offset);
  }

  private checkDepth(offset: number): void {
    let units = 0;
    for (const level of this.levels) {
      level.deepest = Math.max(level.deepest, (level.branches + level.chain) * CHAIN_UNITS);
      units += BRACKET_UNITS + level.deepest + level.junctions * JUNCTION_UNITS;
    }
    if (units <= MAX_DEPTH_UNITS) return;
    this.refused = true;
    this.problems.push({
      message: "the policy nests too deep or chains too many operators",
      offset,
      help: "split it into several policies, or compare against a set: `[…].contains(…)`",
    });
  }

  private checkInteger(digits: string, offset: number): void {
    const significant = digits.replace(/^0+(?=.)/, "");
    const { length } = MAX_SAFE_DIGITS;
    if (significant.length < length || (significant.length === length && significant <= MAX_SAFE_DIGITS)) return;
    this.problems.push({ message: `the integer \`${significant.slice(0, 40)}\` is beyond plus or minus 2^53`, offset });
  }

  private endPiece(): void {
    SAME_LINE_COMMENT.lastIndex = this.at;
    this.at += SAME_LINE_COMMENT.exec(this.source)?.[0].length ?? 0;
    this.addPiece();
    this.start = -1;
    this.levels = [newLevel()];
    this.refused = false;
  }

  private addPiece(): void {
    const text = this.source.slice(this.start, this.at);
    this.pieces.push({ text, offset: this.start });
    if (text.length > MAX_POLICY_LENGTH) {
      this.problems.push({ message: `the policy is longer than ${MAX_POLICY_LENGTH} characters`, offset: this.start });
    }
  }
}

const CHAINING: ReadonlySet<string> = new Set([
  ".",
  "+",
  "-",
  "*",
  "!",
  "has",
  "like",
  "in",
  "is",
  "==",
  "!=",
  "<",
  "<=",
  ">",
  ">=",
]);

function newLevel(): Level {
  return { junctions: 0, branches: 0, chain: 0, deepest: 0 };
}
