import { type Column, listOf, printList, printThing } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { CommandGroup } from "./command.ts";

const COLUMNS: readonly Column[] = [
  ["ID", "id"],
  ["STATE", "state"],
  ["AGENT", "agent"],
  ["COMMAND", "command"],
  ["USED", "used"],
  ["EXPIRES", "expires_at"],
  ["REASON", "reason"],
];
const ID = [{ name: "ID" }] as const;

/** Emergency grants: opened and reviewed in the pages, by passkey. */
export const breakGlass: CommandGroup = {
  standard: "list",
  commands: [
    tenantCommand({ name: "list", summary: "emergency grants, newest first" }, async (api, terminal, args) => {
      const answer = await api.get("/v1/admin/break-glass");
      return printList(terminal, args, listOf(answer, "emergencies"), COLUMNS, "no emergency was ever opened");
    }),
    tenantCommand({ name: "show", summary: "one emergency grant", positionals: ID }, async (api, terminal, args) =>
      printThing(terminal, args, await api.get(apiPath(["admin", "break-glass", args.at("ID")]))),
    ),
    tenantCommand(
      { name: "close", summary: "end an emergency grant now; its review is due", positionals: ID },
      async (api, terminal, args) =>
        printThing(terminal, args, await api.post(apiPath(["admin", "break-glass", args.at("ID"), "closure"]))),
    ),
  ],
};
