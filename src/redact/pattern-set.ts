import { WritError } from "#src/base/errors.ts";
import { type Anchor, type AnchorIndex, buildAnchorIndex, MIN_ANCHOR_BYTES } from "./anchors.ts";
import { type AssignmentOptions, assignmentMatcher } from "./assignment.ts";
import { compileClass, compileExpression, FAIL, type Matcher, type MatchState, type RunSlots } from "./expression.ts";
import type { ValueCheck } from "./plausible.ts";

/** One secret format, as data. */
export interface SecretPattern {
  /** Stands in the replacement, `[redacted:<id>]`, and in the findings. */
  readonly id: string;
  /**
   * Literals of at least {@link MIN_ANCHOR_BYTES} characters, of which one is where `expression` begins to match. Lower case
   * with `ignoreCase`; else as they are written.
   */
  readonly anchors: readonly string[];
  /** See {@link compileExpression}. Its capture, or all of it where it has none, is replaced. */
  readonly expression: string;
  /** Whether letters match in either case. */
  readonly ignoreCase?: boolean;
  /**
   * What may stand before the anchor. `boundary`, the default: no letter and no digit, unless they are the end of an
   * escape such as `\n`, `%3D` or `\u0022`. `any`: anything.
   */
  readonly left?: "boundary" | "any";
  /**
   * The secret begins before its anchor: so many bytes (`least` to `most`, at most {@link MAX_LOOK_BEHIND}) of this
   * class stand there, with a boundary before them. The class must be within `[A-Za-z0-9_-]`.
   */
  readonly behind?: { readonly charClass: string; readonly least: number; readonly most: number };
  /** A last check of what would be replaced; false means no match. */
  readonly accepts?: ValueCheck;
  /** A pattern that knows its secret by what stands around it: where the secret has a format of its own, that id is used. */
  readonly contextual?: boolean;
  /** Whether the anchor is part of a key that a `=`, `:` or `,` must follow: most words do not get further than that. */
  readonly assigned?: boolean;
  /** What `expression` matches is a key, and the secret is the value that is assigned to it: see {@link assignmentMatcher}. */
  readonly assignment?: AssignmentOptions;
}

/** How many bytes before an anchor a secret may begin. */
export const MAX_LOOK_BEHIND = 96;

/** A pattern, ready to match. */
export interface CompiledPattern {
  readonly id: string;
  readonly match: Matcher;
  readonly left: "boundary" | "any";
  readonly behind: { readonly table: Uint8Array; readonly least: number; readonly most: number } | undefined;
  readonly accepts: ValueCheck | undefined;
  readonly contextual: boolean;
  readonly assigned: boolean;
}

/** Patterns and the index of their anchors; immutable, shared by all scanners. */
export interface PatternSet {
  readonly patterns: readonly CompiledPattern[];
  readonly index: AnchorIndex;
  /** How many run memories a scanner needs. */
  readonly slots: number;
}

/** Compiles patterns; where several match at one anchor the first in the list wins. Throws `invalid_argument`. */
export function compilePatterns(patterns: readonly SecretPattern[]): PatternSet {
  const slots: RunSlots = { count: 0 };
  const compiled: CompiledPattern[] = [];
  const anchors: Anchor[] = [];
  for (const [owner, pattern] of patterns.entries()) {
    const ignoreCase = pattern.ignoreCase ?? false;
    const { match: key, classes } = compileExpression(pattern.expression, ignoreCase, slots);
    const value = pattern.assignment && assignmentMatcher(pattern.assignment);
    const { behind } = pattern;
    compiled.push({
      id: pattern.id,
      match: value === undefined ? key : (state, at) => thenMatch(key, value, state, at),
      left: pattern.left ?? "boundary",
      behind: behind && { table: compileClass(behind.charClass), least: behind.least, most: behind.most },
      accepts: pattern.accepts,
      contextual: pattern.contextual ?? false,
      assigned: pattern.assigned ?? false,
    });
    const kinds = kindsOf(classes);
    for (const text of pattern.anchors) {
      if (text.length < MIN_ANCHOR_BYTES) throw new WritError("invalid_argument", `the anchor \`${text}\` is too short`);
      anchors.push({ text, ignoreCase, owner, follow: followOf(key, kinds, text, slots) });
    }
  }
  return { patterns: compiled, index: buildAnchorIndex(anchors), slots: slots.count };
}

function thenMatch(key: Matcher, value: Matcher, state: MatchState, at: number): number {
  const end = key(state, at);
  return end < 0 ? end : value(state, end);
}

/** By byte: the lowest byte that is in the same ones of `classes`. */
function kindsOf(classes: readonly Uint8Array[]): Uint8Array {
  const kinds = new Uint8Array(256);
  const distinct: number[] = [];
  for (let byte = 0; byte < 256; byte += 1) {
    const kind = distinct.find((other) => classes.every((table) => table[other] === table[byte]));
    if (kind === undefined) distinct.push(byte);
    kinds[byte] = kind ?? byte;
  }
  return kinds;
}

/**
 * Which bytes may stand behind `anchor`, found by trying one of each kind: a match that fails where more may arrive fails
 * whatever arrives.
 */
function followOf(match: Matcher, kinds: Uint8Array, anchor: string, slots: RunSlots): Uint8Array {
  const follow = new Uint8Array(256);
  const bytes = new Uint8Array(anchor.length + 1);
  for (let i = 0; i < anchor.length; i += 1) bytes[i] = anchor.charCodeAt(i);
  const runStarts = new Int32Array(slots.count);
  const runEnds = new Int32Array(slots.count);
  const state = { bytes, limit: bytes.length, final: false, captureStart: -1, captureEnd: -1, judgedEnd: -1, runStarts, runEnds };
  for (let byte = 0; byte < 256; byte += 1) {
    const kind = kinds[byte] as number;
    if (kind < byte) follow[byte] = follow[kind] as number;
    else {
      bytes[anchor.length] = byte;
      runEnds.fill(0);
      runStarts.fill(0);
      follow[byte] = match(state, 0) === FAIL ? 0 : 1;
    }
  }
  return follow;
}
