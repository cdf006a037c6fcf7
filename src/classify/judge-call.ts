import type { Call } from "./call.ts";
import { findRule } from "./command-table.ts";
import { judgeByRule } from "./judge-rule.ts";
import { judgeRuns } from "./judge-runs.ts";
import { scanArguments } from "./option-scan.ts";
import { commandName } from "./paths.ts";
import type { CompiledRule } from "./rule.ts";
import { runFile } from "./run-file.ts";
import { findSpecial } from "./special-table.ts";
import type { Argument } from "./words.ts";

/**
 * Judges one simple command whose words are expanded.
 *
 * A name that is not in the table is a write: it may change anything that a program of the system or the project may, as `make`
 * may. A name that is not known, or that leads to a file outside the project, is a danger: that can be any code at all.
 */
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
  judgeKnown(call, rule);
}

function judgeKnown(call: Call, rule: CompiledRule): void {
  if (asksForHelp(call)) return;
  const special = rule.rule.special;
  if (special !== undefined && findSpecial(special)(call) === "done") return;
  if (rule.rule.runs !== undefined && judgeRuns(call, rule.rule.runs) === "done") return;
  if (rule.rule.nested === true && judgeNested(call, rule)) return;
  judgeByRule(call, rule);
}

/** Judges by the rule of the verb, where it has one; by all that may be meant where an unlisted option stands before it. */
function judgeNested(call: Call, rule: CompiledRule): boolean {
  const { operands } = scanArguments(call.args, rule);
  const key = call.name.replaceAll(" ", ":");
  let isFound = false;
  for (const [index, { argument, at, maybeValue }] of operands.slice(0, 4).entries()) {
    const next = operands[index + 1];
    const longer = next === undefined ? undefined : findRule(`${key}:${argument.text}:${next.argument.text}`);
    const found = longer ?? findRule(`${key}:${argument.text}`);
    if (found !== undefined && argument.known) {
      const isLonger = longer !== undefined && next !== undefined;
      const name = isLonger ? `${argument.text} ${next.argument.text}` : argument.text;
      judgeLeading(call, rule, at);
      judgeKnown(
        { ...call, name: `${call.name} ${name}`, args: call.args.slice((isLonger ? next.at : at) + 1), rule: found },
        found,
      );
      isFound = true;
    }
    if (!maybeValue) break;
  }
  return isFound;
}

/** Options before the verb count as they do for the command itself. */
function judgeLeading(call: Call, rule: CompiledRule, end: number): void {
  const leading = call.args.slice(0, end);
  if (leading.length > 0) judgeByRule({ ...call, args: leading }, { ...rule, rule: { ...rule.rule, tier: "read" } });
}

/** `--help` or `--version` as the only word that is not a verb, of a command that runs nothing that its words name. */
function asksForHelp({ args, rule }: Call): boolean {
  const last = args.at(-1);
  if (last === undefined || rule === undefined || rule.rule.runs !== undefined || NO_HELP.has(rule.rule.special ?? ""))
    return false;
  if (!args.every((argument) => argument.known)) return false;
  const isAsked =
    last.text === "--help" ||
    (last.text === "-h" && (rule.verbs.depth > 0 || rule.rule.nested === true)) ||
    (args.length === 1 && last.text === "--version");
  return isAsked && args.slice(0, -1).every(({ text }) => /^[a-z][a-z0-9-]*$/.test(text)) && args.length <= 5;
}

const NO_HELP: ReadonlySet<string> = new Set([
  "docker",
  "kubectl",
  "npm",
  "find",
  "echo",
  "test",
  "eval",
  "source",
  "alias",
  "trap",
]);
