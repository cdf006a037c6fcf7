import { createSigner, type Signer } from "#src/crypto/ed25519.ts";
import { type Delegation, type DelegationDraft, signDelegation } from "#src/ucan/delegation.ts";
import { didOfSigner } from "#src/ucan/did-key.ts";
import { type Invocation, type InvocationDraft, signInvocation } from "#src/ucan/invocation.ts";

/** Someone who signs, with a name by did:key. */
export interface Principal {
  readonly signer: Signer;
  readonly did: string;
}

/** The instant at which the tests happen, in seconds. */
export const NOW = 1_800_000_000;

/** A principal whose key follows from `seed`. */
export function principal(seed: number): Principal {
  const signer = createSigner(new Uint8Array(32).fill(seed));
  return { signer, did: didOfSigner(signer) };
}

export const tenant = principal(1);
export const agent = principal(2);
export const third = principal(3);

/** A delegation from `from` to `to` about the tenant, valid for a minute, with `changes`. */
export function delegate(from: Principal, to: Principal, changes: Partial<DelegationDraft> = {}): Delegation {
  return signDelegation(
    {
      audience: to.did,
      subject: tenant.did,
      command: "/github/issues",
      policy: [],
      nonce: new Uint8Array(16).fill(7),
      expiresAt: NOW + 60,
      ...changes,
    },
    from.signer,
  );
}

/** An invocation by `by` on the tenant, with `changes`. */
export function invoke(
  by: Principal,
  proofs: readonly Delegation[],
  changes: Partial<InvocationDraft> = {},
): Invocation {
  return signInvocation(
    {
      subject: tenant.did,
      command: "/github/issues/create",
      args: {},
      proofs: proofs.map((proof) => proof.cid),
      nonce: new Uint8Array(12).fill(9),
      expiresAt: NOW + 30,
      ...changes,
    },
    by.signer,
  );
}

/** The code that `run` throws, or "no error". */
export function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return "no error";
}
