import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { type Bytes, concatBytes, utf8 } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { randomBytes } from "./random.ts";

/** Length of a sealing key, in bytes. */
export const SEALING_KEY_BYTES = 32;
const NONCE_BYTES = 24;
const TAG_BYTES = 16;
const FORMAT = 1;

/**
 * Seals `plaintext` with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03).
 *
 * @param key 32 bytes
 * @param binding what the ciphertext belongs to (tenant, record, version …): it opens nowhere else
 * @returns a format byte (1), the 24-byte nonce, the ciphertext, the 16-byte tag
 */
export function seal(key: Uint8Array, plaintext: Uint8Array, binding: readonly string[], random = randomBytes): Bytes {
  const nonce = random(NONCE_BYTES);
  return concatBytes(Uint8Array.of(FORMAT), nonce, encrypt(key, nonce, plaintext, encodeBinding(binding)));
}

/** Opens what {@link seal} made; throws `crypto_failed` for a wrong key, another binding or a changed byte. */
export function open(key: Uint8Array, sealed: Uint8Array, binding: readonly string[]): Bytes {
  if (sealed.length < 1 + NONCE_BYTES + TAG_BYTES || sealed[0] !== FORMAT) {
    throw new WritError("crypto_failed", "a sealed value is malformed");
  }
  const nonce = sealed.subarray(1, 1 + NONCE_BYTES);
  return decrypt(key, nonce, sealed.subarray(1 + NONCE_BYTES), encodeBinding(binding));
}

/** XChaCha20-Poly1305 itself: ciphertext with the tag behind it. */
export function encrypt(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, associated: Uint8Array): Bytes {
  return Uint8Array.from(xchacha20poly1305(key, nonce, associated).encrypt(plaintext));
}

/** The inverse; throws `crypto_failed`. */
export function decrypt(key: Uint8Array, nonce: Uint8Array, ciphertext: Uint8Array, associated: Uint8Array): Bytes {
  try {
    return Uint8Array.from(xchacha20poly1305(key, nonce, associated).decrypt(ciphertext));
  } catch (cause) {
    throw new WritError("crypto_failed", "a sealed value does not open", { cause });
  }
}

/** An unambiguous encoding: every part with its length in front. Half a surrogate pair has no bytes of its own. */
function encodeBinding(parts: readonly string[]): Bytes {
  if (!parts.every((part) => part.isWellFormed())) throw new WritError("crypto_failed", "a binding is not well-formed");
  return utf8(parts.map((part) => `${part.length}:${part}`).join(""));
}
