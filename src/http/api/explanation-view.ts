import type { ExplainedDecision } from "#src/decision/explanations.ts";
import type { ExplainedPart, ExplainedPolicy } from "#src/policy/explain-policy.ts";

/** A decision and why, for whoever may see the policies and the values that they saw. */
export function renderExplanation({ explanation, ...explained }: ExplainedDecision): object {
  const { decision, cosigned, determining, near, remedies, sentences } = explanation;
  return {
    ...(explained.decisionId === undefined ? {} : { decision_id: explained.decisionId }),
    agent: explained.agent,
    command: explained.command,
    resource_type: explained.resourceType,
    at: explained.at,
    version: explained.version,
    decision: decision.decision,
    ...(decision.decision === "deny" ? { reason: decision.reason } : {}),
    cosigned,
    sentences,
    determining: determining.map(renderPolicy),
    near: near.map(renderPolicy),
    remedies,
    errors: decision.errors.map(({ policyId, message }) => ({ policy: policyId, message })),
  };
}

function renderPolicy({ policy, effect, applies, unmet, parts, failed, sentence }: ExplainedPolicy): object {
  return {
    policy,
    effect,
    applies,
    unmet,
    parts: parts.map(renderPart),
    ...(failed === undefined ? {} : { failed: renderPart(failed) }),
    sentence,
  };
}

function renderPart({ text: condition, expected, truth, values }: ExplainedPart): object {
  return {
    text: condition,
    expected,
    truth: truth.kind,
    ...(truth.kind === "error" ? { message: truth.message } : {}),
    values: values.map(({ name, value }) => ({ name, value: value ?? null })),
  };
}
