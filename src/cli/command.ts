import type { RawEnvironment } from "#src/config/env.ts";
import type { StartApp } from "./application.ts";
import type { Arguments } from "./arguments.ts";
import type { Terminal } from "./terminal.ts";

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

/** 0: done. 1: the answer is no. 2: it could not be done. */
export type ExitCode = 0 | 1 | 2;

/** What a command is run with. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** The environment, read when it is first asked for; throws `config_invalid`. */
  environment(): RawEnvironment;
  /** Loads the part of Writ that serves. */
  loadApp(): Promise<StartApp>;
}

/** One thing that can be done. */
export interface Command {
  readonly positionals?: readonly Positional[];
  readonly options?: readonly Option[];
  /** Lines for the help, after the options. */
  readonly notes?: readonly string[];
  run(context: CommandContext, args: Arguments): Promise<ExitCode>;
}

/** A command with its name and what the help says of it. */
export interface NamedCommand extends Command {
  readonly name: string;
  readonly summary: string;
}

/** Several commands under one name. */
export interface CommandGroup {
  readonly commands: readonly NamedCommand[];
  /** The command that is meant when none is named. */
  readonly standard?: string;
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
