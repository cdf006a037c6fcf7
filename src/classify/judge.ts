import type { Call, Input } from "./call.ts";
import { findRule } from "./command-table.ts";
import { judgeAssignment } from "./environment.ts";
import type { ShellGrammar } from "./grammar.ts";
import { judgeCall } from "./judge-call.ts";
import { normalize } from "./normal-form.ts";
import { literalOutput } from "./output.ts";
import { commandName, isNoFile, isSensitivePath, plainPath } from "./paths.ts";
import type { Report } from "./report.ts";
import type { Assignment, Part, Redirect, Statement, Word } from "./syntax.ts";
import type { FileMode, Tier } from "./tier.ts";
import {
  type Argument,
  type Expander,
  expandWord,
  type KnownValue,
  knownArgument,
  sourceOf,
  unknownArgument,
} from "./words.ts";

/** Deepest nesting of code in code, wrappers in wrappers and groups in groups. */
const MAX_DEPTH = 24;
/** Most simple commands of one line, those in nested code included. */
const MAX_COMMANDS = 4_000;

/** What is known of variables and functions in one shell. */
interface Scope {
  readonly variables: Map<string, KnownValue>;
  readonly functions: Set<string>;
  /** How often the code of this shell names a word other than as `$word` or `${word}`. */
  readonly mentions: ReadonlyMap<string, number>;
  /** Any variable may have been set. */
  blind: boolean;
}

/** Follows a line in normal form, and all code that it holds, and reports what it does. */
export class Judge implements Expander {
  readonly #grammar: ShellGrammar;
  readonly #report: Report;
  #scope: Scope = { variables: new Map(), functions: new Set(), mentions: new Map(), blind: false };
  #depth = 0;
  #commands = 0;
  /** Groups that may not run, or not in this shell: what is assigned in them is not followed. */
  #uncertain = 0;
  readonly #openFunctions: string[] = [];

  constructor(grammar: ShellGrammar, report: Report) {
    this.#grammar = grammar;
    this.#report = report;
  }

