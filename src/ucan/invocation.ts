import type { CID } from "multiformats/cid";
import type { Bytes } from "#src/base/bytes.ts";
import type { Signer } from "#src/crypto/ed25519.ts";
import { parseCommand } from "./command.ts";
import { didOfSigner } from "./did-key.ts";
import { isTokenLink, parseTokenCid, type SealedToken, sealEnvelope, type TokenVersion } from "./envelope.ts";
import { type IpldMap, isLink, ownField } from "./ipld.ts";
import {
  bytesField,
  didField,
  expiryField,
  linkField,
  mapField,
  openToken,
  refuseToken,
  timeField,
} from "./payload.ts";

/** How many proofs an invocation may rest on. */
export const MAX_PROOFS = 8;

/** An invocation whose form and signature were checked. Whether it may be done is the chain's question. */
export interface Invocation extends SealedToken {
  readonly version: TokenVersion;
  /** `iss`: who asks, a `did:key`. */
  readonly issuer: string;
  /** `sub`: whose resources. */
  readonly subject: string;
  /** `aud`: who is to do it; undefined where that is the subject. */
  readonly audience: string | undefined;
  /** `cmd`. */
  readonly command: string;
  readonly args: IpldMap;
  /** `prf`: the CIDs of the delegations, the root first. */
  readonly proofs: readonly string[];
  readonly nonce: Bytes;
  readonly meta: IpldMap | undefined;
  /** `nbf`: not in the specification, but some write it; it binds where it stands. Seconds since 1970, inclusive. */
  readonly notBefore: number | undefined;
  /** `exp`: seconds since 1970, inclusive; null never. */
  readonly expiresAt: number | null;
  /** `iat`: a claim of the issuer. */
  readonly issuedAt: number | undefined;
  /** `cause`: the receipt that asked for this. */
  readonly cause: CID | undefined;
}

/** What a new invocation says. */
export interface InvocationDraft {
  readonly subject: string;
  readonly audience?: string | undefined;
  readonly command: string;
  readonly args: IpldMap;
  /** The CIDs of the delegations as text, the root first. */
  readonly proofs: readonly string[];
  readonly nonce: Uint8Array;
  readonly meta?: IpldMap | undefined;
  readonly expiresAt: number | null;
  readonly issuedAt?: number | undefined;
  readonly cause?: CID | undefined;
}

const FIELDS: ReadonlySet<string> = new Set([
  "iss",
  "sub",
  "aud",
  "cmd",
  "args",
  "prf",
  "nonce",
  "meta",
  "nbf",
  "exp",
  "iat",
  "cause",
]);

/**
 * Decodes an invocation (UCAN invocation specification, "Invocation Payload") and checks form and signature. Throws
 * `writ_invalid`, whatever the bytes are.
 */
export function parseInvocation(bytes: Uint8Array): Invocation {
  const envelope = openToken(bytes, "inv", FIELDS);
  const { payload } = envelope;
  return {
    bytes: envelope.bytes,
    cid: envelope.cid,
    version: envelope.version,
    issuer: didField(payload, "iss"),
    subject: didField(payload, "sub"),
    audience: Object.hasOwn(payload, "aud") ? didField(payload, "aud") : undefined,
    command: parseCommand(ownField(payload, "cmd")),
    args: mapField(payload, "args") ?? refuseToken("the field `args` is not a map"),
    proofs: proofsField(payload),
    nonce: bytesField(payload, "nonce"),
    meta: mapField(payload, "meta"),
    notBefore: timeField(payload, "nbf"),
    expiresAt: expiryField(payload),
    issuedAt: timeField(payload, "iat"),
    cause: linkField(payload, "cause"),
  };
}

/** Makes an invocation by `signer` and reads it back, so that nothing leaves that {@link parseInvocation} would refuse. */
export function signInvocation(draft: InvocationDraft, signer: Signer, version?: TokenVersion): Invocation {
  const payload: IpldMap = {
    iss: didOfSigner(signer),
    sub: draft.subject,
    ...(draft.audience === undefined ? {} : { aud: draft.audience }),
    cmd: draft.command,
    args: draft.args,
    prf: draft.proofs.map(parseTokenCid),
    nonce: draft.nonce,
    ...(draft.meta === undefined ? {} : { meta: draft.meta }),
    exp: draft.expiresAt,
    ...(draft.issuedAt === undefined ? {} : { iat: draft.issuedAt }),
    ...(draft.cause === undefined ? {} : { cause: draft.cause }),
  };
  return parseInvocation(sealEnvelope("inv", payload, signer, version).bytes);
}

function proofsField(payload: IpldMap): string[] {
  const value = ownField(payload, "prf");
  if (!Array.isArray(value)) refuseToken("the field `prf` is not a list");
  if (value.length > MAX_PROOFS) refuseToken(`the writ rests on more than ${MAX_PROOFS} proofs`);
  return value.map((link) =>
    isLink(link) && isTokenLink(link) ? link.toString() : refuseToken("a proof is not a link to a token"),
  );
}
