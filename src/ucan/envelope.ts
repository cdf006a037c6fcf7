import { decode, encode } from "@ipld/dag-cbor";
import { base32 } from "multiformats/bases/base32";
import { CID } from "multiformats/cid";
import { type Bytes, concatBytes, equalBytes, fromBase64Url, toBase64Url } from "#src/base/bytes.ts";
import { invariant, WritError } from "#src/base/errors.ts";
import { SIGNATURE_BYTES, type Signer, verifySignature } from "#src/crypto/ed25519.ts";
import { sha256 } from "#src/crypto/hash.ts";
import { checkCborBounds, type Ipld, type IpldMap, isBytes, isIpldMap, ownField } from "./ipld.ts";
import { encodePlain } from "./plain-cbor.ts";

/** What a token is: a delegation or an invocation. */
export type TokenKind = "dlg" | "inv";
/** The version that a token's tag names. */
export type TokenVersion = "1.0.0" | "1.0.0-rc.1";

/** The longest token that is looked at, in bytes. */
export const MAX_TOKEN_BYTES = 8192;
const MAX_TOKEN_CHARACTERS = Math.ceil((MAX_TOKEN_BYTES * 4) / 3);

/** A signed token. */
export interface SealedToken {
  /** The envelope in DAG-CBOR. */
  readonly bytes: Bytes;
  /** Its CIDv1 (dag-cbor, SHA-256) in base32, `bafyrei…`. */
  readonly cid: string;
}

/** A decoded envelope. Nothing of it is proven until {@link verifyEnvelope} says so. */
export interface Envelope extends SealedToken {
  readonly kind: TokenKind;
  readonly version: TokenVersion;
  readonly payload: IpldMap;
  /** 64 bytes. */
  readonly signature: Bytes;
  /** What the signature is over: the encoded second half of the envelope. */
  readonly signedBytes: Bytes;
}

/** Varsig v1: sigil 0x34, version 1, EdDSA over edwards25519 with SHA-512, payload encoded as DAG-CBOR. */
const VARSIG_ED25519 = Uint8Array.of(0x34, 0x01, 0xed, 0x01, 0xed, 0x01, 0x13, 0x71);
/** An array of two, whose first item is 64 bytes: what every envelope begins with. */
const ENVELOPE_HEAD = Uint8Array.of(0x82, 0x58, SIGNATURE_BYTES);
/** CIDv1, dag-cbor, sha2-256, 32 bytes. */
const CID_PREFIX = Uint8Array.of(0x01, 0x71, 0x12, 0x20);

const TAGS: ReadonlyMap<string, { readonly kind: TokenKind; readonly version: TokenVersion }> = new Map([
  ["ucan/dlg@1.0.0", { kind: "dlg", version: "1.0.0" }],
  ["ucan/dlg@1.0.0-rc.1", { kind: "dlg", version: "1.0.0-rc.1" }],
  ["ucan/inv@1.0.0", { kind: "inv", version: "1.0.0" }],
  ["ucan/inv@1.0.0-rc.1", { kind: "inv", version: "1.0.0-rc.1" }],
]);

/** Signs `payload` and wraps it (UCAN specification, "UCAN Envelope"): `[signature, {h: varsig, tag: payload}]`. */
export function sealEnvelope(
  kind: TokenKind,
  payload: IpldMap,
  signer: Signer,
  version: TokenVersion = "1.0.0",
): SealedToken {
  return signHalf(encodeHalf(kind, payload, version), signer);
}

/** The half of an envelope that its signature is over: `{h: varsig, tag: payload}` in DAG-CBOR. */
export function encodeHalf(kind: TokenKind, payload: IpldMap, version: TokenVersion = "1.0.0"): Bytes {
  const half = { h: VARSIG_ED25519, [`ucan/${kind}@${version}`]: payload };
  return encodePlain(half) ?? Uint8Array.from(encode(half));
}

/** Signs such a half and puts the envelope around it. */
export function signHalf(signedBytes: Uint8Array, signer: Signer): SealedToken {
  const bytes = concatBytes(ENVELOPE_HEAD, signer.sign(signedBytes), signedBytes);
  invariant(bytes.length <= MAX_TOKEN_BYTES, "a token fits its own limit");
  return { bytes, cid: tokenCid(bytes) };
}

