import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, type Stats } from "node:fs";
import { fromUtf8 } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";

const MAX_BYTES = 65_536;
/** Who else may have access: nobody. */
const PRIVATE = 0o077;
/** systemd grants a unit's user its credentials by an ACL, whose mask shows as the group's bits. */
const NOT_WORLD = 0o007;

/**
 * The text of a key file that this user alone can read, or undefined where there is none.
 *
 * Throws `key_material_unsafe` for a symbolic link, anything that is not a plain file, a looser mode, another owner;
 * `key_material_invalid` for one that is too large or not UTF-8. What is checked is what is read: the file is opened once.
 */
export function readKeyFile(path: string): string | undefined {
  return readGuarded(path, PRIVATE);
}

/** The same for a credential of systemd. */
export function readCredentialFile(path: string): string | undefined {
  return readGuarded(path, NOT_WORLD);
}

/** Throws `key_material_unsafe` unless `path` is a folder, no link, that this user alone can enter. False if absent. */
export function checkKeyFolder(path: string): boolean {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return false;
  if (!stats.isDirectory()) throw unsafe(path, "is not a folder, or is a symbolic link");
  checkAccess(path, stats, PRIVATE);
  return true;
}

function readGuarded(path: string, forbiddenBits: number): string | undefined {
  const handle = openWithoutFollowing(path);
  if (handle === undefined) return undefined;
  try {
    const stats = fstatSync(handle);
    if (!stats.isFile()) throw unsafe(path, "is not a plain file");
    checkAccess(path, stats, forbiddenBits);
    return readText(path, handle);
  } finally {
    closeSync(handle);
  }
}

function openWithoutFollowing(path: string): number | undefined {
  try {
    // Not blocking: opening a named pipe would otherwise wait for a writer.
    return openSync(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0));
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === "ENOENT") return undefined;
    if (code === "ELOOP") throw unsafe(path, "is a symbolic link");
    throw new WritError("key_material_missing", `\`${path}\` cannot be opened (${code ?? "unknown"})`, { cause });
  }
}

function checkAccess(path: string, stats: Stats, forbiddenBits: number): void {
  const user = process.geteuid?.();
  if (user === undefined) return;
  if (stats.uid !== user && stats.uid !== 0) throw unsafe(path, "belongs to another user");
  if ((stats.mode & forbiddenBits) !== 0) {
    throw unsafe(path, `has mode ${(stats.mode & 0o777).toString(8).padStart(4, "0")}, which lets others in`);
  }
}

function readText(path: string, handle: number): string {
  const buffer = new Uint8Array(MAX_BYTES + 1);
  let length = 0;
  for (;;) {
    const count = readSync(handle, buffer, length, buffer.length - length, null);
    length += count;
    if (count === 0) break;
    if (length > MAX_BYTES)
      throw new WritError("key_material_invalid", `\`${path}\` is larger than ${MAX_BYTES} bytes`);
  }
  try {
    return fromUtf8(buffer.subarray(0, length));
  } catch (cause) {
    throw new WritError("key_material_invalid", `\`${path}\` is not text`, { cause });
  } finally {
    buffer.fill(0);
  }
}

function unsafe(path: string, problem: string): WritError {
  return new WritError("key_material_unsafe", `\`${path}\` ${problem}`);
}
