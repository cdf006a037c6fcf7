import type { PolicyDeny } from "#src/policy/decide-twice.ts";

/** Why a decision is what it is, in words that a model or a person can act on. */
export interface Reason {
  /** Stable, snake_case. */
  readonly code: ReasonCode;
  readonly message: string;
  /** The policy that decided, where one did. */
  readonly policy?: string;
}

/** Every reason code and what it means; the texts may change, the codes do not. */
export const REASONS = {
  permitted: "policy `{policy}` permits this",
  approved: "a person approved this call",
  emergency: "an owner opened an emergency grant that covers this",
  cosigner_needed: "policy `{policy}` asks for a person: wait for the approval, then ask for the same call again",
  person_needed: "nothing permits this without a person: wait for the approval, then ask for the same call again",
  forbidden_by_policy: "policy `{policy}` forbids this; an approval would not change that",
  no_permit: "no policy permits this; ask whoever keeps the policies, or choose another command or resource",
  no_policies: "the tenant has no policies yet, so everything is denied",
  policies_stale:
    "the policies came in a bundle that is older than it may be: a newer one is needed before anything is granted",
  request_mismatch: "the request does not fit the schema",
  policy_error: "policy `{policy}` could not be evaluated, so it is taken as a no",
  connection_disabled: "the connection is disabled",
  route_refused: "the connector refuses this route whatever the policies say",
  approval_needed: "nothing permits this without a person's approval, and an evaluation opens none",
  file_closed: "a rule about files closes this",
  file_invalid: "the path is none that can be judged",
  limit_reached: "a limit of the tool matrix is used up",
  role_needed: "the tool is for agents of other groups",
  tool_input_invalid: "the tool's input is not what such a tool takes",
  tool_needs_person: "the tool matrix asks for a person",
  unknown_tool: "the tool has no line in the tool matrix",
  not_representable: "the request has no form in which policies could see it",
  unknown_agent: "there is no such agent, or it is disabled",
  too_costly: "the request meets more policies or entities than one decision may",
  approval_terms_invalid: "a policy that asks for a person has a malformed annotation, so nobody can approve",
  too_many_pending: "too many of this agent's requests wait for a person; they must be answered first",
} as const;

/** A reason's code. */
export type ReasonCode = keyof typeof REASONS;

/** A reason, its text filled in. */
export function reason(code: ReasonCode, policy?: string): Reason {
  const message = REASONS[code].replace("{policy}", () => policy ?? "");
  return policy === undefined ? { code, message } : { code, message, policy };
}

/** Why policies say no. */
export function denyReasons(decision: PolicyDeny): Reason[] {
  const code: ReasonCode = decision.reason === "forbidden" ? "forbidden_by_policy" : decision.reason;
  if (code === "policy_error") {
    return decision.errors.filter(({ effect }) => effect === "forbid").map(({ policyId }) => reason(code, policyId));
  }
  if (code === "request_mismatch" && decision.mismatch !== undefined) {
    return [{ code, message: `${REASONS[code]}: ${decision.mismatch}` }];
  }
  return decision.determining.length === 0 ? [reason(code)] : decision.determining.map((id) => reason(code, id));
}
