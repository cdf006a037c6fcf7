import { type AnchorAutomaton, buildAnchorAutomaton } from "./anchors.ts";
import { compileClass, compileExpression, type Matcher, type RunSlots } from "./expression.ts";
import type { ValueCheck } from "./plausible.ts";

/** One secret format, as data. */
export interface SecretPattern {
  /** Stands in the replacement, `[redacted:<id>]`, and in the findings. */
  readonly id: string;
  /** Lower-case literals, found in either case, of which one is where `expression` begins to match. */
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

/** Patterns and the automaton over their anchors; immutable, shared by all scanners. */
export interface PatternSet {
  readonly patterns: readonly CompiledPattern[];
  readonly automaton: AnchorAutomaton;
  /** How many run memories a scanner needs. */
  readonly slots: number;
}

/** Compiles patterns; where several match at one anchor the first in the list wins. Throws `invalid_argument`. */
export function compilePatterns(patterns: readonly SecretPattern[]): PatternSet {
  const slots: RunSlots = { count: 0 };
  const compiled = patterns.map((pattern) => compilePattern(pattern, slots));
  const anchors = patterns.flatMap((pattern, owner) => pattern.anchors.map((text) => ({ text, owner })));
  return { patterns: compiled, automaton: buildAnchorAutomaton(anchors), slots: slots.count };
}

function compilePattern(pattern: SecretPattern, slots: RunSlots): CompiledPattern {
  const { behind } = pattern;
  return {
    id: pattern.id,
    match: compileExpression(pattern.expression, pattern.ignoreCase ?? false, slots),
    left: pattern.left ?? "boundary",
    behind: behind && { table: compileClass(behind.charClass), least: behind.least, most: behind.most },
    accepts: pattern.accepts,
    contextual: pattern.contextual ?? false,
    assigned: pattern.assigned ?? false,
  };
}
