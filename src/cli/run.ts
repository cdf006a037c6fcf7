import { isWritError, messageOf } from "#src/base/errors.ts";
import { PRODUCT_VERSION } from "#src/base/version.ts";
import { readEnvironment } from "#src/config/env.ts";
import type { StartApp } from "./application.ts";
import { parseArguments } from "./arguments.ts";
import type { Command, CommandContext, CommandGroup, ExitCode } from "./command.ts";
import { COMMANDS, type CommandEntry } from "./commands.ts";
import { commandHelp, findCommand, groupHelp, programHelp } from "./help.ts";
import { hintFor } from "./hints.ts";
import { nearestWord } from "./nearest.ts";
import { createTerminal, OutputClosedError, type Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

/**
 * Runs one command line, without the program's own name, and gives the exit code. Never rejects: what goes wrong is one
 * line on standard error, and one more where something helps. A stack is shown with `WRIT_LOG=debug` alone.
 */
export async function run(words: readonly string[], loadApp: () => Promise<StartApp>): Promise<ExitCode> {
  const terminal = createTerminal();
  reportUncaught(terminal);
  const context: RunContext = { terminal, environment: readEnvironment, loadApp, listedBy: undefined };
  try {
    return await dispatch(context, words);
  } catch (error) {
    if (error instanceof OutputClosedError) return 2;
    await reportError(terminal, error, context.listedBy).catch(() => undefined);
    return 2;
  }
}

/** A command line on its way. */
interface RunContext extends CommandContext {
  /** Of the command that was found; see `Command.listedBy`. */
  listedBy: string | undefined;
}

async function dispatch(context: RunContext, [name, ...words]: readonly string[]): Promise<ExitCode> {
  const { terminal } = context;
  if (name === undefined) {
    await terminal.note(programHelp(COMMANDS).split("\n")[0] ?? "");
    await terminal.note("hint: `writ --help` lists the commands");
    return 2;
  }
  if (name === "--version") {
    await terminal.print(`writ ${PRODUCT_VERSION}`);
    return 0;
  }
  if (name === "--help" || name === "-h" || name === "help") return help(context, words);
  const entry = findEntry(name);
  const loaded = await entry.load();
  if ("run" in loaded) return runCommand(context, name, entry.summary, loaded, words);
  return runInGroup(context, entry, loaded, words);
}

/** `writ help agent create` is `writ agent create --help`. */
async function help(context: RunContext, words: readonly string[]): Promise<ExitCode> {
  const named = words.filter((word) => !word.startsWith("-"));
  if (named.length > 0) return dispatch(context, [...named, "--help"]);
  await context.terminal.write(programHelp(COMMANDS));
  return 0;
}

async function runInGroup(
  context: RunContext,
  { name, summary }: CommandEntry,
  group: CommandGroup,
  words: readonly string[],
): Promise<ExitCode> {
  context.listedBy = group.listedBy;
  const [first] = words;
  const named = findCommand(group, first);
  if (named !== undefined) return runCommand(context, `${name} ${named.name}`, named.summary, named, words.slice(1));
  if (first === "--help" || first === "-h") {
    await context.terminal.write(groupHelp(name, summary, group));
    return 0;
  }
  const standard = findCommand(group, group.standard);
  if (standard !== undefined && (first === undefined || first.startsWith("-"))) {
    return runCommand(context, `${name} ${standard.name}`, standard.summary, standard, words);
  }
  const names = group.commands.map((command) => command.name);
  if (first === undefined) throw new UsageError(`\`writ ${name}\` needs a command: ${names.join(", ")}`);
  throw unknownCommand(`${name} ${first}`, first, names, name);
}

async function runCommand(
  context: RunContext,
  name: string,
  summary: string,
  command: Command,
  words: readonly string[],
): Promise<ExitCode> {
  context.listedBy = command.listedBy ?? context.listedBy;
  const args = parseWithHint(name, command, words);
  if (!args.has("help")) return command.run(context, args);
  await context.terminal.write(commandHelp(name, summary, command));
  return 0;
}

function parseWithHint(name: string, command: Command, words: readonly string[]) {
  try {
    return parseArguments(command, words);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    throw new UsageError(error.message, error.hint ?? `\`writ ${name} --help\` says what it takes`);
  }
}

function findEntry(name: string): CommandEntry {
  const entry = COMMANDS.find((command) => command.name === name);
  if (entry !== undefined) return entry;
  const names = COMMANDS.map((command) => command.name);
  throw unknownCommand(name, name, names);
}

function unknownCommand(shown: string, typed: string, names: readonly string[], group?: string): UsageError {
  const nearest = nearestWord(typed, names);
  const prefix = group === undefined ? "writ" : `writ ${group}`;
  return new UsageError(
    `there is no command \`${shown.slice(0, 80)}\``,
    nearest === undefined ? `\`${prefix} --help\` lists the commands` : `did you mean \`${prefix} ${nearest}\`?`,
  );
}

/** What nobody waited for ends the program too, in the same words. */
function reportUncaught(terminal: Terminal): void {
  const end = (error: unknown): void => {
    const exit = (): never => process.exit(2);
    reportError(terminal, error).then(exit, exit);
  };
  process.on("uncaughtException", end);
  process.on("unhandledRejection", end);
}

async function reportError(terminal: Terminal, error: unknown, listedBy?: string): Promise<void> {
  await terminal.note(`writ: ${messageOf(error).replaceAll("\n", " ")}`);
  const hint = error instanceof UsageError ? error.hint : hintFor(error, listedBy);
  if (hint !== undefined) await terminal.note(`hint: ${hint}`);
  if (isDebugging() && error instanceof Error && error.stack !== undefined) {
    for (const line of error.stack.split("\n")) await terminal.note(line);
  }
}

/** The environment itself may be what is wrong. */
function isDebugging(): boolean {
  try {
    return readEnvironment().settings.get("WRIT_LOG") === "debug";
  } catch (error) {
    if (isWritError(error)) return false;
    throw error;
  }
}
