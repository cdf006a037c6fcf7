import { constants } from "node:fs";
import { chmod, type FileHandle, mkdir, open, rename, statfs, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Bytes } from "#src/base/bytes.ts";
import { isWritError, messageOf, WritError } from "#src/base/errors.ts";
import { randomBytes } from "#src/crypto/random.ts";
import { flushDrive } from "./flush-drive.ts";

/** Space on the file system of a path. */
export interface FileSystemSpace {
  /** Bytes that this process may still use. */
  readonly freeBytes: number;
  readonly totalBytes: number;
}

/** Readable and writable by the owner alone. */
export const PRIVATE_FILE_MODE = 0o600;
/** The same for a folder. */
export const PRIVATE_FOLDER_MODE = 0o700;

const OTHERS_MAY_READ = 0o077;
const MAX_CHECKED_BYTES = 1024 * 1024;

/**
 * Writes a whole file so that after a crash at any moment the path holds either all of the new content or all of the old:
 * a temporary file in the same folder is written, flushed, renamed over the path, and the folder flushed. When this
 * resolves, the content is on the drive. `mode` holds whatever the process's mask is.
 *
 * Throws `disk_full` when there is no space or no quota left, `store_failed` for every other fault. After either the old
 * content may still be replaced by the new one, when only the last flush failed; it is never a mixture.
 */
export async function writeFileDurably(path: string, content: Uint8Array, mode = PRIVATE_FILE_MODE): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(8).toHex()}.tmp`);
  try {
    await writeNewFile(temporary, content, mode);
    await rename(temporary, path);
    await flushFolder(dirname(path));
  } catch (cause) {
    await unlink(temporary).catch(() => undefined);
    throw toStoreError(cause, "write", path);
  }
}

/**
 * Reads a file that holds key material: a regular file, not a symbolic link, that belongs to this user or root and that
 * neither group nor others may use in any way. The check and the reading are on the same open file.
 *
 * Throws `key_material_missing` where there is none, `key_material_unsafe` where a condition does not hold or the file is
 * larger than `maxBytes`, `store_failed` when it cannot be read.
 */
export async function readFileChecked(path: string, maxBytes = MAX_CHECKED_BYTES): Promise<Bytes> {
  let file: FileHandle | undefined;
  try {
    // Without O_NONBLOCK a pipe in the file's place would hold the process up.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const status = await file.stat();
    const unsafe = unsafeBecause(status, maxBytes);
    if (unsafe !== undefined) throw new WritError("key_material_unsafe", `\`${path}\` ${unsafe}`);
    return new Uint8Array(await file.readFile());
  } catch (cause) {
    throw toReadError(cause, path);
  } finally {
    await file?.close();
  }
}

/**
 * Makes a folder, and those above it, or tightens the mode of one that is there. When this resolves the folder's entry is
 * on the drive. Throws `disk_full` or `store_failed`.
 */
export async function ensureFolder(path: string, mode = PRIVATE_FOLDER_MODE): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode });
    await chmod(path, mode);
    await flushFolder(path);
    await flushFolder(dirname(path));
  } catch (cause) {
    throw toStoreError(cause, "make", path);
  }
}

/** Space on the file system that holds `path`, which must exist. Throws `store_failed`. */
export async function readFreeSpace(path: string): Promise<FileSystemSpace> {
  try {
    const status = await statfs(path);
    return { freeBytes: status.bavail * status.bsize, totalBytes: status.blocks * status.bsize };
  } catch (cause) {
    throw toStoreError(cause, "measure", path);
  }
}

/** A fault of the file system as `disk_full` or `store_failed`; the message names the path and the system's words. */
export function toStoreError(cause: unknown, doing: string, path: string): WritError {
  if (isWritError(cause)) return cause;
  const code = FULL.has(errnoOf(cause)) ? "disk_full" : "store_failed";
  return new WritError(code, `cannot ${doing} \`${path}\`: ${messageOf(cause)}`, { cause });
}

const FULL: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT"]);

async function writeNewFile(path: string, content: Uint8Array, mode: number): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file = await open(path, flags, mode);
  try {
    await file.writeFile(content);
    await file.chmod(mode);
    await flush(file);
  } finally {
    await file.close();
  }
}

/** Makes what was created, renamed or removed in a folder durable. */
export async function flushFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await flush(folder);
  } finally {
    await folder.close();
  }
}

/** Makes what was written to a file durable. */
export async function flush(file: FileHandle): Promise<void> {
  await file.sync();
  await flushDrive(file.fd);
}

function unsafeBecause(
  status: { isFile(): boolean; mode: number; uid: number; size: number },
  maxBytes: number,
): string | undefined {
  if (!status.isFile()) return "is not a regular file";
  if ((status.mode & OTHERS_MAY_READ) !== 0) return "can be used by group or others: `chmod 600` it";
  if (status.uid !== 0 && status.uid !== process.getuid?.()) return "belongs to another user";
  if (status.size > maxBytes) return `is larger than ${maxBytes} bytes`;
  return undefined;
}

function toReadError(cause: unknown, path: string): WritError {
  const errno = errnoOf(cause);
  if (errno === "ENOENT") return new WritError("key_material_missing", `\`${path}\` does not exist`, { cause });
  if (errno === "ELOOP") return new WritError("key_material_unsafe", `\`${path}\` is a symbolic link`, { cause });
  return toStoreError(cause, "read", path);
}

function errnoOf(cause: unknown): string {
  return cause instanceof Error && "code" in cause && typeof cause.code === "string" ? cause.code : "";
}
