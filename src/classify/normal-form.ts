import { ansiCText, backtickBodies, backtickCode, doubleQuotedText, unquotedParts } from "./quoting.ts";
import type { ShellGrammar, SyntaxNode } from "./grammar.ts";
import type { Assignment, Part, Redirect, Statement, Word } from "./syntax.ts";

/** A command line in normal form, or why it has none. */
export type NormalForm =
  | { readonly kind: "script"; readonly body: readonly Statement[] }
  | { readonly kind: "unparseable" | "too_complex" };

/** Deepest nesting of back-quoted code, which is parsed again after its escapes are removed. */
const MAX_REPARSE = 6;

/** Thrown inside this file alone, where the tree holds what the normal form has no place for. */
class NoNormalForm extends Error {
  readonly kind: "unparseable" | "too_complex";

  constructor(kind: "unparseable" | "too_complex") {
    super(kind);
    this.kind = kind;
  }
}

/** Parses `text` and brings it to normal form. Total: whatever the text, there is an outcome. */
export function normalize(grammar: ShellGrammar, text: string): NormalForm {
  try {
    return { kind: "script", body: new Normalizer(grammar, text, 0).script() };
  } catch (error) {
    if (error instanceof NoNormalForm) return { kind: error.kind };
    throw error;
  }
}

interface Tail {
  readonly piped: boolean;
  readonly node: SyntaxNode;
}

/** What one redirection node holds: redirections, words of the command behind them, and what runs after or beside it. */
interface RedirectParts {
  readonly redirects: readonly Redirect[];
  readonly words: readonly Word[];
  readonly tails: readonly Tail[];
}

const REDIRECTS: ReadonlySet<string> = new Set(["file_redirect", "heredoc_redirect", "herestring_redirect"]);
const EXPANSIONS: ReadonlySet<string> = new Set([
  "simple_expansion",
  "expansion",
  "command_substitution",
  "process_substitution",
  "arithmetic_expansion",
]);
const KEYWORDS: ReadonlySet<string> = new Set(
  "if then elif else fi for while until do done case esac in select function".split(" "),
);
class Normalizer {
  readonly #grammar: ShellGrammar;
  readonly #text: string;
  readonly #depth: number;

  constructor(grammar: ShellGrammar, text: string, depth: number) {
    if (depth > MAX_REPARSE) throw new NoNormalForm("too_complex");
    this.#grammar = grammar;
    this.#text = text;
    this.#depth = depth;
  }

  script(): readonly Statement[] {
    const outcome = this.#grammar.parse(this.#text);
    if (outcome.kind !== "tree") throw new NoNormalForm(outcome.kind);
    return this.#statements(outcome.root.children);
  }

  #statements(nodes: readonly SyntaxNode[]): readonly Statement[] {
    const found: Statement[] = [];
    for (const node of nodes) {
      if (isPunctuation(node) || node.type === "comment") continue;
      found.push(this.#statement(node));
    }
    return found;
  }

