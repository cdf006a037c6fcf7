import type { Bytes } from "#src/base/bytes.ts";
import { invariant } from "#src/base/errors.ts";
import type { Signer } from "#src/crypto/ed25519.ts";
import { parseCommand } from "./command.ts";
import { delegationPayload } from "./delegation.ts";
import { didOfSigner, isDid } from "./did-key.ts";
import { encodeHalf, type SealedToken, signHalf } from "./envelope.ts";
import type { Ipld, IpldMap } from "./ipld.ts";
import { parsePolicy } from "./policy.ts";

/** What a writ says. Times are in seconds since 1970. */
export interface MintRequest {
  readonly issuerDid: string;
  readonly audienceDid: string;
  readonly subjectDid: string;
  readonly command: string;
  /** Statements, as in `[["==", ".resource", "x"]]`. */
  readonly policy: readonly Ipld[];
  readonly expiresAt: number;
  readonly notBefore?: number | undefined;
  /** Unpredictable bytes, 12 or more. */
  readonly nonce: Uint8Array;
  readonly meta?: IpldMap | undefined;
}

/**
 * Makes a token that says yes. The short way: it checks what it is given but does not decode and verify what it made, as
 * `signDelegation` does. Throws `writ_invalid` for a malformed command or policy.
 */
export function mintDelegation(request: MintRequest & { readonly signer: Signer }): SealedToken {
  invariant(didOfSigner(request.signer) === request.issuerDid, "a writ is signed by its issuer");
  return signHalf(draftDelegation(request), request.signer);
}

/** The half of the same token that its issuer is to sign. Throws as {@link mintDelegation}. */
export function draftDelegation(request: MintRequest): Bytes {
  const { issuerDid, nonce, expiresAt, notBefore } = request;
  invariant(isDid(request.audienceDid) && isDid(request.subjectDid), "a writ names its principals by DID");
  invariant(nonce.length >= 12, "a writ's nonce has 12 bytes or more");
  invariant(Number.isSafeInteger(expiresAt), "a writ expires at a whole second");
  invariant(notBefore === undefined || Number.isSafeInteger(notBefore), "a writ begins at a whole second");
  const draft = {
    audience: request.audienceDid,
    subject: request.subjectDid,
    command: parseCommand(request.command),
    policy: parsePolicy(request.policy).source,
    nonce,
    meta: request.meta,
    notBefore,
    expiresAt,
  };
  return encodeHalf("dlg", delegationPayload(draft, issuerDid));
}
