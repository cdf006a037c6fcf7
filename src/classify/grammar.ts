import { readFileSync } from "node:fs";
import { Language, Parser, type Tree, type TreeCursor } from "web-tree-sitter";
import bashPath from "../../node_modules/tree-sitter-bash/tree-sitter-bash.wasm" with { type: "file" };
import runtimePath from "../../node_modules/web-tree-sitter/web-tree-sitter.wasm" with { type: "file" };

/** A node of the syntax tree, copied out of the parser's memory. Offsets count UTF-16 code units. */
export interface SyntaxNode {
  readonly type: string;
  readonly field: string | undefined;
  readonly start: number;
  readonly end: number;
  readonly children: readonly SyntaxNode[];
}

/** A tree, or why there is none. */
export type ParseOutcome =
  | { readonly kind: "tree"; readonly root: SyntaxNode }
  | { readonly kind: "unparseable"; readonly at: number }
  | { readonly kind: "too_complex" };

/** The grammar of bash, ready to parse. It keeps no state from one text to the next. */
export interface ShellGrammar {
  parse(text: string): ParseOutcome;
}

/** Deepest tree that is copied. */
const MAX_DEPTH = 200;
/** Most nodes that are copied. */
const MAX_NODES = 10_000;
/**
 * The parser reports progress every hundred steps, ordinary text some 40 characters apart; it is stopped after this many
 * reports and one more every {@link CHARACTERS_A_REPORT} characters, so that its time is linear whatever the text.
 */
const BASE_REPORTS = 200;
const CHARACTERS_A_REPORT = 8;
/** However long the text is. Here-documents cost none. */
const MAX_REPORTS = 400;

let loading: Promise<ShellGrammar> | undefined;

/** The grammar, loaded at the first call: some 20 ms, once for each thread. */
export function loadShellGrammar(): Promise<ShellGrammar> {
  loading ??= load();
  return loading;
}

async function load(): Promise<ShellGrammar> {
  await Parser.init({ wasmBinary: readFileSync(runtimePath as string) });
  const language = await Language.load(readFileSync(bashPath as string));
  const parser = new Parser();
  parser.setLanguage(language);
  return { parse: (text) => parse(parser, language, text) };
}

function parse(parser: Parser, language: Language, text: string): ParseOutcome {
  const allowed = Math.min(BASE_REPORTS + text.length / CHARACTERS_A_REPORT, MAX_REPORTS);
  let reports = 0;
  const tree = parser.parse(text, null, {
    progressCallback: () => {
      reports += 1;
      return reports > allowed;
    },
  });
  if (tree === null) {
    parser.reset();
    return { kind: "too_complex" };
  }
  try {
    return copyTree(tree, language, text);
  } finally {
    tree.delete();
  }
}

interface OpenNode {
  readonly type: string;
  readonly field: string | undefined;
  readonly start: number;
  readonly end: number;
  readonly children: SyntaxNode[];
}

/**
 * The tree as plain objects. Unparseable where the parser had to repair the text, and where characters between two tokens are
 * anything but what bash itself skips there: then parser and shell do not see the same words.
 */
function copyTree(tree: Tree, language: Language, text: string): ParseOutcome {
  const cursor = tree.walk();
  try {
    const copy = new TreeCopy(cursor, language, text);
    return copy.run();
  } finally {
    cursor.delete();
  }
}

class TreeCopy {
  readonly #cursor: TreeCursor;
  readonly #fields: readonly (string | null)[];
  readonly #text: string;
  readonly #open: OpenNode[] = [];
  #tokenEnd = 0;

  constructor(cursor: TreeCursor, language: Language, text: string) {
    this.#cursor = cursor;
    this.#fields = language.fields;
    this.#text = text;
  }

  run(): ParseOutcome {
    let nodes = 0;
    for (;;) {
      nodes += 1;
      const node = this.#node();
      if (nodes > MAX_NODES || this.#open.length > MAX_DEPTH) return { kind: "too_complex" };
      if (node.type === "ERROR" || this.#cursor.nodeIsMissing) return { kind: "unparseable", at: node.start };
      if (this.#cursor.gotoFirstChild()) {
        if (!this.#isGapPlain(node.start)) return { kind: "unparseable", at: node.start };
        this.#open.push(node);
        continue;
      }
      if (node.end > node.start) {
        if (!this.#isGapPlain(node.start)) return { kind: "unparseable", at: node.start };
        this.#tokenEnd = Math.max(this.#tokenEnd, node.end);
      }
      this.#open.at(-1)?.children.push(node);
      if (this.#open.length === 0) return this.#finish(node);
      while (!this.#cursor.gotoNextSibling()) {
        const done = this.#open.pop();
        if (done === undefined) return { kind: "too_complex" };
        this.#closeNode(done);
        if (this.#open.length === 0) return this.#finish(done);
        this.#open.at(-1)?.children.push(done);
        this.#cursor.gotoParent();
      }
    }
  }

  #node(): OpenNode {
    const { nodeType: type, currentFieldId: field, startIndex: start, endIndex: end } = this.#cursor;
    return { type, field: field === 0 ? undefined : (this.#fields[field] ?? undefined), start, end, children: [] };
  }

  /** Text inside a node behind its last token belongs to the node where it is quoted or a here-document. */
  #closeNode(node: OpenNode): void {
    if (HOLDS_TEXT.has(node.type)) this.#tokenEnd = Math.max(this.#tokenEnd, node.end);
  }

  #finish(root: SyntaxNode): ParseOutcome {
    return this.#isGapPlain(this.#text.length) ? { kind: "tree", root } : { kind: "unparseable", at: this.#tokenEnd };
  }

  #isGapPlain(start: number): boolean {
    if (start <= this.#tokenEnd) return true;
    if (this.#open.some((node) => HOLDS_TEXT.has(node.type))) return true;
    return PLAIN_GAP.test(this.#text.slice(this.#tokenEnd, start)) && !this.#joinsWords(start);
  }

  /** A backslash before a line break makes one word of what stands on both sides without a blank. */
  #joinsWords(start: number): boolean {
    const gap = this.#text.slice(this.#tokenEnd, start);
    if (!gap.includes("\\")) return false;
    const before = gap.startsWith("\\") && this.#tokenEnd > 0 && WORD_LIKE.test(this.#text[this.#tokenEnd - 1] ?? "");
    const after = gap.endsWith("\n") && start < this.#text.length && WORD_LIKE.test(this.#text[start] ?? "");
    return before && after && !/[ \t]/.test(gap);
  }
}

const HOLDS_TEXT: ReadonlySet<string> = new Set([
  "string",
  "heredoc_body",
  "expansion",
  "arithmetic_expansion",
  "translated_string",
]);
const PLAIN_GAP = /^(?:[ \t\n]|\\\n)*$/;
const WORD_LIKE = /[^\s;&|<>()]/;
