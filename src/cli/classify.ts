import { loadShellClassifier, type ShellClassifier } from "#src/classify/classify-shell.ts";
import type { Classification } from "#src/classify/tier.ts";
import type { Command } from "./command.ts";
import { readLines } from "./input-lines.ts";
import type { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

/** Says what a command line would do, without running anything and without a server. */
export const classify: Command = {
  positionals: [{ name: "COMMAND LINE", optional: true }],
  options: [{ name: "stdin", help: "classify many: one JSON string a line in, one JSON object a line out" }],
  notes: [
    "The tier of the whole is the highest of its parts: `read`, `write` or `danger`. What does not parse or cannot be",
    "known is never `read`. A line that begins with a dash goes behind `--`. Exit: 0, whatever the tier.",
  ],
  run: async ({ terminal }, args) => {
    const line = args.maybeAt("COMMAND LINE");
    if (args.has("stdin") === (line !== undefined)) {
      throw new UsageError("give a command line in quotes, or `--stdin`", "writ classify 'ls -la | head'");
    }
    const classifier = await loadShellClassifier();
    if (line === undefined) return classifyAll(terminal, classifier);
    const found = classifier.classify(line);
    if (args.has("json")) await terminal.printJson(found);
    else await printFound(terminal, found);
    return 0;
  },
};

/** As many lines out as in: one that is no JSON string is answered with `danger`, and the exit code says so. */
async function classifyAll(terminal: Terminal, classifier: ShellClassifier): Promise<0 | 2> {
  let isClean = true;
  for await (const line of readLines(terminal.input())) {
    const text = parseString(line);
    if (text === undefined) isClean = false;
    await terminal.printJson(text === undefined ? NO_STRING : classifier.classify(text));
  }
  return isClean ? 0 : 2;
}

const NO_STRING: Classification = {
  tier: "danger",
  reasons: [{ tier: "danger", code: "unparseable", message: "the line of input is no JSON string" }],
  files: [],
  commands: [],
};

/** Half of a surrogate pair is a text to be judged too, so this reads more than strict JSON does. */
function parseString(line: string): string | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

async function printFound(terminal: Terminal, { tier, reasons, files, commands }: Classification): Promise<void> {
  await terminal.printMarked(tier === "read" ? "good" : tier === "write" ? "warn" : "bad", tier, "");
  for (const reason of reasons) await terminal.print(`  ${reason.tier}: ${reason.message} (${reason.code})`);
  for (const { path, mode, resolved } of files) {
    await terminal.print(`  file: ${mode} ${path}${resolved ? "" : " (only known at run time)"}`);
  }
  for (const command of commands) await terminal.print(`  runs: ${command.argv.join(" ")} (${command.tier})`);
}
