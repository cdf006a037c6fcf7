import { type Bytes, fromBase64Url, toBase64Url } from "#src/base/bytes.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { createSigner, KEY_BYTES } from "#src/crypto/ed25519.ts";
import { sha256Hex } from "#src/crypto/hash.ts";

/**
 * What a key is for. `master` wraps the data keys, `ucan` is the root that each tenant's signing key is derived from,
 * `seal` is the Ed25519 seed that signs seals and checkpoints.
 */
export const KEY_PURPOSES = ["master", "ucan", "seal"] as const;
/** A purpose of a key. */
export type KeyPurpose = (typeof KEY_PURPOSES)[number];

/** One key. Never log it, never put it in an error. */
export interface MaterialKey {
  /** 16 hex characters, derived from the secret: see {@link keyIdOf}. */
  readonly id: string;
  readonly purpose: KeyPurpose;
  /** 32 bytes. */
  readonly secret: Bytes;
  /** RFC 3339, UTC. */
  readonly createdAt: string;
}

/** The keys of one purpose, newest first; there is always one. */
export type KeyList = readonly [MaterialKey, ...MaterialKey[]];

const LINE = /^writ-key-v1 ([a-z]+) ([0-9a-f]{16}) ([A-Za-z0-9_-]{43}) (\S{20,30})$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{3})?Z$/;
const MAX_KEYS = 256;

/**
 * The id that a secret has: for `seal` the first 16 hex characters of SHA-256 over the public key, so that anyone who
 * holds the public key can name it; for the others of SHA-256 over `"writ.key-id.v1\n" + purpose + secret`.
 */
export function keyIdOf(purpose: KeyPurpose, secret: Uint8Array): string {
  const hash =
    purpose === "seal" ? sha256Hex(createSigner(secret).publicKey) : sha256Hex(`writ.key-id.v1\n${purpose}`, secret);
  return hash.slice(0, 16);
}

/** A key made of 32 random bytes. */
export function createKey(purpose: KeyPurpose, source: { now(): number; random(length: number): Bytes }): MaterialKey {
  const secret = source.random(KEY_BYTES);
  return { id: keyIdOf(purpose, secret), purpose, secret, createdAt: toRfc3339(source.now()) };
}

/** The text form: `writ-key-v1 <purpose> <id> <base64url secret> <created at>`, a line each, with its line feed. */
export function formatKeyLines(keys: readonly MaterialKey[]): string {
  return keys
    .map((key) => `writ-key-v1 ${key.purpose} ${key.id} ${toBase64Url(key.secret)} ${key.createdAt}\n`)
    .join("");
}

/**
 * The keys of one purpose, newest first. Empty lines do not count.
 *
 * Throws `key_material_invalid` with `origin` and the line's number, never its text, for a malformed line, another
 * purpose, an id that is not the secret's, the same key twice, or no key at all.
 */
export function parseKeyLines(text: string, purpose: KeyPurpose, origin: string): KeyList {
  const keys: MaterialKey[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line === "") continue;
    const key = parseKeyLine(line, purpose, `${origin}, line ${index + 1}`);
    if (keys.some((other) => other.id === key.id)) invalid(`${origin}, line ${index + 1}`, "repeats a key");
    if (keys.length === MAX_KEYS) invalid(origin, `has more than ${MAX_KEYS} keys`);
    keys.push(key);
  }
  const [first, ...rest] = keys;
  if (first === undefined) return invalid(origin, "has no key");
  return [first, ...rest];
}

function parseKeyLine(line: string, purpose: KeyPurpose, origin: string): MaterialKey {
  const match = LINE.exec(line);
  if (match === null) return invalid(origin, "is malformed");
  const [, namedPurpose = "", id = "", encoded = "", createdAt = ""] = match;
  if (namedPurpose !== purpose) return invalid(origin, `is a key for \`${namedPurpose}\`, not \`${purpose}\``);
  if (!INSTANT.test(createdAt) || Number.isNaN(Date.parse(createdAt))) return invalid(origin, "has a malformed time");
  const secret = decodeSecret(encoded, origin);
  if (keyIdOf(purpose, secret) !== id) return invalid(origin, "has an id that is not its key's");
  return { id, purpose, secret, createdAt };
}

function decodeSecret(encoded: string, origin: string): Bytes {
  try {
    return fromBase64Url(encoded);
  } catch (error) {
    // The cause is dropped where it might quote the text.
    if (isWritError(error)) return invalid(origin, "is malformed");
    throw error;
  }
}

function invalid(origin: string, problem: string): never {
  throw new WritError("key_material_invalid", `${origin} ${problem}`);
}
