import type { RawEnvironment } from "#src/config/env.ts";
import type { StartApp } from "./application.ts";
import type { Arguments } from "./arguments.ts";
import type { Accepted } from "./option.ts";
import type { Terminal } from "./terminal.ts";

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
export interface Command extends Accepted {
  /** Lines for the help, after the options. */
  readonly notes?: readonly string[];
  /** The command that shows what it can be asked about, for one who asked about what is not there: `writ audit list`. */
  readonly listedBy?: string;
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
  /** As {@link Command.listedBy}, for all of them. */
  readonly listedBy?: string;
  /** The command that is meant when none is named. */
  readonly standard?: string;
}
