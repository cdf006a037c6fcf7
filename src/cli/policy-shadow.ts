import { type Column, listOf, printList, printThing } from "./answer.ts";
import { tenantCommand } from "./api-command.ts";
import type { Arguments } from "./arguments.ts";
import type { Api } from "./client.ts";
import type { ExitCode } from "./command.ts";
import type { Terminal } from "./terminal.ts";
import { UsageError } from "./usage-error.ts";

const PATH = "/v1/admin/policies/shadow";
const GROUP_COLUMNS: readonly Column[] = [
  ["COUNT", "count"],
  ["DECIDED", "decision"],
  ["SHADOW", "shadow_decision"],
  ["COMMAND", "command"],
  ["BY", "policies"],
  ["SHADOW BY", "shadow_policies"],
  ["EXAMPLES", "examples"],
];

/** A policy version that is tried beside the active one. */
export const shadow = tenantCommand(
  {
    name: "shadow",
    summary: "try a version beside the deciding one: start VERSION, show, stop",
    positionals: [{ name: "ACTION" }, { name: "VERSION", optional: true }],
    notes: [
      "The version is evaluated on every decision and never enforced: an event keeps what it would have said apart from what",
      "was decided. `show` counts the differences since it was started; exit 1 where there are any.",
    ],
  },
  (api, terminal, args) => {
    const version = args.maybeAt("VERSION");
    const action = args.at("ACTION");
    if (version !== undefined && action !== "start") throw new UsageError("a VERSION is for `start` alone");
    switch (action) {
      case "start":
        return start(api, terminal, args, version);
      case "show":
        return show(api, terminal, args);
      case "stop":
        return stop(api, terminal, args);
      default:
        throw new UsageError("ACTION is one of start, show, stop");
    }
  },
);

async function start(api: Api, terminal: Terminal, args: Arguments, version: string | undefined): Promise<ExitCode> {
  if (version === undefined || !/^[1-9][0-9]{0,8}$/.test(version)) {
    throw new UsageError("VERSION is a number", "`writ policy versions`");
  }
  return printThing(terminal, args, await api.put(PATH, { version: Number(version) }));
}

async function show(api: Api, terminal: Terminal, args: Arguments): Promise<ExitCode> {
  const shown = await api.get(PATH);
  const code = Number(shown["differ"]) + Number(shown["failed"]) === 0 ? 0 : 1;
  if (args.has("json")) {
    await terminal.printJson(shown);
    return code;
  }
  const { groups: _groups, ...fields } = shown;
  await printThing(terminal, args, fields);
  const groups = listOf(shown, "groups");
  if (groups.length > 0) await printList(terminal, args, groups, GROUP_COLUMNS, "");
  return code;
}

async function stop(api: Api, terminal: Terminal, args: Arguments): Promise<ExitCode> {
  await api.delete(PATH);
  if (args.has("json")) await terminal.printJson({ stopped: true });
  return 0;
}
