import { closeSync, constants, fchmodSync, fsyncSync, openSync, writeSync } from "node:fs";
import type { KeyValue, SchemaElement } from "hyparquet";
import { ByteWriter, type ColumnSource, ParquetWriter } from "hyparquet-writer";
import { createSha256 } from "#src/crypto/hash.ts";
import { toStoreError } from "#src/io/durable-file.ts";

/** A file that was written, as far as an upload needs to know it. */
export interface WrittenFile {
  readonly path: string;
  readonly bytes: number;
  /** SHA-256 of all of it, lower-case hex. */
  readonly sha256: string;
  /** SHA-256 of each part of `partBytes`, the last one shorter. */
  readonly parts: readonly string[];
}

/** Decisions shrink to a fifth of their JSON at any level: what is left are hashes and ids. */
const ZSTD_LEVEL = 1;
/** Pages of half a mebibyte: a reader that looks for one event decodes no more. */
const PAGE_BYTES = 512 * 1024;

/**
 * A Parquet file that is written group of rows by group of rows: a group's columns are all that is in memory.
 *
 * The same rows give the same bytes. Errors of the file system are thrown as `disk_full` or `store_failed`.
 */
export class ParquetFile {
  private readonly file: HashedFile;
  private readonly writer: ParquetWriter;

  constructor(path: string, schema: SchemaElement[], partBytes: number) {
    this.file = new HashedFile(path, partBytes);
    const bytes = new ByteWriter();
    const sink = Object.assign(bytes, {
      flush: (): void => {
        this.file.write(new Uint8Array(bytes.buffer, 0, bytes.index));
        bytes.index = 0;
      },
      finish: (): void => {
        this.file.write(new Uint8Array(bytes.buffer, 0, bytes.index));
        bytes.index = 0;
      },
    });
    this.writer = new ParquetWriter({
      writer: sink,
      schema,
      codec: "ZSTD",
      compressors: { ZSTD: (input) => new Uint8Array(Bun.zstdCompressSync(input, { level: ZSTD_LEVEL })) },
      createdBy: "writ",
    });
  }

  /** Writes one group. */
  group(columnData: ColumnSource[], sortedBy: number): void {
    const rowGroupSize = Math.max(columnData[0]?.data.length ?? 0, 1);
    void this.writer.write({ columnData, rowGroupSize, pageSize: PAGE_BYTES });
    const group = this.writer.row_groups.at(-1);
    if (group !== undefined) group.sorting_columns = [{ column_idx: sortedBy, descending: false, nulls_first: false }];
  }

  /** Writes the end with the metadata, and makes the file durable. */
  finish(metadata: KeyValue[]): WrittenFile {
    this.writer.kvMetadata = metadata;
    void this.writer.finish();
    return this.file.finish();
  }

  /** Gives the file up; what was written of it is the caller's to remove. */
  abandon(): void {
    this.file.close();
  }
}

/** A new file for its owner alone, with the sums of its whole and of its parts. */
export class HashedFile {
  private readonly path: string;
  private readonly partBytes: number;
  private readonly handle: number;
  private readonly whole = createSha256();
  private part = createSha256();
  private inPart = 0;
  private written = 0;
  private isOpen = true;
  private readonly parts: string[] = [];

  constructor(path: string, partBytes: number) {
    this.path = path;
    this.partBytes = partBytes;
    this.handle = this.attempt(() => {
      const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
      const handle = openSync(path, flags, 0o600);
      fchmodSync(handle, 0o600);
      return handle;
    });
  }

  write(bytes: Uint8Array): void {
    this.attempt(() => {
      for (let done = 0; done < bytes.length; ) done += writeSync(this.handle, bytes, done);
    });
    this.written += bytes.length;
    this.whole.update(bytes);
    for (let at = 0; at < bytes.length; ) {
      const piece = bytes.subarray(at, at + this.partBytes - this.inPart);
      this.part.update(piece);
      this.inPart += piece.length;
      at += piece.length;
      if (this.inPart === this.partBytes) this.endPart();
    }
  }

  finish(): WrittenFile {
    if (this.inPart > 0 || this.parts.length === 0) this.endPart();
    this.attempt(() => fsyncSync(this.handle));
    this.close();
    return { path: this.path, bytes: this.written, sha256: this.whole.digestHex(), parts: this.parts };
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    closeSync(this.handle);
  }

  private endPart(): void {
    this.parts.push(this.part.digestHex());
    this.part = createSha256();
    this.inPart = 0;
  }

  private attempt<Value>(action: () => Value): Value {
    try {
      return action();
    } catch (cause) {
      throw toStoreError(cause, "write", this.path);
    }
  }
}
