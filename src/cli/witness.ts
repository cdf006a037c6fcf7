import { type Column, listOf, printList, printThing } from "./answer.ts";
import { apiPath, instanceCommand } from "./api-command.ts";
import type { CommandGroup } from "./command.ts";

const COLUMNS: readonly Column[] = [
  ["NAME", "name"],
  ["URL", "url"],
  ["SIGNED", "signed_size"],
  ["ASKED", "asked_at"],
  ["ERROR", "error"],
];

/** Other people's servers that sign the checkpoints of the instance's own chain. */
export const witness: CommandGroup = {
  commands: [
    instanceCommand({ name: "list", summary: "witnesses, and how asking them went" }, async (api, terminal, args) =>
      printList(terminal, args, listOf(await api.get("/v1/admin/witnesses"), "witnesses"), COLUMNS, "no witnesses"),
    ),
    instanceCommand(
      {
        name: "add",
        summary: "send checkpoints to a witness from now on",
        positionals: [{ name: "NAME" }],
        options: [
          { name: "url", value: "URL", required: true, help: "the prefix that `/add-checkpoint` stands behind" },
          { name: "key", value: "KEY", required: true, help: "its verifier key: name+hash+base64" },
        ],
        notes: ["Its operators need the origin and key of this chain: `writ audit keys --tenant instance`."],
      },
      async (api, terminal, args) => {
        const body = { name: args.at("NAME"), url: args.option("url"), key: args.option("key") };
        return printThing(terminal, args, await api.post("/v1/admin/witnesses", body));
      },
    ),
    instanceCommand(
      {
        name: "remove",
        summary: "send nothing to a witness any more; what it signed stays",
        positionals: [{ name: "NAME" }],
      },
      async (api, terminal, args) => {
        await api.delete(apiPath(["admin", "witnesses", args.at("NAME")]));
        await terminal.note("removed");
        return 0;
      },
    ),
    instanceCommand(
      { name: "send", summary: "send the newest checkpoint now, to those that have not signed it" },
      async (api, terminal, args) => {
        const answer = await api.post("/v1/admin/witnesses/submission");
        const witnesses = listOf(answer, "witnesses");
        await printList(terminal, args, witnesses, COLUMNS, "no witnesses");
        return witnesses.some((entry) => entry["error"] !== undefined) ? 1 : 0;
      },
    ),
  ],
};
