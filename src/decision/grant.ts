import { WritError } from "#src/base/errors.ts";
import type { DecisionId, IdSource, RunId, TenantId, TokenId } from "#src/base/ids.ts";
import type { AgentPrincipal } from "#src/identity/authenticate.ts";
import { didOfSigner } from "#src/ucan/did-key.ts";
import type { Ipld } from "#src/ucan/ipld.ts";
import { draftDelegation } from "#src/ucan/mint.ts";
import type { Keyring } from "#src/vault/keyring.ts";
import type { Target } from "./target.ts";

/** What a writ's `meta` says. Signed with the rest, so that what checks it needs no look-up. */
export interface WritMeta {
  readonly tenant: TenantId;
  readonly decision: DecisionId;
  /** The key that asked: revoking it refuses the writ. */
  readonly key: TokenId;
  /** The run that it was granted in: it is good while that is active. */
  readonly run?: RunId;
  /** `one`: consumed by its first use; `many`: good until it expires. */
  readonly uses: "one" | "many";
  /** Whether a person vouched. */
  readonly cosigned: boolean;
  /** The CID of the token that says so: taking it back refuses the writ. */
  readonly cosigner?: string;
}

/** What a writ is minted for. */
export interface GrantRequest {
  readonly principal: AgentPrincipal;
  readonly target: Target;
  /** Where the call was given: the writ is good for it alone. */
  readonly callDigest?: string;
  /** The CID of the cosigner's token, where a person vouched. */
  readonly cosigner?: string;
  /** Milliseconds; until when that person's word holds: the writ ends no later. */
  readonly vouchedUntil?: number;
  readonly decisionId: DecisionId;
  readonly run?: RunId;
  readonly ttlSeconds: number;
  /** Milliseconds. */
  readonly now: number;
}

/** The longest time that a writ is good. */
export const MAX_LIFETIME_SECONDS = 300;

/** Throws `invalid_argument` for a lifetime that no writ can have. */
export function checkLifetime(seconds: number): void {
  if (Number.isSafeInteger(seconds) && seconds >= 1 && seconds <= MAX_LIFETIME_SECONDS) return;
  throw new WritError("invalid_argument", `a writ is good for 1 to ${MAX_LIFETIME_SECONDS} whole seconds`);
}

/** A writ before it is signed: the commit that records the decision does that. */
export interface WritDraft {
  /** The tenant's key that is to sign. */
  readonly keyId: string;
  readonly signedBytes: Uint8Array;
  /** Milliseconds. */
  readonly expiresAt: number;
  readonly singleUse: boolean;
}

/**
 * Drafts a writ: one command on one resource, for one agent, for a minute. A writ for a `write` or `danger` command, or from
 * an approval, is single-use.
 */
export function draftWrit(keyring: Keyring, ids: IdSource, request: GrantRequest): WritDraft {
  const { principal, target, callDigest, now } = request;
  const { id: keyId, signer } = keyring.tokenKey(principal.tenant);
  const tenantDid = didOfSigner(signer);
  const singleUse = target.tier !== "read" || request.cosigner !== undefined;
  const asked = Math.floor(now / 1000) + request.ttlSeconds;
  const expiresAtSeconds = Math.min(asked, Math.floor((request.vouchedUntil ?? Number.POSITIVE_INFINITY) / 1000));
  const meta: WritMeta = {
    tenant: principal.tenant,
    decision: request.decisionId,
    key: principal.token,
    ...(request.run === undefined ? {} : { run: request.run }),
    uses: singleUse ? "one" : "many",
    cosigned: request.cosigner !== undefined,
    ...(request.cosigner === undefined ? {} : { cosigner: request.cosigner }),
  };
  const signedBytes = draftDelegation({
    issuerDid: tenantDid,
    subjectDid: tenantDid,
    audienceDid: principal.agent.did,
    command: target.command,
    policy: writPolicy(target, callDigest),
    expiresAt: expiresAtSeconds,
    nonce: ids.random(12),
    meta: { ...meta },
  });
  return { keyId, signedBytes, expiresAt: expiresAtSeconds * 1000, singleUse };
}

/** What the policies of a writ, and of every delegation below it, are evaluated over. */
export interface WritArguments {
  readonly resource: { readonly type: string; readonly id: string };
  readonly connection: string;
  readonly call: string;
}

function writPolicy(target: Target, callDigest: string | undefined): Ipld[] {
  const policy: Ipld[] = [
    ["==", ".resource.type", target.resource.type],
    ["==", ".resource.id", target.resource.id],
  ];
  if (target.connection !== undefined) policy.push(["==", ".connection", target.connection.id]);
  if (callDigest !== undefined) policy.push(["==", ".call", callDigest]);
  return policy;
}