  #statement(node: SyntaxNode): Statement {
    switch (node.type) {
      case "command":
        return this.#command(node);
      case "redirected_statement":
        return this.#redirected(node);
      case "pipeline":
        return { kind: "pipeline", parts: this.#statements(node.children) };
      case "list":
      case "negated_command":
      case "compound_statement":
        return node.children[0]?.type === "((" ? this.#expression(node) : this.#group("sequence", node);
      case "subshell":
        return this.#group("subshell", node);
      case "do_group":
      case "while_statement":
        return this.#group("loop", node);
      case "if_statement":
      case "elif_clause":
      case "else_clause":
        return this.#group("branch", node);
      case "for_statement":
      case "c_style_for_statement":
        return this.#loop(node);
      case "case_statement":
      case "case_item":
        return this.#case(node);
      case "function_definition":
        return this.#function(node);
      case "variable_assignment":
        return { kind: "command", assignments: [this.#assignment(node)], words: [], redirects: [] };
      case "variable_assignments":
        return {
          kind: "command",
          assignments: node.children.map((child) => this.#assignment(child)),
          words: [],
          redirects: [],
        };
      case "declaration_command":
      case "unset_command":
        return this.#command(node);
      case "test_command":
        return this.#expression(node);
      case "file_redirect":
      case "herestring_redirect":
      case "heredoc_redirect":
        return { kind: "command", assignments: [], words: [], redirects: this.#redirects(node).redirects };
      default:
        throw new NoNormalForm("unparseable");
    }
  }

  #command(node: SyntaxNode): Extract<Statement, { kind: "command" }> {
    const assignments: Assignment[] = [];
    const words: Word[] = [];
    const redirects: Redirect[] = [];
    const isDeclaration = node.type !== "command";
    for (const child of node.children) {
      if (child.type === "variable_assignment" && (words.length === 0 || isDeclaration)) {
        assignments.push(this.#assignment(child));
        if (isDeclaration) words.push(this.#opaqueWord(child));
      } else if (REDIRECTS.has(child.type)) {
        const more = this.#redirects(child);
        redirects.push(...more.redirects);
        words.push(...more.words);
      } else words.push(this.#word(child.type === "command_name" ? (child.children[0] ?? child) : child));
    }
    return { kind: "command", assignments, words, redirects };
  }

  #redirected(node: SyntaxNode): Statement {
    const redirects: Redirect[] = [];
    const extra: Word[] = [];
    const tails: Tail[] = [];
    let body: Statement | undefined;
    for (const child of node.children) {
      if (REDIRECTS.has(child.type)) {
        const more = this.#redirects(child);
        redirects.push(...more.redirects);
        extra.push(...more.words);
        tails.push(...more.tails);
      } else if (!isPunctuation(child)) body = this.#statement(child);
    }
    let whole = withRedirects(body, redirects, extra);
    for (const tail of tails) {
      const rest = this.#statement(tail.node);
      if (tail.piped && rest.kind === "pipeline") whole = { kind: "pipeline", parts: [whole, ...rest.parts] };
      else whole = { kind: "group", flavour: "sequence", body: [whole, rest], words: [], variable: undefined, redirects: [] };
    }
    return whole;
  }

  #redirects(node: SyntaxNode): RedirectParts {
    if (node.type === "herestring_redirect") {
      const value = node.children.at(-1);
      if (value === undefined || value.type === "<<<") throw new NoNormalForm("unparseable");
      return { redirects: [{ kind: "input", text: this.#word(value) }], words: [], tails: [] };
    }
    return node.type === "heredoc_redirect" ? this.#heredoc(node) : this.#fileRedirect(node);
  }

  /** What follows the first target on the same node is an ordinary word of the command. */
  #fileRedirect(node: SyntaxNode): RedirectParts {
    let descriptor = "";
    let operator = "";
    const targets: Word[] = [];
    for (const child of node.children) {
      if (child.type === "file_descriptor") descriptor = this.#source(child);
      else if (/^[<>&|-]+$/.test(child.type)) operator = child.type;
      else targets.push(this.#word(child));
    }
    const [target, ...words] = targets;
    if (target === undefined || operator.endsWith("-")) return { redirects: [], words: targets, tails: [] };
    return { redirects: [{ kind: "file", operator, descriptor, target }], words, tails: [] };
  }

  /** Behind the mark of a here-document more redirections, a pipeline or a list may follow on the same line. */
  #heredoc(node: SyntaxNode): RedirectParts {
    const redirects: Redirect[] = [];
    const words: Word[] = [];
    const tails: Tail[] = [];
    const start = node.children.find((child) => child.type === "heredoc_start");
    const isQuoted = start === undefined || /["'\\]/.test(this.#source(start));
    for (const child of node.children) {
      if (child.type === "heredoc_body") redirects.push({ kind: "input", text: this.#heredocText(child, isQuoted) });
      else if (REDIRECTS.has(child.type)) {
        const more = this.#redirects(child);
        redirects.push(...more.redirects);
        words.push(...more.words);
        tails.push(...more.tails);
      } else if (child.field === "argument") words.push(this.#word(child));
      else if (!isPunctuation(child) && !/^(heredoc_|file_descriptor)/.test(child.type)) {
        tails.push({ piped: child.type === "pipeline" && child.children[0]?.type.startsWith("|") === true, node: child });
      }
    }
    return { redirects, words, tails };
  }

  #heredocText(node: SyntaxNode, isQuoted: boolean): Word {
    if (isQuoted) return { parts: [{ kind: "text", text: this.#source(node), quoted: true }] };
    return { parts: this.#quotedParts(node, node.children, node.start, node.end) };
  }

  #group(flavour: "sequence" | "subshell" | "branch" | "loop", node: SyntaxNode): Statement {
    const body: Statement[] = [];
    const redirects: Redirect[] = [];
    for (const child of node.children) {
      if (isPunctuation(child) || child.type === "comment") continue;
      if (REDIRECTS.has(child.type)) redirects.push(...this.#redirects(child).redirects);
      else body.push(this.#statement(child));
    }
    return { kind: "group", flavour, body, words: [], variable: undefined, redirects };
  }

  #loop(node: SyntaxNode): Statement {
    const body: Statement[] = [];
    const words: Word[] = [];
    let variable: string | undefined;
    for (const child of node.children) {
      if (isPunctuation(child) || child.type === "comment") continue;
      if (child.type === "do_group" || child.type === "compound_statement") body.push(this.#statement(child));
      else if (child.field === "variable") variable = this.#source(child);
      else words.push(child.field === "value" ? this.#word(child) : this.#opaqueWord(child));
    }
    return { kind: "group", flavour: "loop", body, words, variable, redirects: [] };
  }

  #case(node: SyntaxNode): Statement {
    const body: Statement[] = [];
    const words: Word[] = [];
    for (const child of node.children) {
      if (isPunctuation(child) || child.type === "comment") continue;
      if (child.field === "value") words.push(this.#opaqueWord(child));
      else body.push(this.#statement(child));
    }
    return { kind: "group", flavour: "branch", body, words, variable: undefined, redirects: [] };
  }

  #function(node: SyntaxNode): Statement {
    const name = node.children.find((child) => child.field === "name");
    if (name === undefined) throw new NoNormalForm("unparseable");
    const body: Statement[] = [];
    const redirects: Redirect[] = [];
    for (const child of node.children) {
      if (child === name || isPunctuation(child) || child.type === "comment") continue;
      if (REDIRECTS.has(child.type)) redirects.push(...this.#redirects(child).redirects);
      else body.push(this.#statement(child));
    }
    const inner: readonly Statement[] = redirects.length === 0 ? body : [withRedirects(undefined, redirects, []), ...body];
    return { kind: "function", name: this.#source(name), body: inner };
  }

  /** `[[ … ]]`, `[ … ]`, `(( … ))`: nothing runs but what is expanded in it. */
  #expression(node: SyntaxNode): Statement {
    const redirects = node.children.filter((child) => REDIRECTS.has(child.type));
    return {
      kind: "group",
      flavour: "branch",
      body: [],
      words: [this.#opaqueWord(node)],
      variable: undefined,
      redirects: redirects.flatMap((child) => this.#redirects(child).redirects),
    };
  }

  #assignment(node: SyntaxNode): Assignment {
    const [target, operator, value] = node.children;
    if (node.type !== "variable_assignment" || target === undefined) throw new NoNormalForm("unparseable");
    const appends = operator?.type === "+=";
    const name = this.#source(target.children[0] ?? target);
    if (target.type === "subscript" || value?.type === "array") {
      const nested = [this.#opaqueWord(target), ...(value === undefined ? [] : [this.#opaqueWord(value)])];
      return { name, value: undefined, nested, appends };
    }
    return { name, value: value === undefined ? { parts: [] } : this.#word(value), nested: [], appends };
  }

  #word(node: SyntaxNode): Word {
    return { parts: this.#parts(node) };
  }

  #parts(node: SyntaxNode): readonly Part[] {
    const source = this.#source(node);
    switch (node.type) {
      case "word":
      case "number":
      case "brace_expression":
      case "extglob_pattern":
      case "regex":
      case "test_operator":
      case "variable_name":
      case "declare":
      case "typeset":
      case "export":
      case "readonly":
      case "local":
      case "unset":
      case "unsetenv":
        return node.children.some((child) => EXPANSIONS.has(child.type)) ? [this.#opaque(node)] : unquotedParts(source);
      case "raw_string":
        return [{ kind: "text", text: source.slice(1, -1), quoted: true }];
      case "ansi_c_string":
        return [{ kind: "text", text: ansiCText(source.slice(2, -1)), quoted: true }];
      case "string":
        return this.#stringParts(node);
      case "translated_string":
        return node.children.filter((child) => child.type === "string").flatMap((child) => this.#stringParts(child));
      case "concatenation":
        if (node.children.some((child, at) => at > 0 && child.start !== node.children[at - 1]?.end)) {
          throw new NoNormalForm("unparseable");
        }
        return node.children.flatMap((child) => this.#parts(child));
      default:
        return [this.#expansion(node, false)];
    }
  }

  #stringParts(node: SyntaxNode): readonly Part[] {
    const open = this.#text.indexOf('"', node.start);
    const inner = node.children.filter((child) => child.type !== '"' && child.type !== "$");
    return this.#quotedParts(node, inner, open + 1, node.end - 1);
  }

  /** Expansions with the literal text around them, as in double quotes. */
  #quotedParts(node: SyntaxNode, children: readonly SyntaxNode[], start: number, end: number): readonly Part[] {
    const parts: Part[] = [];
    let at = start;
    const addText = (to: number): void => {
      if (to > at) parts.push(...this.#literal(this.#text.slice(at, to), node.type === "heredoc_body"));
    };
    for (const child of children) {
      if (!EXPANSIONS.has(child.type)) continue;
      addText(child.start);
      parts.push(this.#expansion(child, true));
      at = child.end;
    }
    addText(end);
    return parts;
  }

  /** Literal text in double quotes or a here-document; back-quotes in the latter are not in the tree. */
  #literal(text: string, isHeredoc: boolean): readonly Part[] {
    const codes = backtickBodies(text);
    if (codes === "unbalanced" || (codes.length > 0 && !isHeredoc)) throw new NoNormalForm("unparseable");
    const parts: Part[] = [{ kind: "text", text: doubleQuotedText(text, isHeredoc), quoted: true }];
    for (const code of codes) {
      parts.push({ kind: "command", body: this.#reparse(code), quoted: true, source: `\`${code}\`` });
    }
    return parts;
  }

  #expansion(node: SyntaxNode, quoted: boolean): Part {
    const source = this.#source(node);
    switch (node.type) {
      case "simple_expansion":
        return { kind: "variable", name: source.slice(1), quoted, source };
      case "expansion": {
        const plain = /^\$\{([A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])\}$/.exec(source);
        return plain?.[1] === undefined ? this.#opaque(node, quoted) : { kind: "variable", name: plain[1], quoted, source };
      }
      case "command_substitution":
        return { kind: "command", body: this.#substitution(node), quoted, source };
      case "process_substitution":
        return { kind: "process", body: this.#statements(node.children), source };
      default:
        return this.#opaque(node, quoted);
    }
  }

  /** Inside back-quotes a backslash is removed before the code is parsed, so a tree of the text as written is not what runs. */
  #substitution(node: SyntaxNode): readonly Statement[] {
    const source = this.#source(node);
    if (source.startsWith("`") && source.includes("\\")) return this.#reparse(backtickCode(source.slice(1, -1)));
    return this.#statements(node.children);
  }

  #reparse(code: string): readonly Statement[] {
    return new Normalizer(this.#grammar, code, this.#depth + 1).script();
  }

  #opaqueWord(node: SyntaxNode): Word {
    return { parts: [this.#opaque(node)] };
  }

  #opaque(node: SyntaxNode, quoted = false): Part {
    const nested: Word[] = [];
    const collect = (inner: SyntaxNode): void => {
      for (const child of inner.children) {
        if (child.type === "command_substitution" || child.type === "process_substitution") nested.push(this.#word(child));
        else if (child.type === "string" || child.type === "concatenation") nested.push(this.#word(child));
        else collect(child);
      }
    };
    if (EXPANSIONS.has(node.type) && node.type.endsWith("substitution")) nested.push({ parts: [this.#expansion(node, quoted)] });
    else collect(node);
    const variable = /^\$\{!?([A-Za-z_][A-Za-z0-9_]*)/.exec(this.#source(node))?.[1];
    return { kind: "opaque", nested, variable, quoted, source: this.#source(node) };
  }

  #source(node: SyntaxNode): string {
    return this.#text.slice(node.start, node.end);
  }
}

/** Operators, separators and keywords: what has a meaning only for the tree. */
function isPunctuation(node: SyntaxNode): boolean {
  return KEYWORDS.has(node.type) || !/^[a-z]/.test(node.type);
}

/** The statement with redirections: a simple command takes them itself, anything else as a group around it. */
function withRedirects(body: Statement | undefined, redirects: readonly Redirect[], words: readonly Word[]): Statement {
  if (body === undefined) return { kind: "command", assignments: [], words, redirects };
  if (body.kind === "command") {
    return { ...body, words: [...body.words, ...words], redirects: [...body.redirects, ...redirects] };
  }
  return { kind: "group", flavour: "sequence", body: [body], words, variable: undefined, redirects };
}
