import type { Call } from "../call.ts";
import { scanArguments } from "../option-scan.ts";
import { type Argument, knownArgument, unknownArgument } from "../words.ts";

const DELETES: ReadonlySet<string> = new Set(["rm", "unlink", "shred", "srm", "rmdir"]);

/** `find`: its actions delete, write and run; `fd` runs what stands behind `-x` or `-X`. */
export function judgeFind(call: Call): "done" {
  const isFd = call.name === "fd" || call.name === "fdfind";
  const { args } = call;
  let inPaths = true;
  for (let at = 0; at < args.length; at += 1) {
    const argument = args[at];
    if (argument === undefined) break;
    const { text } = argument;
    if (argument.mayBe !== "itself") {
      call.raise(
        argument.mayBe === "line" ? "danger" : "write",
        "unresolved",
        `\`${call.name}\` gets words that are only known at run time`,
      );
    }
    if (inPaths && !isFd && !/^[-(!]/.test(text)) call.touch(argument, "read");
    if (/^[-(!]/.test(text) && !/^-[HLPO]/.test(text)) inPaths = false;
    if (isFd) {
      if (/^(?:-[a-zA-Z]*[xX]|--exec(?:-batch)?)$/.test(text)) {
        runFound(call, args.slice(at + 1));
        return "done";
      }
      if (/^(?:-[xX].|--exec(?:-batch)?=)/.test(text)) {
        runFound(call, [
          { ...argument, text: text.replace(/^(?:-[xX]|--exec(?:-batch)?=)/, "") },
          ...args.slice(at + 1),
        ]);
        return "done";
      }
    } else if (text === "-delete") call.raise("danger", "destructive", "`find -delete` removes all that it finds");
    else if (/^-(?:exec|execdir|ok|okdir)$/.test(text)) {
      if (text.startsWith("-ok")) call.raise("write", "unresolved", "runs what is only agreed to at run time");
      at = runAction(call, at + 1);
    } else if (/^-f(?:print0?|printf|ls)$/.test(text)) {
      const target = args[at + 1];
      if (target !== undefined) call.touch(target, "write");
      at += 1;
    } else if (TAKES_VALUE.test(text)) at += 1;
  }
  return "done";
}

/** Tests whose next word is a value, so that a value is not taken for an action. */
const TAKES_VALUE =
  /^-(?:name|iname|path|ipath|wholename|iwholename|regex|iregex|lname|ilname|type|xtype|newer.*|anewer|cnewer|samefile|user|group|uid|gid|perm|size|mtime|atime|ctime|mmin|amin|cmin|maxdepth|mindepth|inum|links|fstype|used|context|regextype|printf)$/;

function runAction(call: Call, start: number): number {
  let end = start;
  while (end < call.args.length) {
    const { text } = call.args[end] ?? knownArgument(";");
    if (text === ";" || (text === "+" && call.args[end - 1]?.text === "{}")) break;
    end += 1;
  }
  runFound(call, call.args.slice(start, end));
  return end;
}

/** What is found begins with the path that the search began at: one word, no option. */
function runFound(call: Call, command: readonly Argument[]): void {
  const [name] = command;
  if (name === undefined) {
    call.raise("write", "unresolved", `\`${call.name}\` with nothing to run`);
    return;
  }
  if (DELETES.has(name.text)) call.raise("danger", "destructive", `\`${call.name}\` removes all that it finds`);
  const args = command.map((word) =>
    word.text.includes("{}")
      ? { ...word, known: false, mayBe: word.text.startsWith("{}") ? ("itself" as const) : word.mayBe }
      : word,
  );
  call.runArguments(args);
}

/** `xargs`: words that come in become words of the command. */
export function judgeXargs(call: Call): "done" {
  const { rule } = call;
  if (rule === undefined) return "done";
  const { options, operands } = scanArguments(call.args, rule, true);
  if (options.some(({ name }) => name === "--help" || name === "--version")) return "done";
  if (options.some(({ name }) => /^-[op]$|^--(?:open-tty|interactive)$/.test(name))) {
    call.raise("write", "unresolved", "what is run is only agreed to at run time");
  }
  for (const { name, value } of options) if (rule.inputs.has(name) && value !== undefined) call.touch(value, "read");
  const replaced = options.findLast(
    ({ name }) => name === "-I" || name === "-J" || name === "--replace" || name === "-i",
  );
  const mark = replaced === undefined ? undefined : (replaced.value?.text ?? "{}");
  for (const { at, maybeValue } of operands) {
    const command = call.args.slice(at);
    if (mark === undefined) call.runArguments([...command, unknownArgument("…")], { kind: "stream" });
    else
      call.runArguments(
        command.map((word) => withMark(word, mark)),
        { kind: "stream" },
      );
    if (!maybeValue) break;
  }
  if (operands.length === 0) call.raise("write", "unresolved", "`xargs` with nothing to run");
  return "done";
}

function withMark(word: Argument, mark: string): Argument {
  if (mark === "" || !word.text.includes(mark)) return word;
  return {
    ...word,
    known: false,
    mayBe: word.text.startsWith(mark) || word.text.startsWith("-") ? "line" : word.mayBe,
  };
}
