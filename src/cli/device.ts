import { type Column, listAll, printList, printThing, textOf } from "./answer.ts";
import { apiPath, tenantCommand } from "./api-command.ts";
import type { CommandGroup } from "./command.ts";

const DEVICE = [{ name: "DEVICE" }] as const;
const COLUMNS: readonly Column[] = [
  ["NAME", "name"],
  ["ID", "id"],
  ["STATUS", "status"],
  ["AGENTS", "agents"],
  ["FINGERPRINT", "fingerprint"],
  ["PAIRED", "paired_at"],
];

/** Machines that act for agents. DEVICE is a name or an id. */
export const device: CommandGroup = {
  standard: "list",
  commands: [
    tenantCommand({ name: "list", summary: "all devices" }, (api, terminal, args) =>
      printList(terminal, args, listAll(api, "/v1/admin/devices", "devices"), COLUMNS, "no devices"),
    ),
    tenantCommand(
      { name: "show", summary: "one device, with its last request", positionals: DEVICE },
      async (api, terminal, args) =>
        printThing(terminal, args, await api.get(apiPath(["admin", "devices", args.at("DEVICE")]))),
    ),
    tenantCommand(
      {
        name: "confirm",
        summary: "confirm the machine that shows a code",
        positionals: [{ name: "CODE" }],
        options: [
          {
            name: "agent",
            value: "AGENT",
            many: true,
            required: true,
            help: "an agent that it acts for, by name or id",
          },
          { name: "name", value: "NAME", help: "what to call it, where not as it calls itself" },
          { name: "fingerprint", value: "TEXT", help: "the one that the machine shows; another one is refused" },
        ],
        notes: ["This ends when the first passkey is enrolled: from then on people confirm in the pages."],
      },
      async (api, terminal, args) => {
        const path = ["admin", "devices", "pairings", args.at("CODE")];
        const waiting = await api.get(apiPath(path));
        const shown = textOf(waiting, "fingerprint");
        const expected = args.option("fingerprint");
        await terminal.note(`${textOf(waiting, "name")} at ${textOf(waiting, "source")}, fingerprint ${shown}`);
        if (expected !== undefined && expected.replace(/\s/g, "").toLowerCase() !== shown.replace(/\s/g, "")) {
          await terminal.note("that is another machine: not confirmed");
          return 1;
        }
        const name = args.option("name");
        const body = { agents: args.list("agent"), ...(name === undefined ? {} : { name }) };
        return printThing(terminal, args, await api.post(apiPath([...path, "confirmation"]), body));
      },
    ),
    tenantCommand(
      { name: "revoke", summary: "refuse a device from its next request on, and cut its streams", positionals: DEVICE },
      async (api, terminal, args) =>
        printThing(terminal, args, await api.post(apiPath(["admin", "devices", args.at("DEVICE"), "revocation"]))),
    ),
  ],
};
