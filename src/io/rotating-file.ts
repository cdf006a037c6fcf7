import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, WritError } from "#src/base/errors.ts";
import { ensureFolder, PRIVATE_FILE_MODE } from "./durable-file.ts";
import { flushDrive } from "./flush-drive.ts";

/** When a file is closed and the next begun, and how many closed ones are kept. */
export interface Rotation {
  readonly maxBytes: number;
  readonly keep: number;
}

const TAIL_BYTES = 64 * 1024;
const LINE_FEED = 0x0a;

/**
 * Appends whole lines to a file; when it resolves they are on the drive. What a crash left of a line is taken away first.
 * A file that would grow beyond its size becomes `NAME.1`, the one before it `NAME.2`, and so on; the last goes.
 *
 * Throws `disk_full` or `store_failed`; then some of the lines may be there.
 */
export async function appendLines(folder: string, name: string, lines: Uint8Array, rotation: Rotation): Promise<void> {
  try {
    await ensureFolder(folder);
    const path = join(folder, name);
    const size = (await stat(path).catch(() => undefined))?.size ?? 0;
    if (size > 0 && size + lines.length > rotation.maxBytes) await rotate(path, rotation.keep);
    const file = await open(path, "a+", PRIVATE_FILE_MODE);
    try {
      await cutPartOfLine(file);
      await file.appendFile(lines);
      await file.sync();
      await flushDrive(file.fd);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof WritError) throw cause;
    const { code } = cause as { code?: unknown };
    const isFull = code === "ENOSPC" || code === "EDQUOT";
    throw new WritError(isFull ? "disk_full" : "store_failed", `cannot append to \`${name}\`: ${messageOf(cause)}`, {
      cause,
    });
  }
}

async function rotate(path: string, keep: number): Promise<void> {
  await rm(`${path}.${keep}`, { force: true });
  for (let number = keep - 1; number >= 1; number -= 1) {
    await rename(`${path}.${number}`, `${path}.${number + 1}`).catch(ignoreMissing);
  }
  await rename(path, `${path}.1`);
}

function ignoreMissing(error: unknown): void {
  if ((error as { code?: unknown }).code !== "ENOENT") throw error;
}

/** Cuts the file behind its last line feed. */
async function cutPartOfLine(file: FileHandle): Promise<void> {
  const { size } = await file.stat();
  for (let end = size; end > 0; ) {
    const length = Math.min(TAIL_BYTES, end);
    const { buffer } = await file.read(new Uint8Array(length), 0, length, end - length);
    const last = buffer.lastIndexOf(LINE_FEED);
    if (last !== -1) {
      const keep = end - length + last + 1;
      if (keep < size) await file.truncate(keep);
      return;
    }
    end -= length;
    if (end === 0) await file.truncate(0);
  }
}
