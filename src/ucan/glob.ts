/** A `like` pattern, taken apart at its wildcards. */
export interface Glob {
  /** What the text begins with; without wildcards, the whole text. */
  readonly first: string;
  /** What follows each wildcard; the last one is what the text ends with. */
  readonly rest: readonly GlobPart[];
}

interface GlobPart {
  readonly text: string;
  /** For each position, how much of the pattern still fits after a mismatch there (Knuth, Morris, Pratt). */
  readonly borders: Uint16Array;
}

/**
 * Parses a `like` pattern (UCAN delegation specification, "Glob Matching"): `*` stands for any number of characters, `\*`
 * for an asterisk, everything else, a lone backslash included, for itself.
 */
export function parseGlob(pattern: string): Glob {
  const parts: string[] = [];
  let part = "";
  for (let i = 0; i < pattern.length; i += 1) {
    if (pattern.startsWith("\\*", i)) {
      part += "*";
      i += 1;
    } else if (pattern[i] === "*") {
      parts.push(part);
      part = "";
    } else part += pattern[i];
  }
  parts.push(part);
  const [first = "", ...rest] = parts;
  return { first, rest: rest.map((text) => ({ text, borders: bordersOf(text) })) };
}

/** Whether `text` matches, in time linear in both lengths: no pattern makes it look at a character over and over. */
export function matchesGlob(glob: Glob, text: string): boolean {
  const last = glob.rest.at(-1);
  if (last === undefined) return text === glob.first;
  const end = text.length - last.text.length;
  if (end < glob.first.length || !text.startsWith(glob.first) || !text.endsWith(last.text)) return false;
  let at = glob.first.length;
  for (let i = 0; i < glob.rest.length - 1; i += 1) {
    at = findAfter(glob.rest[i] as GlobPart, text, at, end);
    if (at < 0) return false;
  }
  return true;
}

/** Where the first occurrence within `text[from, to)` ends, or -1. */
function findAfter(part: GlobPart, text: string, from: number, to: number): number {
  const { text: wanted, borders } = part;
  if (wanted.length === 0) return from;
  let matched = 0;
  for (let at = from; at < to; at += 1) {
    const code = text.charCodeAt(at);
    while (matched > 0 && wanted.charCodeAt(matched) !== code) matched = borders[matched - 1] as number;
    if (wanted.charCodeAt(matched) === code) matched += 1;
    if (matched === wanted.length) return at + 1;
  }
  return -1;
}

function bordersOf(text: string): Uint16Array {
  const borders = new Uint16Array(text.length);
  let length = 0;
  for (let i = 1; i < text.length; i += 1) {
    while (length > 0 && text.charCodeAt(length) !== text.charCodeAt(i)) length = borders[length - 1] as number;
    if (text.charCodeAt(length) === text.charCodeAt(i)) length += 1;
    borders[i] = length;
  }
  return borders;
}
