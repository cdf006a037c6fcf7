import { type Bytes, fromBase64, toBase64, utf8 } from "#src/base/bytes.ts";
import { canonicalize, type Json } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import { SIGNATURE_BYTES, type Signer, verifySignature } from "#src/crypto/ed25519.ts";
import { keyId } from "./keys.ts";
import { isHash, isIdentifier, requireMembers } from "./shape.ts";

/** What a seal vouches for: a chain up to one event, and the tree over all its events so far. */
export interface Head {
  readonly tenant: string;
  readonly seq: number;
  /** Of the event at `seq`, lower-case hex. */
  readonly hash: string;
  /** Of the tree over the events 1 to `seq`, lower-case hex. */
  readonly root: string;
}

/** Heads and the signature over them. */
export interface Seal {
  readonly heads: readonly Head[];
  /** Id of the key that signed. */
  readonly key: string;
  /** Base64 of 64 bytes. */
  readonly signature: string;
}

/**
 * The bytes that a seal signs: `"writ.seal.v1\n"` and the RFC 8785 form of `[{tenant, seq, hash, root}]`.
 *
 * Writ makes one seal for each tenant of a commit batch, with one head in it, so that one tenant's evidence never shows
 * another's head. A list of several verifies as well.
 */
export function sealMessage(heads: readonly Head[]): Bytes {
  return utf8(
    `writ.seal.v1\n${canonicalize(heads.map(({ tenant, seq, hash, root }) => ({ tenant, seq, hash, root })))}`,
  );
}

/** Seals heads that are durable. */
export function signSeal(signer: Signer, heads: readonly Head[]): Seal {
  return { heads, key: keyId(signer.publicKey), signature: toBase64(signer.sign(sealMessage(heads))) };
}

/** Whether `publicKey` signed these heads, and is the key that the seal names. Never throws on a malformed signature. */
export function verifySeal(seal: Seal, publicKey: Uint8Array): boolean {
  if (seal.key !== keyId(publicKey)) return false;
  let signature: Bytes;
  try {
    signature = fromBase64(seal.signature);
  } catch {
    return false;
  }
  return signature.length === SIGNATURE_BYTES && verifySignature(signature, sealMessage(seal.heads), publicKey);
}

/** A seal from JSON, strictly; throws `verification_failed`. `value` may have a `kind` besides. */
export function parseSeal(value: Json): Seal {
  const seal = requireMembers(value, ["heads", "key", "signature"], "the seal", ["kind"]);
  if (typeof seal["key"] !== "string" || typeof seal["signature"] !== "string") refuse("key and signature are text");
  if (!Array.isArray(seal["heads"]) || seal["heads"].length === 0) refuse("it has no heads");
  return { heads: seal["heads"].map(parseHead), key: seal["key"] as string, signature: seal["signature"] as string };
}

function parseHead(value: Json): Head {
  const head = requireMembers(value, ["hash", "root", "seq", "tenant"], "a head of the seal");
  if (!isIdentifier(head["tenant"])) refuse("`tenant` is not an identifier");
  if (!Number.isSafeInteger(head["seq"]) || (head["seq"] as number) < 1) refuse("`seq` is not a positive integer");
  if (!isHash(head["hash"]) || !isHash(head["root"])) refuse("`hash` and `root` have 64 hex digits");
  return head as unknown as Head;
}

function refuse(problem: string): never {
  throw new WritError("verification_failed", `the seal is malformed: ${problem}`);
}
