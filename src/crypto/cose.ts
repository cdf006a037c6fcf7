import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { WritError } from "#src/base/errors.ts";
import { verifySignature } from "./ed25519.ts";

/** COSE algorithms (RFC 9053 section 2, RFC 8812 section 2) that passkeys sign with. */
export const COSE_ALGORITHMS = { eddsa: -8, es256: -7, rs256: -257 } as const;

/** A public key that signatures of one algorithm are checked with. */
export type CoseVerifier = (message: Uint8Array, signature: Uint8Array) => boolean;

/** Labels of a COSE_Key (RFC 9052 section 7, RFC 9053 section 7). */
const KEY_TYPE = 1;
const ALGORITHM = 3;
const OKP = 1;
const EC2 = 2;
const RSA = 3;
const P256 = 1;
const ED25519 = 6;
const MAX_KEY_BYTES = 2048;

/**
 * Reads a COSE_Key of Ed25519, of P-256 or of RSA and gives what checks its signatures: EdDSA as in RFC 8032, ES256 over
 * SHA-256 with the DER form that WebAuthn has it in, RS256 (PKCS #1 v1.5). Throws `crypto_failed` for anything else.
 */
export function coseVerifier(encoded: Uint8Array, algorithm: number): CoseVerifier {
  const key = readMap(encoded);
  if (key.get(ALGORITHM) !== algorithm) throw malformed("its algorithm is another");
  switch (algorithm) {
    case COSE_ALGORITHMS.eddsa: {
      if (key.get(KEY_TYPE) !== OKP || key.get(-1) !== ED25519) throw malformed("it is not one of Ed25519");
      const publicKey = bytesOf(key, -2, 32);
      return (message, signature) => verifySignature(signature, message, publicKey);
    }
    case COSE_ALGORITHMS.es256: {
      if (key.get(KEY_TYPE) !== EC2 || key.get(-1) !== P256) throw malformed("it is not one of P-256");
      const jwk = { kty: "EC", crv: "P-256", x: base64Url(bytesOf(key, -2, 32)), y: base64Url(bytesOf(key, -3, 32)) };
      return nativeVerifier(jwk);
    }
    case COSE_ALGORITHMS.rs256: {
      if (key.get(KEY_TYPE) !== RSA) throw malformed("it is not one of RSA");
      const n = bytesOf(key, -1);
      if (n.length < 256) throw malformed("it is shorter than 2048 bits");
      return nativeVerifier({ kty: "RSA", n: base64Url(n), e: base64Url(bytesOf(key, -2)) });
    }
    default:
      throw malformed("its algorithm is not known");
  }
}

function nativeVerifier(jwk: Readonly<Record<string, string>>): CoseVerifier {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: jwk, format: "jwk" });
  } catch (cause) {
    throw malformed("it is no point of its curve", cause);
  }
  return (message, signature) => {
    try {
      return verify("sha256", message, key, signature);
    } catch {
      // A signature that is no DER is not one of this key.
      return false;
    }
  };
}

/** A CBOR map of integers to integers and byte strings (RFC 8949), of definite lengths: all that these keys are made of. */
function readMap(encoded: Uint8Array): ReadonlyMap<number, number | Uint8Array> {
  if (encoded.length > MAX_KEY_BYTES) throw malformed("it is too long");
  let offset = 0;
  const head = (): readonly [major: number, value: number] => {
    const first = encoded[offset];
    if (first === undefined) throw malformed("it ends too early");
    offset += 1;
    const short = first & 0x1f;
    if (short < 24) return [first >> 5, short];
    const length = short === 24 ? 1 : short === 25 ? 2 : 0;
    if (length === 0 || offset + length > encoded.length) throw malformed("it has a length that no key has");
    let value = 0;
    for (let i = 0; i < length; i += 1) value = value * 256 + (encoded[offset + i] ?? 0);
    offset += length;
    return [first >> 5, value];
  };
  const integer = ([major, value]: readonly [number, number]): number => {
    if (major === 0) return value;
    if (major === 1) return -1 - value;
    throw malformed("a label or number in it is neither");
  };
  const [kind, count] = head();
  if (kind !== 5) throw malformed("it is no map");
  const map = new Map<number, number | Uint8Array>();
  for (let i = 0; i < count; i += 1) {
    const label = integer(head());
    const value = head();
    if (map.has(label)) throw malformed("a label stands twice");
    if (value[0] !== 2) {
      map.set(label, integer(value));
      continue;
    }
    if (offset + value[1] > encoded.length) throw malformed("it ends too early");
    map.set(label, encoded.subarray(offset, offset + value[1]));
    offset += value[1];
  }
  if (offset !== encoded.length) throw malformed("something stands behind it");
  return map;
}

function bytesOf(key: ReadonlyMap<number, number | Uint8Array>, label: number, length?: number): Uint8Array {
  const value = key.get(label);
  if (value instanceof Uint8Array && (length === undefined || value.length === length)) return value;
  throw malformed("a part of it is missing or has the wrong length");
}

function base64Url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64url");
}

function malformed(why: string, cause?: unknown): WritError {
  return new WritError("crypto_failed", `the public key is malformed: ${why}`, { cause });
}
