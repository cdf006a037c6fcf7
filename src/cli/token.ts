import { type Column, listAll, printList, printThing } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { CommandGroup } from "./command.ts";
import { credentialOptions, credentialRequest, printIssued } from "./credential.ts";

const TOKEN = [{ name: "TOKEN" }] as const;
const COLUMNS: readonly Column[] = [
  ["ID", "id"],
  ["KIND", "kind"],
  ["NAME", "name"],
  ["ENV", "environment"],
  ["CREATED", "created_at"],
  ["EXPIRES", "expires_at"],
  ["REVOKED", "revoked_at"],
];

/** Tokens for programs that manage a tenant (`admin`) or ask for others (`pdp`). TOKEN is an id: `tok_…`. */
export const token: CommandGroup = {
  commands: [
    tenantCommand(
      {
        name: "create",
        summary: "issue a token; it is printed this once",
        options: [
          { name: "kind", value: "KIND", required: true, choices: ["admin", "pdp"], help: "what it is for" },
          ...credentialOptions,
        ],
      },
      async (api, terminal, args) =>
        printIssued(
          terminal,
          args,
          await api.post("/v1/admin/tokens", { kind: args.option("kind"), ...credentialRequest(args) }),
          "token",
        ),
    ),
    tenantCommand({ name: "list", summary: "all tokens" }, (api, terminal, args) =>
      printList(terminal, args, listAll(api, "/v1/admin/tokens", "tokens"), COLUMNS, "no tokens"),
    ),
    tenantCommand(
      { name: "show", summary: "one token, with its last call", positionals: TOKEN },
      async (api, terminal, args) =>
        printThing(terminal, args, await api.get(apiPath(["admin", "tokens", args.at("TOKEN")]))),
    ),
    tenantCommand(
      { name: "revoke", summary: "refuse a token from the next request on", positionals: TOKEN },
      async (api, terminal, args) =>
        printThing(terminal, args, await api.post(apiPath(["admin", "tokens", args.at("TOKEN"), "revocation"]))),
    ),
  ],
};
