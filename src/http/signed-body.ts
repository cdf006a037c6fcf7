import { WritError } from "#src/base/errors.ts";
import { createSha256, equalInConstantTime, sha256 } from "#src/crypto/hash.ts";
import { parseContentDigest } from "#src/identity/device-proof.ts";

const NO_BODY_SHA256 = sha256("");

/** The digest that was signed; of nothing where there is no digest. Throws `device_proof_refused` for one of another form. */
export function signedDigest(request: Request): Uint8Array {
  const stated = request.headers.get("content-digest");
  if (stated === null) return NO_BODY_SHA256;
  const digest = parseContentDigest(stated);
  if (digest === undefined) throw new WritError("device_proof_refused", "`Content-Digest` is one SHA-256 (RFC 9530)");
  return digest;
}

/** Throws `device_proof_refused` for another body than the one of which a device signed the digest. */
export function requireSigned(bytes: Uint8Array, digest: Uint8Array): void {
  if (!equalInConstantTime(sha256(bytes), digest)) throw otherBody();
}

/** The same stream; its last piece is held back until all of it is what was signed, and another body fails before its end. */
export function checkedBody(body: ReadableStream<Uint8Array>, digest: Uint8Array): ReadableStream<Uint8Array> {
  const hash = createSha256();
  let held: Uint8Array | undefined;
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        hash.update(chunk);
        if (held !== undefined) controller.enqueue(held);
        held = chunk;
      },
      flush: (controller) => {
        if (hash.digestHex() !== digest.toHex()) {
          throw otherBody();
        }
        if (held !== undefined) controller.enqueue(held);
      },
    }),
  );
}

function otherBody(): WritError {
  return new WritError("device_proof_refused", "the body is not the one that the device signed");
}
