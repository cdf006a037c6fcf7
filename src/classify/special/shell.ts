import type { Call } from "../call.ts";
import { runFile } from "../run-file.ts";

const BASH_LIKE: ReadonlySet<string> = new Set("sh bash dash zsh ksh ksh93 mksh ash rbash".split(" "));

/** A shell: the code behind `-c`, the file that it is given, or its standard input. */
export function judgeShell(call: Call): "done" {
  let wantsCode = false;
  let readsInput = false;
  let at = 0;
  for (; at < call.args.length; at += 1) {
    const argument = call.args[at];
    if (argument === undefined || argument.text === "-" || !/^[-+]./.test(argument.text)) break;
    const { text } = argument;
    if (text === "--") {
      at += 1;
      break;
    }
    if (text === "--version" || text === "--help") return "done";
    if (/^--(?:rcfile|init-file)/.test(text)) {
      call.raise("danger", "runs_file", `\`${call.name} ${text}\` runs a file first`);
      if (!text.includes("=")) at += 1;
    } else if (!text.startsWith("--")) {
      if (text.includes("c")) wantsCode = true;
      if (text.includes("s")) readsInput = true;
      if (/[oO]$/.test(text)) at += 1;
    }
  }
  const [operand] = call.args.slice(at);
  if (!BASH_LIKE.has(call.name.slice(call.name.lastIndexOf("/") + 1))) {
    call.raise("danger", "arbitrary_code", `\`${call.name}\` has a language of its own`);
  }
  if (wantsCode) {
    if (operand === undefined) call.raise("write", "unparseable", `\`${call.name} -c\` without code`);
    else call.runShell(operand, call.input);
  } else if (readsInput || operand === undefined || operand.text === "-" || operand.text === "/dev/stdin")
    runInput(call);
  else if (operand.text.startsWith("/dev/fd/")) {
    call.raise("danger", "arbitrary_code", `\`${call.name}\` runs what another command prints`);
  } else runFile(call, operand);
  return "done";
}

/** Code that comes as input: judged where the line holds it, and a write at least, since it was taken from data. */
function runInput(call: Call): void {
  if (call.input?.kind !== "text") {
    call.raise("danger", "arbitrary_code", `\`${call.name}\` runs whatever comes in`);
    return;
  }
  call.raise("write", "arbitrary_code", `\`${call.name}\` runs its input`);
  const { text, known } = call.input;
  call.runShell({ text, known, glob: false, mayBe: known ? "itself" : "line" });
}
