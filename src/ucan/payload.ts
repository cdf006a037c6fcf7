import type { CID } from "multiformats/cid";
import type { Bytes } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { isDid, tryParseDidKey } from "./did-key.ts";
import { decodeEnvelope, type Envelope, type TokenKind, verifyEnvelope } from "./envelope.ts";
import { type Ipld, type IpldMap, isBytes, isIpldMap, isLink, ownField } from "./ipld.ts";

/** Refuses a token for what it is. */
export function refuseToken(message: string): never {
  throw new WritError("writ_invalid", message);
}

/**
 * Decodes a token of this kind and checks that its fields are among `fields` and that its `iss` signed it. Throws
 * `writ_invalid` for anything else.
 */
export function openToken(bytes: Uint8Array, kind: TokenKind, fields: ReadonlySet<string>): Envelope {
  const envelope = decodeEnvelope(bytes);
  if (envelope.kind !== kind) refuseToken("the writ is of another kind");
  for (const field of Object.keys(envelope.payload)) {
    if (!fields.has(field)) refuseToken("the writ has an unknown field");
  }
  const issuer = ownField(envelope.payload, "iss");
  const publicKey = typeof issuer === "string" ? tryParseDidKey(issuer) : undefined;
  if (publicKey === undefined) refuseToken("the issuer is not a did:key of an Ed25519 public key");
  if (!verifyEnvelope(envelope, publicKey)) refuseToken("the signature is not valid");
  return envelope;
}

/** A required field that holds a DID. */
export function didField(payload: IpldMap, key: string): string {
  const value = ownField(payload, key);
  if (!isDid(value)) refuseToken(`the field \`${key}\` is not a DID`);
  return value;
}

/** A required field that holds bytes. */
export function bytesField(payload: IpldMap, key: string): Bytes {
  const value = ownField(payload, key);
  if (!isBytes(value)) refuseToken(`the field \`${key}\` is not bytes`);
  return Uint8Array.from(value);
}

/** An optional field that holds a map. */
export function mapField(payload: IpldMap, key: string): IpldMap | undefined {
  const value = ownField(payload, key);
  if (value === undefined) return undefined;
  if (!isIpldMap(value)) refuseToken(`the field \`${key}\` is not a map`);
  return value;
}

/** An optional field that holds a link. */
export function linkField(payload: IpldMap, key: string): CID | undefined {
  const value = ownField(payload, key);
  if (value === undefined) return undefined;
  if (!isLink(value)) refuseToken(`the field \`${key}\` is not a link`);
  return value;
}

/** An optional time: whole seconds since 1970, within ±(2^53 − 1). */
export function timeField(payload: IpldMap, key: string): number | undefined {
  const value = ownField(payload, key);
  return value === undefined ? undefined : checkTime(key, value);
}

/** The required field `exp`: a time, or null for a token that never expires. */
export function expiryField(payload: IpldMap): number | null {
  const value = ownField(payload, "exp");
  return value === null ? null : checkTime("exp", value);
}

function checkTime(key: string, value: Ipld | undefined): number {
  if (!Number.isSafeInteger(value)) refuseToken(`the field \`${key}\` is not a time in whole seconds`);
  return value as number;
}
