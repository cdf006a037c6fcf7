import { xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import type { Bytes } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";

/** Length of the random part of a stream's nonces. */
export const STREAM_NONCE_BYTES = 16;
/** Bytes that a chunk grows by. */
export const CHUNK_OVERHEAD_BYTES = 16;

/**
 * A long text sealed chunk by chunk with XChaCha20-Poly1305, after the STREAM construction (Hoang, Reyhanitabar, Rogaway,
 * Vizár 2015): the nonce of a chunk is 16 random bytes, its number in 7 bytes big-endian, and 1 for the last chunk or 0.
 * Chunks cannot be left out, swapped, repeated or taken from another stream, and an end that is missing shows.
 */
export class StreamSealer {
  private readonly cipher: ChunkCipher;

  /** @param associated what the stream belongs to: it opens with exactly this */
  constructor(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array) {
    this.cipher = new ChunkCipher(key, nonce, associated);
  }

  /** The next chunk, sealed. Nothing follows the last one. */
  seal(chunk: Uint8Array, isLast: boolean): Bytes {
    return Uint8Array.from(this.cipher.next(isLast).encrypt(chunk));
  }
}

/** The inverse of {@link StreamSealer}. */
export class StreamOpener {
  private readonly cipher: ChunkCipher;

  constructor(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array) {
    this.cipher = new ChunkCipher(key, nonce, associated);
  }

  /** The next chunk, opened; throws `crypto_failed` for one that does not belong in this place. */
  open(chunk: Uint8Array, isLast: boolean): Bytes {
    try {
      return Uint8Array.from(this.cipher.next(isLast).decrypt(chunk));
    } catch (cause) {
      throw new WritError("crypto_failed", "a chunk of a sealed stream does not open", { cause });
    }
  }
}

class ChunkCipher {
  private readonly key: Uint8Array;
  private readonly nonce = new Uint8Array(24);
  private readonly associated: Uint8Array;
  private count = 0n;
  private hasEnded = false;

  constructor(key: Uint8Array, nonce: Uint8Array, associated: Uint8Array) {
    if (nonce.length !== STREAM_NONCE_BYTES) throw new WritError("crypto_failed", "the nonce of a stream is malformed");
    this.key = key;
    this.nonce.set(nonce);
    this.associated = associated;
  }

  next(isLast: boolean) {
    if (this.hasEnded) throw new WritError("crypto_failed", "nothing follows the last chunk of a sealed stream");
    new DataView(this.nonce.buffer).setBigUint64(16, (this.count << 8n) | (isLast ? 1n : 0n));
    this.count += 1n;
    this.hasEnded = isLast;
    return xchacha20poly1305(this.key, this.nonce, this.associated);
  }
}
