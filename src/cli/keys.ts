import { type Column, listOf, printList, printThing } from "./answer.ts";
import { apiPath, instanceCommand } from "./api-command.ts";
import type { CommandGroup } from "./command.ts";
import { UsageError } from "./usage-error.ts";

const PURPOSES = ["master", "ucan", "seal"];
const COLUMNS: readonly Column[] = [
  ["ID", "id"],
  ["PUBLIC KEY", "public_key"],
  ["SINCE", "at"],
  ["AFTER", "previous"],
];

/** The instance's own keys: `master` wraps what is sealed, `ucan` signs writs, `seal` signs the chain. */
export const keys: CommandGroup = {
  commands: [
    instanceCommand(
      {
        name: "list",
        summary: "the seal keys that were published, oldest first",
        notes: ["The public key is what `writ verify --key` pins. The ids of the master and ucan keys: `writ doctor`."],
      },
      async (api, terminal, args) =>
        printList(terminal, args, listOf(await api.get("/v1/admin/instance"), "seal_keys"), COLUMNS, "no keys"),
    ),
    instanceCommand(
      {
        name: "rotate",
        summary: "put a new key to use; the older ones stay for what they sealed and signed",
        positionals: [{ name: "PURPOSE" }],
        notes: [`PURPOSE is one of ${PURPOSES.join(", ")}. The running server goes on without a pause.`],
      },
      async (api, terminal, args) => {
        const purpose = args.at("PURPOSE");
        if (!PURPOSES.includes(purpose)) throw new UsageError(`PURPOSE is one of ${PURPOSES.join(", ")}`);
        return printThing(terminal, args, await api.post(apiPath(["admin", "instance", "keys", purpose, "rotation"])));
      },
    ),
  ],
};
