import type { Bytes } from "#src/base/bytes.ts";
import { invariant } from "#src/base/errors.ts";
import type { Signer } from "#src/crypto/ed25519.ts";
import { parseCommand } from "./command.ts";
import { didOfSigner } from "./did-key.ts";
import { type SealedToken, sealEnvelope, type TokenVersion } from "./envelope.ts";
import { type Ipld, type IpldMap, ownField } from "./ipld.ts";
import { bytesField, didField, expiryField, mapField, openToken, timeField } from "./payload.ts";
import { type Policy, parsePolicy } from "./policy.ts";

/** A delegation whose form and signature were checked. Whether it is in time and grants anything is the chain's question. */
export interface Delegation extends SealedToken {
  readonly version: TokenVersion;
  /** `iss`: who grants, a `did:key`. */
  readonly issuer: string;
  /** `aud`: to whom. */
  readonly audience: string;
  /** `sub`: whose resources; null in a powerline, which passes on whatever the issuer is given. */
  readonly subject: string | null;
  /** `cmd`. */
  readonly command: string;
  /** `pol`. */
  readonly policy: Policy;
  readonly nonce: Bytes;
  readonly meta: IpldMap | undefined;
  /** `nbf`: seconds since 1970, inclusive. */
  readonly notBefore: number | undefined;
  /** `exp`: seconds since 1970, inclusive; null never. */
  readonly expiresAt: number | null;
}

/** What a new delegation says. */
export interface DelegationDraft {
  readonly audience: string;
  readonly subject: string | null;
  readonly command: string;
  /** Statements, as in `[["==", ".resource", "x"]]`. */
  readonly policy: readonly Ipld[];
  readonly nonce: Uint8Array;
  readonly meta?: IpldMap | undefined;
  readonly notBefore?: number | undefined;
  readonly expiresAt: number | null;
}

const FIELDS: ReadonlySet<string> = new Set(["iss", "aud", "sub", "cmd", "pol", "nonce", "meta", "nbf", "exp"]);

/**
 * Decodes a delegation (UCAN delegation specification, "Delegation Payload") and checks form and signature. Throws
 * `writ_invalid`, whatever the bytes are.
 */
export function parseDelegation(bytes: Uint8Array): Delegation {
  const envelope = openToken(bytes, "dlg", FIELDS);
  const { payload } = envelope;
  return {
    bytes: envelope.bytes,
    cid: envelope.cid,
    version: envelope.version,
    issuer: didField(payload, "iss"),
    audience: didField(payload, "aud"),
    subject: ownField(payload, "sub") === null ? null : didField(payload, "sub"),
    command: parseCommand(ownField(payload, "cmd")),
    policy: parsePolicy(ownField(payload, "pol")),
    nonce: bytesField(payload, "nonce"),
    meta: mapField(payload, "meta"),
    notBefore: timeField(payload, "nbf"),
    expiresAt: expiryField(payload),
  };
}

/** Makes a delegation by `signer` and reads it back, so that nothing leaves that {@link parseDelegation} would refuse. */
export function signDelegation(draft: DelegationDraft, signer: Signer, version?: TokenVersion): Delegation {
  const token = sealEnvelope("dlg", delegationPayload(draft, didOfSigner(signer)), signer, version);
  const delegation = parseDelegation(token.bytes);
  invariant(delegation.cid === token.cid, "a token has one cid");
  return delegation;
}

/** The payload map of a delegation. */
export function delegationPayload(draft: DelegationDraft, issuer: string): IpldMap {
  return {
    iss: issuer,
    aud: draft.audience,
    sub: draft.subject,
    cmd: draft.command,
    pol: draft.policy,
    nonce: draft.nonce,
    ...(draft.meta === undefined ? {} : { meta: draft.meta }),
    ...(draft.notBefore === undefined ? {} : { nbf: draft.notBefore }),
    exp: draft.expiresAt,
  };
}
