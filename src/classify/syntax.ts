/**
 * The normal form of a command line: what is left of the syntax tree when only that remains which decides what runs, with
 * what words, and which files are opened.
 */

/** A piece of a word. `source` is the piece as it was written. */
export type Part =
  | { readonly kind: "text"; readonly text: string; readonly quoted: boolean }
  | { readonly kind: "variable"; readonly name: string; readonly quoted: boolean; readonly source: string }
  | { readonly kind: "command"; readonly body: readonly Statement[]; readonly quoted: boolean; readonly source: string }
  | { readonly kind: "process"; readonly body: readonly Statement[]; readonly source: string }
  /** An expansion whose value is not followed, with the commands that run while it is expanded. */
  | {
      readonly kind: "opaque";
      readonly nested: readonly Word[];
      readonly variable: string | undefined;
      readonly quoted: boolean;
      readonly source: string;
    };

export interface Word {
  readonly parts: readonly Part[];
}

export interface Assignment {
  readonly name: string;
  /** Undefined for an array or an indexed element: its value is not followed. */
  readonly value: Word | undefined;
  /** Words that are expanded on the way: elements and indices. */
  readonly nested: readonly Word[];
  readonly appends: boolean;
}

export type Redirect =
  | { readonly kind: "file"; readonly operator: string; readonly descriptor: string; readonly target: Word }
  /** A here-document or here-string: what the command reads as its input. */
  | { readonly kind: "input"; readonly text: Word };

export type Statement =
  | {
      readonly kind: "command";
      readonly assignments: readonly Assignment[];
      readonly words: readonly Word[];
      readonly redirects: readonly Redirect[];
    }
  | { readonly kind: "pipeline"; readonly parts: readonly Statement[] }
  /** Everything in it may run; whether, in which order and how often is not followed, except that it starts in order. */
  | {
      readonly kind: "group";
      readonly flavour: "sequence" | "subshell" | "branch" | "loop";
      readonly body: readonly Statement[];
      /** Words that are expanded but run as nothing themselves: loop values, case patterns, operands of a test. */
      readonly words: readonly Word[];
      readonly variable: string | undefined;
      readonly redirects: readonly Redirect[];
    }
  | { readonly kind: "function"; readonly name: string; readonly body: readonly Statement[] };
