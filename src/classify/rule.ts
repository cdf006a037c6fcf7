import type { ReasonCode, Tier } from "./tier.ts";

/**
 * What is known of one command, from its manual. Lists are words separated by blanks, lists of verbs are separated by commas.
 *
 * The tier of a call is that of its verb (or `tier`), put to `read` by an option of `read`, raised by options of `write` and
 * `danger`. Options are written with their dashes; of a cluster such as `-rf` every letter counts.
 */
export interface CommandRule {
  /** Names of the commands that this rule is of. */
  readonly names: string;
  /** With no verb, or with one that is not listed. */
  readonly tier: Tier;
  /** Without any operand. */
  readonly alone?: Tier;
  /** Options that leave a write where the tier is a danger. */
  readonly softens?: string;
  /** Why, where the tier alone does not say it. */
  readonly because?: ReasonCode;
  /** Options that leave nothing of the command but looking: help, lists, dry runs. */
  readonly read?: string;
  readonly write?: string;
  readonly danger?: string;
  /** Options whose next word is their value. */
  readonly values?: string;
  /** Options known to take no value. */
  readonly flags?: string;
  readonly verbs?: Verbs;
  /** Where the verb stands: among the first words (the default), or anywhere between the words. */
  readonly verbAt?: "start" | "anywhere";
  /** What operands are; the last one of `copy` and `move` is written. */
  readonly files?: "read" | "write" | "delete" | "copy" | "move";
  /** Operands before the files, a pattern for example. */
  readonly skip?: number;
  /** Options whose value names a file that is written. */
  readonly outputs?: string;
  /** Options whose value names a file that is read. */
  readonly inputs?: string;
  /** Options whose value a shell parses and runs. */
  readonly code?: string;
  /** Verbs have rules of their own, under `name:verb` or `name:verb:verb`. */
  readonly nested?: boolean;
  /** `words`: an option with one dash is a whole word (`-name`), never a cluster. */
  readonly style?: "clusters" | "words";
  readonly runs?: RunsRule;
  /** Judged by a function of its own before the rest of the rule is looked at. */
  readonly special?: SpecialName;
}

/** Paths of verbs, `container ls`; a word may be `*` for any one word, or end in `*` for all that begin so. */
export interface Verbs {
  readonly read?: string;
  readonly write?: string;
  readonly danger?: string;
}

/** How a command runs another that its words name. */
export interface RunsRule {
  /** Operands before the command. */
  readonly skip?: number;
  /** Verbs before the command; without one of them nothing is run. */
  readonly verbs?: string;
  /** The words are joined by blanks and parsed by a shell. */
  readonly joins?: boolean;
  /** `NAME=value` may stand before the command. */
  readonly assigns?: boolean;
  /** The command begins only behind `--`. */
  readonly dashes?: boolean;
  /** More words come from the standard input. */
  readonly appends?: boolean;
  /** Runs at least as this. */
  readonly floor?: Tier;
  readonly because?: ReasonCode;
  /** With nothing to run. */
  readonly alone?: Tier;
}

/** Functions that judge what a table cannot say; each stands in the folder `special`. */
export type SpecialName =
  | "alias"
  | "awk"
  | "curl"
  | "dd"
  | "declare"
  | "docker-run"
  | "eval"
  | "find"
  | "fzf"
  | "git"
  | "http-api"
  | "interpreter"
  | "java"
  | "kubectl-get"
  | "read-variable"
  | "rm"
  | "sed"
  | "shell"
  | "source"
  | "sql"
  | "ssh"
  | "tar"
  | "trap"
  | "xargs";

/** A rule made ready for look-up. */
export interface CompiledRule {
  readonly rule: CommandRule;
  readonly options: ReadonlyMap<string, Tier>;
  readonly longOptions: readonly (readonly [string, Tier])[];
  /** Long options that take a value, the shortest first. */
  readonly longNames: readonly string[];
  readonly readOptions: ReadonlySet<string>;
  /** Beginnings of options, written with a `*` behind them. */
  readonly readPrefixes: readonly string[];
  readonly values: ReadonlySet<string>;
  readonly flags: ReadonlySet<string>;
  readonly outputs: ReadonlySet<string>;
  readonly inputs: ReadonlySet<string>;
  readonly code: ReadonlySet<string>;
  readonly verbs: VerbTable;
  /** The highest tier that an option or a verb can give. */
  readonly ceiling: Tier;
}

