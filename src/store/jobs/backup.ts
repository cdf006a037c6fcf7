import { closeSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { WritError } from "#src/base/errors.ts";
import { StreamSealer } from "#src/crypto/sealed-stream.ts";
import { toStoreError } from "#src/io/durable-file.ts";
import { HashedFile, type WrittenFile } from "./archive-file.ts";
import { BACKUP_CHUNK_BYTES, backupBinding, encodeEntry } from "./backup-format.ts";
import type { JobContext } from "./job.ts";

/** What a backup is made of. */
export interface BackupInput {
  /** Where the copy of the database is made; removed again. */
  readonly snapshot: string;
  /** The file to write. */
  readonly path: string;
  readonly header: Uint8Array;
  /** Of the sealed stream: 32 bytes. */
  readonly key: Uint8Array;
  readonly nonce: Uint8Array;
  /** Files that go with the database, by the names that they have in a data folder; one that is gone meanwhile is left out. */
  readonly files: readonly { readonly name: string; readonly path: string }[];
  readonly partBytes: number;
}

/** What was written. */
export interface BackupResult extends WrittenFile {
  readonly files: number;
  /** Bytes of the database's copy. */
  readonly databaseBytes: number;
}

/**
 * Copies the database as it is at one moment, while others write to it, and seals the copy and what goes with it into one
 * file. The copy is complete and compact: what was deleted is not in it. Throws `disk_full` and `store_failed`.
 */
export async function makeBackup(context: JobContext, input: BackupInput): Promise<BackupResult> {
  const { db, breathe } = context;
  const { snapshot, path, header, key, nonce, files, partBytes } = input;
  rmSync(snapshot, { force: true });
  const out = new HashedFile(path, partBytes);
  try {
    // The connection is opened for reading alone; this only lets it write elsewhere.
    db.run("PRAGMA query_only = OFF");
    try {
      db.run("VACUUM INTO ?", [snapshot]);
    } catch (cause) {
      throw toStoreError(cause, "write", snapshot);
    } finally {
      db.run("PRAGMA query_only = ON");
    }
    out.write(header);
    const sealed = new SealedWriter(out, new StreamSealer(key, nonce, backupBinding(header)));
    let count = 0;
    for (const file of [{ name: "writ.db", path: snapshot }, ...files]) {
      const bytes = statSync(file.path, { throwIfNoEntry: false })?.size;
      if (bytes === undefined) continue;
      count += 1;
      sealed.write(encodeEntry({ name: file.name, bytes }));
      for (const chunk of readChunks(file.path, bytes)) {
        sealed.write(chunk);
        await breathe();
      }
    }
    sealed.write(encodeEntry({ end: true }));
    sealed.finish();
    return { ...out.finish(), files: count, databaseBytes: statSync(snapshot).size };
  } catch (error) {
    out.close();
    rmSync(path, { force: true });
    throw error;
  } finally {
    rmSync(snapshot, { force: true });
  }
}

function* readChunks(path: string, bytes: number): Generator<Uint8Array, void> {
  const file = openSync(path, "r");
  try {
    for (let done = 0; done < bytes; ) {
      const chunk = new Uint8Array(Math.min(BACKUP_CHUNK_BYTES, bytes - done));
      const read = readSync(file, chunk, 0, chunk.length, done);
      if (read === 0) throw new WritError("store_failed", `\`${path}\` became shorter while it was read`);
      done += read;
      yield chunk.subarray(0, read);
    }
  } finally {
    closeSync(file);
  }
}

/** Gathers what is written into chunks and seals them. */
class SealedWriter {
  private readonly out: HashedFile;
  private readonly sealer: StreamSealer;
  private readonly held = new Uint8Array(BACKUP_CHUNK_BYTES);
  private length = 0;

  constructor(out: HashedFile, sealer: StreamSealer) {
    this.out = out;
    this.sealer = sealer;
  }

  write(bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length; ) {
      // A full chunk is sealed when more is to come: the last one is marked as that.
      if (this.length === this.held.length) this.flush(false);
      const piece = bytes.subarray(at, at + this.held.length - this.length);
      this.held.set(piece, this.length);
      this.length += piece.length;
      at += piece.length;
    }
  }

  finish(): void {
    this.flush(true);
  }

  private flush(isLast: boolean): void {
    this.out.write(this.sealer.seal(this.held.subarray(0, this.length), isLast));
    this.length = 0;
  }
}
