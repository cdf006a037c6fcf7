import type { Call } from "../call.ts";
import { scanArguments } from "../option-scan.ts";
import { isNoFile } from "../paths.ts";
import { runFile } from "../run-file.ts";
import type { Argument } from "../words.ts";
import { knownArgument } from "../words.ts";
import { bracketEnd } from "./bracket.ts";

/** `awk`: reads, unless its program writes to a file, runs a command, or stands in a file of its own. */
export function judgeAwk(call: Call): "done" {
  const { rule } = call;
  if (rule === undefined) return "done";
  const { options, operands, wild } = scanArguments(call.args, rule, true);
  if (options.some(({ name }) => /^--(?:help|version|copyright)$|^-[hVC]$/.test(name))) return "done";
  if (wild !== "itself")
    call.raise(wild === "line" ? "danger" : "write", "unresolved", "`awk` gets words that are only known at run time");
  let hasProgram = false;
  for (const { name, value } of options) {
    if (/^(?:-f|--file|-E|--exec)$/.test(name) && value !== undefined) {
      hasProgram = true;
      runFile(call, value);
    } else if (/^(?:-e|--source)$/.test(name) && value !== undefined) {
      hasProgram = true;
      judgeProgram(call, value);
    } else if (/^(?:-l|--load)$/.test(name)) call.raise("danger", "arbitrary_code", "`awk` loads a library");
    else if (/^(?:-i|--include)$/.test(name) && value !== undefined) {
      if (value.text === "inplace") call.raise("write", "writes_file", "`awk -i inplace` changes its files");
      else runFile(call, value);
    } else if (/^(?:-[dop]|--dump-variables|--pretty-print|--profile)$/.test(name)) {
      call.raise("write", "writes_file", `\`awk ${name}\` writes a file`);
    }
  }
  const files = operands.map(({ argument }) => argument);
  const program = hasProgram ? undefined : files.shift();
  if (program !== undefined) judgeProgram(call, program);
  for (const file of files) if (!/^[A-Za-z_]\w*=/.test(file.text)) call.touch(file, "read");
  return "done";
}

function judgeProgram(call: Call, program: Argument): void {
  if (!program.known) {
    call.raise("danger", "arbitrary_code", "the program for `awk` is only known at run time");
    return;
  }
  const scanned = withoutLiterals(program.text);
  if (scanned === undefined) {
    call.raise("danger", "arbitrary_code", "the program for `awk` cannot be read");
    return;
  }
  const { code, strings } = scanned;
  const stringAt = (mark: string | undefined): string | undefined =>
    mark === undefined ? undefined : strings[Number(mark)];
  if (/@(?:load|include|[a-z])/.test(code))
    call.raise("danger", "arbitrary_code", "the program for `awk` loads other code");
  for (const [, mark] of code.matchAll(/\bsystem\s*\(\s*(?:"(\d+)"\s*\))?/g)) runCommand(call, stringAt(mark));
  for (const [, before, after] of code.matchAll(/(?:"(\d+)"\s*)?(?<!\|)\|&?(?!\|)\s*(?:"(\d+)"(?=\s*[;}\n]|\s*$))?/g)) {
    runCommand(call, stringAt(after ?? before));
  }
  for (const statement of code.split(/[;{}\n]/)) {
    const output = /\bprintf?\b(.*)/.exec(statement)?.[1];
    if (output === undefined) continue;
    const found = /(?:^|[^>])>{1,2}\s*(?:"(\d+)"\s*$)?/.exec(outsideParentheses(output));
    if (found === null) continue;
    const target = stringAt(found[1]);
    if (target === undefined) call.raise("write", "writes_file", "the program for `awk` writes to a file");
    else if (!isNoFile(target) || target.startsWith("/dev/std")) call.touch(knownArgument(target), "write");
    if (target?.startsWith("/dev/std") === true)
      call.raise("write", "writes_file", `the program for \`awk\` writes to \`${target}\``);
    if (target?.startsWith("/inet") === true)
      call.raise("danger", "arbitrary_code", "the program for `awk` opens a connection");
  }
}

function runCommand(call: Call, command: string | undefined): void {
  call.raise("write", "arbitrary_code", "the program for `awk` runs a command");
  if (command === undefined)
    call.raise("danger", "arbitrary_code", "the program for `awk` runs a command that is not known");
  else call.runShell(knownArgument(command));
}

interface ScannedProgram {
  readonly code: string;
  readonly strings: readonly string[];
}

/** The program with its strings as `"0"`, `"1"` and its patterns and comments gone; undefined where that is ambiguous. */
function withoutLiterals(text: string): ScannedProgram | undefined {
  const strings: string[] = [];
  let code = "";
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? "";
    if (character === "#") {
      const end = text.indexOf("\n", at);
      at = (end === -1 ? text.length : end) - 1;
    } else if (character === '"') {
      const end = literalEnd(text, at + 1, '"');
      if (end === -1) return undefined;
      code += `"${strings.length}"`;
      strings.push(text.slice(at + 1, end).replace(/\\(["\\/])/g, "$1"));
      at = end;
    } else if (character === "/" && BEFORE_PATTERN.test(code.slice(-24))) {
      const end = literalEnd(text, at + 1, "/");
      if (end === -1) return undefined;
      code += " 0 ";
      at = end;
    } else {
      // Some readings take a slash here for the beginning of a pattern: it matters where a quote follows in it.
      if (character === "/" && /^[^\n/]*"[^\n]*\//.test(text.slice(at + 1, at + 2_000))) return undefined;
      code += character;
    }
  }
  return { code, strings };
}

/** What a slash begins a pattern behind; behind a value it divides. */
const BEFORE_PATTERN = /(?:^|[(,{};!~&|\n=<>?:+*%^[-]|\b(?:print|printf|return|in|else|do|case))\s*$/;

function literalEnd(text: string, start: number, mark: string): number {
  for (let at = start; at < text.length; at += 1) {
    const character = text[at];
    if (character === "\\") at += 1;
    else if (character === mark) return at;
    else if (character === "\n") return -1;
    else if (character === "[" && mark === "/") {
      const close = bracketEnd(text, at);
      if (close !== -1) at = close;
    }
  }
  return -1;
}

function outsideParentheses(text: string): string {
  let depth = 0;
  let outside = "";
  for (const character of text) {
    if (character === "(") depth += 1;
    else if (character === ")") depth -= 1;
    else if (depth === 0) outside += character;
  }
  return outside;
}
