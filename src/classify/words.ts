import type { Part, Word } from "./syntax.ts";

/** One word of an argument vector, as far as it is known before the shell runs. */
export interface Argument {
  /** What the command gets; what is not known stands as it was written. */
  readonly text: string;
  /** Whether `text` is exactly what the command gets. */
  readonly known: boolean;
  /** Whether a pattern in it is replaced by the names of files. */
  readonly glob: boolean;
  /**
   * Where an unknown part could make it an option, a verb or several words: `environment` for a variable that the line
   * does not set, `line` for anything that the line itself computes or reads.
   */
  readonly mayBe: "itself" | "environment" | "line";
}

/** What is known of a value while a line is followed; `plain` is one word that begins with no dash. */
export type KnownValue =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "plain" }
  | { readonly kind: "unknown" };

export interface Expander {
  /** Undefined where the line does not set it. */
  variable(name: string): KnownValue | undefined;
  /** What a command substitution prints. */
  output(part: Extract<Part, { kind: "command" }>): KnownValue;
}

/** Most words that one word becomes. */
const MAX_WORDS = 64;

/** A word that is known. */
export function knownArgument(text: string): Argument {
  return { text, known: true, glob: false, mayBe: "itself" };
}

/** A word of which nothing is known. */
export function unknownArgument(text: string): Argument {
  return { text, known: false, glob: false, mayBe: "line" };
}

