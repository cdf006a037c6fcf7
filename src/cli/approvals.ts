import { type Column, listAll, printList, printThing } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { CommandGroup } from "./command.ts";

const ID = [{ name: "ID" }] as const;
const COLUMNS: readonly Column[] = [
  ["ID", "id"],
  ["STATE", "state"],
  ["TIER", "tier"],
  ["COMMAND", "command"],
  ["RESOURCE", "resource.id"],
  ["AGENT", "agent_name"],
  ["EXPIRES", "expires_at"],
];
const STATES = ["pending", "approved", "denied", "expired", "used", "revoked"];

/** What waits for a person. */
export const approvals: CommandGroup = {
  standard: "list",
  commands: [
    tenantCommand(
      {
        name: "list",
        summary: "approvals that are asked for",
        options: [{ name: "state", value: "STATE", choices: STATES, help: "`pending` unless given" }],
      },
      (api, terminal, args) =>
        printList(
          terminal,
          args,
          listAll(api, "/v1/admin/approvals", "approvals", { state: args.option("state") }),
          COLUMNS,
          "nothing waits",
        ),
    ),
    tenantCommand(
      { name: "show", summary: "the call that a person is to vouch for, as it would be sent", positionals: ID },
      async (api, terminal, args) =>
        printThing(terminal, args, await api.get(apiPath(["admin", "approvals", args.at("ID")]))),
    ),
    tenantCommand(
      { name: "revoke", summary: "take back what was approved and not used", positionals: ID },
      async (api, terminal, args) =>
        printThing(terminal, args, await api.post(apiPath(["admin", "approvals", args.at("ID"), "revocation"]))),
    ),
  ],
};
