import { KnownValueStage } from "./known-values.ts";
import type { PatternSet } from "./pattern-set.ts";
import { PatternStage } from "./pattern-stage.ts";
import { defaultPatternSet } from "./patterns.ts";
import { Findings, pipeline, type Stage } from "./stage.ts";

/** How many bytes of a possible match wait at most, unless told otherwise: room for a private key block. */
export const DEFAULT_MAX_HOLD = 16_384;

/** What a scanner looks for. */
export interface ScannerOptions {
  /** Credentials whose every form must go: see {@link KnownValueStage}. */
  readonly knownValues: readonly Uint8Array[];
  /** The formats to look for; all that Writ knows when absent, none when null. */
  readonly patterns?: PatternSet | null;
  /** The most bytes from an anchor on that wait for a pattern's decision, 40 at least. A longer match is cut there. */
  readonly maxHold?: number;
  /** Where findings are counted; the scanner's own when absent. */
  readonly findings?: Findings;
}

/** A streaming search for secrets. */
export interface Scanner extends Stage {
  /** How often each pattern was replaced so far, by its id. */
  findings(): Map<string, number>;
}

/**
 * Replaces each secret in a stream of bytes by `[redacted:<id>]`: known values first, in all their encodings, then the
 * known formats. At most `maxHold` bytes, and the longest form of a known value, wait for what follows them.
 *
 * @throws `invalid_argument` when a known value is too short to be looked for.
 */
export function createScanner(options: ScannerOptions): Scanner {
  const findings = options.findings ?? new Findings();
  const stages: Stage[] = [];
  if (options.knownValues.length > 0) stages.push(new KnownValueStage(options.knownValues, findings));
  const patterns = options.patterns === undefined ? defaultPatternSet() : options.patterns;
  if (patterns !== null) stages.push(new PatternStage(patterns, options.maxHold ?? DEFAULT_MAX_HOLD, findings));
  const stage = pipeline(stages);
  return { push: stage.push, finish: stage.finish, findings: () => findings.toMap() };
}
