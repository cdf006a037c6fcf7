import { isWritError, WritError } from "#src/base/errors.ts";
import { applyForm, formToText, readForm, textToForm } from "#src/policy/builder.ts";
import { loadCedar } from "#src/policy/cedar.ts";
import { scanPolicyText } from "#src/policy/policy-text.ts";
import type { NamedCommand } from "./command.ts";
import { readText } from "./input.ts";
import { UsageError } from "./usage-error.ts";

/** Needs no server. */
export const build: NamedCommand = {
  name: "build",
  summary: "policies as forms and back: form FILE, text FILE",
  positionals: [{ name: "ACTION" }, { name: "FILE" }],
  notes: [
    "`form` prints a line of JSON a policy: who, may do what, on what, when, whom it needs. `text` reads such lines and",
    "prints Cedar: a policy whose form was not edited keeps its text. What a form cannot say stands in it as text.",
    "`-` is standard input: `writ policy show | writ policy build form - --json`.",
  ],
  run: async ({ terminal }, args) => {
    const source = await readText(terminal, args.at("FILE"));
    loadCedar();
    switch (args.at("ACTION")) {
      case "form":
        for (const line of toForms(source)) await terminal.printJson(line);
        return 0;
      case "text": {
        const text = toText(source);
        if (args.has("json")) await terminal.printJson({ source: text });
        else await terminal.write(text);
        return 0;
      }
      default:
        throw new UsageError("ACTION is form or text");
    }
  },
};

function toForms(source: string): readonly object[] {
  const { pieces, problems } = scanPolicyText(source);
  const [problem] = problems;
  if (problem !== undefined) throw new WritError("policy_invalid", problem.message);
  return pieces.map(({ text }) => ({ text, form: textToForm(text) }));
}

function toText(lines: string): string {
  const texts = lines.split("\n").flatMap((line, place) => (line.trim() === "" ? [] : [readLine(line, place + 1)]));
  return texts.map((text) => `${text}\n`).join("\n");
}

function readLine(line: string, number: number): string {
  try {
    const { text, form } = JSON.parse(line) as { text?: unknown; form?: unknown };
    const read = readForm(form);
    return typeof text === "string" ? applyForm(text, read) : formToText(read);
  } catch (cause) {
    const why = isWritError(cause) ? cause.message : "no line of JSON with a `form`";
    throw new WritError("policy_invalid", `line ${number}: ${why}`, { cause });
  }
}
