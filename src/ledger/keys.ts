import { type Bytes, fromBase64, toBase64, utf8 } from "#src/base/bytes.ts";
import { canonicalize, type Json } from "#src/base/canonical-json.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { isAcceptableKey, KEY_BYTES, type Signer, verifySignature } from "#src/crypto/ed25519.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { isTimestamp, requireMembers } from "./shape.ts";
import { parseVerifierKey } from "./signed-note.ts";

/** What a published key is for. */
export type KeyPurpose = "seal";

/** A public key as it is announced. */
export interface PublishedKey {
  readonly purpose: KeyPurpose;
  /** {@link keyId} of the key. */
  readonly id: string;
  /** Base64 of 32 bytes. */
  readonly publicKey: string;
  /** When it came into use: RFC 3339, UTC, milliseconds. */
  readonly at: string;
  /** Id of the key that it replaces; absent for the first. */
  readonly previous?: string;
  /** Base64, over {@link keyMessage}: by the key before, or for the first key by itself. */
  readonly signature: string;
}

/** A key that seals may be signed with. */
export interface TrustedKey {
  readonly id: string;
  readonly publicKey: Bytes;
  /** Its place in the line of keys, from 0: a seal by an older key must not follow one by a newer. */
  readonly generation: number;
  /**
   * Whether a seal by this key proves anything: false for keys older than all that are pinned. Such a seal must still be
   * right, but only a seal of a newer, vouching key behind it makes its events count as sealed.
   */
  readonly vouches: boolean;
}

/** The first 16 hex characters of the SHA-256 sum of a public key. */
export function keyId(publicKey: Uint8Array): string {
  return sha256Hex(publicKey).slice(0, 16);
}

/** The bytes that an announcement signs: `"writ.key.v1\n"` and the RFC 8785 form of `{at, id, previous?, public_key, purpose}`. */
export function keyMessage(key: Omit<PublishedKey, "signature">): Bytes {
  const { at, id, previous, purpose } = key;
  return utf8(`writ.key.v1\n${canonicalize({ at, id, previous, public_key: key.publicKey, purpose })}`);
}

/**
 * Announces the key of `signer`. A first key signs itself, which shows that whoever announces it has it, and makes any
 * change of the announcement visible; a later one is signed by the key that it replaces.
 */
export function publishKey(signer: Signer, at: string, previous?: Signer): PublishedKey {
  const statement = {
    purpose: "seal" as const,
    id: keyId(signer.publicKey),
    publicKey: toBase64(signer.publicKey),
    at,
    ...(previous === undefined ? {} : { previous: keyId(previous.publicKey) }),
  };
  return { ...statement, signature: toBase64((previous ?? signer).sign(keyMessage(statement))) };
}

/** The JSON form of an announcement: as the interface, with `public_key`. */
export function keyToJson(key: PublishedKey): Record<string, Json> {
  return {
    at: key.at,
    id: key.id,
    ...(key.previous === undefined ? {} : { previous: key.previous }),
    public_key: key.publicKey,
    purpose: key.purpose,
    signature: key.signature,
  };
}

/** An announcement from JSON, strictly; throws `verification_failed`. `value` may have a `kind` besides. */
export function parseKey(value: Json): PublishedKey {
  const required = ["at", "id", "public_key", "purpose", "signature"];
  const json = requireMembers(value, required, "the key", ["kind", "previous"]);
  for (const name of Object.keys(json)) if (typeof json[name] !== "string") refuse(`\`${name}\` is not text`);
  const { at, id, previous, public_key: publicKey, purpose, signature } = json as Record<string, string>;
  if (purpose !== "seal") refuse(`its purpose is not \`seal\``);
  const key = { purpose: "seal", id, publicKey, at, ...(previous === undefined ? {} : { previous }), signature };
  return key as PublishedKey;
}

/**
 * The keys whose seals count, by id. Throws `verification_failed` when an announcement is malformed or wrongly signed,
 * when the keys do not form one line, each announced by the one before it, or when none of the pins is among them.
 *
 * What a pin vouches for:
 * - the pinned key, and every key reached from it forward: the old key's signature introduces the new one;
 * - not the keys before it. An old key that leaked after its rotation must not be able to vouch again because a newer
 *   one is pinned. Its seals are checked all the same and prove nothing alone; the next seal of a vouching key covers
 *   their events, since it signs the root over the whole tree.
 *
 * Without pins all keys vouch: the evidence agrees with itself, and who made it stays open.
 *
 * @param pinned key ids, or public keys in base64 or hex. An id has 64 bits only: prefer the whole key where it matters.
 */
