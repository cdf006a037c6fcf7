import { type Column, fieldsOf, listAll, listOf, objectOf, printList, printThing } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { CommandGroup } from "./command.ts";
import type { Terminal } from "./terminal.ts";

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
const GROUP_COLUMNS: readonly Column[] = [
  ["GROUP", "name"],
  ["PEOPLE", "people"],
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
      async (api, terminal, args) => {
        const approval = await api.get(apiPath(["admin", "approvals", args.at("ID")]));
        if (args.has("json")) return printThing(terminal, args, approval);
        const { body_base64: body, ...details } = objectOf(approval, "details");
        await terminal.printFields(fieldsOf({ ...approval, details: undefined, ...details }));
        if (typeof body === "string") await printBody(terminal, body);
        return 0;
      },
    ),
    tenantCommand(
      { name: "groups", summary: "named groups of people that policies ask" },
      async (api, terminal, args) =>
        printList(
          terminal,
          args,
          listOf(await api.get("/v1/admin/approver-groups"), "groups"),
          GROUP_COLUMNS,
          "no groups",
        ),
    ),
    tenantCommand(
      {
        name: "group",
        summary: "say who is in a group, by id; nobody ends it",
        positionals: [{ name: "GROUP" }, { name: "PERSON", optional: true, many: true }],
      },
      async (api, terminal, args) => {
        const path = apiPath(["admin", "approver-groups", args.at("GROUP")]);
        return printThing(terminal, args, await api.put(path, { people: args.allAt("PERSON") }));
      },
    ),
    tenantCommand(
      { name: "revoke", summary: "take back a request, or what is left of a grant", positionals: ID },
      async (api, terminal, args) =>
        printThing(terminal, args, await api.post(apiPath(["admin", "approvals", args.at("ID"), "revocation"]))),
    ),
  ],
};

/** The body line by line; nothing in it can deceive whoever decides. */
async function printBody(terminal: Terminal, base64: string): Promise<void> {
  await terminal.print();
  for (const line of fromUtf8Leniently(base64).split("\n")) await terminal.print(`  ${line}`);
}

function fromUtf8Leniently(base64: string): string {
  return new TextDecoder().decode(Uint8Array.fromBase64(base64));
}
