import type { ShellGrammar, SyntaxNode } from "./grammar.ts";
import type { Assignment, Redirect, Statement, Word } from "./syntax.ts";
import { NoNormalForm, type StatementReader, WordReader } from "./word-reader.ts";

/** A command line in normal form, or why it has none. */
export type NormalForm =
  | { readonly kind: "script"; readonly body: readonly Statement[] }
  | { readonly kind: "unparseable" | "too_complex" };

/** Deepest nesting of back-quoted code, which is parsed again after its escapes are removed. */
const MAX_REPARSE = 6;

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
const KEYWORDS: ReadonlySet<string> = new Set(
  "if then elif else fi for while until do done case esac in select function".split(" "),
);
class Normalizer implements StatementReader {
  readonly #grammar: ShellGrammar;
  readonly #text: string;
  readonly #depth: number;
  readonly #words: WordReader;

  constructor(grammar: ShellGrammar, text: string, depth: number) {
    if (depth > MAX_REPARSE) throw new NoNormalForm("too_complex");
    this.#grammar = grammar;
    this.#text = text;
    this.#depth = depth;
    this.#words = new WordReader(text, this);
  }

  script(): readonly Statement[] {
    const outcome = this.#grammar.parse(this.#text);
    if (outcome.kind !== "tree") throw new NoNormalForm(outcome.kind);
    return this.statements(outcome.root.children);
  }

  statements(nodes: readonly SyntaxNode[]): readonly Statement[] {
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
        return { kind: "pipeline", parts: this.statements(node.children) };
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
        if (isDeclaration) words.push(this.#words.opaqueWord(child));
      } else if (REDIRECTS.has(child.type)) {
        const more = this.#redirects(child);
        redirects.push(...more.redirects);
        words.push(...more.words);
      } else words.push(this.#words.word(child.type === "command_name" ? (child.children[0] ?? child) : child));
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
      else
        whole = {
          kind: "group",
          flavour: "sequence",
          body: [whole, rest],
          words: [],
          variable: undefined,
          redirects: [],
        };
    }
    return whole;
  }

  #redirects(node: SyntaxNode): RedirectParts {
    if (node.type === "herestring_redirect") {
      const value = node.children.at(-1);
      if (value === undefined || value.type === "<<<") throw new NoNormalForm("unparseable");
      return { redirects: [{ kind: "input", text: this.#words.word(value) }], words: [], tails: [] };
    }
    return node.type === "heredoc_redirect" ? this.#heredoc(node) : this.#fileRedirect(node);
  }

  /** What follows the first target on the same node is an ordinary word of the command. */
  #fileRedirect(node: SyntaxNode): RedirectParts {
    let descriptor = "";
    let operator = "";
    const targets: Word[] = [];
    for (const child of node.children) {
      if (child.type === "file_descriptor") descriptor = this.#words.source(child);
      else if (/^[<>&|-]+$/.test(child.type)) operator = child.type;
      else targets.push(this.#words.word(child));
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
    const isQuoted = start === undefined || /["'\\]/.test(this.#words.source(start));
    for (const child of node.children) {
      if (child.type === "heredoc_body") redirects.push({ kind: "input", text: this.#heredocText(child, isQuoted) });
      else if (REDIRECTS.has(child.type)) {
        const more = this.#redirects(child);
        redirects.push(...more.redirects);
        words.push(...more.words);
        tails.push(...more.tails);
      } else if (child.field === "argument") words.push(this.#words.word(child));
      else if (!isPunctuation(child) && !/^(heredoc_|file_descriptor)/.test(child.type)) {
        tails.push({
          piped: child.type === "pipeline" && child.children[0]?.type.startsWith("|") === true,
          node: child,
        });
      }
    }
    return { redirects, words, tails };
  }

  #heredocText(node: SyntaxNode, isQuoted: boolean): Word {
    if (isQuoted) return { parts: [{ kind: "text", text: this.#words.source(node), quoted: true }] };
    return { parts: this.#words.quotedParts(node, node.children, node.start, node.end) };
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
      else if (child.field === "variable") variable = this.#words.source(child);
      else words.push(child.field === "value" ? this.#words.word(child) : this.#words.opaqueWord(child));
    }
    return { kind: "group", flavour: "loop", body, words, variable, redirects: [] };
  }

  #case(node: SyntaxNode): Statement {
    const body: Statement[] = [];
    const words: Word[] = [];
    for (const child of node.children) {
      if (isPunctuation(child) || child.type === "comment") continue;
      if (child.field === "value") words.push(this.#words.opaqueWord(child));
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
    const inner: readonly Statement[] =
      redirects.length === 0 ? body : [withRedirects(undefined, redirects, []), ...body];
    return { kind: "function", name: this.#words.source(name), body: inner };
  }

  /** `[[ … ]]`, `[ … ]`, `(( … ))`: nothing runs but what is expanded in it. */
  #expression(node: SyntaxNode): Statement {
    const redirects = node.children.filter((child) => REDIRECTS.has(child.type));
    return {
      kind: "group",
      flavour: "branch",
      body: [],
      words: [this.#words.opaqueWord(node)],
      variable: undefined,
      redirects: redirects.flatMap((child) => this.#redirects(child).redirects),
    };
  }

  #assignment(node: SyntaxNode): Assignment {
    const [target, operator, value] = node.children;
    if (node.type !== "variable_assignment" || target === undefined) throw new NoNormalForm("unparseable");
    const appends = operator?.type === "+=";
    const name = this.#words.source(target.children[0] ?? target);
    if (target.type === "subscript" || value?.type === "array") {
      const nested = [this.#words.opaqueWord(target), ...(value === undefined ? [] : [this.#words.opaqueWord(value)])];
      return { name, value: undefined, nested, appends };
    }
    return { name, value: value === undefined ? { parts: [] } : this.#words.word(value), nested: [], appends };
  }

  reparse(code: string): readonly Statement[] {
    return new Normalizer(this.#grammar, code, this.#depth + 1).script();
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
