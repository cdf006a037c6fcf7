import type { Call, Language } from "../call.ts";
import { findRule } from "../command-table.ts";
import { baseName } from "../paths.ts";
import { runFile } from "../run-file.ts";
import { type Argument, knownArgument } from "../words.ts";
import { judgeCode } from "./code.ts";

interface Interpreter {
  readonly names: RegExp;
  readonly language: Language;
  /** Options, the last letter of a cluster included, whose value is code. */
  readonly code: RegExp;
  /** Options whose next word is a value. */
  readonly values: RegExp;
  /** Options that load code or write. */
  readonly danger?: RegExp;
}

const INTERPRETERS: readonly Interpreter[] = [
  {
    names: /^(?:python|pypy)[\d.]*$/,
    language: "python",
    code: /^-[bBdEhiIOqsSuvVxP]*c/,
    values: /^-[WX]$|^--check-hash/,
  },
  {
    names: /^(?:node|nodejs|bun|deno|tsx|ts-node)$/,
    language: "javascript",
    code: /^-[a-z]*[ep]$|^--(?:eval|print)(?:=|$)/,
    values: /^-C$|^--(?:conditions|title|env-file)$/,
    danger: /^-r$|^--(?:require|import|loader|experimental-loader|preload)/,
  },
  { names: /^perl[\d.]*$/, language: "other", code: /^-[a-zA-Z0-9]*[eE]/, values: /^$/, danger: /^-[MmI]./ },
  {
    names: /^(?:ruby[\d.]*|jruby|irb)$/,
    language: "other",
    code: /^-[a-zA-Z]*e/,
    values: /^-[CIr]$/,
    danger: /^-[rI]./,
  },
  {
    names: /^php[\d.]*$/,
    language: "other",
    code: /^-[rBRE]$|^--(?:run|process)/,
    values: /^-[cdtS]$/,
    danger: /^-[cdz]/,
  },
  { names: /./, language: "other", code: /^-[a-zA-Z]*[eEl]$|^--(?:eval|execute|expression)/, values: /^$/ },
];

/** Modules of the standard library that only look or print. */
const READING_MODULES: ReadonlySet<string> = new Set(
  "calendar platform this site sysconfig tokenize ast dis pydoc json.tool json inspect tabnanny keyword locale mimetypes pyclbr gettext".split(
    " ",
  ),
);

/** An interpreter: the code on its command line, the file it is given, or its standard input. */
export function judgeInterpreter(call: Call): "done" {
  const name = baseName(call.name);
  const interpreter = INTERPRETERS.find(({ names }) => names.test(name));
  if (interpreter === undefined) return "done";
  let at = 0;
  for (; at < call.args.length; at += 1) {
    const argument = call.args[at];
    if (argument === undefined || argument.text === "-" || !argument.text.startsWith("-")) break;
    const { text } = argument;
    if (text === "--") {
      at += 1;
      break;
    }
    if (/^(?:--version|--help|-V|-VV|-h)$/.test(text) || (text === "-v" && call.args.length === 1)) return "done";
    if (interpreter.code.test(text)) {
      const inline =
        interpreter.language === "python"
          ? text.replace(/^-[a-zA-Z]*?c/, "")
          : (/^--\w+=([\s\S]*)$/.exec(text)?.[1] ?? "");
      const code = inline === "" ? call.args[at + 1] : { ...argument, text: inline };
      if (code !== undefined) judgeCode(call, interpreter.language, code);
      else call.raise("write", "unparseable", `\`${name} ${text}\` without code`);
      return "done";
    }
    if (interpreter.language === "python" && /^-[bBdEiIOqsSuvxP]*m/.test(text)) {
      runModule(call, text.replace(/^-[a-zA-Z]*?m/, ""), at);
      return "done";
    }
    if (interpreter.danger?.test(text) === true)
      call.raise("danger", "arbitrary_code", `\`${name} ${text}\` loads other code`);
    if (interpreter.values.test(text)) at += 1;
  }
  const operand = call.args[at];
  if (operand !== undefined && operand.text !== "-" && operand.text !== "/dev/stdin") runScript(call, operand, name);
  else if (call.input?.kind === "text") {
    call.raise("write", "arbitrary_code", `\`${name}\` runs its input`);
    const { text, known } = call.input;
    judgeCode(call, interpreter.language, { text, known, glob: false, mayBe: known ? "itself" : "line" });
  } else call.raise("danger", "arbitrary_code", `\`${name}\` runs whatever comes in`);
  return "done";
}

function runScript(call: Call, operand: Argument, name: string): void {
  if (
    /^(?:bun|deno)$/.test(name) &&
    /^(?:run|test|install|x|add|remove|build|lint|fmt|check|task|eval)$/.test(operand.text)
  ) {
    call.raise("write", "runs_file", `\`${name} ${operand.text}\` runs the project's code`);
    return;
  }
  runFile(call, operand);
}

function runModule(call: Call, inline: string, at: number): void {
  const start = inline === "" ? at + 1 : at;
  const module = inline === "" ? call.args[start] : knownArgument(inline);
  const rest = call.args.slice(start + 1);
  if (module === undefined || !module.known) {
    call.raise("danger", "unresolved", "runs a module that is only known at run time");
    return;
  }
  if (READING_MODULES.has(module.text)) {
    const operands = rest.filter(({ text }) => !text.startsWith("-"));
    const target = operands[1];
    if (module.text.startsWith("json") && target !== undefined) call.touch(target, "write");
    if (module.text === "pydoc" && rest.some(({ text }) => /^-[wbp]/.test(text)))
      call.raise("write", "writes_file", "`pydoc` writes a page");
    return;
  }
  if (findRule(module.text) !== undefined && !/^(?:test|code|timeit)$/.test(module.text)) {
    call.runArguments([module, ...rest], call.input);
  } else call.raise("write", "runs_file", `runs the module \`${module.text}\``);
}

/** `java -jar`: some archives are known as commands of their own. */
export function judgeJava(call: Call): "done" {
  const jar = call.args.findIndex(({ text }) => text === "-jar");
  if (
    call.args.every(({ text }) => /^--?(?:version|help|fullversion|showversion)$|^-[hX?]$/.test(text)) &&
    call.args.length > 0
  )
    return "done";
  const before = call.args.slice(0, jar === -1 ? call.args.length : jar);
  if (before.some(({ text }) => /^-(?:javaagent|agentpath|agentlib|XX:OnError|XX:OnOutOfMemoryError)|^@/.test(text))) {
    call.raise("danger", "arbitrary_code", "`java` loads other code first");
  }
  const archive = jar === -1 ? undefined : call.args[jar + 1];
  if (archive === undefined) {
    call.raise("write", "runs_file", "`java` runs a class");
    return "done";
  }
  const known = findRule(baseName(archive.text));
  if (known !== undefined && archive.known)
    call.runArguments([knownArgument(baseName(archive.text)), ...call.args.slice(jar + 2)]);
  else runFile(call, archive);
  return "done";
}
