import type { JsonObject } from "#src/base/canonical-json.ts";
import { isWritError } from "#src/base/errors.ts";
import type { Authorizer } from "#src/policy/authorizer.ts";
import type { PolicyRequest } from "#src/policy/closure.ts";
import { decideTwice } from "#src/policy/decide-twice.ts";
import { outcomeOf, type RecordedOutcome } from "#src/policy/replay.ts";
import type { ActivePolicies } from "./authority.ts";

/** What the shadowed version would have said, or why it said nothing. Nothing is ever enforced by it. */
export type ShadowVerdict =
  | { readonly version: number; readonly outcome: RecordedOutcome }
  | { readonly version: number; readonly failed: string };

/**
 * Evaluates the shadowed version on the very request that was decided; undefined where none is shadowed, which costs one
 * look at a member. Never throws: a shadow that fails is a shadow that said nothing.
 */
export function judgeInShadow(
  authorizer: Authorizer,
  { shadow }: ActivePolicies,
  request: PolicyRequest | undefined,
): ShadowVerdict | undefined {
  if (shadow === undefined || request === undefined) return undefined;
  const { version, index } = shadow;
  if (index === undefined) return { version, failed: "store_failed" };
  try {
    return { version, outcome: outcomeOf(decideTwice(authorizer, index, request)) };
  } catch (error) {
    return { version, failed: isWritError(error) ? error.code : "internal" };
  }
}

/**
 * The members of an event that say it. INVARIANT: `decision`, `policies` and `reasons` of an event are those that were
 * enforced; what a shadow said stands under these two names alone.
 */
export function describeShadow(verdict: ShadowVerdict | undefined): JsonObject {
  if (verdict === undefined) return {};
  const { version } = verdict;
  if ("failed" in verdict) return { shadow: { version, failed: verdict.failed } };
  const { decision, reason, policies, errors } = verdict.outcome;
  return {
    shadow_decision: decision,
    shadow: {
      version,
      policies: [...policies],
      ...(reason === undefined ? {} : { reason }),
      ...(errors.length === 0 ? {} : { policy_errors: [...errors] }),
    },
  };
}
