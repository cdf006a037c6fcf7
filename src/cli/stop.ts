import { type Column, listOf, printList } from "./answer.ts";
import { tenantCommand } from "./api-command.ts";
import type { Arguments } from "./arguments.ts";
import type { Api } from "./client.ts";
import type { CommandGroup, ExitCode, NamedCommand } from "./command.ts";
import type { Terminal } from "./terminal.ts";

const COLUMNS: readonly Column[] = [
  ["TARGET", "target"],
  ["BY", "origin"],
  ["SINCE", "at"],
  ["REASON", "reason"],
];
const REASON = { name: "reason", value: "TEXT", help: "why; kept in the chain, sealed" } as const;
const NAME = [{ name: "NAME" }] as const;
const WHAT = ["agent", "connection", "tenant", "everything"];

/** The kill switch: nothing is granted and what runs is cut, until it is let go on. */
export const stop: CommandGroup = {
  standard: "list",
  commands: [
    tenantCommand({ name: "list", summary: "what is stopped" }, async (api, terminal, args) =>
      printStops(await api.get("/v1/admin/stop"), terminal, args),
    ),
    stopping("agent", "everything of an agent, what runs included", true),
    stopping("connection", "every call over a connection, what runs included", true),
    stopping("tenant", "every agent of the tenant", false),
    stopping("everything", "every agent of every tenant; on the host", false),
    tenantCommand(
      {
        name: "lift",
        summary: "let what was stopped go on",
        positionals: [{ name: WHAT.join("|") }, { name: "NAME", optional: true }],
      },
      async (api, terminal, args) => {
        const [name] = args.allAt("NAME");
        const body = { target: args.at(WHAT.join("|")), ...(name === undefined ? {} : { name }) };
        return printStops(await api.post("/v1/admin/stop/lifting", body), terminal, args);
      },
    ),
  ],
};

function stopping(target: string, summary: string, isNamed: boolean): NamedCommand {
  return tenantCommand(
    { name: target, summary, positionals: isNamed ? NAME : [], options: [REASON] },
    async (api, terminal, args) => {
      const reason = args.option("reason");
      const answer = await api.post("/v1/admin/stop", {
        target,
        ...(isNamed ? { name: args.at("NAME") } : {}),
        ...(reason === undefined ? {} : { reason }),
      });
      return printStops(answer, terminal, args);
    },
  );
}

function printStops(answer: Awaited<ReturnType<Api["get"]>>, terminal: Terminal, args: Arguments): Promise<ExitCode> {
  return printList(terminal, args, listOf(answer, "stops"), COLUMNS, "nothing is stopped");
}
