/** An option: `--name`, or `--name VALUE` where it has a `value`. */
export interface Option {
  /** Without its dashes. */
  readonly name: string;
  /** What stands for its value in the help; an option without one is a switch. */
  readonly value?: string;
  /** Whether it may be given more than once. */
  readonly many?: true;
  readonly required?: true;
  /** The only values there are. */
  readonly choices?: readonly string[];
  readonly help: string;
}

/** What stands in a command line without dashes. */
export interface Positional {
  /** In capitals, as the help shows it. */
  readonly name: string;
  /** Required unless it says otherwise; `many` takes all that remain, at least one unless it is optional too. */
  readonly optional?: true;
  readonly many?: true;
}

/** What a command line may hold. */
export interface Accepted {
  readonly positionals?: readonly Positional[];
  readonly options?: readonly Option[];
}

/** What every command understands. */
export const COMMON_OPTIONS: readonly Option[] = [
  { name: "json", help: "print JSON: one object, or one a line for a list" },
  { name: "help", help: "print this" },
];

/** What every command that asks the server understands. */
export const TENANT_OPTION: Option = {
  name: "tenant",
  value: "NAME",
  help: "the tenant, by name or id; `default` unless given (for the instance operator)",
};
