import { open } from "node:fs/promises";
import { WritError } from "#src/base/errors.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { toStoreError } from "./durable-file.ts";

/** What is put into a store: its length and sums are known before a byte is sent. */
export interface ObjectBody {
  readonly bytes: number;
  /** SHA-256 of all of it, lower-case hex. */
  readonly sha256: string;
  /** Length of each part but the last, which is shorter or as long. */
  readonly partBytes: number;
  /** SHA-256 of each part. */
  readonly parts: readonly string[];
  /** The bytes from `start` up to `end`. */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** What keeps an object from being deleted or replaced. */
export interface ObjectLock {
  readonly mode: "GOVERNANCE" | "COMPLIANCE";
  /** Milliseconds since 1970. */
  readonly until: number;
  readonly legalHold: boolean;
}

/** The lock that a store says an object has. */
export interface HeldLock {
  readonly mode: string | undefined;
  readonly until: number | undefined;
  readonly legalHold: boolean;
}

/** How an object is put. */
export interface PutOptions {
  readonly contentType: string;
  readonly lock?: ObjectLock;
  readonly signal?: AbortSignal;
}

/** An object as it is listed. */
export interface ObjectEntry {
  readonly key: string;
  readonly bytes: number;
}

/** An object on its way. */
export interface ObjectDownload {
  readonly bytes: number;
  readonly stream: ReadableStream<Uint8Array>;
}

/**
 * Objects by key: a folder, or a bucket of an S3-compatible store. Keys are relative to the store's own prefix.
 *
 * What fails for good is thrown as `object_store_failed`, with the store's own code in the message; `disk_full` and
 * `store_failed` for a folder; `upstream_failed`, `timeout` and `destination_refused` where a store cannot be reached.
 */
export interface ObjectStore {
  readonly kind: "folder" | "s3";
  /** For people; holds no credential. */
  readonly description: string;
  /** Puts an object; when it resolves the store has said that it is durable. Doing it again gives the same. */
  put(key: string, body: ObjectBody, options: PutOptions): Promise<void>;
  /** The object, or the bytes of it from `start` up to `end`; undefined where there is none. */
  get(key: string, range?: { readonly start: number; readonly end: number }): Promise<ObjectDownload | undefined>;
  /** Its length; undefined where there is none. */
  head(key: string): Promise<ObjectEntry | undefined>;
  /** Every object whose key begins with `prefix`, in the order of keys. */
  list(prefix: string): AsyncGenerator<ObjectEntry, void>;
  /** Removes an object; one that is not there is removed already. */
  delete(key: string): Promise<void>;
  /** What the store holds an object with; undefined where it knows no locks or has none for it. */
  readLock(key: string): Promise<HeldLock | undefined>;
  /** Has the store delete what is older than so many days; false where it takes no such rule. */
  expireAfter(days: number): Promise<boolean>;
}

/** Length of a part of an upload: what S3 accepts at least is 5 MiB. */
export const PART_BYTES = 8 * 2 ** 20;

/** A body that is in memory. */
export function bodyOfBytes(bytes: Uint8Array, partBytes = PART_BYTES): ObjectBody {
  const parts: string[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += partBytes)
    parts.push(sha256Hex(bytes.subarray(at, at + partBytes)));
  return {
    bytes: bytes.length,
    sha256: sha256Hex(bytes),
    partBytes,
    parts,
    read: async (start, end) => bytes.subarray(start, end),
  };
}

/** A body that is a file whose sums are known. */
export function bodyOfFile(
  path: string,
  known: { readonly bytes: number; readonly sha256: string; readonly parts: readonly string[] },
  partBytes = PART_BYTES,
): ObjectBody {
  return { ...known, partBytes, read: (start, end) => readRange(path, start, end) };
}

/** The bytes of a file from `start` up to `end`. Throws `store_failed` where it ends before. */
export async function readRange(path: string, start: number, end: number): Promise<Uint8Array> {
  try {
    const file = await open(path, "r");
    try {
      const bytes = new Uint8Array(end - start);
      for (let done = 0; done < bytes.length; ) {
        const { bytesRead } = await file.read(bytes, done, bytes.length - done, start + done);
        if (bytesRead === 0) throw new WritError("store_failed", `\`${path}\` is shorter than it was`);
        done += bytesRead;
      }
      return bytes;
    } finally {
      await file.close();
    }
  } catch (cause) {
    throw toStoreError(cause, "read", path);
  }
}

const KEY = /^(?!\/)(?:(?!\.{1,2}(?:\/|$))[A-Za-z0-9=_.-]+(?:\/(?!$)|$))+$/;

/** Throws `invalid_argument` for a key that a path could read as something else. */
export function checkKey(key: string): string {
  if (!KEY.test(key) || key.length > 900) {
    throw new WritError("invalid_argument", `\`${key.slice(0, 120)}\` is no key of an object`);
  }
  return key;
}

/** All of a download. Throws `object_store_failed` beyond so many bytes. */
export async function readObject(download: ObjectDownload, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of download.stream) {
    length += chunk.length;
    if (length > maxBytes) {
      await download.stream.cancel().catch(() => undefined);
      throw new WritError("object_store_failed", `an object has more than ${maxBytes} bytes`);
    }
    chunks.push(Uint8Array.from(chunk));
  }
  return new Uint8Array(Buffer.concat(chunks));
}
