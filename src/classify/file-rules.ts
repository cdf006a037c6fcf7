import { WritError } from "#src/base/errors.ts";
import { DEEP, type Glob, type GlobGround, globMeets, parseGlob, type Steps } from "./file-glob.ts";
import { namePath, type PathPlace } from "./file-names.ts";
import type { FileMode } from "./tier.ts";

/** What a rule leaves of a file, the strictest first. */
export const FILE_ACCESSES = ["noAccess", "readOnly", "readWrite"] as const;
export type FileAccessRule = (typeof FILE_ACCESSES)[number];

/** Where a rule is from, the highest first. No lower level loosens a higher one: the strictest match wins. */
export const FILE_LEVELS = ["builtin", "instance", "tenant", "agent", "project"] as const;
export type FileLevel = (typeof FILE_LEVELS)[number];

/** One rule as it is written. */
export interface FileRule {
  readonly level: FileLevel;
  readonly glob: string;
  readonly access: FileAccessRule;
  /** Globs of what the rule is not about. Rules that come with Writ alone have some. */
  readonly except?: readonly string[];
}

interface CompiledPath {
  readonly glob: Glob;
  /** What must be among the names of a path without wildcards that it is about. */
  readonly literals: readonly string[];
}

interface CompiledRule {
  readonly rule: FileRule;
  readonly paths: readonly CompiledPath[];
  readonly except: readonly CompiledPath[];
}

/** A name of the file, ready to be held against rules. */
interface AskedName {
  readonly steps: Steps;
  /** Its segments, where it has no wildcards. */
  readonly plain: ReadonlySet<string> | undefined;
}

/** Rules, ready to be asked. */
export interface FileGate {
  /** What the rules say of one access. */
  judge(access: AskedFile, place: PathPlace): FileVerdict;
}

/** A file that is to be touched. */
export interface AskedFile {
  readonly path: string;
  readonly mode: FileMode;
  /** Whether `path` is the very name; otherwise it may hold wildcards and variables of a shell. */
  readonly resolved: boolean;
  /**
   * Names, absolute and plain, as whoever can look at the disk found them: what links lead to, what a pattern finds. They
   * stand beside `path`; where that is a pattern or has variables, they stand in its place.
   */
  readonly foundNames?: readonly string[];
  /** Whether wildcards find names that begin with a dot too. */
  readonly findsDots?: boolean;
}

/** What the rules say. `unknown`: nobody can tell which file it is; `invalid`: no such path is opened. */
export type FileVerdict =
  | { readonly kind: "open"; readonly rule?: FileRule }
  | { readonly kind: "closed"; readonly rule: FileRule; readonly because: string }
  | { readonly kind: "unknown"; readonly because: string }
  | { readonly kind: "invalid"; readonly because: string };

/** Most rules of all levels together. */
export const MAX_FILE_RULES = 1000;

/**
 * Makes rules ready. Throws `invalid_argument` for a glob that is none: a rule that is not understood closes everything
 * instead of nothing.
 */
export function compileFileRules(rules: readonly FileRule[], ground: GlobGround = {}): FileGate {
  if (rules.length > MAX_FILE_RULES) throw new WritError("invalid_argument", `at most ${MAX_FILE_RULES} file rules`);
  const index = indexRules(rules.map((rule) => compileRule(rule, ground)));
  return { judge: (access, place) => judge(index, access, place) };
}

/** Rules by a name that has to be in a path that they are about; nearly all have one. */
interface RuleIndex {
  readonly all: readonly CompiledRule[];
  readonly byName: ReadonlyMap<string, ReadonlySet<CompiledRule>>;
  /** Those that can be about any path. */
  readonly general: readonly CompiledRule[];
}

function indexRules(all: readonly CompiledRule[]): RuleIndex {
  const byName = new Map<string, Set<CompiledRule>>();
  const general: CompiledRule[] = [];
  for (const rule of all) {
    const names = rule.paths.map(({ literals }) => literals.at(-1));
    for (const name of names) {
      if (name !== undefined) byName.set(name, (byName.get(name) ?? new Set()).add(rule));
    }
    if (names.includes(undefined)) general.push(rule);
  }
  return { all, byName, general };
}

/** Every rule that could be about one of the names. */
function candidates({ all, byName, general }: RuleIndex, names: readonly AskedName[]): Iterable<CompiledRule> {
  const found = new Set(general);
  for (const { plain } of names) {
    if (plain === undefined) return all;
    for (const text of plain) for (const rule of byName.get(text) ?? []) found.add(rule);
  }
  return found;
}

