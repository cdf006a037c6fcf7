import { createReadStream } from "node:fs";
import { chmod, constants, type FileHandle, mkdir, open, readdir, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join, relative, resolve, sep } from "node:path";
import { Readable } from "node:stream";
import { randomBytes } from "#src/crypto/random.ts";
import { flush, flushFolder, PRIVATE_FILE_MODE, PRIVATE_FOLDER_MODE, toStoreError } from "./durable-file.ts";
import { checkKey, type ObjectBody, type ObjectEntry, type ObjectStore } from "./object-store.ts";

const TEMPORARY = /^\..*\.tmp$/;

/**
 * A folder as an object store: a key is a path below it. After a crash at any moment a key has all of an object or nothing
 * of it; when `put` resolves, it is on the drive. There are no locks, and nothing expires by itself.
 */
export function createFolderStore(folder: string): ObjectStore {
  const root = resolve(folder);
  const pathOf = (key: string): string => join(root, checkKey(key));
  return {
    kind: "folder",
    description: root,
    put: async (key, body, { signal }) => {
      const path = pathOf(key);
      const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(8).toHex()}.tmp`);
      try {
        await makeFolders(root, dirname(path));
        await writeWhole(temporary, body, signal);
        await rename(temporary, path);
        await flushFolder(dirname(path));
      } catch (cause) {
        await unlink(temporary).catch(() => undefined);
        throw toStoreError(cause, "write", path);
      }
    },
    get: async (key, range) => {
      const entry = await statObject(pathOf(key), key);
      if (entry === undefined) return undefined;
      const start = range?.start ?? 0;
      const end = Math.min(range?.end ?? entry.bytes, entry.bytes);
      const stream =
        start >= end
          ? Readable.from([])
          : createReadStream(pathOf(key), { start, end: end - 1, highWaterMark: 2 ** 18 });
      return { bytes: Math.max(end - start, 0), stream: Readable.toWeb(stream) as ReadableStream<Uint8Array> };
    },
    head: (key) => statObject(pathOf(key), key),
    list: (prefix) => listFolder(root, prefix),
    delete: async (key) => {
      const path = pathOf(key);
      try {
        await unlink(path);
        await flushFolder(dirname(path));
      } catch (cause) {
        if (!isAbsent(cause)) throw toStoreError(cause, "remove", path);
      }
    },
    readLock: async () => undefined,
    expireAfter: async () => false,
  };
}

/** Makes the folders from the root's down, each durable before what is in it. */
async function makeFolders(root: string, folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: PRIVATE_FOLDER_MODE });
  if (made === undefined) return;
  await chmod(folder, PRIVATE_FOLDER_MODE);
  const top = dirname(made).length < root.length ? dirname(made) : dirname(root);
  for (let path = folder; path.length > top.length; path = dirname(path)) await flushFolder(path);
  await flushFolder(top);
}

async function writeWhole(path: string, body: ObjectBody, signal: AbortSignal | undefined): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const file: FileHandle = await open(path, flags, PRIVATE_FILE_MODE);
  try {
    for (let at = 0; at < body.bytes; at += body.partBytes) {
      signal?.throwIfAborted();
      await file.writeFile(await body.read(at, Math.min(at + body.partBytes, body.bytes)));
    }
    await flush(file);
  } finally {
    await file.close();
  }
}

async function statObject(path: string, key: string): Promise<ObjectEntry | undefined> {
  try {
    const status = await stat(path);
    return status.isFile() ? { key, bytes: status.size } : undefined;
  } catch (cause) {
    if (isAbsent(cause)) return undefined;
    throw toStoreError(cause, "read", path);
  }
}

async function* listFolder(root: string, prefix: string): AsyncGenerator<ObjectEntry, void> {
  const top = join(root, prefix.slice(0, prefix.lastIndexOf("/") + 1));
  let names: string[];
  try {
    const entries = await readdir(top, { recursive: true, withFileTypes: true });
    names = entries
      .filter((entry) => entry.isFile() && !TEMPORARY.test(entry.name))
      .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
      .filter((name) => name.startsWith(prefix))
      .sort();
  } catch (cause) {
    if (isAbsent(cause)) return;
    throw toStoreError(cause, "list", top);
  }
  for (const key of names) {
    const entry = await statObject(join(root, key), key);
    if (entry !== undefined) yield entry;
  }
}

function isAbsent(cause: unknown): boolean {
  return cause instanceof Error && "code" in cause && (cause.code === "ENOENT" || cause.code === "ENOTDIR");
}
