import { SETTINGS } from "#src/config/settings.ts";
import type { Command, CommandGroup, NamedCommand } from "./command.ts";
import { COMMON_OPTIONS, type Option } from "./option.ts";
import { formatTable } from "./terminal.ts";

/** A name and what the help says of it. */
interface Entry {
  readonly name: string;
  readonly summary: string;
}

/** The help of the whole program. */
export function programHelp(commands: readonly Entry[]): string {
  return [
    "usage: writ COMMAND [--json] [--help]",
    "",
    "commands:",
    ...indent(commands.map(({ name, summary }) => [name, summary])),
    "",
    "`writ COMMAND --help` says more. Exit: 0 done, 1 the answer is no, 2 it could not be done.",
    "",
    "A command that asks or changes something speaks to the server of this data folder as the instance operator; with",
    "WRIT_URL and WRIT_TOKEN to any server as whoever the token belongs to; with no server running it does the work itself.",
    "",
    "environment:",
    ...indent(SETTINGS.map((setting) => [setting.name, settingText(setting)])),
    "",
  ].join("\n");
}

/** The help of several commands under one name. */
export function groupHelp(name: string, summary: string, { commands, standard }: CommandGroup): string {
  return [
    `usage: writ ${name} ${standard === undefined ? "COMMAND" : "[COMMAND]"} [--json] [--help]`,
    "",
    summary,
    "",
    "commands:",
    ...indent(commands.map((command) => [usageOf(command.name, command), command.summary])),
    ...(standard === undefined ? [] : ["", `\`writ ${name}\` alone is \`writ ${name} ${standard}\`.`]),
    "",
  ].join("\n");
}

/** The help of one command, named by all its words. */
export function commandHelp(name: string, summary: string, command: Command): string {
  const options = [...(command.options ?? []), ...COMMON_OPTIONS];
  return [
    `usage: writ ${usageOf(name, command)}`,
    "",
    summary,
    "",
    "options:",
    ...indent(options.map((option) => [optionName(option), optionText(option)])),
    ...(command.notes === undefined ? [] : ["", ...command.notes]),
    "",
  ].join("\n");
}

/** One line that names what a command needs. */
export function usageOf(name: string, { positionals = [], options = [] }: Command): string {
  const places = positionals.map(({ name: place, optional, many }) => {
    const text = many ? `${place}…` : place;
    return optional ? `[${text}]` : text;
  });
  const required = options.filter((option) => option.required).map(optionName);
  const isMore = options.some((option) => !option.required);
  return [name, ...places, ...required, ...(isMore ? ["[OPTIONS]"] : [])].join(" ");
}

/** Finds a command of a group by its name. */
export function findCommand({ commands }: CommandGroup, name: string | undefined): NamedCommand | undefined {
  return commands.find((command) => command.name === name);
}

function optionName({ name, value }: Option): string {
  return value === undefined ? `--${name}` : `--${name} ${value}`;
}

function optionText({ help, many, choices }: Option): string {
  const only = choices === undefined ? "" : `: ${choices.join(", ")}`;
  return `${help}${only}${many ? "; may be given again" : ""}`;
}

function settingText({ meaning, default: standard }: (typeof SETTINGS)[number]): string {
  return standard === "" ? meaning : `${meaning} (${standard})`;
}

function indent(rows: readonly (readonly string[])[]): readonly string[] {
  return formatTable(rows).map((line) => `  ${line}`);
}
