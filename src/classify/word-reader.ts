import type { SyntaxNode } from "./grammar.ts";
import { ansiCText, backtickBodies, backtickCode, doubleQuotedText, unquotedParts } from "./quoting.ts";
import type { Part, Statement, Word } from "./syntax.ts";

/** Thrown on the way to the normal form where the tree holds what it has no place for; never leaves `normalize`. */
export class NoNormalForm extends Error {
  readonly kind: "unparseable" | "too_complex";

  constructor(kind: "unparseable" | "too_complex") {
    super(kind);
    this.kind = kind;
  }
}

const EXPANSIONS: ReadonlySet<string> = new Set([
  "simple_expansion",
  "expansion",
  "command_substitution",
  "process_substitution",
  "arithmetic_expansion",
]);

/** What a reader of words needs of the reader of statements: the commands inside substitutions. */
export interface StatementReader {
  statements(nodes: readonly SyntaxNode[]): readonly Statement[];
  /** Code that the tree does not show as it is run, parsed anew. */
  reparse(code: string): readonly Statement[];
}

/** Turns the nodes of words into words. */
export class WordReader {
  readonly #text: string;
  readonly #shell: StatementReader;

  constructor(text: string, shell: StatementReader) {
    this.#text = text;
    this.#shell = shell;
  }

  /** The word of a node, expansions apart. */
  word(node: SyntaxNode): Word {
    return { parts: this.#parts(node) };
  }

  #parts(node: SyntaxNode): readonly Part[] {
    const source = this.source(node);
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
    return this.quotedParts(node, inner, open + 1, node.end - 1);
  }

  /** Expansions with the literal text around them, as in double quotes. */
  quotedParts(node: SyntaxNode, children: readonly SyntaxNode[], start: number, end: number): readonly Part[] {
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
      parts.push({ kind: "command", body: this.#shell.reparse(code), quoted: true, source: `\`${code}\`` });
    }
    return parts;
  }

  #expansion(node: SyntaxNode, quoted: boolean): Part {
    const source = this.source(node);
    switch (node.type) {
      case "simple_expansion":
        return { kind: "variable", name: source.slice(1), quoted, source };
      case "expansion": {
        const plain = /^\$\{([A-Za-z_][A-Za-z0-9_]*|[0-9@*#?$!-])\}$/.exec(source);
        return plain?.[1] === undefined
          ? this.#opaque(node, quoted)
          : { kind: "variable", name: plain[1], quoted, source };
      }
      case "command_substitution":
        return { kind: "command", body: this.#substitution(node), quoted, source };
      case "process_substitution":
        return { kind: "process", body: this.#shell.statements(node.children), source };
      default:
        return this.#opaque(node, quoted);
    }
  }

  /** Inside back-quotes a backslash is removed before the code is parsed, so a tree of the text as written is not what runs. */
  #substitution(node: SyntaxNode): readonly Statement[] {
    const source = this.source(node);
    if (source.startsWith("`") && source.includes("\\")) return this.#shell.reparse(backtickCode(source.slice(1, -1)));
    return this.#shell.statements(node.children);
  }

  /** A word whose value is not followed, with all that runs while it is expanded. */
  opaqueWord(node: SyntaxNode): Word {
    return { parts: [this.#opaque(node)] };
  }

  #opaque(node: SyntaxNode, quoted = false): Part {
    const nested: Word[] = [];
    const collect = (inner: SyntaxNode): void => {
      for (const child of inner.children) {
        if (child.type === "command_substitution" || child.type === "process_substitution")
          nested.push(this.word(child));
        else if (child.type === "string" || child.type === "concatenation") nested.push(this.word(child));
        else collect(child);
      }
    };
    if (EXPANSIONS.has(node.type) && node.type.endsWith("substitution"))
      nested.push({ parts: [this.#expansion(node, quoted)] });
    else collect(node);
    const variable = /^\$\{!?([A-Za-z_][A-Za-z0-9_]*)/.exec(this.source(node))?.[1];
    return { kind: "opaque", nested, variable, quoted, source: this.source(node) };
  }

  /** The text of a node as it was written. */
  source(node: SyntaxNode): string {
    return this.#text.slice(node.start, node.end);
  }
}
