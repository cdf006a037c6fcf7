import type { Part } from "./syntax.ts";

/** Parts of an unquoted word as written: what a backslash protects is quoted, the backslash gone. */
export function unquotedParts(source: string): readonly Part[] {
  if (!source.includes("\\")) return [{ kind: "text", text: source, quoted: false }];
  const parts: Part[] = [];
  for (const [piece] of source.matchAll(/[^\\]+|\\[\s\S]?/g)) {
    if (!piece.startsWith("\\")) parts.push({ kind: "text", text: piece, quoted: false });
    else if (piece !== "\\\n") parts.push({ kind: "text", text: piece.slice(1), quoted: true });
  }
  return parts;
}

/** Text between double quotes, its escapes resolved; in a here-document a double quote is a character like others. */
export function doubleQuotedText(source: string, isHeredoc: boolean): string {
  if (!source.includes("\\")) return source;
  return source.replace(isHeredoc ? /\\([$`\\\n])/g : /\\([$`"\\\n])/g, (_all, escaped: string) =>
    escaped === "\n" ? "" : escaped,
  );
}

const SIMPLE_ESCAPES: ReadonlyMap<string, string> = new Map([
  ["a", "\x07"],
  ["b", "\b"],
  ["e", "\x1b"],
  ["E", "\x1b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
  ["v", "\v"],
]);

/** The text of `$'…'`, without its quotes, escapes resolved as in the QUOTING section of bash(1); it ends at a NUL. */
export function ansiCText(source: string): string {
  const text = source.replace(
    /\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3})|c([\s\S])|([\s\S]))/g,
    (all, hex2?: string, hex4?: string, hex8?: string, octal?: string, control?: string, simple?: string) => {
      const hex = hex2 ?? hex4 ?? hex8;
      if (hex !== undefined) return codePoint(Number.parseInt(hex, 16));
      if (octal !== undefined) return codePoint(Number.parseInt(octal, 8) & 0xff);
      if (control !== undefined) return codePoint(control.charCodeAt(0) & 0x1f);
      if (simple === undefined) return all;
      return SIMPLE_ESCAPES.get(simple) ?? (/["'?\\]/.test(simple) ? simple : all);
    },
  );
  const end = text.indexOf("\0");
  return end === -1 ? text : text.slice(0, end);
}

function codePoint(value: number): string {
  return value > 0x10ffff ? "\ufffd" : String.fromCodePoint(value);
}

/** The code between back-quotes as it is parsed: without the backslash before `$`, a back-quote or a backslash. */
export function backtickCode(source: string): string {
  return source.replace(/\\([$`\\])/g, "$1");
}

/** The codes of all unescaped back-quoted pieces of a text. */
export function backtickBodies(text: string): readonly string[] | "unbalanced" {
  if (!text.includes("`")) return [];
  const codes: string[] = [];
  let start: number | undefined;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === "`") {
      if (start === undefined) start = at + 1;
      else {
        codes.push(backtickCode(text.slice(start, at)));
        start = undefined;
      }
    }
  }
  return start === undefined ? codes : "unbalanced";
}
