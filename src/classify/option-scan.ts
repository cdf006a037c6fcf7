import type { CompiledRule } from "./rule.ts";
import type { Argument } from "./words.ts";

/** An option of a call: its name with dashes, its value where it has one. */
export interface FoundOption {
  readonly name: string;
  readonly value: Argument | undefined;
  /** Whether the rule knows it. */
  readonly listed: boolean;
}

export interface FoundOperand {
  readonly argument: Argument;
  /** Whether it might be the value of the unlisted option before it. */
  readonly maybeValue: boolean;
  /** Where it stands in the arguments. */
  readonly at: number;
}

/** The arguments of a call, taken apart. */
export interface ScannedArguments {
  readonly options: readonly FoundOption[];
  readonly operands: readonly FoundOperand[];
  /** What an unknown argument might turn into. */
  readonly wild: Argument["mayBe"];
  /** Whether file names that a pattern finds could begin with a dash. */
  readonly globbed: boolean;
}

/** Takes arguments apart as getopt_long(3) does; with `posix`, options end at the first operand. */
export function scanArguments(args: readonly Argument[], rule: CompiledRule, posix = false): ScannedArguments {
  const options: FoundOption[] = [];
  const operands: FoundOperand[] = [];
  let wild: Argument["mayBe"] = "itself";
  let globbed = false;
  let maybeValue = false;
  for (let at = 0; at < args.length; at += 1) {
    const argument = args[at];
    if (argument === undefined) break;
    if (argument.mayBe !== "itself" && wild !== "line") wild = argument.mayBe;
    const { text } = argument;
    if (text === "--" && argument.known) {
      for (let rest = at + 1; rest < args.length; rest += 1) {
        const operand = args[rest];
        if (operand !== undefined) operands.push({ argument: operand, maybeValue: false, at: rest });
      }
      break;
    }
    if (!text.startsWith("-") || text === "-") {
      if (argument.glob && /^[*?[]/.test(text)) globbed = true;
      operands.push({ argument, maybeValue, at });
      maybeValue = false;
      if (posix && operands.length > 0 && !operands.at(-1)?.maybeValue) {
        for (let rest = at + 1; rest < args.length; rest += 1) {
          const operand = args[rest];
          if (operand !== undefined) operands.push({ argument: operand, maybeValue: false, at: rest });
        }
        break;
      }
      continue;
    }
    const found = scanOption(argument, rule);
    const last = found.at(-1);
    const takesNext = last !== undefined && last.value === undefined && takesValue(last.name, rule);
    maybeValue = last !== undefined && !last.listed && last.value === undefined && !takesNext;
    options.push(...found.slice(0, -1));
    if (last !== undefined) options.push(takesNext ? { ...last, value: args[at + 1] } : last);
    if (takesNext) at += 1;
  }
  return { options, operands, wild, globbed };
}

function scanOption(argument: Argument, rule: CompiledRule): readonly FoundOption[] {
  const { text } = argument;
  const isWord = text.startsWith("--") || rule.rule.style === "words";
  if (isWord) {
    const equals = text.indexOf("=");
    const name = fullName(equals === -1 ? text : text.slice(0, equals), rule);
    const value = equals === -1 ? undefined : { ...argument, text: text.slice(equals + 1), mayBe: "itself" as const };
    return [{ name, value, listed: isListed(name, rule) }];
  }
  const found: FoundOption[] = [];
  for (let at = 1; at < text.length; at += 1) {
    const name = `-${text[at]}`;
    if (takesValue(name, rule)) {
      const rest = text.slice(at + 1);
      found.push({ name, value: rest === "" ? undefined : { ...argument, text: rest, mayBe: "itself" }, listed: true });
      return found;
    }
    found.push({ name, value: undefined, listed: isListed(name, rule) });
  }
  return found;
}

/** A long option may be shortened to any beginning that is not another's (getopt_long(3)). */
function fullName(name: string, rule: CompiledRule): string {
  if (!name.startsWith("--") || name.length < 4 || isListed(name, rule)) return name;
  return rule.longNames.find((long) => long.startsWith(name)) ?? name;
}

function isListed(name: string, rule: CompiledRule): boolean {
  return rule.options.has(name) || rule.flags.has(name) || takesValue(name, rule);
}

function takesValue(name: string, rule: CompiledRule): boolean {
  return rule.values.has(name);
}
