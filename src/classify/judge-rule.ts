import type { Call } from "./call.ts";
import { type FoundOperand, type FoundOption, type ScannedArguments, scanArguments } from "./option-scan.ts";
import { type CompiledRule, findVerb, type VerbTable, wordsOf } from "./rule.ts";
import { higherTier, isAbove, type ReasonCode, type Tier } from "./tier.ts";
import { type Argument, unknownArgument } from "./words.ts";

/** Judges a call by its rule in the table: verb, options, files, and what unknown words might be. */
export function judgeByRule(call: Call, rule: CompiledRule): void {
  const scanned = scanArguments(call.args, rule);
  const hasVerb = rule.verbs.depth > 0 && scanned.operands.length > 0;
  const first = call.args[0]?.text.split("=")[0];
  const isLooking = scanned.options.some(
    (option, at) =>
      isReadOption(option, scanned.options[at - 1], rule) &&
      (!hasVerb || option.name === first || TRIES.test(option.name)) &&
      !(hasVerb && HELP.has(option.name)),
  );
  const base = isLooking ? "read" : baseTier(scanned, rule);
  raise(call, rule, base, describe(call, scanned.operands, rule));
  for (const option of scanned.options) judgeOption(call, rule, option);
  judgeUnknown(call, rule, scanned);
  judgeFiles(call, rule, scanned, isLooking);
}

function raise(call: Call, rule: CompiledRule, tier: Tier, what: string): void {
  const byTier: ReasonCode = tier === "danger" ? "destructive" : "changes_state";
  call.raise(tier, rule.rule.because ?? byTier, what);
}

function describe(call: Call, operands: readonly FoundOperand[], rule: CompiledRule): string {
  const verbs = rule.verbs.depth === 0 ? [] : operands.slice(0, rule.verbs.depth).map(({ argument }) => argument.text);
  return `\`${[call.name, ...verbs].join(" ")}\``;
}

/** Of a lowering option nothing is guessed: written in full, and not what could be the value of an option before it. */
function isReadOption(option: FoundOption, before: FoundOption | undefined, rule: CompiledRule): boolean {
  const written = option.value === undefined ? option.name : `${option.name}=${option.value.text}`;
  const isListed = rule.readOptions.has(option.name) || rule.readOptions.has(written);
  if (!isListed) return rule.readPrefixes.some((prefix) => option.name.startsWith(prefix));
  if (option.value !== undefined && !rule.readOptions.has(written) && !rule.values.has(option.name)) return false;
  return before === undefined || before.listed || before.value !== undefined;
}

/** The tier that an option raises to: a long one also by any beginning of its name, as getopt_long(3) takes it. */
export function optionTier(name: string, rule: CompiledRule): Tier | undefined {
  const exact = rule.options.get(name);
  if (exact !== undefined || !name.startsWith("--") || name.length < 4) return exact;
  if (rule.flags.has(name) || rule.values.has(name)) return undefined;
  let found: Tier | undefined;
  for (const [long, tier] of rule.longOptions) {
    if (long.startsWith(name)) found = found === undefined ? tier : higherTier(found, tier);
  }
  return found;
}

function judgeOption(call: Call, rule: CompiledRule, { name, value }: FoundOption): void {
  if (rule.outputs.has(name) && value !== undefined) {
    if (value.text !== "-") call.touch(value, "write");
    return;
  }
  if (rule.inputs.has(name) && value !== undefined) {
    if (value.text !== "-") call.touch(value, "read");
    return;
  }
  if (rule.code.has(name)) call.runShell(value ?? unknownArgument("…"));
  const tier = optionTier(name, rule);
  if (tier !== undefined) raise(call, rule, tier, `\`${call.name} ${name}\``);
}

/** Behind a verb, only options that say that nothing is done count for all verbs. */
const TRIES =
  /^--?(?:dry|simulate|just-print|no-?op|why-run|what-?if|check|list-only|pretend|print-uris|syntax)|^-[nsNC]$/;

/** Options that ask a command about itself; behind a verb they may mean something else. */
const HELP: ReadonlySet<string> = new Set(["--help", "-h", "--version", "-V", "-v"]);

