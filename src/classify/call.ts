import type { CompiledRule } from "./rule.ts";
import type { FileMode, ReasonCode, Tier } from "./tier.ts";
import type { Argument } from "./words.ts";

/** What a command reads as its standard input, where the line says it. */
export type Input =
  | { readonly kind: "text"; readonly text: string; readonly known: boolean }
  /** From a file or a command; what it is cannot be known. */
  | { readonly kind: "stream" };

/** A language whose code is judged. */
export type Language = "javascript" | "python" | "other";

/** One call of one command while it is judged, with the doors to everything that may hide in its words. */
export interface Call {
  readonly name: string;
  readonly args: readonly Argument[];
  readonly rule: CompiledRule | undefined;
  readonly input: Input | undefined;
  /** Raises the tier of the call, and with it of the whole line. */
  raise(tier: Tier, code: ReasonCode, message: string): void;
  /** Notes a file, and raises the tier by what is done to it. */
  touch(argument: Argument, mode: FileMode): void;
  /** Judges shell code. */
  runShell(code: Argument, input?: Input): void;
  /** Judges a command by its argument vector. */
  runArguments(args: readonly Argument[], input?: Input): void;
  /** Judges a variable that is set for what follows. */
  assign(name: string, value: Argument | undefined): void;
  /** The line sets this variable to what cannot be known; without a name, it may be any variable. */
  forget(name: string | undefined): void;
}

/** Judges a call. Done: the table has nothing to add. */
export type SpecialJudge = (call: Call) => "done" | "continue";
