import type { Call } from "./call.ts";
import { findSpecial } from "./special-table.ts";
import { judgeByRule } from "./judge-rule.ts";
import { judgeRuns } from "./judge-runs.ts";
import { baseName, commandName, isTemporary, plainPath } from "./paths.ts";
import type { Argument } from "./words.ts";

/** Judges one simple command whose words are expanded. */
export function judgeCall(call: Call, name: Argument): void {
  if (!name.known || name.glob) {
    call.raise("danger", "unresolved", `what runs is only known at run time: \`${name.text}\``);
    return;
  }
  if (!/^[\x20-\x7e]+$/.test(name.text)) {
    call.raise("danger", "disguised", "the command's name has characters that no command's name has");
    return;
  }
  const { rule } = call;
  if (commandName(name.text) === undefined) {
    runFile(call, name);
    return;
  }
  if (rule === undefined) {
    const isWindows = /\.(?:exe|cmd|bat|ps1|com|vbs)$/i.test(name.text);
    if (isWindows) call.raise("danger", "arbitrary_code", `\`${name.text}\` is a program of another system`);
    else call.raise("write", "unknown_command", `\`${name.text}\` is not a known command`);
    return;
  }
  if (asksForHelp(call)) return;
  const special = rule.rule.special;
  if (special !== undefined && findSpecial(special)(call) === "done") return;
  if (rule.rule.runs !== undefined && judgeRuns(call, rule.rule.runs) === "done") return;
  judgeByRule(call, rule);
}

/** Runs a program by its path: as good as running any code that may stand there. */
function runFile(call: Call, name: Argument): void {
  call.touch(name, "execute");
  const plain = plainPath(name.text);
  const isProject = !/^(?:[/~]|\.\.)/.test(plain) && !isTemporary(name.text);
  const tool = baseName(plain);
  if (isProject) call.raise("write", "runs_file", `runs \`${plain}\``);
  else if (/^(?:\/opt\/|\/snap\/bin\/|\/nix\/store\/|\/usr\/lib|\/usr\/libexec)/.test(plain) && !isTemporary(plain)) {
    call.raise("write", "unknown_command", `\`${tool}\` is not a known command`);
  } else call.raise("danger", "runs_file", `runs \`${plain}\`, which lies outside the project`);
}

/** `--help` or `--version` as the only word that is not a verb, of a command that runs nothing that its words name. */
function asksForHelp({ args, rule }: Call): boolean {
  const last = args.at(-1);
  if (last === undefined || rule === undefined || rule.rule.runs !== undefined || NO_HELP.has(rule.rule.special ?? "")) return false;
  if (!args.every((argument) => argument.known)) return false;
  const isAsked = last.text === "--help" || (args.length === 1 && last.text === "--version");
  return isAsked && args.slice(0, -1).every(({ text }) => /^[a-z][a-z0-9-]*$/.test(text)) && args.length <= 5;
}

const NO_HELP: ReadonlySet<string> = new Set(["docker", "kubectl", "npm", "find", "echo", "test", "eval", "source", "alias", "trap"]);
