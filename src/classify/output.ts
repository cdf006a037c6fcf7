import type { Statement } from "./syntax.ts";
import { type Expander, expandWord, type KnownValue } from "./words.ts";

const UNKNOWN: KnownValue = { kind: "unknown" };

/** Commands, word for word, that print one word without a dash in front: a path, a number, a name, a date. */
const PLAIN_COMMANDS =
  /^(?:pwd|nproc|whoami|hostname|id -(?:u|un|g|gn)|mktemp(?: -d)?|uname -[smrn]|git rev-parse (?:--show-toplevel|HEAD)|date(?: -u)?|date(?: -u)? \+(?:%[YFsmdHMSyjT]|[_:.T-])+)$/;

/** What a command prints, as far as its words say it: `echo` and `printf` of known words, and a few plain values. */
export function literalOutput(body: readonly Statement[], expander: Expander): KnownValue {
  const [only] = body;
  if (body.length !== 1 || only?.kind !== "command" || only.redirects.length > 0 || only.assignments.length > 0) {
    return UNKNOWN;
  }
  const args = only.words.flatMap((word) => expandWord(word, expander));
  if (!args.every(({ known, glob }) => known && !glob)) return UNKNOWN;
  const words = args.map(({ text }) => text);
  const [name, first, ...rest] = words;
  if (name === "echo") return echoOutput(words.slice(1));
  if (name === "printf" && first !== undefined && !first.startsWith("-") && !first.includes("\\")) {
    if (!first.includes("%")) return { kind: "text", text: first };
    if (first === "%s" && rest.length > 0) return { kind: "text", text: rest.join("") };
  }
  const line = words.join(" ");
  return PLAIN_COMMANDS.test(line) && !/\+[-_:.T]/.test(line) ? { kind: "plain" } : UNKNOWN;
}

/** Shells differ on backslashes in what `echo` prints, so such text is not known. */
function echoOutput(words: readonly string[]): KnownValue {
  const [first = ""] = words;
  const text = (first === "-n" ? words.slice(1) : words).join(" ");
  return text.includes("\\") || /^-[neE]+$/.test(first === "-n" ? (words[1] ?? "") : first)
    ? UNKNOWN
    : { kind: "text", text };
}
