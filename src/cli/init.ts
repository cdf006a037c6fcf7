import { existsSync, mkdirSync } from "node:fs";
import { resolve } from "node:path";
import { isWritError } from "#src/base/errors.ts";
import { parseClientConfig, parseConfig } from "#src/config/config.ts";
import { createMissingKeyFiles, loadKeyMaterial } from "#src/config/key-material.ts";
import { ensureFolder } from "#src/io/durable-file.ts";
import { acquireFolderLock } from "#src/io/folder-lock.ts";
import { textOf } from "./answer.ts";
import type { Arguments } from "./arguments.ts";
import { type Answer, withApi } from "./client.ts";
import type { Command, CommandContext } from "./command.ts";

/** Makes what a server needs to start, and says what was made. */
export const init: Command = {
  notes: [
    "Run again it makes what is missing and nothing else. Keys that come from the environment or from systemd are not",
    "made. Keep a copy of the key files off this machine: without them, what is in the data folder cannot be read.",
  ],
  run: async (context, args) => {
    const { terminal } = context;
    const made = await makeDataFolder(context);
    const { dataFolder, keys } = made;
    const link = await makeSetupLink(context, args);
    if (args.has("json")) {
      const fields = link === undefined ? {} : { setup_link: link["url"], setup_link_expires_at: link["expires_at"] };
      await terminal.printJson({ data_folder: dataFolder, made: made.paths, keys, ...fields });
      return 0;
    }
    await terminal.print(made.paths.length === 0 ? `nothing to make in ${dataFolder}` : `made in ${dataFolder}:`);
    for (const path of made.paths) await terminal.print(`  ${path}`);
    await terminal.printTable(
      ["KEY", "ID", "FROM"],
      keys.map(({ purpose, id, source }) => [purpose, id, source]),
      "",
    );
    if (made.paths.length > 0)
      await terminal.print("next: copy the keys to a safe place off this machine, then `writ serve`");
    if (link !== undefined) {
      await terminal.print("the first owner enrols a passkey, once `writ serve` runs, within 15 minutes and once, at:");
      await terminal.print(`  ${textOf(link, "url")}`);
    }
    return 0;
  },
};

/** A new link for the first owner, unless there was one already. A server elsewhere prints its own. */
async function makeSetupLink(context: CommandContext, args: Arguments): Promise<Answer | undefined> {
  if (parseClientConfig(context.environment()).url !== undefined) return undefined;
  let link: Answer | undefined;
  await withApi(context, args, async (api) => {
    const { host_decides: isFirst } = await api.get("/v1/admin/people-status");
    if (isFirst === true) link = await api.post("/v1/admin/people/setup-link");
    return 0;
  });
  return link;
}

/** What {@link makeDataFolder} made and found. */
export interface MadeFolder {
  /** Absolute. */
  readonly dataFolder: string;
  readonly paths: readonly string[];
  readonly keys: readonly { readonly purpose: string; readonly id: string; readonly source: string }[];
}

/**
 * Makes the data folder and its keys where they are missing. Holds the folder's lock meanwhile; where all is there
 * already it takes no lock, so that a server may be running.
 */
export async function makeDataFolder({ environment }: Pick<CommandContext, "environment">): Promise<MadeFolder> {
  const raw = environment();
  const dataFolder = resolve(parseConfig(raw).dataFolder);
  const location = { dataFolder, raw };
  const paths: string[] = [];
  if (!existsSync(dataFolder)) {
    mkdirSync(dataFolder, { recursive: true, mode: 0o700 });
    await ensureFolder(dataFolder);
    paths.push(dataFolder);
  }
  if (!hasAllKeys(location)) {
    const lock = acquireFolderLock(dataFolder);
    try {
      paths.push(...createMissingKeyFiles(location));
    } finally {
      lock.release();
    }
  }
  const material = loadKeyMaterial(location);
  const keys = (["master", "ucan", "seal"] as const).map((purpose) => ({
    purpose,
    id: material[purpose][0].id,
    source: material.sources[purpose],
  }));
  return { dataFolder, paths, keys };
}

function hasAllKeys(location: Parameters<typeof loadKeyMaterial>[0]): boolean {
  try {
    loadKeyMaterial(location);
    return true;
  } catch (error) {
    if (isWritError(error, "key_material_missing")) return false;
    throw error;
  }
}