export function trustKeys(keys: readonly PublishedKey[], pinned: readonly string[] = []): Map<string, TrustedKey> {
  const line = orderKeys(keys);
  const firstPinned = pinned.length === 0 ? 0 : line.findIndex((key) => pinned.some((pin) => matchesPin(key, pin)));
  if (firstPinned < 0) refuse(`none of the ${keys.length} keys here is a pinned one`);
  return new Map(line.map((key, generation) => [key.id, { ...key, generation, vouches: generation >= firstPinned }]));
}

/**
 * What a pin names, in one of the forms that {@link trustKeys} takes: an id, a public key in hex or base64, or a C2SP
 * verifier key, which is turned into its public key. Undefined for any other text.
 */
export function parsePin(text: string): string | undefined {
  const verifier = parseVerifierKey(text);
  if (verifier !== undefined) return toBase64(verifier.publicKey);
  if (/^[0-9a-f]{16}$/.test(text)) return text;
  if (/^[0-9a-fA-F]{64}$/.test(text)) return text.toLowerCase();
  return decodeBase64(text)?.length === KEY_BYTES ? text : undefined;
}

type KnownKey = { readonly id: string; readonly publicKey: Bytes };

function orderKeys(keys: readonly PublishedKey[]): KnownKey[] {
  const known = new Map<string, KnownKey>();
  for (const key of keys) {
    if (known.has(key.id)) refuse(`the key \`${show(key.id)}\` is announced twice`);
    known.set(key.id, { id: key.id, publicKey: decodeKey(key) });
  }
  const successors = new Map<string | undefined, PublishedKey>();
  for (const key of keys) {
    checkAnnouncement(key, known);
    const rival = successors.get(key.previous);
    if (rival !== undefined) refuse(`the keys \`${rival.id}\` and \`${key.id}\` both claim the same place in the line`);
    successors.set(key.previous, key);
  }
  const line: KnownKey[] = [];
  let lastAt = "";
  for (let key = successors.get(undefined); key !== undefined; key = successors.get(key.id)) {
    if (key.at < lastAt) refuse(`the key \`${key.id}\` is older than the one it replaces`);
    lastAt = key.at;
    line.push(known.get(key.id) as KnownKey);
  }
  if (line.length !== keys.length) refuse("the keys do not form one line from a first key");
  return line;
}

function decodeKey(key: PublishedKey): Bytes {
  const publicKey = decodeBase64(key.publicKey);
  if (publicKey === undefined || !isAcceptableKey(publicKey)) refuse(`the key \`${show(key.id)}\` is no Ed25519 key`);
  if (keyId(publicKey) !== key.id) refuse(`the key \`${show(key.id)}\` does not have this id`);
  if (!isTimestamp(key.at)) refuse(`\`at\` of the key \`${key.id}\` is not a time`);
  return publicKey;
}

function checkAnnouncement(key: PublishedKey, known: ReadonlyMap<string, KnownKey>): void {
  const announcer = known.get(key.previous ?? key.id);
  if (announcer === undefined)
    refuse(`the key \`${show(key.previous ?? "")}\` that announces \`${key.id}\` is not here`);
  const signature = decodeBase64(key.signature);
  if (signature === undefined || !verifySignature(signature, keyMessage(key), announcer.publicKey)) {
    refuse(`the announcement of the key \`${key.id}\` is not signed by \`${announcer.id}\``);
  }
}

function matchesPin(key: KnownKey, pin: string): boolean {
  return pin === key.id || pin === toBase64(key.publicKey) || pin.toLowerCase() === key.publicKey.toHex();
}

function decodeBase64(text: string): Bytes | undefined {
  try {
    return fromBase64(text);
  } catch (error) {
    if (isWritError(error)) return undefined;
    throw error;
  }
}

function show(text: string): string {
  return text.slice(0, 64);
}

function refuse(problem: string): never {
  throw new WritError("verification_failed", problem);
}
