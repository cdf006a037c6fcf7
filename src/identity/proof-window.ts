import { WritError } from "#src/base/errors.ts";
import { type ReadProof, readProof, type SignedParts, verifyProof } from "./device-proof.ts";

/** Takes each proof once, and only for a while. */
export interface ProofWindow {
  /**
   * Throws `device_proof_refused` for a proof that is not of this key and these parts, that is too old or from the future, or
   * that was taken before; its details say what time it is here.
   */
  take(publicKey: Uint8Array, parts: SignedParts): void;
}

/** How old a proof may be, in seconds. */
export const MAX_AGE_SECONDS = 60;
/** How far a machine's clock may be ahead, in seconds. */
export const MAX_AHEAD_SECONDS = 2;
const MAX_REMEMBERED = 500_000;

/**
 * Makes a window. What was taken is remembered in memory for as long as it could be taken; what could have been taken before
 * this process began, and be forgotten, is refused.
 *
 * @param now milliseconds
 */
export function createProofWindow(now: () => number): ProofWindow {
  const taken = new Map<string, number>();
  const firstSecond = Math.floor(now() / 1000) + MAX_AHEAD_SECONDS;

  const forget = (second: number): void => {
    for (const [key, endsAt] of taken) {
      if (endsAt >= second && taken.size < MAX_REMEMBERED) break;
      if (endsAt >= second) throw new WritError("rate_limited", "too many requests of devices");
      taken.delete(key);
    }
  };

  return {
    take: (publicKey, parts) => {
      const second = Math.floor(now() / 1000);
      const refuse = (why: string): WritError =>
        new WritError("device_proof_refused", why, { details: { server_time: second } });
      const proof = readProof(parts);
      if (proof === undefined) throw refuse("the request has no signature of the device over what it must be over");
      const when = whyNotNow(proof, second, firstSecond);
      if (when !== undefined) throw refuse(when);
      if (!verifyProof(publicKey, parts, proof))
        throw refuse("the signature is not the device's, or not over this request");
      // Counted after it verified: nobody else fills the memory.
      const key = `${publicKey.toHex()} ${proof.nonce}`;
      if (taken.has(key)) throw refuse("the proof was used before");
      forget(second);
      taken.set(key, proof.created + MAX_AGE_SECONDS);
    },
  };
}

function whyNotNow({ created }: ReadProof, second: number, firstSecond: number): string | undefined {
  if (created > second + MAX_AHEAD_SECONDS) return "the proof is from the future: the device's clock is ahead";
  if (created < second - MAX_AGE_SECONDS) return "the proof is too old: sign again";
  if (created <= firstSecond) return "the server began after the proof was made: sign again in a moment";
  return undefined;
}
