import { existsSync } from "node:fs";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { verifyDataFolder } from "#src/audit/verify.ts";
import { fromBase64, fromUtf8 } from "#src/base/bytes.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { derivePassphraseKey } from "#src/crypto/passphrase.ts";
import { CHUNK_OVERHEAD_BYTES, StreamOpener } from "#src/crypto/sealed-stream.ts";
import { open as openSealed } from "#src/crypto/sealing.ts";
import { ensureFolder, flush, flushFolder, PRIVATE_FILE_MODE, PRIVATE_FOLDER_MODE } from "#src/io/durable-file.ts";
import { databasePath } from "#src/store/database.ts";
import {
  BACKUP_CHUNK_BYTES,
  BACKUP_MAGIC,
  type BackupHeader,
  backupBinding,
  MAX_HEADER_BYTES,
  parseBackupHeader,
  parseEntry,
} from "#src/store/jobs/backup-format.ts";
import { PASSPHRASE_BINDING } from "./backups.ts";

/** A backup and what opens it. */
export interface RestoreBackupInput {
  readonly bytes: number;
  readonly stream: AsyncIterable<Uint8Array>;
  /** The data folder to make; no database may be in it. The caller holds its lock. */
  readonly into: string;
  /** The key under a master key; undefined where that master key is not here. */
  readonly unwrapKey: (masterKeyId: string, wrapped: Uint8Array) => Uint8Array | undefined;
  readonly passphrase?: string;
}

/** What was restored. */
export interface RestoredBackup {
  readonly instance: string;
  readonly madeAt: string;
  readonly files: readonly string[];
  /** Events of all chains, verified. */
  readonly events: number;
}

const NEWLINE = 0x0a;
const LINE_LIMIT = 4096;

/**
 * Opens a backup into a data folder: everything is opened and every chain verified before the database takes its place.
 * Key files that are there already stay.
 *
 * Throws `backup_invalid` for what is no backup, was changed or cut, or does not open with what is given;
 * `verification_failed` where what is in it does not verify; `conflict` where the folder has a database.
 */
