import { toRfc3339 } from "#src/base/clock.ts";
import type { Outcome } from "#src/decision/outcome.ts";

/** A decision as agents see it: what was decided on is derived where a call was given. */
export function renderDecision(outcome: Outcome, publicUrl: string): Readonly<Record<string, unknown>> {
  const { decision, decisionId, tier, reasons, target, event } = outcome;
  return {
    decision,
    decision_id: decisionId,
    tier,
    command: target.command,
    resource: { type: target.resource.type, id: target.resource.id },
    reasons,
    ...(outcome.limits.length === 0 ? {} : { limits: outcome.limits }),
    ...(outcome.decision === "step_up" ? { approval: renderPending(outcome.approval, publicUrl) } : {}),
    event: { seq: event.seq, hash: event.hash },
  };
}

function renderPending(
  approval: Extract<Outcome, { decision: "step_up" }>["approval"],
  publicUrl: string,
): Readonly<Record<string, string>> {
  return {
    id: approval.id,
    url: `${publicUrl}/v1/approvals/${approval.id}`,
    expires_at: toRfc3339(approval.expiresAt),
  };
}
