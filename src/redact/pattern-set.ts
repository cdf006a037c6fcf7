import { utf8 } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { ANY_SHAPE } from "./anchor-shape.ts";
import { type Anchor, type AnchorIndex, buildAnchorIndex, MIN_ANCHOR_BYTES } from "./anchors.ts";
import { ASSIGNMENT_STARTS, type AssignmentOptions } from "./assignment.ts";
import { compileClass, ProgramBuilder } from "./expression.ts";
import type { ValueCheck } from "./plausible.ts";
import { BYTES, FAIL, newMatchState, type Program, runProgram } from "./program.ts";

/** One secret format, as data. */
export interface SecretPattern {
  /** Stands in the replacement, `[redacted:<id>]`, and in the findings. */
  readonly id: string;
  /**
   * Literals of at least {@link MIN_ANCHOR_BYTES} characters, of which one is where `expression` begins to match. Lower case
   * with `ignoreCase`; else as they are written.
   */
  readonly anchors: readonly string[];
  /** See {@link ProgramBuilder}. Its capture, or all of it where it has none, is replaced. */
  readonly expression: string;
  /** Whether letters match in either case. */
  readonly ignoreCase?: boolean;
  /**
   * What may stand before the anchor. `boundary`, the default: no letter and no digit, unless they are the end of an
   * escape such as `\n`, `%3D` or `\u0022`. `any`: anything. `word`: a letter or digit.
   */
  readonly left?: "boundary" | "any" | "word";
  /**
   * The secret begins before its anchor: so many bytes (`least` to `most`, at most {@link MAX_LOOK_BEHIND}) of this
   * class stand there, with a boundary before them. The class must be within `[A-Za-z0-9_-]`.
   */
  readonly behind?: { readonly charClass: string; readonly least: number; readonly most: number };
  /** A last check of what would be replaced; false means no match. */
  readonly accepts?: ValueCheck;
  /** A pattern that knows its secret by what stands around it: where the secret has a format of its own, that id is used. */
  readonly contextual?: boolean;
  /** What must stand behind the anchor, as bits; see {@link hasShape}. Anything when absent. */
  readonly shapes?: number;
  /** What `expression` matches is a key, and the secret is the value that is assigned to it: see {@link matchAssignment}. */
  readonly assignment?: AssignmentOptions;
}

/** How many bytes before an anchor a secret may begin. */
export const MAX_LOOK_BEHIND = 96;

/** A pattern, ready to match. */
export interface CompiledPattern {
  readonly id: string;
  /** What a secret becomes. */
  readonly replacement: Uint8Array;
  /** The instruction at which its expression begins. */
  readonly entry: number;
  readonly assignment: AssignmentOptions | undefined;
  readonly left: "boundary" | "any" | "word";
  readonly behind: { readonly table: Uint8Array; readonly least: number; readonly most: number } | undefined;
  readonly accepts: ValueCheck | undefined;
  readonly contextual: boolean;
  readonly shapes: number;
}

/** Patterns, their program and the index of their anchors; immutable, shared by all scanners. */
export interface PatternSet {
  readonly patterns: readonly CompiledPattern[];
  readonly program: Program;
  readonly index: AnchorIndex;
}

/** Compiles patterns; where several match at one anchor the first in the list wins. Throws `invalid_argument`. */
export function compilePatterns(patterns: readonly SecretPattern[]): PatternSet {
  const builder = new ProgramBuilder();
  const compiled = patterns.map((pattern) => compilePattern(pattern, builder));
  const program = builder.build();
  const kinds = kindsOf(program.classes);
  const anchors: Anchor[] = patterns.flatMap(({ anchors: texts, ignoreCase = false }, owner) =>
    texts.map((text) => {
      if (text.length < MIN_ANCHOR_BYTES)
        throw new WritError("invalid_argument", `the anchor \`${text}\` is too short`);
      const follow = followOf(program, compiled[owner] as CompiledPattern, text, kinds);
      const { shapes } = compiled[owner] as CompiledPattern;
      return {
        text,
        ignoreCase,
        owner,
        follow,
        shapes,
        ...entryBehind(program, compiled[owner] as CompiledPattern, text),
      };
    }),
  );
  return { patterns: compiled, program, index: buildAnchorIndex(anchors) };
}

function compilePattern(pattern: SecretPattern, builder: ProgramBuilder): CompiledPattern {
  const { behind } = pattern;
  return {
    id: pattern.id,
    replacement: utf8(`[redacted:${pattern.id}]`),
    entry: builder.add(pattern.expression, pattern.ignoreCase ?? false),
    assignment: pattern.assignment,
    left: pattern.left ?? "boundary",
    behind: behind && { table: compileClass(behind.charClass), least: behind.least, most: behind.most },
    accepts: pattern.accepts,
    contextual: pattern.contextual ?? false,
    shapes: pattern.shapes ?? ANY_SHAPE,
  };
}

/** Where a match goes on when the anchor is known to stand there: behind the bytes that the expression begins with. */
function entryBehind({ code }: Program, { entry }: CompiledPattern, text: string): { entry: number; skipped: number } {
  const count = code[entry + 1] as number;
  const whole = code[entry] === BYTES && count <= text.length;
  return whole ? { entry: entry + 2 + count, skipped: count } : { entry, skipped: 0 };
}

/** By byte: the lowest byte that is in the same classes. */
function kindsOf(classes: Uint8Array): Uint8Array {
  const kinds = new Uint8Array(256);
  const lowest = new Int32Array(512);
  for (let table = 0; table < classes.length; table += 256) {
    lowest.fill(-1);
    for (let byte = 0; byte < 256; byte += 1) {
      const key = ((kinds[byte] as number) << 1) | (classes[table + byte] as number);
      if (lowest[key] === -1) lowest[key] = byte;
      kinds[byte] = lowest[key] as number;
    }
  }
  return kinds;
}

/** The verdict on a byte that the expression does not take. */
const AT_KEY_END = 2;

/**
 * Which bytes may stand behind `anchor`, found by trying one of each kind: a match that fails where more may arrive fails
 * whatever arrives.
 */
function followOf(program: Program, pattern: CompiledPattern, anchor: string, kinds: Uint8Array): Uint8Array {
  const follow = new Uint8Array(256);
  const bytes = new Uint8Array(anchor.length + 1);
  for (let i = 0; i < anchor.length; i += 1) bytes[i] = anchor.charCodeAt(i);
  const state = newMatchState(program, bytes);
  for (let byte = 0; byte < 256; byte += 1) {
    const kind = kinds[byte] as number;
    if (kind < byte) follow[byte] = follow[kind] as number;
    else {
      bytes[anchor.length] = byte;
      state.runStarts.fill(0);
      state.runEnds.fill(0);
      const end = runProgram(program, state, pattern.entry, 0);
      follow[byte] = end === FAIL ? 0 : end === anchor.length ? AT_KEY_END : 1;
    }
  }
  const rest = pattern.assignment === undefined ? undefined : ASSIGNMENT_STARTS;
  for (let byte = 0; byte < 256; byte += 1)
    if (follow[byte] === AT_KEY_END) follow[byte] = rest === undefined ? 1 : (rest[byte] as number);
  return follow;
}