export async function restoreBackup(input: RestoreBackupInput): Promise<RestoredBackup> {
  const { into } = input;
  if (existsSync(databasePath(into))) throw new WritError("conflict", `\`${into}\` has a database already`);
  const staging = join(into, ".restore");
  await rm(staging, { recursive: true, force: true });
  await ensureFolder(staging);
  try {
    const reading = new BackupReading(input.stream, input.bytes);
    const header = await reading.header();
    const files = await unpack(reading.open(await findKey(input, header), header.nonce), staging);
    const report = await verifyDataFolder(staging);
    if (!report.ok) throw new WritError("verification_failed", "what is in the backup does not verify");
    await moveInto(staging, into, files);
    return { instance: header.instance, madeAt: header.madeAt, files, events: report.events };
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function findKey(
  { unwrapKey, passphrase }: RestoreBackupInput,
  { recipients }: BackupHeader,
): Promise<Uint8Array> {
  for (const recipient of recipients) {
    const wrapped = fromBase64(recipient.wrapped);
    try {
      if (recipient.kind === "master") {
        const key = unwrapKey(recipient.id, wrapped);
        if (key !== undefined) return key;
      } else if (passphrase !== undefined) {
        const wrapping = await derivePassphraseKey(passphrase, fromBase64(recipient.salt));
        return openSealed(wrapping, wrapped, PASSPHRASE_BINDING);
      }
    } catch (error) {
      if (!isWritError(error, "crypto_failed")) throw error;
    }
  }
  const masters = recipients.flatMap((recipient) => (recipient.kind === "master" ? [recipient.id] : []));
  const asked = recipients.some(({ kind }) => kind === "passphrase") ? ", or its passphrase" : "";
  throw new WritError(
    "backup_invalid",
    `it opens with the master key ${masters.join(" or ")}${asked}, and not with this`,
  );
}

/** Writes the files of an opened stream below `folder`. */
async function unpack(chunks: AsyncGenerator<Uint8Array, void>, folder: string): Promise<readonly string[]> {
  const stream = new PlainReading(chunks);
  const files: string[] = [];
  for (;;) {
    const entry = parseEntry(await stream.line());
    if ("end" in entry) break;
    const path = join(folder, entry.name);
    await mkdir(dirname(path), { recursive: true, mode: PRIVATE_FOLDER_MODE });
    const file: FileHandle = await open(path, "wx", PRIVATE_FILE_MODE);
    try {
      for await (const piece of stream.take(entry.bytes)) await file.writeFile(piece);
      await flush(file);
    } finally {
      await file.close();
    }
    files.push(entry.name);
  }
  await stream.end();
  return files;
}

/** The database last: with it the folder counts as an instance's. */
async function moveInto(staging: string, into: string, files: readonly string[]): Promise<void> {
  const last = (name: string): number => (name === "writ.db" ? 1 : 0);
  for (const name of files.toSorted((a, b) => last(a) - last(b))) {
    const path = join(into, name);
    if (name.startsWith("keys/") && existsSync(path)) continue;
    await mkdir(dirname(path), { recursive: true, mode: PRIVATE_FOLDER_MODE });
    await rename(join(staging, name), path);
    await flushFolder(dirname(path));
  }
  await flushFolder(into);
}

/** A backup as it arrives: a header, then sealed chunks. */
class BackupReading {
  private readonly source: AsyncIterator<Uint8Array>;
  private held: Uint8Array = new Uint8Array();
  private left: number;
  private headerBytes: Uint8Array = new Uint8Array();

  constructor(stream: AsyncIterable<Uint8Array>, bytes: number) {
    this.source = stream[Symbol.asyncIterator]();
    this.left = bytes;
  }

  async header(): Promise<BackupHeader> {
    let end = -1;
    while (end < 0) {
      if (this.held.length >= MAX_HEADER_BYTES || !(await this.more())) break;
      end = this.held.indexOf(NEWLINE, BACKUP_MAGIC.length);
    }
    const text = Buffer.from(this.held.subarray(0, Math.max(end, 0))).toString("latin1");
    if (end < 0 || !text.startsWith(BACKUP_MAGIC)) throw new WritError("backup_invalid", "it is no backup of Writ");
    this.headerBytes = this.held.slice(0, end + 1);
    this.held = this.held.slice(end + 1);
    this.left -= end + 1;
    return parseBackupHeader(text.slice(BACKUP_MAGIC.length));
  }

  async *open(key: Uint8Array, nonce: Uint8Array): AsyncGenerator<Uint8Array, void> {
    const opener = new StreamOpener(key, nonce, backupBinding(this.headerBytes));
    const size = BACKUP_CHUNK_BYTES + CHUNK_OVERHEAD_BYTES;
    for (let isLast = false; !isLast; ) {
      const length = Math.min(size, this.left);
      isLast = this.left <= size;
      const chunk = await this.exactly(length);
      this.left -= length;
      try {
        yield opener.open(chunk, isLast);
      } catch (error) {
        if (isWritError(error, "crypto_failed")) throw new WritError("backup_invalid", "it was changed or cut");
        throw error;
      }
    }
  }

  private async exactly(length: number): Promise<Uint8Array> {
    while (this.held.length < length) {
      if (!(await this.more())) throw new WritError("backup_invalid", "it is shorter than it should be");
    }
    const chunk = this.held.slice(0, length);
    this.held = this.held.slice(length);
    return chunk;
  }

  private async more(): Promise<boolean> {
    const { done, value } = await this.source.next();
    if (done === true) return false;
    this.held = new Uint8Array(Buffer.concat([this.held, value]));
    return true;
  }
}

/** What was sealed: lines, and files of known lengths. */
class PlainReading {
  private readonly chunks: AsyncGenerator<Uint8Array, void>;
  private held: Uint8Array = new Uint8Array();

  constructor(chunks: AsyncGenerator<Uint8Array, void>) {
    this.chunks = chunks;
  }

  async line(): Promise<string> {
    for (;;) {
      const end = this.held.indexOf(NEWLINE);
      if (end >= 0) {
        const text = fromUtf8(this.held.subarray(0, end));
        this.held = this.held.slice(end + 1);
        return text;
      }
      if (this.held.length > LINE_LIMIT) throw new WritError("backup_invalid", "an entry of the backup is malformed");
      this.held = new Uint8Array(Buffer.concat([this.held, await this.next()]));
    }
  }

  async *take(bytes: number): AsyncGenerator<Uint8Array, void> {
    for (let left = bytes; left > 0; ) {
      if (this.held.length === 0) this.held = await this.next();
      const piece = this.held.subarray(0, left);
      this.held = this.held.slice(piece.length);
      left -= piece.length;
      yield piece;
    }
  }

  async end(): Promise<void> {
    const rest = await this.chunks.next();
    if (this.held.length > 0 || rest.done !== true) {
      throw new WritError("backup_invalid", "something follows the end of the backup");
    }
  }

  private async next(): Promise<Uint8Array> {
    const { done, value } = await this.chunks.next();
    if (done === true) throw new WritError("backup_invalid", "it ends before its end");
    return value;
  }
}
