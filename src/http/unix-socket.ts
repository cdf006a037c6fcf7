import { lstatSync, rmSync } from "node:fs";
import { join } from "node:path";
import { WritError } from "#src/base/errors.ts";

/** The operator's socket in a data folder. */
export const SOCKET_FILE = "writ.sock";
/** `sun_path` has 108 bytes on Linux, 104 elsewhere, one of them for the end. */
const MAX_PATH_BYTES = 103;
/** Nobody but the owner may connect. */
const SOCKET_UMASK = 0o177;

/**
 * Where the operator's socket is. Throws `config_invalid` for a folder whose path is too long for one.
 */
export function socketPathOf(dataFolder: string): string {
  const path = join(dataFolder, SOCKET_FILE);
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw new WritError("config_invalid", `\`WRIT_DATA\` is too long: a socket's path ends at ${MAX_PATH_BYTES} bytes`);
  }
  return path;
}

/** Removes the socket that a former run left. The caller holds the folder's lock: nobody listens on it. */
export function removeStaleSocket(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  if (!found.isSocket()) throw new WritError("config_invalid", `\`${path}\` is in the way: it is no socket`);
  rmSync(path);
}

/**
 * Listens with a mode of 0600 from the first moment: the mask stands while the file is made, so that there is no time at
 * which others could reach it. `listen` must not await.
 */
export function listenPrivately<Server>(listen: () => Server): Server {
  const before = process.umask(SOCKET_UMASK);
  try {
    return listen();
  } finally {
    process.umask(before);
  }
}
