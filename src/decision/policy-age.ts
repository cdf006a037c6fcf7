import { isWritError } from "#src/base/errors.ts";
import type { Authorizer } from "#src/policy/authorizer.ts";
import type { PolicyRequest } from "#src/policy/closure.ts";
import { decideTwice, type PolicyDecision, type PolicyDeny } from "#src/policy/decide-twice.ts";
import type { ActivePolicies } from "./authority.ts";

/** Policies whose bundle was not renewed in time decide nothing any more. */
const STALE: PolicyDeny = { decision: "deny", reason: "policies_stale", determining: [], errors: [] };

/**
 * Whether the policies came in a bundle whose age has passed: then the answer is no, whatever they say.
 *
 * @param now milliseconds
 */
export function isStale({ staleAt }: Pick<ActivePolicies, "staleAt">, now: number): boolean {
  return staleAt !== undefined && now >= staleAt;
}

/**
 * What the active policies say now of a request that fits their schema; of one that has anything of another type they are
 * not asked. Throws as {@link decideTwice}.
 *
 * @param mismatch why the request does not fit, where that is known already
 */
export function decideActive(
  authorizer: Authorizer,
  policies: ActivePolicies,
  request: PolicyRequest,
  now: number,
  mismatch?: string,
): PolicyDecision {
  if (isStale(policies, now)) return STALE;
  const why = mismatch ?? policies.requests.mismatchOf(request);
  if (why !== undefined) {
    return { decision: "deny", reason: "request_mismatch", mismatch: why, determining: [], errors: [] };
  }
  const decision = decideTwice(authorizer, policies.index, request);
  if (decision.decision !== "deny" || decision.errors.length === 0) return decision;
  // What could not be evaluated says nothing by itself; that the request lacks what the schema demands does.
  const missing = policies.requests.missingIn(request);
  return missing === undefined ? decision : { ...decision, reason: "request_mismatch", mismatch: missing };
}

/**
 * The same where a request that Cedar cannot read is a denial and no error: what an agent may say is checked before, so that
 * it is what is stored of the world that cannot be read, such as entities that are in one another.
 */
export function decideReadable(...asked: Parameters<typeof decideActive>): PolicyDecision {
  try {
    return decideActive(...asked);
  } catch (error) {
    if (!isWritError(error, "invalid_argument")) throw error;
    return { decision: "deny", reason: "request_mismatch", mismatch: UNREADABLE, determining: [], errors: [] };
  }
}

/** What exactly is wrong names entities, and is not for every reader of an event. */
const UNREADABLE = "what is stored of the agent, the resource or what they lead to cannot be evaluated";

/** Whether the policies were asked at all. */
export function wereAsked(decision: PolicyDecision): boolean {
  return (
    decision.decision !== "deny" || (decision.reason !== "policies_stale" && decision.reason !== "request_mismatch")
  );
}
