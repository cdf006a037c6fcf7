import { resolve } from "node:path";
import { printThing } from "./answer.ts";
import { askingCommand } from "./api-command.ts";
import type { Command } from "./command.ts";
import { readText } from "./input.ts";

const MAX_PASSPHRASE_BYTES = 4096;

/** Copies the instance, sealed, while it runs. */
export const backup: Command = askingCommand(
  {
    options: [
      { name: "to", value: "FOLDER", help: "where to, on the server's machine; `WRIT_BACKUP_URL` unless given" },
      {
        name: "passphrase-file",
        value: "FILE",
        help: "lets this passphrase open the backup too; `-` is standard input. The master key always does",
      },
      { name: "with-keys", help: "put the key files into it; needs a passphrase" },
    ],
    notes: [
      "One file: the database as it is at one moment, and the sealed calls that wait for a person. It is read back and",
      "compared. Keys are not in it unless asked for: keep a copy of them elsewhere. `writ restore` opens it.",
    ],
  },
  async (api, terminal, args) => {
    const to = args.option("to");
    const file = args.option("passphrase-file");
    const passphrase =
      file === undefined ? undefined : (await readText(terminal, file, MAX_PASSPHRASE_BYTES)).replace(/\r?\n$/, "");
    const made = await api.post("/v1/admin/instance/backups", {
      ...(to === undefined ? {} : { to: resolve(to) }),
      ...(passphrase === undefined ? {} : { passphrase }),
      ...(args.has("with-keys") ? { with_keys: true } : {}),
    });
    return printThing(terminal, args, made);
  },
);
