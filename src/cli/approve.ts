import { printThing } from "./answer.ts";
import { apiPath, askingCommand } from "./api-command.ts";
import type { Command } from "./command.ts";
import { TENANT_OPTION } from "./option.ts";

/** A person's word on one call, given on the host. */
export const approve: Command = askingCommand(
  {
    positionals: [{ name: "ID" }],
    options: [
      { name: "deny", help: "say no instead" },
      { name: "comment", value: "TEXT", help: "why; kept in the chain, sealed" },
      TENANT_OPTION,
    ],
    notes: [
      "Look first: `writ approvals show ID`. An approval is good for what was asked for, once.",
      "This ends when the first passkey is enrolled: from then on people decide in the pages, each with their own.",
    ],
  },
  async (api, terminal, args) => {
    const comment = args.option("comment");
    const verdict = args.has("deny") ? "denial" : "approval";
    const path = apiPath(["admin", "approvals", args.at("ID"), verdict]);
    return printThing(terminal, args, await api.post(path, comment === undefined ? {} : { comment }));
  },
);
