/** How much a command can do: look, change something, or do what cannot be taken back or foreseen. */
export type Tier = "read" | "write" | "danger";

/** How a file is touched. */
export type FileMode = "read" | "write" | "delete" | "execute";

/** Why a command line has its tier. The code is stable; the message is for people and models. */
export interface Reason {
  readonly tier: Tier;
  readonly code: ReasonCode;
  readonly message: string;
}

/** A file that a command line names. What the shell would only know at run time stands as it was written. */
export interface FileAccess {
  readonly path: string;
  readonly mode: FileMode;
  /** Whether `path` is the very text that the command gets: no variable, substitution, glob or input in it. */
  readonly resolved: boolean;
}

/** One simple command as it would be run, wrappers and what they run apart. */
export interface CommandSeen {
  readonly name: string;
  readonly argv: readonly string[];
  readonly tier: Tier;
}

/** What a command line is. */
export interface Classification {
  readonly tier: Tier;
  readonly reasons: readonly Reason[];
  readonly files: readonly FileAccess[];
  readonly commands: readonly CommandSeen[];
}

/** Every reason code, and what it says of the command line. */
export const REASON_CODES = {
  arbitrary_code: "runs code that cannot be judged",
  changes_state: "changes something",
  destructive: "destroys something, or does what cannot be taken back",
  disguised: "hides what it runs",
  discloses_secret: "prints a secret",
  environment: "sets a variable that changes what programs do",
  hidden_characters: "contains characters that are not seen",
  privilege: "acts with another user's rights",
  recursion: "a function runs itself",
  runs_file: "runs code that stands in a file",
  sensitive_path: "writes to a path that the system or other programs obey",
  too_complex: "is too long or too deeply nested to be judged",
  unknown_command: "the command is not in the table",
  unparseable: "does not parse",
  unresolved: "depends on what only the shell knows at run time",
  writes_file: "writes to a file",
  written_then_run: "runs what it wrote or fetched before",
} as const;

export type ReasonCode = keyof typeof REASON_CODES;

const ORDER: Readonly<Record<Tier, number>> = { read: 0, write: 1, danger: 2 };

/** The higher of two tiers. */
export function higherTier(a: Tier, b: Tier): Tier {
  return ORDER[a] >= ORDER[b] ? a : b;
}

/** Whether `a` is above `b`. */
export function isAbove(a: Tier, b: Tier): boolean {
  return ORDER[a] > ORDER[b];
}
