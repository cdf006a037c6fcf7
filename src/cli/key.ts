import { type Column, listAll, printList, printThing } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { CommandGroup } from "./command.ts";
import { credentialOptions, credentialRequest, printIssued } from "./credential.ts";

const KEY = [{ name: "KEY" }] as const;
const COLUMNS: readonly Column[] = [
  ["ID", "id"],
  ["AGENT", "agent"],
  ["NAME", "name"],
  ["ENV", "environment"],
  ["CREATED", "created_at"],
  ["EXPIRES", "expires_at"],
  ["REVOKED", "revoked_at"],
];

/** Keys that agents ask with. KEY is an id: `tok_…`. */
export const key: CommandGroup = {
  commands: [
    tenantCommand(
      {
        name: "create",
        summary: "issue a key for an agent; it is printed this once",
        positionals: [{ name: "AGENT" }],
        options: [
          { name: "env", value: "NAME", help: "its environment, such as `test`; `live` unless given" },
          ...credentialOptions,
        ],
      },
      async (api, terminal, args) => {
        const environment = args.option("env");
        const issued = await api.post("/v1/admin/keys", {
          agent: args.at("AGENT"),
          ...(environment === undefined ? {} : { environment }),
          ...credentialRequest(args),
        });
        return printIssued(terminal, args, issued, "key");
      },
    ),
    tenantCommand(
      {
        name: "list",
        summary: "all keys",
        options: [{ name: "agent", value: "AGENT", help: "only this agent's" }],
      },
      (api, terminal, args) =>
        printList(
          terminal,
          args,
          listAll(api, "/v1/admin/keys", "keys", { agent: args.option("agent") }),
          COLUMNS,
          "no keys",
        ),
    ),
    tenantCommand(
      { name: "show", summary: "one key, with its last call", positionals: KEY },
      async (api, terminal, args) =>
        printThing(terminal, args, await api.get(apiPath(["admin", "keys", args.at("KEY")]))),
    ),
    tenantCommand(
      { name: "revoke", summary: "refuse a key from the next request on", positionals: KEY },
      async (api, terminal, args) =>
        printThing(terminal, args, await api.post(apiPath(["admin", "keys", args.at("KEY"), "revocation"]))),
    ),
  ],
};
