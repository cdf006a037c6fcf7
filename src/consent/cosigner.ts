import { WritError } from "#src/base/errors.ts";
import type { AgentId, ApprovalId, EmergencyId, IdSource, RunId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "#src/store/reader.ts";
import { isRevoked } from "#src/store/writs.ts";
import { verifyDelegationChain } from "#src/ucan/chain.ts";
import { parseDelegation } from "#src/ucan/delegation.ts";
import { didOfSigner } from "#src/ucan/did-key.ts";
import type { SealedToken } from "#src/ucan/envelope.ts";
import type { Ipld } from "#src/ucan/ipld.ts";
import { mintDelegation } from "#src/ucan/mint.ts";
import type { Keyring } from "#src/vault/keyring.ts";
import type { Grant } from "./grants.ts";

/** What a person vouched for. */
export type Vouched =
  | { readonly kind: "approval"; readonly approval: ApprovalId; readonly command: string; readonly grant: Grant }
  | { readonly kind: "emergency"; readonly emergency: EmergencyId; readonly command: string; readonly agent: AgentId };

/** What a use says of itself. */
export interface CosignedUse {
  readonly command: string;
  readonly agent: AgentId;
  /** Digests of the call and of command and resource, as far as they are known. */
  readonly digests: { readonly call: string; readonly resource: string };
  /** The run that it is in and those that one is part of; none outside of any. */
  readonly runs: readonly RunId[];
}

/** The person's word as a token: a cosigner's UCAN, without which nothing that asks for a person is released. */
export interface Cosigner {
  /** Mints the token when a person has vouched. @param expiresAt milliseconds */
  mint(tenant: TenantId, vouched: Vouched, expiresAt: number): SealedToken;
  /** Whether the token stands, was minted here for this tenant and covers this use. */
  covers(tenant: TenantId, token: Uint8Array, vouched: Vouched, use: CosignedUse, now: number): Promise<boolean>;
}

/**
 * Makes the cosigner. The token is a UCAN 1.0 delegation: issuer and subject are the tenant's cosigner key, the audience
 * is the tenant; command, digest and scope are pinned by its policy, its end is the grant's.
 */
export function createCosigner(keyring: Keyring, reader: Reader, ids: IdSource): Cosigner {
  return {
    mint: (tenant, vouched, expiresAt) => {
      const signer = keyring.cosignerSigner(tenant);
      const issuerDid = didOfSigner(signer);
      return mintDelegation({
        signer,
        issuerDid,
        subjectDid: issuerDid,
        audienceDid: didOfSigner(keyring.ucanSigner(tenant)),
        command: vouched.command,
        policy: policyOf(vouched),
        expiresAt: Math.floor(expiresAt / 1000),
        nonce: ids.random(12),
        meta:
          vouched.kind === "approval"
            ? { tenant, approval: vouched.approval, uses: vouched.grant.uses }
            : { tenant, emergency: vouched.emergency },
      });
    },
    covers: async (tenant, token, vouched, use, now) => {
      try {
        const { cid, issuer, audience } = parseDelegation(token);
        const cosigners = keyring.cosignerSigners(tenant).map(didOfSigner);
        const tenantDids = keyring.ucanSigners(tenant).map(didOfSigner);
        if (!cosigners.includes(issuer) || !tenantDids.includes(audience)) return false;
        const revoked = await isRevoked(reader, tenant, cid);
        return verifyDelegationChain({
          proofs: [token],
          subject: issuer,
          holder: audience,
          command: use.command,
          args: argumentsOf(vouched, use),
          now: now / 1000,
          isRevoked: () => revoked,
        }).ok;
      } catch (error) {
        if (error instanceof WritError && error.code === "writ_invalid") return false;
        throw error;
      }
    },
  };
}

function policyOf(vouched: Vouched): Ipld[] {
  if (vouched.kind === "emergency") {
    return [
      ["==", ".emergency", vouched.emergency],
      ["==", ".agent", vouched.agent],
    ];
  }
  const { scope, digest, run } = vouched.grant;
  return [
    ["==", ".approval", vouched.approval],
    ["==", ".scope", scope],
    ["==", ".digest", digest],
    ...(run === undefined ? [] : [["==", ".run", run]]),
  ];
}

function argumentsOf(vouched: Vouched, { agent, digests, runs }: CosignedUse): Ipld {
  if (vouched.kind === "emergency") return { emergency: vouched.emergency, agent };
  const { scope, run } = vouched.grant;
  const isInRun = run !== undefined && runs.includes(run);
  return { approval: vouched.approval, scope, digest: digests[scope], agent, ...(isInRun ? { run } : {}) };
}
