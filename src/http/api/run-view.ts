import { toRfc3339 } from "#src/base/clock.ts";
import type { Receipt } from "#src/runs/receipts.ts";
import { type Run, renderRoute } from "#src/runs/run.ts";
import type { TimelineDecision, TimelineEntry } from "#src/runs/timeline.ts";

/** A run as JSON. */
export function renderRun(run: Run): Readonly<Record<string, unknown>> {
  return {
    id: run.id,
    state: run.state,
    agent: run.agent,
    device: run.device,
    person: run.person,
    parent: run.parent,
    root: run.root,
    level: run.level,
    work_item: run.workItem,
    route: renderRoute(run.route),
    limits: { max_calls: run.limits.maxCalls, max_cost: run.limits.maxCost, until: timeOf(run.limits.until) },
    calls: run.calls,
    cost: run.cost,
    receipts: run.receipts,
    created_at: toRfc3339(run.createdAt),
    started_at: timeOf(run.startedAt),
    ended_at: timeOf(run.endedAt),
  };
}

/** A receipt as JSON. `erased`: its subject's key was destroyed. */
export function renderReceipt(receipt: Receipt): Readonly<Record<string, unknown>> {
  return {
    id: receipt.id,
    run: receipt.run,
    at: toRfc3339(receipt.at),
    tier: receipt.tier,
    success: receipt.success,
    duration_ms: receipt.durationMs,
    decision: receipt.decision,
    approval: receipt.approval,
    ...(receipt.details ?? { erased: true }),
  };
}

/** A step of a run as JSON. */
export function renderEntry({ at, decision, receipt }: TimelineEntry): Readonly<Record<string, unknown>> {
  return {
    at: toRfc3339(at),
    kind: receipt === null ? "decision" : "receipt",
    ...(decision === null ? {} : { decision: renderDecided(decision) }),
    ...(receipt === null ? {} : { receipt: renderReceipt(receipt) }),
  };
}

function renderDecided(decision: TimelineDecision): Readonly<Record<string, unknown>> {
  return {
    id: decision.id,
    outcome: decision.decision,
    command: decision.command,
    tier: decision.tier,
    connection: decision.connection,
    approval: decision.approval,
    approved_by: decision.approvedBy,
  };
}

function timeOf(milliseconds: number | null): string | null {
  return milliseconds === null ? null : toRfc3339(milliseconds);
}
