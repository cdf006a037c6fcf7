import { realpath, stat } from "node:fs/promises";
import { utf8 } from "#src/base/bytes.ts";
import { writeFileDurably } from "#src/io/durable-file.ts";
import { loadCedar } from "#src/policy/cedar.ts";
import { formatPolicySource } from "#src/policy/format.ts";
import type { NamedCommand } from "./command.ts";
import { readText } from "./input.ts";
import { describeProblem } from "./policy-source.ts";
import { UsageError } from "./usage-error.ts";

/** Needs no server. */
export const fmt: NamedCommand = {
  name: "fmt",
  summary: "print policies in one layout, comments kept",
  positionals: [{ name: "FILE" }],
  options: [
    { name: "write", help: "write the file instead, where anything changes" },
    { name: "check", help: "print nothing; exit 1 where the layout is another" },
  ],
  notes: ["FILE is Cedar; `-` is standard input. What does not parse stays as it is: exit 2."],
  run: async ({ terminal }, args) => {
    const path = args.at("FILE");
    if (args.has("write") && args.has("check")) throw new UsageError("either `--write` or `--check`");
    if (args.has("write") && path === "-") throw new UsageError("standard input cannot be written: name a file");
    const source = await readText(terminal, path);
    loadCedar();
    const result = formatPolicySource(source);
    if ("errors" in result) {
      for (const problem of result.errors) await terminal.note(describeProblem(path, problem));
      return 2;
    }
    const changed = result.text !== source;
    if (args.has("write") && changed) await replaceFile(path, result.text);
    if (args.has("json")) {
      await terminal.printJson({ changed, ...(args.has("write") || args.has("check") ? {} : { source: result.text }) });
    } else if (args.has("check") && changed) {
      await terminal.note(`${path}: another layout; \`writ policy fmt --write\` changes it`);
    } else if (!args.has("write") && !args.has("check")) {
      await terminal.write(result.text);
    }
    return args.has("check") && changed ? 1 : 0;
  },
};

/** The old text or the new one, whole, whatever happens; the mode stays, and a link stays a link. */
async function replaceFile(path: string, text: string): Promise<void> {
  const target = await realpath(path);
  const { mode } = await stat(target);
  await writeFileDurably(target, utf8(text), mode & 0o777);
}
