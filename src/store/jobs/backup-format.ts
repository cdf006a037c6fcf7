import { fromBase64, toBase64, utf8 } from "#src/base/bytes.ts";
import { canonicalize, type JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import { sha256 } from "#src/crypto/hash.ts";
import { STREAM_NONCE_BYTES } from "#src/crypto/sealed-stream.ts";

/** What a backup begins with. */
export const BACKUP_MAGIC = "writ-backup-v1\n";
/** Bytes of a chunk before it is sealed. */
export const BACKUP_CHUNK_BYTES = 64 * 1024;
/** The longest header that is read. */
export const MAX_HEADER_BYTES = 64 * 1024;

/** Someone who can open a backup: whoever holds a master key, or knows a passphrase. */
export type BackupRecipient =
  | { readonly kind: "master"; readonly id: string; readonly wrapped: string }
  | { readonly kind: "passphrase"; readonly salt: string; readonly wrapped: string };

/** What a backup says of itself before it is opened. */
export interface BackupHeader {
  readonly instance: string;
  /** RFC 3339. */
  readonly madeAt: string;
  /** Of the sealed stream. */
  readonly nonce: Uint8Array;
  /** Each has the stream's key, wrapped. */
  readonly recipients: readonly BackupRecipient[];
}

/** The header's bytes: the magic line, and one of JSON. */
export function encodeBackupHeader({ instance, madeAt, nonce, recipients }: BackupHeader): Uint8Array {
  const json = canonicalize({
    chunk_bytes: BACKUP_CHUNK_BYTES,
    instance,
    made_at: madeAt,
    nonce: toBase64(nonce),
    recipients: recipients.map((recipient) => ({ ...recipient })),
  });
  return utf8(`${BACKUP_MAGIC}${json}\n`);
}

/** What every chunk is bound to: the header as it stands in the file. */
export function backupBinding(header: Uint8Array): Uint8Array {
  return sha256(header);
}

/** Reads the JSON line of a header. Throws `backup_invalid`. */
export function parseBackupHeader(line: string): BackupHeader {
  try {
    const json = JSON.parse(line) as JsonObject;
    const { instance, made_at: madeAt, chunk_bytes: chunk, recipients } = json;
    if (typeof instance !== "string" || typeof madeAt !== "string" || chunk !== BACKUP_CHUNK_BYTES) throw new Error();
    if (!Array.isArray(recipients) || recipients.length === 0 || recipients.length > 16) throw new Error();
    const nonce = fromBase64(String(json["nonce"]));
    if (nonce.length !== STREAM_NONCE_BYTES) throw new Error();
    return {
      instance,
      madeAt,
      nonce,
      recipients: recipients.map((recipient) => parseRecipient(recipient as JsonObject)),
    };
  } catch {
    throw new WritError("backup_invalid", "the header of the backup is malformed");
  }
}

function parseRecipient({ kind, id, salt, wrapped }: JsonObject): BackupRecipient {
  if (typeof wrapped !== "string") throw new Error();
  if (kind === "master" && typeof id === "string") return { kind, id, wrapped };
  if (kind === "passphrase" && typeof salt === "string") return { kind, salt, wrapped };
  throw new Error();
}

/** What stands before a file in the stream; the end has a line of its own. */
export type BackupEntry = { readonly name: string; readonly bytes: number } | { readonly end: true };

/** The line of an entry. */
export function encodeEntry(entry: BackupEntry): Uint8Array {
  return utf8(`${canonicalize({ ...entry })}\n`);
}

const NAME = /^(?:writ\.db|keys\/(?:master|ucan|seal)\.key|spool\/[A-Za-z0-9_.-]{1,200}(?:\/[A-Za-z0-9_.-]{1,200})?)$/;

/** Reads the line of an entry: only files of a data folder have a name. Throws `backup_invalid`. */
export function parseEntry(line: string): BackupEntry {
  let json: JsonObject;
  try {
    json = JSON.parse(line) as JsonObject;
  } catch {
    return malformed();
  }
  if (json["end"] === true) return { end: true };
  const { name, bytes } = json;
  if (typeof name !== "string" || !NAME.test(name) || name.includes("..")) return malformed();
  return Number.isSafeInteger(bytes) && (bytes as number) >= 0 ? { name, bytes: bytes as number } : malformed();
}

function malformed(): never {
  throw new WritError("backup_invalid", "an entry of the backup is malformed");
}