/** Several gates as one: the strictest word of them all. */
export function joinGates(gates: readonly FileGate[]): FileGate {
  return {
    judge: (access, place) => gates.map((gate) => gate.judge(access, place)).reduce(stricter, { kind: "open" }),
  };
}

/** The paths of a glob. Throws `invalid_argument`, naming it. */
export function requireGlob(glob: string, ground: GlobGround = {}): readonly Glob[] {
  const parsed = parseGlob(glob, ground);
  if (typeof parsed !== "string") return parsed;
  throw new WritError("invalid_argument", `\`${glob.slice(0, 100)}\` is no glob: ${parsed}`);
}

function compileRule(rule: FileRule, ground: GlobGround): CompiledRule {
  const own = rule.level === "project" ? ground : {};
  return {
    rule,
    paths: requireGlob(rule.glob, own).map(compilePath),
    except: (rule.except ?? []).flatMap((glob) => requireGlob(glob, own)).map(compilePath),
  };
}

function compilePath(glob: Glob): CompiledPath {
  const literals = glob.steps.flatMap((step) => (step === DEEP || step.tokens !== undefined ? [] : [step.text]));
  return { glob, literals };
}

function judge(rules: RuleIndex, access: AskedFile, place: PathPlace): FileVerdict {
  const names: AskedName[] = [];
  // A pattern that was expanded is what it found, and nothing where it found nothing.
  if (access.resolved || access.foundNames === undefined) {
    const named = namePath(access.path, place, !access.resolved);
    if (named.kind !== "names") return named;
    names.push(...named.names.map(toName));
  }
  for (const found of access.foundNames ?? []) {
    const named = namePath(found, {}, false);
    if (named.kind !== "names") return named;
    names.push(...named.names.map(toName));
  }
  const hidesDots = access.findsDots !== true;
  let verdict: FileVerdict = { kind: "open" };
  for (const compiled of candidates(rules, names)) {
    if (!names.some((name) => isAbout(compiled, name, hidesDots))) continue;
    verdict = stricter(verdict, verdictOf(compiled.rule, access));
  }
  return verdict;
}

function toName(steps: Steps): AskedName {
  const isPlain = steps.every((step) => step !== DEEP && step.tokens === undefined);
  return { steps, plain: isPlain ? new Set(steps.map((step) => (step === DEEP ? "" : step.text))) : undefined };
}

/** An exception holds for a name without wildcards alone: what a pattern finds can be both. */
function isAbout({ paths, except }: CompiledRule, name: AskedName, hidesDots: boolean): boolean {
  const meets = ({ glob, literals }: CompiledPath): boolean => {
    const { plain } = name;
    if (plain !== undefined && !literals.every((literal) => plain.has(literal))) return false;
    return globMeets(glob, name.steps, hidesDots);
  };
  return paths.some(meets) && !(name.plain !== undefined && except.some(meets));
}

function verdictOf(rule: FileRule, { path, mode, resolved, foundNames }: AskedFile): FileVerdict {
  const isChange = mode === "write" || mode === "delete";
  const isClosed = rule.access === "noAccess" || (rule.access === "readOnly" && isChange);
  if (!isClosed) return { kind: "open", rule };
  const shown = path.slice(0, 200);
  const glob = `the ${rule.level} rule \`${rule.glob}\``;
  if (!resolved && foundNames === undefined && /[*?[]/.test(path)) {
    return { kind: "closed", rule, because: `\`${shown}\` may find what ${glob} closes: name the files` };
  }
  const what = rule.access === "noAccess" ? "closes" : "leaves read-only";
  return { kind: "closed", rule, because: `${glob} ${what} \`${shown}\`` };
}

const STRICTNESS: Readonly<Record<FileVerdict["kind"], number>> = { open: 0, unknown: 1, closed: 2, invalid: 3 };

/** The stricter of two; of two that say the same, the one that closes more, then the one that came first. */
function stricter(a: FileVerdict, b: FileVerdict): FileVerdict {
  if (STRICTNESS[a.kind] !== STRICTNESS[b.kind]) return STRICTNESS[a.kind] > STRICTNESS[b.kind] ? a : b;
  return rank(b) < rank(a) ? b : a;
}

function rank(verdict: FileVerdict): number {
  const rule = "rule" in verdict ? verdict.rule : undefined;
  if (rule === undefined) return 100;
  return FILE_ACCESSES.indexOf(rule.access) * 10 + FILE_LEVELS.indexOf(rule.level);
}