function baseTier({ operands, options, wild }: ScannedArguments, rule: CompiledRule): Tier {
  const { alone, softens } = rule.rule;
  if (alone !== undefined && operands.length === 0 && wild === "itself") return alone;
  const tier = verbTier(operands, rule);
  const isSoft = softens !== undefined && options.some(({ name }) => wordsOf(softens).includes(name));
  return isSoft && tier === "danger" ? "write" : tier;
}

/** The highest tier of all ways to read the first words, where an unlisted option may have taken one as its value. */
export function verbTier(operands: readonly FoundOperand[], rule: CompiledRule): Tier {
  if (rule.verbs.depth === 0) return rule.rule.tier;
  const words = operands.map(({ argument }) => argument.text);
  let tier = oneVerbTier(words, rule);
  if (!operands.some(({ maybeValue }) => maybeValue)) return tier;
  tier = higherTier(
    tier,
    oneVerbTier(
      operands.filter((word) => !word.maybeValue).map((word) => word.argument.text),
      rule,
    ),
  );
  return operands[0]?.maybeValue === true ? higherTier(tier, oneVerbTier(words.slice(1), rule)) : tier;
}

function oneVerbTier(words: readonly string[], rule: CompiledRule): Tier {
  if (rule.rule.verbAt !== "anywhere") return findVerb(rule.verbs, words) ?? rule.rule.tier;
  for (let at = 0; at < Math.min(words.length, 8); at += 1) {
    const tier = findVerb(rule.verbs, words.slice(at));
    if (tier !== undefined) return tier;
  }
  return rule.rule.tier;
}

/** An unknown word might be any verb or option: never `read` where the table has more, and all of it where the line made it. */
function judgeUnknown(call: Call, rule: CompiledRule, scanned: ScannedArguments): void {
  const verbUnknown =
    rule.verbs.depth > 0 && scanned.operands.slice(0, rule.verbs.depth).some(isUnknownVerb(rule.verbs, scanned));
  const optionUnknown = scanned.wild !== "itself" && hasRaisingOption(rule);
  if (verbUnknown) raiseUnknown(call, rule.ceiling);
  else if (optionUnknown) {
    raiseUnknown(call, scanned.wild === "line" ? optionCeiling(rule) : lowerOf(optionCeiling(rule), "write"));
  } else if (scanned.globbed && hasRaisingOption(rule)) raiseUnknown(call, "write");
}

function isUnknownVerb(verbs: VerbTable, { operands }: ScannedArguments): (operand: FoundOperand) => boolean {
  const known = operands.findIndex(({ argument }) => !argument.known);
  const before = operands.slice(0, known === -1 ? undefined : known).map(({ argument }) => argument.text);
  // A path that is complete before the first unknown word stays what it is.
  const isSettled = before.length > 0 && findVerb(verbs, before) !== undefined;
  return ({ argument }) => !argument.known && argument.mayBe !== "itself" && !isSettled;
}

function raiseUnknown(call: Call, tier: Tier): void {
  call.raise(tier, "unresolved", `\`${call.name}\` gets words that are only known at run time`);
}

function hasRaisingOption(rule: CompiledRule): boolean {
  return rule.options.size > 0;
}

function optionCeiling(rule: CompiledRule): Tier {
  let ceiling: Tier = "read";
  for (const tier of rule.options.values()) ceiling = higherTier(ceiling, tier);
  return ceiling;
}

function lowerOf(a: Tier, b: Tier): Tier {
  return isAbove(a, b) ? b : a;
}

function judgeFiles(call: Call, { rule }: CompiledRule, scanned: ScannedArguments, isLooking: boolean): void {
  const files: readonly Argument[] = scanned.operands.map(({ argument }) => argument).slice(rule.skip ?? 0);
  const paths = files.filter(({ text }) => text !== "-");
  switch (rule.files) {
    case undefined:
      return;
    case "copy":
    case "move":
      paths.forEach((path, at) => {
        const isTarget = at === paths.length - 1 && paths.length > 1 && !isLooking;
        call.touch(path, isTarget ? "write" : rule.files === "move" && !isLooking ? "delete" : "read");
      });
      return;
    default:
      for (const path of paths) call.touch(path, isLooking ? "read" : rule.files);
  }
}
