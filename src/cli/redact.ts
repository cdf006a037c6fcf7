import { createSanitizer } from "#src/redact/redact.ts";
import type { Command } from "./command.ts";

/** Standard input to standard output, without what must not be seen. */
export const redact: Command = {
  options: [
    {
      name: "mode",
      value: "MODE",
      choices: ["auto", "text", "binary"],
      help: "how the input is read; `auto` unless given, by content",
    },
  ],
  notes: [
    "Well-known formats of secrets and invisible characters are removed as the input streams by; what was found, and how",
    "often, is on standard error.",
  ],
  run: async ({ terminal }, args) => {
    const mode = args.option("mode") ?? "auto";
    const sanitizer = createSanitizer({ knownValues: [], mode: mode as "auto" | "text" | "binary" });
    for await (const chunk of terminal.input()) {
      for (const piece of sanitizer.push(chunk)) await terminal.write(piece);
    }
    for (const piece of sanitizer.finish()) await terminal.write(piece);
    const findings = [...sanitizer.findings()].sort(([a], [b]) => (a < b ? -1 : 1));
    if (args.has("json")) await terminal.note(JSON.stringify({ findings: Object.fromEntries(findings) }));
    else for (const [pattern, count] of findings) await terminal.note(`${count}  ${pattern}`);
    return 0;
  },
};