export interface VerbTable {
  readonly exact: ReadonlyMap<string, Tier>;
  readonly patterns: readonly { readonly words: readonly string[]; readonly tier: Tier }[];
  readonly depth: number;
}

const TIERS = ["read", "write", "danger"] as const;

/** The rule with its lists split. */
export function compileRule(rule: CommandRule): CompiledRule {
  const outputs = new Set(wordsOf(rule.outputs));
  const options = new Map<string, Tier>();
  for (const name of outputs) options.set(name, "write");
  for (const tier of ["write", "danger"] as const) for (const name of wordsOf(rule[tier])) options.set(name, tier);
  const verbs = compileVerbs(rule.verbs);
  const tiers = [rule.tier, ...options.values(), ...verbs.exact.values(), ...verbs.patterns.map(({ tier }) => tier)];
  const readOptions = new Set(wordsOf(rule.read));
  const inputs = new Set(wordsOf(rule.inputs));
  const values = new Set([...wordsOf(rule.values), ...outputs, ...inputs, ...wordsOf(rule.code)]);
  return {
    rule,
    options,
    longOptions: [...options].filter(([name]) => name.startsWith("--")),
    readOptions,
    readPrefixes: [...readOptions].filter((name) => name.endsWith("*")).map((name) => name.slice(0, -1)),
    values,
    longNames: [...values].filter((name) => name.startsWith("--")).sort((a, b) => a.length - b.length),
    flags: new Set([...wordsOf(rule.flags), ...wordsOf(rule.read)]),
    outputs,
    inputs,
    code: new Set(wordsOf(rule.code)),
    verbs,
    ceiling: tiers.includes("danger") ? "danger" : tiers.includes("write") ? "write" : "read",
  };
}

function compileVerbs(verbs: Verbs | undefined): VerbTable {
  const exact = new Map<string, Tier>();
  const patterns: { words: readonly string[]; tier: Tier }[] = [];
  let depth = 0;
  for (const tier of TIERS) {
    for (const path of pathsOf(verbs?.[tier])) {
      const words = path.split(" ");
      depth = Math.max(depth, words.length);
      if (path.includes("*")) patterns.push({ words, tier });
      else exact.set(path, tier);
    }
  }
  return { exact, patterns, depth };
}

/** The words of a blank-separated list. */
export function wordsOf(list: string | undefined): readonly string[] {
  return list === undefined ? [] : list.split(/\s+/).filter((word) => word !== "");
}

function pathsOf(list: string | undefined): readonly string[] {
  return list === undefined
    ? []
    : list
        .split(",")
        .map((path) => path.trim().replace(/\s+/g, " "))
        .filter((path) => path !== "");
}

/** The tier of the longest listed path that `words` begin with; undefined where none is listed. */
export function findVerb(table: VerbTable, words: readonly string[]): Tier | undefined {
  for (let depth = Math.min(table.depth, words.length); depth > 0; depth -= 1) {
    const path = words.slice(0, depth);
    const exact = table.exact.get(path.join(" "));
    if (exact !== undefined) return exact;
    for (const pattern of table.patterns) {
      if (pattern.words.length === depth && pattern.words.every((word, at) => matchesWord(word, path[at] ?? ""))) {
        return pattern.tier;
      }
    }
  }
  return undefined;
}

function matchesWord(pattern: string, word: string): boolean {
  if (pattern === "*") return true;
  if (pattern.startsWith("*") && pattern.endsWith("*")) return word.includes(pattern.slice(1, -1));
  if (pattern.startsWith("*")) return word.endsWith(pattern.slice(1));
  return pattern.endsWith("*") ? word.startsWith(pattern.slice(0, -1)) : pattern === word;
}
