import { loadShellGrammar, type ShellGrammar } from "./grammar.ts";
import { hiddenCharacters } from "./hidden-characters.ts";
import { Judge } from "./judge.ts";
import { Report } from "./report.ts";
import type { Classification } from "./tier.ts";

/** Of rules and grammar together: named in every decision that rests on them. */
export const CLASSIFIER_VERSION = "1";

/** Longest command line that is judged, in UTF-16 code units. */
export const MAX_LINE_LENGTH = 65_536;

/** Says what command lines do. It keeps nothing from one line to the next. */
export interface ShellClassifier {
  /**
   * The tier of a command line, the reasons for it, the files it names and the commands it runs. Total: any text or bytes have
   * an answer, in time that is bounded by {@link MAX_LINE_LENGTH}; what cannot be judged is never `read`.
   */
  classify(line: string | Uint8Array): Classification;
}

/** Loads the grammar, some 20 ms at the first call of a thread, and gives the classifier. */
export async function loadShellClassifier(): Promise<ShellClassifier> {
  const grammar = await loadShellGrammar();
  return { classify: (line) => classify(grammar, line) };
}

const lenient = new TextDecoder("utf-8", { ignoreBOM: true });

function classify(grammar: ShellGrammar, line: string | Uint8Array): Classification {
  const report = new Report();
  if (line.length > MAX_LINE_LENGTH * (typeof line === "string" ? 1 : 3)) return tooLong(report);
  const text = typeof line === "string" ? line : lenient.decode(line);
  if (text.length > MAX_LINE_LENGTH) return tooLong(report);
  for (const hidden of hiddenCharacters(text)) report.raise(hidden.tier, "hidden_characters", hidden.message);
  try {
    new Judge(grammar, report).judgeShell(text, undefined);
  } catch {
    // INVARIANT: whatever goes wrong on the way, a line that was not judged to its end is a danger.
    report.raise("danger", "too_complex", "could not be judged");
  }
  return report.finish();
}

function tooLong(report: Report): Classification {
  report.raise("danger", "too_complex", `is longer than ${MAX_LINE_LENGTH} characters`);
  return report.finish();
}
