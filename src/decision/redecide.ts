import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { RunId } from "#src/base/ids.ts";
import type { AgentPrincipal } from "#src/identity/authenticate.ts";
import type { Authorizer } from "#src/policy/authorizer.ts";
import { decideOnce } from "#src/policy/decide-twice.ts";
import type { Authority } from "./authority.ts";
import { isStale } from "./policy-age.ts";
import { buildRequest, rootsOf } from "./policy-request.ts";
import type { Target } from "./target.ts";

/** What {@link redecide} needs. */
export interface RedecideDependencies {
  readonly authority: Authority;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
}

/**
 * Whether the policies allow a call that a writ for command and resource alone is used for. Such a writ was decided without
 * the connection and the attributes that only a call shows: they are decided on now. Throws `writ_mismatch` for a no.
 */
export async function redecide(
  { authority, authorizer, clock }: RedecideDependencies,
  principal: AgentPrincipal,
  target: Target,
  cosigned: boolean,
  run?: { readonly id: RunId; readonly calls: number },
): Promise<void> {
  const policies = await authority.policies(principal.tenant);
  const now = clock.now();
  if (isStale(policies, now)) throw new WritError("writ_mismatch", "the policies are older than they may be");
  const stored = await authority.reach(principal.tenant, rootsOf(principal, target));
  const { policyRequest } = buildRequest({
    principal,
    target,
    claimed: {},
    now,
    stored,
    ...(run === undefined ? {} : { run }),
  });
  const decision = decideOnce(authorizer, policies.index, policyRequest, cosigned);
  if (decision.decision === "allow") return;
  throw new WritError("writ_mismatch", "the policies do not allow this call under a writ that names no call", {
    details: { policies: decision.determining },
  });
}
