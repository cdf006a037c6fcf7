import { base58btc } from "multiformats/bases/base58";
import { type Bytes, concatBytes } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { isAcceptableKey, KEY_BYTES, type Signer } from "#src/crypto/ed25519.ts";

/** Multicodec `ed25519-pub`, 0xed as a varint. */
const ED25519_PREFIX = Uint8Array.of(0xed, 0x01);
// `did:key:`, multibase `z`, then 34 bytes in base58btc: always 47 characters, of which the codec fixes the first three.
const DID_KEY = /^did:key:z6Mk[1-9A-HJ-NP-Za-km-z]{44}$/;
// DID syntax (DID Core section 3.1) without path, query and fragment.
const DID = /^did:[a-z0-9]+:(?:[A-Za-z0-9._:-]|%[0-9A-Fa-f]{2})*[A-Za-z0-9._-]$/;
const MAX_DID_CHARACTERS = 512;

/**
 * The `did:key` of an Ed25519 public key (did:key method, multicodec 0xed, base58btc).
 * @param publicKey 32 bytes; `invalid_argument` unless it is canonical and not of small order
 */
export function formatDidKey(publicKey: Uint8Array): string {
  if (!isAcceptableKey(publicKey)) throw new WritError("invalid_argument", "not an acceptable Ed25519 public key");
  return `did:key:${base58btc.encode(concatBytes(ED25519_PREFIX, publicKey))}`;
}

/**
 * The 32 bytes of the public key that a `did:key` names.
 *
 * Strict, so that one key has one name: Ed25519 only, no fragment, and formatting the key again gives the same text. Keys
 * that are not canonical or of small order are refused. Throws `invalid_argument`.
 */
export function parseDidKey(did: string): Bytes {
  const publicKey = tryParseDidKey(did);
  if (publicKey === undefined) throw new WritError("invalid_argument", "not a did:key of an Ed25519 public key");
  return publicKey;
}

/** As {@link parseDidKey}, with undefined for anything that is not such a `did:key`. */
export function tryParseDidKey(did: string): Bytes | undefined {
  if (!DID_KEY.test(did)) return undefined;
  const known = parsedKeys.get(did);
  if (known !== undefined) return Uint8Array.from(known);
  const publicKey = decodeKey(did);
  if (publicKey === undefined) return undefined;
  if (parsedKeys.size >= 1024) parsedKeys.clear();
  parsedKeys.set(did, Uint8Array.from(publicKey));
  return publicKey;
}

/** Whether `text` has the form of a DID, of any method, without path, query or fragment. */
export function isDid(text: unknown): text is string {
  return typeof text === "string" && text.length <= MAX_DID_CHARACTERS && DID.test(text);
}

/** The `did:key` of whom `signer` signs for; computed once a signer. */
export function didOfSigner(signer: Signer): string {
  let did = signerDids.get(signer);
  if (did === undefined) {
    did = formatDidKey(signer.publicKey);
    signerDids.set(signer, did);
  }
  return did;
}

const signerDids = new WeakMap<Signer, string>();
// The form is bounded, so each entry is small; the table is emptied rather than grown, since names come from outside.
const parsedKeys = new Map<string, Bytes>();

function decodeKey(did: string): Bytes | undefined {
  const decoded = base58btc.decode(did.slice("did:key:".length));
  if (decoded.length !== ED25519_PREFIX.length + KEY_BYTES || decoded[0] !== 0xed || decoded[1] !== 0x01)
    return undefined;
  const publicKey = Uint8Array.from(decoded.subarray(ED25519_PREFIX.length));
  return isAcceptableKey(publicKey) && formatDidKey(publicKey) === did ? publicKey : undefined;
}