/**
 * Decodes an envelope strictly. Throws `writ_invalid` for anything but the one DAG-CBOR encoding of `[64 bytes, {h, tag}]`
 * with the Ed25519 varsig and a known tag, in at most {@link MAX_TOKEN_BYTES}: trailing bytes, unsorted or repeated keys,
 * long forms of numbers and whole numbers written as floats are all invalid.
 */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  if (bytes.length > MAX_TOKEN_BYTES) throw new WritError("writ_invalid", "the writ is too large");
  const own = Uint8Array.from(bytes);
  checkCborBounds(own);
  const value = decodeCanonical(own);
  if (!Array.isArray(value) || value.length !== 2) throw new WritError("writ_invalid", "not a UCAN envelope");
  const [signature, half] = value as [Ipld, Ipld];
  if (!isBytes(signature) || signature.length !== SIGNATURE_BYTES) {
    throw new WritError("writ_invalid", "the signature has the wrong length");
  }
  return {
    ...readSignedHalf(half),
    signature: Uint8Array.from(signature),
    signedBytes: own.subarray(ENVELOPE_HEAD.length + SIGNATURE_BYTES),
    bytes: own,
    cid: tokenCid(own),
  };
}

/** Whether the envelope's signature was made by `publicKey`. Never throws. */
export function verifyEnvelope(envelope: Envelope, publicKey: Uint8Array): boolean {
  return verifySignature(envelope.signature, envelope.signedBytes, publicKey);
}

/** The CID of a token's bytes as text: CIDv1, dag-cbor, sha2-256, lower-case base32. */
export function tokenCid(bytes: Uint8Array): string {
  return base32.encode(concatBytes(CID_PREFIX, sha256(bytes)));
}

/** A token's CID as a link; throws `writ_invalid` for text that is not the CID of a token. */
export function parseTokenCid(text: string): CID {
  try {
    const link = CID.parse(text, base32);
    if (isTokenLink(link) && link.toString(base32) === text) return link;
  } catch {
    // Refused below, together with links to something else.
  }
  throw new WritError("writ_invalid", "not the cid of a token");
}

/** Whether a link has the form of a token's: CIDv1, dag-cbor, a SHA-256 of 32 bytes. */
export function isTokenLink(link: CID): boolean {
  return link.bytes.length === CID_PREFIX.length + 32 && equalBytes(link.bytes.subarray(0, 4), CID_PREFIX);
}

/** A token as it stands in a header: unpadded base64url. */
export function encodeTokenText(bytes: Uint8Array): string {
  return toBase64Url(bytes);
}

/** The bytes of a token's text; throws `writ_invalid` when it is too long or not canonical base64url. */
export function decodeTokenText(text: string): Bytes {
  if (text.length > MAX_TOKEN_CHARACTERS) throw new WritError("writ_invalid", "the writ is too large");
  try {
    return fromBase64Url(text);
  } catch (cause) {
    throw new WritError("writ_invalid", "the writ is not base64url", { cause });
  }
}

function decodeCanonical(bytes: Bytes): Ipld {
  let value: Ipld;
  let again: Uint8Array;
  try {
    value = decode(bytes);
    again = encode(value);
  } catch (cause) {
    throw new WritError("writ_invalid", "the writ is not dag-cbor", { cause });
  }
  if (!equalBytes(again, bytes)) throw new WritError("writ_invalid", "the writ is not canonical dag-cbor");
  return value;
}

function readSignedHalf(half: Ipld): Pick<Envelope, "kind" | "version" | "payload"> {
  if (!isIpldMap(half)) throw new WritError("writ_invalid", "not a UCAN envelope");
  const header = ownField(half, "h");
  if (!isBytes(header) || !equalBytes(header, VARSIG_ED25519)) {
    throw new WritError("writ_invalid", "the writ is not signed with Ed25519 over dag-cbor");
  }
  const [tag, ...others] = Object.keys(half).filter((key) => key !== "h");
  const known = tag === undefined ? undefined : TAGS.get(tag);
  if (tag === undefined || known === undefined || others.length > 0) {
    throw new WritError("writ_invalid", "the writ's tag is not one of UCAN 1.0");
  }
  const payload = ownField(half, tag);
  if (!isIpldMap(payload)) throw new WritError("writ_invalid", "the payload is not a map");
  return { ...known, payload };
}
