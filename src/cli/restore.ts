import { existsSync, statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { BACKUP_TENANT, backupRecord, timeOfBackup } from "#src/archive/backup-key.ts";
import { restoreBackup } from "#src/archive/restore-backup.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { parseConfig } from "#src/config/config.ts";
import { loadKeyMaterial } from "#src/config/key-material.ts";
import { ensureFolder } from "#src/io/durable-file.ts";
import { acquireFolderLock } from "#src/io/folder-lock.ts";
import type { ObjectStore } from "#src/io/object-store.ts";
import { Keyring } from "#src/vault/keyring.ts";
import { printThing } from "./answer.ts";
import type { Command, CommandContext } from "./command.ts";
import { readText } from "./input.ts";
import { openStoreAt } from "./verify-archive.ts";

const MAX_PASSPHRASE_BYTES = 4096;

/** Makes a data folder of a backup. */
export const restore: Command = {
  positionals: [{ name: "SOURCE" }],
  options: [
    { name: "into", value: "FOLDER", help: "the data folder to make; `WRIT_DATA` unless given" },
    { name: "passphrase-file", value: "FILE", help: "the passphrase that opens it; `-` is standard input" },
  ],
  notes: [
    "SOURCE is a file that `writ backup` made, or a folder or s3://bucket/prefix, of which the newest is taken.",
    "The keys are those of the new data folder (put `keys/` there first), of the environment, or those in the backup.",
    "Nothing is replaced: a folder with a database is refused. Every chain is verified before it takes its place.",
    "What happened after the backup is not in it: compare with a checkpoint that was kept (`writ verify --expect-checkpoint`).",
  ],
  run: async (context, args) => {
    const { terminal } = context;
    const raw = context.environment();
    const into = resolve(args.option("into") ?? parseConfig(raw).dataFolder);
    const file = args.option("passphrase-file");
    const passphrase =
      file === undefined ? undefined : (await readText(terminal, file, MAX_PASSPHRASE_BYTES)).replace(/\r?\n$/, "");
    await ensureFolder(into);
    const lock = acquireFolderLock(into);
    const opened = openSource(context, args.at("SOURCE"));
    try {
      const name = opened.name ?? (await findNewest(opened.store));
      const download = await opened.store.get(name);
      if (download === undefined) throw new WritError("not_found", `there is no backup at \`${args.at("SOURCE")}\``);
      const restored = await restoreBackup({
        ...download,
        into,
        unwrapKey: (id, wrapped) => unwrapKey(context, into, id, wrapped),
        ...(passphrase === undefined ? {} : { passphrase }),
      });
      const { instance, madeAt, events, files } = restored;
      const from = { data_folder: into, backup: name, instance, made_at: madeAt, events, files: files.length };
      await printThing(terminal, args, from);
      if (!args.has("json") && !existsSync(`${into}/keys/master.key`)) {
        await terminal.note("the keys are not in it: put them into `keys/` before `writ serve`");
      }
      return 0;
    } finally {
      opened.close();
      lock.release();
    }
  },
};

function openSource(
  context: CommandContext,
  source: string,
): { readonly store: ObjectStore; readonly name: string | undefined; close(): void } {
  if (source.startsWith("s3://") && timeOfBackup(source) !== undefined) {
    return { ...openStoreAt(context, source.slice(0, source.lastIndexOf("/"))), name: basename(source) };
  }
  if (statSync(source, { throwIfNoEntry: false })?.isFile() === true) {
    return { ...openStoreAt(context, dirname(source)), name: basename(source) };
  }
  return { ...openStoreAt(context, source), name: undefined };
}

async function findNewest(store: ObjectStore): Promise<string> {
  let newest: { readonly key: string; readonly time: string } | undefined;
  for await (const { key } of store.list("")) {
    const time = timeOfBackup(key);
    if (time !== undefined && (newest === undefined || time > newest.time)) newest = { key, time };
  }
  if (newest === undefined) throw new WritError("not_found", "there is no backup here");
  return newest.key;
}

/** Undefined where no keys are to be found, or not this one. */
function unwrapKey({ environment }: CommandContext, dataFolder: string, id: string, wrapped: Uint8Array) {
  try {
    const keyring = new Keyring(loadKeyMaterial({ dataFolder, raw: environment() }));
    return keyring.unwrap(BACKUP_TENANT, backupRecord(id), { masterKeyId: id, wrapped });
  } catch (error) {
    if (isWritError(error, "key_material_missing") || isWritError(error, "crypto_failed")) return undefined;
    throw error;
  }
}