  /** Judges the code of a shell of its own. */
  judgeShell(text: string, input: Input | undefined): void {
    this.#nested(() => {
      const form = normalize(this.#grammar, text);
      if (form.kind !== "script") {
        const code = form.kind;
        this.#report.raise(
          "danger",
          code,
          code === "unparseable" ? "does not parse as bash" : "is too complex to be judged",
        );
        return;
      }
      const outer = this.#scope;
      this.#scope = { variables: new Map(), functions: new Set(), mentions: countMentions(text), blind: false };
      this.#statements(form.body, input);
      this.#scope = outer;
    });
  }

  variable(name: string): KnownValue | undefined {
    if (this.#scope.blind) return { kind: "unknown" };
    return this.#scope.variables.get(name);
  }

  output(part: Extract<Part, { kind: "command" }>): KnownValue {
    return this.#scope.functions.size > 0 ? { kind: "unknown" } : literalOutput(part.body, this);
  }

  #nested(work: () => void): void {
    if (this.#depth >= MAX_DEPTH) {
      this.#report.raise("danger", "too_complex", "is nested too deeply to be judged");
      return;
    }
    this.#depth += 1;
    work();
    this.#depth -= 1;
  }

  #statements(statements: readonly Statement[], input: Input | undefined): void {
    for (const statement of statements) this.#statement(statement, input);
  }

  #statement(statement: Statement, input: Input | undefined): void {
    switch (statement.kind) {
      case "command":
        this.#command(statement, input);
        return;
      case "pipeline":
        this.#pipeline(statement.parts, input);
        return;
      case "function":
        this.#function(statement.name, statement.body);
        return;
      case "group":
        this.#nested(() => this.#group(statement, input));
    }
  }

  #group(group: Extract<Statement, { kind: "group" }>, outer: Input | undefined): void {
    for (const word of group.words) this.#substitutions(word);
    const input = this.#redirects(group.redirects) ?? outer;
    if (group.variable !== undefined) this.#assignLoopVariable(group.variable, group.words);
    const isUncertain = group.flavour !== "sequence";
    if (isUncertain) this.#uncertain += 1;
    this.#statements(group.body, input);
    if (isUncertain) this.#uncertain -= 1;
  }

  #assignLoopVariable(name: string, words: readonly Word[]): void {
    const values = words.flatMap((word) => expandWord(word, this));
    const isPlain =
      values.length > 0 &&
      values.every((value) => value.mayBe === "itself" && value.text !== "" && !/^[-*?[]|\s/.test(value.text));
    this.#scope.variables.set(name, isPlain && this.#isMentionedOnce(name) ? { kind: "plain" } : { kind: "unknown" });
  }

  #pipeline(parts: readonly Statement[], outer: Input | undefined): void {
    let input = outer;
    this.#uncertain += parts.length > 1 ? 1 : 0;
    for (const part of parts) {
      this.#statement(part, input);
      input = this.#outputOf(part);
    }
    this.#uncertain -= parts.length > 1 ? 1 : 0;
  }

  #outputOf(part: Statement): Input {
    const output = this.#scope.functions.size > 0 ? undefined : literalOutput([part], this);
    return output?.kind === "text" ? { kind: "text", text: output.text, known: true } : { kind: "stream" };
  }

  #function(name: string, body: readonly Statement[]): void {
    this.#nested(() => {
      this.#scope.functions.add(name);
      this.#openFunctions.push(name);
      const { blind } = this.#scope;
      this.#scope.blind = true;
      this.#uncertain += 1;
      this.#statements(body, undefined);
      this.#uncertain -= 1;
      this.#scope.blind = blind;
      this.#openFunctions.pop();
    });
  }

  #command(command: Extract<Statement, { kind: "command" }>, outer: Input | undefined): void {
    this.#commands += 1;
    if (this.#commands > MAX_COMMANDS) {
      if (this.#commands === MAX_COMMANDS + 1)
        this.#report.raise("danger", "too_complex", "has too many commands to be judged");
      return;
    }
    for (const word of command.words) this.#substitutions(word);
    const args = command.words.flatMap((word) => expandWord(word, this));
    const isDeclaration = ["export", "declare", "typeset", "local", "readonly"].includes(args[0]?.text ?? "");
    for (const assignment of command.assignments) this.#assignment(assignment, args.length === 0 || isDeclaration);
    const input = this.#redirects(command.redirects) ?? outer;
    if (args.length > 0) {
      const isExpanded = command.words[0]?.parts.some((part) => part.kind !== "text") === true;
      if (isExpanded) this.#report.raise("write", "disguised", "the command's name is the value of an expansion");
      this.judgeArguments(args, input);
    } else if (command.words.length > 0)
      this.#report.raise("danger", "unresolved", "the command's name is empty or unknown");
  }

  #assignment(assignment: Assignment, stays: boolean): void {
    for (const word of assignment.nested) this.#substitutions(word);
    if (assignment.value !== undefined) this.#substitutions(assignment.value);
    const value = assignment.value === undefined ? undefined : this.#oneWord(assignment.value);
    judgeAssignment(assignment.name, value, this.#call(knownArgument(assignment.name), [], undefined));
    if (!stays) return;
    const isFollowed =
      value?.known === true && !assignment.appends && this.#uncertain === 0 && this.#isMentionedOnce(assignment.name);
    this.#scope.variables.set(assignment.name, isFollowed ? { kind: "text", text: value.text } : { kind: "unknown" });
  }

  /** An assigned value is not split into words. */
  #oneWord(word: Word): Argument {
    const words = expandWord(
      { parts: word.parts.map((part) => ("quoted" in part ? { ...part, quoted: true } : part)) },
      this,
    );
    return words.length === 1 && words[0] !== undefined
      ? words[0]
      : words.length === 0
        ? knownArgument("")
        : unknownArgument(sourceOf(word));
  }

  /** Whether the code names the variable once, its uses apart: then the one assignment is the value wherever it is used. */
  #isMentionedOnce(name: string): boolean {
    return (this.#scope.mentions.get(name) ?? 0) <= 1;
  }

  #redirects(redirects: readonly Redirect[]): Input | undefined {
    let input: Input | undefined;
    for (const redirect of redirects) {
      if (redirect.kind === "input") {
        this.#substitutions(redirect.text);
        const { text, known } = this.#oneWord(redirect.text);
        input = { kind: "text", text, known };
      } else input = this.#fileRedirect(redirect) ?? input;
    }
    return input;
  }

  #fileRedirect({ operator, target }: Extract<Redirect, { kind: "file" }>): Input | undefined {
    this.#substitutions(target);
    const path = expandWord(target, this)[0] ?? unknownArgument(sourceOf(target));
    if (operator.endsWith("&") && /^(?:\d+|-)$/.test(path.text))
      return operator.startsWith("<") ? { kind: "stream" } : undefined;
    const call = this.#call(knownArgument(operator), [], undefined);
    if (/^\/dev\/(?:tcp|udp)\//.test(path.text)) {
      call.raise("danger", "arbitrary_code", `opens a connection to \`${path.text}\``);
    }
    const isInput = operator.startsWith("<") && operator !== "<>";
    call.touch(path, isInput ? "read" : "write");
    return isInput || operator === "<>" ? { kind: "stream" } : undefined;
  }

  /** Everything that runs while a word is expanded. */
  #substitutions(word: Word): void {
    for (const part of word.parts) {
      if (part.kind === "command" || part.kind === "process") {
        this.#nested(() => {
          this.#uncertain += 1;
          this.#statements(part.body, undefined);
          this.#uncertain -= 1;
        });
      } else if (part.kind === "opaque") {
        if (part.source.includes("@P}")) this.#report.raise("danger", "arbitrary_code", "expands a value as a prompt");
        for (const inner of part.nested) this.#substitutions(inner);
      }
    }
  }

  /** Judges a command by its argument vector, the name first. */
  judgeArguments(args: readonly Argument[], input: Input | undefined): void {
    this.#nested(() => {
      const [name, ...rest] = args;
      if (name === undefined) return;
      if (this.#openFunctions.includes(name.text)) {
        this.#report.raise("danger", "recursion", `the function \`${name.text}\` runs itself`);
      }
      const at = this.#report.openCommand(args);
      const call = this.#call(name, rest, input);
      // What a function of the line does counts where it is defined; its arguments are unknown there.
      const isFunction = name.known && this.#scope.functions.has(name.text);
      if (!isFunction) judgeCall(call, name);
      this.#report.closeCommand(at);
    });
  }

  #call(name: Argument, args: readonly Argument[], input: Input | undefined): Call {
    return {
      name: commandName(name.text) ?? name.text,
      args,
      rule: findRule(commandName(name.text) ?? ""),
      input,
      raise: (tier, code, message) => this.#report.raise(tier, code, message),
      touch: (argument, mode) => this.#touch(argument, mode),
      runShell: (code, stdin) => this.#runShell(code, stdin),
      runArguments: (inner, stdin) => this.judgeArguments(inner, stdin),
      assign: (variable, value) => judgeAssignment(variable, value, this.#call(knownArgument(variable), [], undefined)),
      forget: (variable) => {
        if (variable === undefined) this.#scope.blind = true;
        else this.#scope.variables.set(variable, { kind: "unknown" });
      },
    };
  }

  #runShell(code: Argument, input: Input | undefined): void {
    if (!code.known)
      this.#report.raise("danger", "arbitrary_code", `runs code that is not known: \`${code.text.slice(0, 80)}\``);
    else this.judgeShell(code.text, input);
  }

  #touch(argument: Argument, mode: FileMode): void {
    const { text } = argument;
    if (argument.known && (isNoFile(text) || text === "")) return;
    this.#report.file({ path: text, mode, resolved: argument.known && !argument.glob });
    if (mode === "read" || mode === "execute") return;
    let tier: Tier = "write";
    if (isSensitivePath(text)) tier = "danger";
    if (tier === "danger") this.#report.raise(tier, "sensitive_path", `${mode}s \`${plainPath(text)}\``);
    else this.#report.raise(tier, "writes_file", `${mode}s \`${text}\``);
  }
}

function countMentions(text: string): ReadonlyMap<string, number> {
  const mentions = new Map<string, number>();
  for (const [name] of text.matchAll(/(?<![\w$]|\$\{[!#]?)[A-Za-z_]\w*/g))
    mentions.set(name, (mentions.get(name) ?? 0) + 1);
  return mentions;
}
