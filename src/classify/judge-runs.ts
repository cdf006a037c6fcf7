import type { Call } from "./call.ts";
import { optionTier } from "./judge-rule.ts";
import { type FoundOperand, type ScannedArguments, scanArguments } from "./option-scan.ts";
import { type CompiledRule, type RunsRule, wordsOf } from "./rule.ts";
import { type Argument, knownArgument, unknownArgument } from "./words.ts";

/** Looks through a command that runs another. `continue` where it runs nothing and the table has more to say. */
export function judgeRuns(call: Call, runs: RunsRule): "done" | "continue" {
  const { rule } = call;
  if (rule === undefined) return "continue";
  const args = runs.dashes === true ? beforeDashes(call.args) : call.args;
  const scanned = scanArguments(args, rule, true);
  judgeOptions(call, rule, scanned.options);
  if (runs.dashes === true) return runDashed(call, runs);
  const verbs = wordsOf(runs.verbs);
  const starts = commandStarts(args, scanned.operands);
  if (verbs.length > 0 && !verbs.includes(scanned.operands[0]?.argument.text ?? "")) return "continue";
  const isLooking = scanned.options.some(({ name }) => rule.readOptions.has(name));
  if (isLooking && rule.readOptions.size > 0) return "done";
  if (starts.length === 0) {
    if (scanned.options.some(({ name }) => rule.code.has(name))) return "done";
    call.raise(runs.alone ?? rule.rule.tier, "changes_state", `\`${call.name}\` with nothing to run`);
    return "done";
  }
  for (const start of starts) runFrom(call, runs, verbs.length > 0 ? 1 : 0, start);
  return "done";
}

function judgeOptions(call: Call, rule: CompiledRule, options: ScannedArguments["options"]): void {
  for (const { name, value } of options) {
    const tier = optionTier(name, rule);
    if (rule.code.has(name)) call.runShell(value ?? unknownArgument("…"));
    else if (rule.outputs.has(name) && value !== undefined) call.touch(value, "write");
    else if (tier !== undefined) call.raise(tier, "changes_state", `\`${call.name} ${name}\``);
  }
}

/** Where the command may begin: behind an unlisted option, that option's value might be taken for it. */
function commandStarts(args: readonly Argument[], operands: readonly FoundOperand[]): readonly (readonly Argument[])[] {
  const starts: (readonly Argument[])[] = [];
  for (const { at, maybeValue } of operands) {
    starts.push(args.slice(at));
    if (!maybeValue || starts.length > 4) break;
  }
  return starts;
}

function runFrom(call: Call, runs: RunsRule, verbs: number, operands: readonly Argument[]): void {
  let rest: readonly Argument[] = operands.slice(verbs);
  if (runs.assigns === true) rest = takeAssignments(call, rest);
  rest = rest.slice(runs.skip ?? 0);
  if (rest[0]?.text === "--") rest = rest.slice(1);
  const [option, code] = rest;
  if (option !== undefined && call.rule?.code.has(option.text) === true) {
    call.runShell(code ?? unknownArgument("…"));
    return;
  }
  if (rest.length === 0) {
    call.raise(runs.alone ?? "read", "changes_state", `\`${call.name}\` with nothing to run`);
    return;
  }
  if (runs.floor !== undefined)
    call.raise(runs.floor, runs.because ?? "changes_state", `\`${call.name}\` runs a command`);
  if (runs.joins === true) runJoined(call, rest);
  else call.runArguments(runs.appends === true ? [...rest, unknownArgument("…")] : rest, call.input);
}

/** Words that a shell joins and parses again: judged so, and as they were meant, with the quotes that are lost on the way. */
export function runJoined(call: Call, words: readonly Argument[]): void {
  call.runShell(joinWords(words), call.input);
  if (words.length > 1) call.runArguments(words, call.input);
}

/** Words joined by blanks, for a shell that parses them again. */
export function joinWords(words: readonly Argument[]): Argument {
  const text = words.map((word) => word.text).join(" ");
  return words.every(({ known, glob }) => known && !glob) ? knownArgument(text) : unknownArgument(text);
}

function takeAssignments(call: Call, words: readonly Argument[]): readonly Argument[] {
  let at = 0;
  for (; at < words.length; at += 1) {
    const word = words[at];
    const found = word === undefined ? null : /^([A-Za-z_][A-Za-z0-9_]*)=([\s\S]*)$/.exec(word.text);
    if (word === undefined || found?.[1] === undefined) break;
    call.assign(found[1], { ...word, text: found[2] ?? "" });
  }
  return words.slice(at);
}

function beforeDashes(args: readonly Argument[]): readonly Argument[] {
  const at = args.findIndex(({ text }) => text === "--");
  return at === -1 ? args : args.slice(0, at);
}

function runDashed(call: Call, runs: RunsRule): "done" | "continue" {
  const at = call.args.findIndex(({ text }) => text === "--");
  const verbs = wordsOf(runs.verbs);
  if (verbs.length > 0 && !call.args.slice(0, at === -1 ? undefined : at).some(({ text }) => verbs.includes(text)))
    return "continue";
  if (at === -1 || at === call.args.length - 1) {
    call.raise(runs.alone ?? "danger", "arbitrary_code", `\`${call.name}\` runs what is not known`);
    return "done";
  }
  if (runs.floor !== undefined)
    call.raise(runs.floor, runs.because ?? "changes_state", `\`${call.name}\` runs a command`);
  call.runArguments(call.args.slice(at + 1), call.input);
  return "done";
}
