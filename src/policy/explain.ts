import type { Authorizer } from "./authorizer.ts";
import type { PolicyRequest } from "./closure.ts";
import { decideOnce, decideTwice, type PolicyDecision } from "./decide-twice.ts";
import { type ExplainedPolicy, explainPolicy, unmetDimensions } from "./explain-policy.ts";
import { withCosigned } from "./expression-set.ts";
import type { CompiledPolicy } from "./policy-set.ts";
import { findRemedies, type Remedy } from "./remedies.ts";
import type { PolicyIndex } from "./slice.ts";

/** Why a decision is what it is. */
export interface Explanation {
  readonly decision: PolicyDecision;
  /** The pass that is explained: `true` where a person's word was taken for given and still did not help. */
  readonly cosigned: boolean;
  readonly determining: readonly ExplainedPolicy[];
  /** Policies that could have changed the decision, nearest first: permits for a denial, forbids for an allow. */
  readonly near: readonly ExplainedPolicy[];
  /** Changes of the request that were decided as well and have a better outcome. */
  readonly remedies: readonly Remedy[];
  /** All of it in sentences, the decision first. */
  readonly sentences: readonly string[];
}

/** Bounds of an explanation. */
export interface ExplainOptions {
  /** How many policies that nearly determined it are shown; 5 unless said otherwise. */
  readonly maxNear?: number;
}

const DEFAULT_MAX_NEAR = 5;
/** Of so many, those that fit the request best by scope, conditions are looked at. */
const MAX_CANDIDATES = 40;

/**
 * Explains what {@link decideTwice} answers to `request`: recorded or made up. Costs some ten decisions and more, so it is
 * not for the way of a request. Throws as `decideTwice` does.
 *
 * The values of the request stand in the explanation: it is for those who may see them.
 */
export function explainDecision(
  authorizer: Authorizer,
  index: PolicyIndex,
  request: PolicyRequest,
  options: ExplainOptions = {},
): Explanation {
  const decision = decideTwice(authorizer, index, request);
  const slice = index.match(request);
  const matched = index.policiesOf(slice);
  const cosigned = settledByPerson(authorizer, index, request, decision, matched);
  const asEvaluated = withCosigned(request, cosigned);
  const explained = (policy: CompiledPolicy) => explainPolicy(policy, asEvaluated, slice);
  const ids = decision.decision === "step_up" ? [...decision.asked, ...decision.permits] : decision.determining;
  const determining = ids.flatMap((id) => index.get(id) ?? []).map(explained);
  const near = nearest(index, asEvaluated, decision)
    .map(explained)
    .filter(({ applies, policy }) => !applies && !ids.includes(policy))
    .sort((a, b) => distanceOf(a) - distanceOf(b))
    .slice(0, options.maxNear ?? DEFAULT_MAX_NEAR);
  const remedies = decision.decision === "allow" ? [] : findRemedies(authorizer, index, request, decision, near);
  return {
    decision,
    cosigned,
    determining,
    near,
    remedies,
    sentences: sentencesOf(decision, cosigned, determining, near, remedies),
  };
}

/** Whether the denial is one of the second pass. */
function settledByPerson(
  authorizer: Authorizer,
  index: PolicyIndex,
  request: PolicyRequest,
  decision: PolicyDecision,
  matched: readonly CompiledPolicy[],
): boolean {
  if (decision.decision !== "deny" || !matched.some(({ readsCosigned }) => readsCosigned)) return false;
  const first = decideOnce(authorizer, index, request, false);
  return first.decision === "deny" && first.reason !== "policy_error";
}

/** Policies that would have mattered, those first whose scope is missed in the fewest dimensions. */
function nearest(index: PolicyIndex, request: PolicyRequest, decision: PolicyDecision): readonly CompiledPolicy[] {
  const effect = decision.decision === "deny" ? "permit" : "forbid";
  const { closures } = index.match(request);
  const byMisses: CompiledPolicy[][] = [[], []];
  for (const policy of index.tenantPolicies()) {
    if (policy.effect !== effect) continue;
    // A policy for somebody else and something else is not near.
    const kept = byMisses[unmetDimensions(policy, request, closures).length];
    if (kept !== undefined && kept.length < MAX_CANDIDATES) kept.push(policy);
  }
  return byMisses.flat().slice(0, MAX_CANDIDATES);
}

/** How much of a policy is not met; what cannot be told behind the first failure counts a little. */
function distanceOf({ unmet, parts, failed }: ExplainedPolicy): number {
  const unreached = parts.filter(({ truth }) => truth.kind === "unreached").length;
  return unmet.length + (failed === undefined ? 0 : 1) + unreached / 100;
}

function sentencesOf(
  decision: PolicyDecision,
  cosigned: boolean,
  determining: readonly ExplainedPolicy[],
  near: readonly ExplainedPolicy[],
  remedies: readonly Remedy[],
): readonly string[] {
  const sentences = [...headOf(decision)];
  if (cosigned) sentences.push("a person's approval would not change that");
  for (const { policyId, effect, message } of decision.errors) {
    const consequence = effect === "forbid" ? "which is taken as a no" : "so it permits nothing";
    sentences.push(`policy \`${policyId}\` could not be evaluated, ${consequence}: ${message}`);
  }
  for (const { sentence, parts, applies } of determining) if (applies && parts.length > 0) sentences.push(sentence);
  for (const { sentence } of near) sentences.push(sentence);
  for (const { sentence } of remedies) sentences.push(sentence);
  return sentences;
}

function headOf(decision: PolicyDecision): readonly string[] {
  switch (decision.decision) {
    case "allow":
      return [`it is allowed: ${quoted(decision.determining)} permits it and nothing forbids it`];
    case "step_up":
      return [
        decision.asked.length === 0
          ? `it needs a person: ${quoted(decision.permits)} permits it only with one`
          : `it needs a person: ${quoted(decision.asked)} stops it until one vouches`,
      ];
    case "deny":
      switch (decision.reason) {
        case "forbidden":
          return [`it is denied: ${quoted(decision.determining)} forbids it`];
        case "policy_error":
          return ["it is denied: a policy that forbids could not be evaluated"];
        case "no_permit":
          return ["it is denied: no policy permits it"];
        case "request_mismatch":
          return ["it is denied: the request does not fit the schema"];
        case "policies_stale":
          return ["it is denied: the policies are older than they may be"];
        case "no_policies":
          return ["it is denied: there are no policies yet"];
      }
  }
}

function quoted(ids: readonly string[]): string {
  return ids.length === 0 ? "nothing" : ids.map((id) => `\`${id}\``).join(", ");
}
