import { printThing } from "./answer.ts";
import { askingCommand } from "./api-command.ts";
import type { Command } from "./command.ts";
import { TENANT_OPTION } from "./option.ts";

/** Takes back a writ, or a delegation and all below it. */
export const revoke: Command = askingCommand(
  {
    positionals: [{ name: "CID" }],
    options: [TENANT_OPTION],
    notes: ["CID is that of a writ or delegation: bafyrei…, as the decision's event names it."],
  },
  async (api, terminal, args) =>
    printThing(terminal, args, await api.post("/v1/admin/revocations", { cid: args.at("CID") })),
);
