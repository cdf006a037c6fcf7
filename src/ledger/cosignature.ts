import { type Bytes, utf8 } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { SIGNATURE_BYTES, type Signer, verifySignature } from "#src/crypto/ed25519.ts";
import { COSIGNATURE, noteKeyHash, parseSignatureLine, signatureLine, type VerifierKey } from "./signed-note.ts";

const TIME_BYTES = 8;

/** What a witness's Ed25519 cosignature signs: C2SP tlog-cosignature, `cosignature/v1`. */
function cosignatureMessage(seconds: number, text: string): Bytes {
  return utf8(`cosignature/v1\ntime ${seconds}\n${text}`);
}

/**
 * Verifies a witness's signature line over a checkpoint's text and gives the time that it states, in seconds since 1970.
 * Throws `verification_failed` for a line that is malformed, of another key, or wrong.
 */
export function verifyCosignature(line: string, text: string, key: VerifierKey): number {
  const { name, keyHash, signature } = parseSignatureLine(line);
  if (key.type !== COSIGNATURE || name !== key.name || keyHash !== noteKeyHash(key)) {
    throw new WritError("verification_failed", "the cosignature is by another key than the witness's");
  }
  if (signature.length !== TIME_BYTES + SIGNATURE_BYTES) {
    throw new WritError("verification_failed", "the cosignature has another length than it must have");
  }
  const view = new DataView(signature.buffer, signature.byteOffset, TIME_BYTES);
  const seconds = Number(view.getBigUint64(0));
  const isValid =
    Number.isSafeInteger(seconds) &&
    verifySignature(signature.subarray(TIME_BYTES), cosignatureMessage(seconds, text), key.publicKey);
  if (!isValid) throw new WritError("verification_failed", "the cosignature is not valid");
  return seconds;
}

/** A cosignature as a witness makes it, with its line feed. */
export function cosign(text: string, name: string, signer: Signer, seconds: number): string {
  const signature = new Uint8Array(TIME_BYTES + SIGNATURE_BYTES);
  new DataView(signature.buffer).setBigUint64(0, BigInt(seconds));
  signature.set(signer.sign(cosignatureMessage(seconds, text)), TIME_BYTES);
  return signatureLine(name, noteKeyHash({ name, type: COSIGNATURE, publicKey: signer.publicKey }), signature);
}
