import { closeSync, constants, fsyncSync, openSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { toHex, utf8 } from "#src/base/bytes.ts";
import { randomBytes } from "#src/crypto/random.ts";

/**
 * Writes a file so that after a crash there is the old one or the new one, whole: a temporary file beside it, fsync,
 * rename, fsync of the folder. Mode 0600 from its first byte on. Throws what the file system throws.
 */
export function writeFileDurably(path: string, text: string): void {
  const temporary = join(dirname(path), `.${basename(path)}.${toHex(randomBytes(8))}`);
  try {
    writeAndSync(temporary, text);
    renameSync(temporary, path);
  } catch (error) {
    removeIfThere(temporary);
    throw error;
  }
  syncFolder(dirname(path));
}

/** Makes what was created, renamed or removed in a folder durable. */
export function syncFolder(path: string): void {
  const handle = openSync(path, constants.O_RDONLY);
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function writeAndSync(path: string, text: string): void {
  const handle = openSync(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    const bytes = utf8(text);
    let written = 0;
    while (written < bytes.length) written += writeSync(handle, bytes, written);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was never made, or already renamed: the first error is the one that counts.
  }
}
