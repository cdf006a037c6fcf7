import { scrypt } from "node:crypto";
import type { Bytes } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";

/** Cost of a guess: some 128 MiB and half a second. */
export const PASSPHRASE_COST = { n: 131_072, r: 8, p: 1 } as const;
/** The least characters of a passphrase. */
export const MIN_PASSPHRASE = 12;

/** A key of 32 bytes from a passphrase, by scrypt (RFC 7914), off the calling thread. Throws `invalid_argument`. */
export function derivePassphraseKey(passphrase: string, salt: Uint8Array): Promise<Bytes> {
  if (passphrase.length < MIN_PASSPHRASE) {
    throw new WritError("invalid_argument", `a passphrase has at least ${MIN_PASSPHRASE} characters`);
  }
  const { n, r, p } = PASSPHRASE_COST;
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize("NFC"), salt, 32, { N: n, r, p, maxmem: 256 * 2 ** 20 }, (error, key) => {
      if (!error) resolve(new Uint8Array(key));
      else reject(new WritError("crypto_failed", "the key of the passphrase could not be derived", { cause: error }));
    });
  });
}
