import { accessSync, constants, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { SOCKET_FILE } from "../client.ts";

const UNIX_SOCKETS = "/proc/net/unix";

/**
 * What of Writ's own a process of this user could open: the configured data folder, and every operator's socket that
 * something on this host listens on. Empty where there is nothing.
 */
export function exposedPaths(dataFolder: string): readonly string[] {
  const sockets = listeningSockets().filter((path) => path.endsWith(`/${SOCKET_FILE}`));
  const folders = [resolve(dataFolder), ...sockets.map(dirname)];
  return [...new Set(folders)].filter(
    (folder) => isOpen(join(folder, SOCKET_FILE), constants.W_OK) || isOpen(join(folder, "writ.db"), constants.R_OK),
  );
}

/** Paths of the sockets that this host's processes listen on; none where the system does not say. */
function listeningSockets(): readonly string[] {
  try {
    return readFileSync(UNIX_SOCKETS, "utf8")
      .split("\n")
      .flatMap((line) => /\s(\/.*)$/.exec(line)?.[1] ?? []);
  } catch {
    return [];
  }
}

function isOpen(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
