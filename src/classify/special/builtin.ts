import type { Call } from "../call.ts";
import { joinWords } from "../judge-runs.ts";
import { runFile } from "../run-file.ts";
import type { Argument } from "../words.ts";

/** `alias name=value`: from here on a name means something else. */
export function judgeAlias(call: Call): "done" {
  for (const { text, known } of call.args) {
    if (text.includes("=") || !known)
      call.raise("danger", "disguised", `gives a name another meaning: \`alias ${text.slice(0, 60)}\``);
  }
  return "done";
}

/** `export`, `declare`, `local`, `readonly`, `typeset`: what is assigned was judged; names that are not known are not followed. */
export function judgeDeclare(call: Call): "done" {
  for (const argument of call.args) {
    const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(argument.text)?.[0];
    if (evaluatesIndex(argument)) call.raise("danger", "arbitrary_code", "evaluates an index that runs a command");
    if (argument.text.startsWith("-") && argument.known) continue;
    if (name === undefined) call.forget(undefined);
  }
  return "done";
}

/** `eval`: its words are one line of code, in this very shell. */
export function judgeEval(call: Call): "done" {
  const words = call.args[0]?.text === "--" ? call.args.slice(1) : call.args;
  if (words.length > 0) call.runShell(joinWords(words), call.input);
  call.forget(undefined);
  return "done";
}

/** `source` and `.`: code in a file, in this very shell, where it can give every name another meaning. */
export function judgeSource(call: Call): "done" {
  const [file] = call.args.filter(({ text }) => text !== "--");
  if (file !== undefined) runFile(call, file);
  if (file?.text.startsWith("/dev/") === true)
    call.raise("danger", "arbitrary_code", "runs code that it is handed while it runs");
  call.forget(undefined);
  return "done";
}

/** `trap code signal…`. */
export function judgeTrap(call: Call): "done" {
  const words = call.args.filter(({ text }) => !/^-[lp]$|^--$/.test(text));
  const [code, ...signals] = words;
  if (code !== undefined && signals.length > 0 && code.text !== "-") call.runShell(code);
  return "done";
}

/** `read`, `mapfile`, `printf -v`, `getopts`, `let`, `test`: variables get values that are not known; an index is evaluated. */
export function judgeReadVariable(call: Call): "done" | "continue" {
  for (const argument of call.args) {
    if (evaluatesIndex(argument)) call.raise("danger", "arbitrary_code", "evaluates an index that runs a command");
    const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(argument.text)?.[0];
    if (name !== undefined && call.name !== "test" && call.name !== "[") call.forget(name);
    if (!argument.known && call.name !== "test" && call.name !== "[") {
      if (call.name !== "printf") call.forget(undefined);
    }
  }
  return "continue";
}

/** An index such as `a[$(command)]` is expanded when the shell evaluates the name, quoted or not. */
function evaluatesIndex({ text, known }: Argument): boolean {
  return known && /\[[^\]]*(?:\$\(|`)/.test(text);
}