/** The words that bash makes of a word: braces, then variables and substitutions, then splitting (bash(1), EXPANSION). */
export function expandWord(word: Word, expander: Expander): readonly Argument[] {
  const only = word.parts[0];
  if (word.parts.length === 1 && only?.kind === "text") {
    if (only.quoted || !/[{*?[~]/.test(only.text)) return [knownArgument(only.text)];
  }
  const alternatives = expandBraces(word.parts);
  if (alternatives === undefined) return [unknownArgument(sourceOf(word))];
  return alternatives.flatMap((parts) => expandParts(parts, expander));
}

/** The word as it was written, near enough to be shown. */
export function sourceOf(word: Word): string {
  return word.parts.map((part) => (part.kind === "text" ? part.text : part.source)).join("");
}

function expandParts(parts: readonly Part[], expander: Expander): readonly Argument[] {
  const done: Argument[] = [];
  let text = "";
  let known = true;
  let glob = false;
  let mayBe: Argument["mayBe"] = "itself";
  let isEmpty = true;
  const finish = (): void => {
    if (isEmpty && done.length > 0) return;
    done.push({ text, known, glob, mayBe });
    text = "";
    known = true;
    glob = false;
    mayBe = "itself";
    isEmpty = true;
  };
  const unknown = (source: string, quoted: boolean, origin: "environment" | "line"): void => {
    // A quoted unknown behind known text stays one word that begins as written; all else may become anything.
    if (!quoted || text === "" || text.startsWith("-")) mayBe = mayBe === "line" ? "line" : origin;
    text += source;
    known = false;
    isEmpty = false;
  };
  const addText = (value: string, quoted: boolean): void => {
    if (quoted) {
      text += value;
      isEmpty = false;
      return;
    }
    const [first = "", ...rest] = value.split(/[ \t\n]+/);
    text += first;
    if (first !== "") isEmpty = false;
    for (const piece of rest) {
      finish();
      text = piece;
      isEmpty = piece === "";
    }
  };
  for (const part of parts) {
    switch (part.kind) {
      case "text":
        if (!part.quoted && /[*?[]/.test(part.text)) glob = true;
        text += part.text;
        isEmpty = false;
        break;
      case "variable": {
        const value = expander.variable(part.name);
        if (value?.kind === "text") addText(value.text, part.quoted);
        else if (value?.kind === "plain" || (value === undefined && PLAIN_VARIABLES.has(part.name)))
          unknownPlain(part.source);
        else
          unknown(
            part.source,
            part.quoted,
            value === undefined && isEnvironmentName(part.name) ? "environment" : "line",
          );
        break;
      }
      case "command": {
        const output = expander.output(part);
        if (output.kind === "unknown") unknown(part.source, part.quoted, "line");
        else if (output.kind === "plain") unknownPlain(part.source);
        else addText(output.text.replace(/\n+$/, ""), part.quoted);
        break;
      }
      case "process":
        unknownPlain("/dev/fd/63");
        break;
      case "opaque": {
        const isSet = part.variable === undefined || expander.variable(part.variable) !== undefined;
        const isTemporary = part.variable === "TMPDIR" && part.nested.length === 0 && !isSet;
        if (isTemporary || part.source.startsWith("$((") || part.source.startsWith("$[")) unknownPlain(part.source);
        else unknown(part.source, part.quoted, isSet || part.nested.length > 0 ? "line" : "environment");
        break;
      }
    }
  }
  function unknownPlain(source: string): void {
    text += source;
    known = false;
    isEmpty = false;
  }
  if (!isEmpty || done.length === 0) finish();
  return known && done.length === 1 && parts.length > 0 && isOnlyEmptyVariables(parts, done) ? [] : done;
}

/** An unquoted variable that is empty leaves no word at all. */
function isOnlyEmptyVariables(parts: readonly Part[], done: readonly Argument[]): boolean {
  return done[0]?.text === "" && parts.every((part) => part.kind === "variable" && !part.quoted);
}

function isEnvironmentName(name: string): boolean {
  return /^[A-Za-z_]/.test(name);
}

/** What the system sets to a path, a name or a number: the value begins with no dash and is one word. */
const PLAIN_VARIABLES: ReadonlySet<string> = new Set(
  "HOME PWD OLDPWD USER LOGNAME HOSTNAME TMPDIR UID EUID RANDOM SECONDS LINENO PPID ? $ # !".split(" "),
);

type Atom = string | Part;

/** All alternatives of `{a,b}` and `{1..3}`, or undefined where there are too many. */
function expandBraces(parts: readonly Part[]): readonly (readonly Part[])[] | undefined {
  if (!parts.some((part) => part.kind === "text" && !part.quoted && part.text.includes("{"))) return [parts];
  const atoms: Atom[] = parts.flatMap((part): readonly Atom[] =>
    part.kind === "text" && !part.quoted ? [...part.text] : [part],
  );
  if (atoms.length > 4_096) return undefined;
  const found = alternativesOf(atoms, 0);
  return found?.map(partsOf);
}

function alternativesOf(atoms: readonly Atom[], depth: number): readonly (readonly Atom[])[] | undefined {
  if (depth > 16) return undefined;
  const brace = findBrace(atoms);
  if (brace === undefined) return [atoms];
  const before = atoms.slice(0, brace.open);
  const after = alternativesOf(atoms.slice(brace.close + 1), depth + 1);
  if (after === undefined) return undefined;
  const results: (readonly Atom[])[] = [];
  for (const choice of brace.choices) {
    const inner = alternativesOf(choice, depth + 1);
    if (inner === undefined) return undefined;
    for (const middle of inner) for (const rest of after) results.push([...before, ...middle, ...rest]);
    if (results.length > MAX_WORDS) return undefined;
  }
  return results;
}

interface Brace {
  readonly open: number;
  readonly close: number;
  readonly choices: readonly (readonly Atom[])[];
}

/** The first brace pair with a comma or a range between. */
function findBrace(atoms: readonly Atom[]): Brace | undefined {
  for (let open = 0; open < atoms.length; open += 1) {
    if (atoms[open] !== "{") continue;
    const commas: number[] = [];
    let depth = 0;
    for (let at = open + 1; at < atoms.length; at += 1) {
      const atom = atoms[at];
      if (atom === "{") depth += 1;
      else if (atom === "," && depth === 0) commas.push(at);
      else if (atom === "}" && depth > 0) depth -= 1;
      else if (atom === "}") {
        const choices = choicesBetween(atoms, open, at, commas);
        if (choices === undefined) break;
        return { open, close: at, choices };
      }
    }
    if (open > 256) return undefined;
  }
  return undefined;
}

function choicesBetween(
  atoms: readonly Atom[],
  open: number,
  close: number,
  commas: readonly number[],
): readonly (readonly Atom[])[] | undefined {
  if (commas.length > 0) {
    const ends = [...commas, close];
    return ends.map((end, index) => atoms.slice(index === 0 ? open + 1 : (ends[index - 1] ?? open) + 1, end));
  }
  const inner = atoms.slice(open + 1, close);
  if (!inner.every((atom) => typeof atom === "string")) return undefined;
  return rangeOf(inner.join(""))?.map((text) => [...text]);
}

function rangeOf(text: string): readonly string[] | undefined {
  const numbers = /^(-?\d{1,9})\.\.(-?\d{1,9})(?:\.\.-?\d{1,9})?$/.exec(text);
  const letters = /^([A-Za-z])\.\.([A-Za-z])$/.exec(text);
  const bounds = numbers ?? letters;
  if (bounds === null) return undefined;
  const code = (value = ""): number => (numbers === null ? value.charCodeAt(0) : Number(value));
  const [from, to] = [code(bounds[1]), code(bounds[2])];
  const count = Math.min(Math.abs(to - from), MAX_WORDS) + 1;
  const step = to >= from ? 1 : -1;
  return Array.from({ length: count }, (_, index) => {
    const value = from + step * index;
    return numbers === null ? String.fromCharCode(value) : String(value);
  });
}

function partsOf(atoms: readonly Atom[]): readonly Part[] {
  const parts: Part[] = [];
  let text = "";
  const flush = (): void => {
    if (text !== "") parts.push({ kind: "text", text, quoted: false });
    text = "";
  };
  for (const atom of atoms) {
    if (typeof atom === "string") text += atom;
    else {
      flush();
      parts.push(atom);
    }
  }
  flush();
  return parts;
}
