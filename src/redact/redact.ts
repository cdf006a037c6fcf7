import { utf8 } from "#src/base/bytes.ts";
import { ContentSniffer } from "./content.ts";
import { InvisibleStage } from "./invisible.ts";
import { KnownValueStage } from "./known-values.ts";
import type { PatternSet } from "./pattern-set.ts";
import { createScanner } from "./scanner.ts";
import { Findings, joinChunks, pipeline, type Stage } from "./stage.ts";

/** What a sanitizer does. */
export interface SanitizerOptions {
  /** The credentials that were used: no form of them may get through, in text or binary. */
  readonly knownValues: readonly Uint8Array[];
  /** `text`: everything is looked for; `binary`: known values only; `auto`: the content decides, see {@link ContentSniffer}. */
  readonly mode: "auto" | "text" | "binary";
  /** The formats to look for; all that Writ knows when absent. */
  readonly patterns?: PatternSet;
  /** See {@link createScanner}. */
  readonly maxHold?: number;
}

/** Cleans one stream. */
export interface Sanitizer extends Stage {
  /** What was replaced or removed so far: pattern id to count; `known-value` and `invisible` besides. */
  findings(): Map<string, number>;
}

/**
 * Makes the sanitizer of one stream of bytes. Invisible characters are removed first, so that they cannot split a secret.
 * The output does not depend on how the input was cut; what waits is bounded as the stages say.
 *
 * @throws `invalid_argument` when a known value is too short to be looked for.
 */
export function createSanitizer(options: SanitizerOptions): Sanitizer {
  const findings = new Findings();
  const { knownValues, mode } = options;
  const known: Stage[] = knownValues.length > 0 ? [new KnownValueStage(knownValues, findings)] : [];
  const scannerOptions = {
    knownValues,
    findings,
    ...(options.patterns && { patterns: options.patterns }),
    ...(options.maxHold !== undefined && { maxHold: options.maxHold }),
  };
  const text = (): Stage => pipeline([new InvisibleStage(findings), createScanner(scannerOptions)]);
  const stages = {
    text: () => [text()],
    binary: () => known,
    auto: () => [...known, new SwitchingStage(text())],
  };
  const stage = pipeline(stages[mode]());
  return { push: stage.push, finish: stage.finish, findings: () => findings.toMap() };
}

/** A cleaned text, and what was found in it. */
export interface RedactedText {
  readonly text: string;
  readonly findings: Map<string, number>;
}

/** Cleans one string: a header, a line of a log, a receipt. Lone surrogates become U+FFFD. */
export function redactText(text: string, knownValues: readonly Uint8Array[] = []): RedactedText {
  const sanitizer = createSanitizer({ knownValues, mode: "text" });
  const chunks = joinChunks([...sanitizer.push(utf8(text)), ...sanitizer.finish()]);
  return {
    text: chunks.length === 0 ? "" : new TextDecoder("utf-8", { ignoreBOM: true }).decode(chunks[0]),
    findings: sanitizer.findings(),
  };
}

/** Sends text through a stage; from where the stream turns out to be binary, passes it on as it is. */
class SwitchingStage implements Stage {
  readonly #sniffer = new ContentSniffer();
  #text: Stage | undefined;

  constructor(text: Stage) {
    this.#text = text;
  }

  push(chunk: Uint8Array): Uint8Array[] {
    if (this.#text === undefined) return [chunk];
    const binaryAt = this.#sniffer.push(chunk);
    if (binaryAt === undefined) return this.#text.push(chunk);
    const output = [...this.#text.push(chunk.subarray(0, binaryAt)), ...this.#text.finish(), chunk.subarray(binaryAt)];
    this.#text = undefined;
    return output;
  }

  finish(): Uint8Array[] {
    return this.#text?.finish() ?? [];
  }
}
