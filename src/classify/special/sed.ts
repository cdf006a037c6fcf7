import type { Call } from "../call.ts";
import { scanArguments } from "../option-scan.ts";
import { runFile } from "../run-file.ts";
import { type Argument, knownArgument } from "../words.ts";
import { bracketEnd } from "./bracket.ts";

/** `sed`: reads, unless it edits in place or its script writes a file or runs a command. */
export function judgeSed(call: Call): "done" {
  const { rule } = call;
  if (rule === undefined) return "done";
  const { options, operands, wild } = scanArguments(call.args, rule);
  if (options.some(({ name }) => /^--(?:help|version)$/.test(name))) return "done";
  if (wild !== "itself")
    call.raise(wild === "line" ? "danger" : "write", "unresolved", "`sed` gets words that are only known at run time");
  let hasScript = false;
  let inPlace = false;
  for (const { name, value } of options) {
    if (/^-e$|^--e/.test(name) && value !== undefined) {
      hasScript = true;
      judgeScript(call, value);
    } else if (/^-f$|^--fi/.test(name) && value !== undefined) {
      hasScript = true;
      runFile(call, value);
    } else if (/^-[iI]$|^--i/.test(name)) inPlace = true;
  }
  if (inPlace) call.raise("write", "writes_file", "`sed -i` changes its files");
  const files = operands.map(({ argument }) => argument);
  const script = hasScript ? undefined : files.shift();
  if (script !== undefined) judgeScript(call, script);
  for (const file of files) call.touch(file, inPlace ? "write" : "read");
  return "done";
}

function judgeScript(call: Call, script: Argument): void {
  const effects = script.known ? scanScript(script.text) : undefined;
  if (effects === undefined) {
    call.raise("danger", "arbitrary_code", "the script for `sed` cannot be read");
    return;
  }
  for (const path of effects.writes) {
    call.touch(knownArgument(path), "write");
  }
  for (const path of effects.reads) call.touch(knownArgument(path), "read");
  for (const command of effects.commands) {
    call.raise("write", "arbitrary_code", "the script for `sed` runs a command");
    if (command === undefined) call.raise("danger", "arbitrary_code", "the script for `sed` runs its own input");
    else call.runShell(knownArgument(command));
  }
}

interface ScriptEffects {
  readonly writes: string[];
  readonly reads: string[];
  /** Undefined: what is run is made of the input. */
  readonly commands: (string | undefined)[];
}

/** Reads a script as sed(1) does; undefined where it does not follow its grammar. */
function scanScript(script: string): ScriptEffects | undefined {
  const effects: ScriptEffects = { writes: [], reads: [], commands: [] };
  let at = 0;
  const lineEnd = (): number => {
    const end = script.indexOf("\n", at);
    return end === -1 ? script.length : end;
  };
  const restOfLine = (): string => {
    const text = script.slice(at, lineEnd()).trim();
    at = lineEnd();
    return text;
  };
  /** The end of a part that ends at `mark`, a backslash protecting it. */
  const partEnd = (from: number, mark: string, hasClasses: boolean): number => {
    for (let index = from; index < script.length; index += 1) {
      const character = script[index];
      if (character === "\\") index += 1;
      else if (character === mark) return index;
      else if (hasClasses && character === "[") {
        const close = bracketEnd(script, index);
        if (close !== -1) index = close;
      }
    }
    return -1;
  };
  while (at < script.length) {
    at += /^[\s;]*/.exec(script.slice(at, at + 200))?.[0].length ?? 0;
    if (at >= script.length) break;
    for (;;) {
      const address = /^(?:\d+(?:~\d+)?|\$|[+~]\d+|,|!|\s)/.exec(script.slice(at, at + 24));
      if (address !== null) at += address[0].length;
      else if (script[at] === "/" || (script[at] === "\\" && at + 1 < script.length)) {
        const mark = script[at] === "/" ? "/" : (script[at + 1] ?? "");
        const end = partEnd(script[at] === "/" ? at + 1 : at + 2, mark, true);
        if (end === -1) return undefined;
        at = end + 1;
        at += /^[IM]*/.exec(script.slice(at, at + 4))?.[0].length ?? 0;
      } else break;
    }
    const command = script[at];
    at += 1;
    if (command === undefined) break;
    if ("{}=dDgGhHnNpPxzF".includes(command)) continue;
    if ("qQlL".includes(command)) at += /^\s*\d*/.exec(script.slice(at, at + 20))?.[0].length ?? 0;
    else if (command === "#") at = lineEnd();
    else if (command === ":") at = lineEnd();
    else if ("btT".includes(command)) {
      const end = script.slice(at).search(/[;\n}]/);
      at = end === -1 ? script.length : at + end;
    } else if ("aic".includes(command)) {
      do at = Math.min(lineEnd() + 1, script.length + 1);
      while (script[at - 2] === "\\" && at < script.length);
    } else if (command === "r" || command === "R") effects.reads.push(restOfLine());
    else if (command === "w" || command === "W") effects.writes.push(restOfLine());
    else if (command === "e") {
      const text = restOfLine();
      effects.commands.push(text === "" ? undefined : text);
    } else if (command === "s" || command === "y") {
      const mark = script[at] ?? "";
      if (mark === "" || mark === "\n" || mark === "\\") return undefined;
      const middle = partEnd(at + 1, mark, command === "s");
      const end = middle === -1 ? -1 : partEnd(middle + 1, mark, false);
      if (end === -1) return undefined;
      at = end + 1;
      if (command === "y") continue;
      const flags = /^[gpiImM0-9e]*/.exec(script.slice(at, at + 40))?.[0] ?? "";
      at += flags.length;
      if (flags.includes("e")) effects.commands.push(undefined);
      if (script[at] === "w") {
        at += 1;
        effects.writes.push(restOfLine());
      } else if (at < script.length && !/[\s;}#]/.test(script[at] ?? "")) return undefined;
    } else return undefined;
  }
  return effects;
}
