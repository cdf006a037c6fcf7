import { createHash, createHmac, hkdfSync, timingSafeEqual } from "node:crypto";
import { sha256 as sha256Reference } from "@noble/hashes/sha2.js";
import type { Bytes } from "#src/base/bytes.ts";

/** SHA-256 (FIPS 180-4) of all `parts` in turn, 32 bytes; by the runtime's native implementation. */
export function sha256(...parts: readonly (Uint8Array | string)[]): Bytes {
  const [only] = parts;
  // One part, the usual case, takes half the time without an object to feed, and half again without a buffer to copy.
  if (parts.length === 1 && only !== undefined) return Bun.SHA256.hash(only, new Uint8Array(32)) as Bytes;
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

/** The same in lower-case hex. */
export function sha256Hex(...parts: readonly (Uint8Array | string)[]): string {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return Bun.SHA256.hash(only, "hex");
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** SHA-256 by @noble/hashes: the reference that the native one is tested against. */
export function sha256Noble(bytes: Uint8Array): Uint8Array {
  return sha256Reference(bytes);
}

/** HMAC-SHA-256 (RFC 2104), 32 bytes. */
export function hmacSha256(key: Uint8Array, message: Uint8Array | string): Bytes {
  return new Uint8Array(createHmac("sha256", key).update(message).digest());
}

/**
 * HKDF-SHA-256 (RFC 5869).
 * @param salt names the purpose, so that two purposes never share a key
 * @param info names the one who it is for
 * @returns 32 bytes
 */
export function deriveKey(secret: Uint8Array, salt: string, info: string): Bytes {
  return new Uint8Array(hkdfSync("sha256", secret, salt, info, 32));
}

/** A running SHA-256, for bodies that stream by. */
export function createSha256(): { update(bytes: Uint8Array): void; digestHex(): string } {
  const hash = createHash("sha256");
  return { update: (bytes) => void hash.update(bytes), digestHex: () => hash.digest("hex") };
}

/** Whether two byte strings are equal, in a time that depends on their lengths alone. */
export function equalInConstantTime(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
