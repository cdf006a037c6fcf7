import { loadShellClassifier } from "#src/classify/classify-shell.ts";
import type { Classification, Tier } from "#src/classify/tier.ts";

const classifier = await loadShellClassifier();

/** Classifies a line. */
export function classify(line: string | Uint8Array): Classification {
  return classifier.classify(line);
}

/** The tier of a line. */
export function tierOf(line: string | Uint8Array): Tier {
  return classifier.classify(line).tier;
}

/** Every line of a list written one a line. */
export function linesOf(text: string): readonly string[] {
  return text.split("\n").filter((line) => line.trim() !== "");
}

/** A command that is a danger wherever it runs. */
export const DANGER = "rm -rf /home/user";
