import { fromBase64, fromBase64Url, toBase64, toBase64Url } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { createSigner, isAcceptableKey, KEY_BYTES, type Signer } from "#src/crypto/ed25519.ts";
import { publisherKeyId } from "./bundle.ts";

const SECRET = /^writ-publisher-v1 ([0-9a-f]{16}) ([A-Za-z0-9_-]{43})\n?$/;
const PUBLIC = /^writ-publisher-pub-v1 ([0-9a-f]{16}) ([A-Za-z0-9+/]{43}=)\n?$/;

/** A publisher's public key, and the id that bundles name it by. */
export interface PublisherKey {
  readonly id: string;
  readonly publicKey: Uint8Array;
}

/** The one line of a publisher's key file: `writ-publisher-v1 <id> <base64url seed>`. Never print it. */
export function formatPublisherSecret(seed: Uint8Array): string {
  return `writ-publisher-v1 ${publisherKeyId(createSigner(seed).publicKey)} ${toBase64Url(seed)}\n`;
}

/** The public half: `writ-publisher-pub-v1 <id> <base64 key>`; what tenants pin. */
export function formatPublisherKey({ id, publicKey }: PublisherKey): string {
  return `writ-publisher-pub-v1 ${id} ${toBase64(publicKey)}`;
}

/** Throws `key_material_invalid`, and repeats nothing of the text. */
export function parsePublisherSecret(text: string): Signer {
  const match = SECRET.exec(text);
  if (match === null) throw new WritError("key_material_invalid", "this is no publisher's key");
  const signer = createSigner(fromBase64Url(match[2] ?? ""));
  if (publisherKeyId(signer.publicKey) !== match[1]) {
    throw new WritError("key_material_invalid", "the publisher's key has an id that is not its own");
  }
  return signer;
}

/** The public half from its line, or from its base64 alone. Throws `invalid_argument`. */
export function parsePublisherKey(text: string): PublisherKey {
  const match = PUBLIC.exec(text);
  const publicKey = decode(match === null ? text.trim() : (match[2] ?? ""));
  if (publicKey === undefined || publicKey.length !== KEY_BYTES || !isAcceptableKey(publicKey)) {
    throw new WritError(
      "invalid_argument",
      "a publisher's key is `writ-publisher-pub-v1 ID KEY`, or base64 of 32 bytes",
    );
  }
  const id = publisherKeyId(publicKey);
  if (match !== null && match[1] !== id) throw new WritError("invalid_argument", "the key's id is not that key's");
  return { id, publicKey };
}

function decode(text: string): Uint8Array | undefined {
  try {
    return fromBase64(text);
  } catch {
    return undefined;
  }
}
