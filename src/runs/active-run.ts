import { toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { ApprovalId, ConnectionId, DecisionId, RunId, TenantId } from "#src/base/ids.ts";
import type { AgentPrincipal } from "#src/identity/authenticate.ts";
import type { Reader } from "#src/store/reader.ts";
import { chargeRuns, insertRunDecision, type RunRow, readFamily } from "#src/store/runs.ts";
import type { Statement } from "#src/store/unit.ts";
import { isOwn } from "./runs.ts";
import type { Governance, LimitReport } from "./tool-governor.ts";

/** A run in which calls may be made, and what it and the runs above it have left. */
export interface ActiveRun {
  readonly id: RunId;
  /** The topmost of its family: what the tool matrix counts under. */
  readonly root: RunId;
  /** Granted in it so far. */
  readonly calls: number;
  /** The run and all that it is part of, itself first. */
  readonly family: readonly RunRow[];
}

/** What a decision that was made in a run leaves there. */
export interface NotedDecision {
  readonly id: DecisionId;
  readonly decision: "allow" | "deny" | "step_up";
  readonly command: string;
  readonly tier: string;
  readonly connection: ConnectionId | undefined;
  readonly approval: ApprovalId | undefined;
}

/**
 * The run that an agent says its call belongs to. Throws `not_found` for one that is not this agent's, or not of the device
 * that asks; `run_ended`; `run_not_active` where it or one that it is part of is pending or paused.
 */
export async function requireActiveRun(reader: Reader, principal: AgentPrincipal, run: RunId): Promise<ActiveRun> {
  const family = await readFamily(reader, principal.tenant, run);
  const [own, top] = [family[0], family.at(-1)];
  if (own === undefined || top === undefined || !isOwn(principal, own)) {
    throw new WritError("not_found", "there is no such run");
  }
  if (own.endedAt !== null) throw new WritError("run_ended");
  if (family.some(({ state }) => state !== "active")) throw new WritError("run_not_active");
  return { id: own.runId, root: top.runId, calls: own.calls, family };
}

/**
 * The same governance, held to the limits of a run and of those above it as well: what is used up is refused, what is left
 * is what policies see, and an allow is counted in each of them by the commit that records it.
 *
 * @param command stands for the tool's name where no tool was asked for
 * @param now milliseconds
 */
export function withinRun(
  governance: Governance,
  tenant: TenantId,
  run: ActiveRun,
  command: string,
  now: number,
): Governance {
  const { family } = run;
  const { cost } = governance;
  const message = family.map((row) => spentOf(row, cost, now)).find((text) => text !== undefined);
  const left = family.flatMap(({ maxCalls, calls }) => (maxCalls === null ? [] : [maxCalls - calls]));
  const known = governance.limitsContext["remaining"];
  const remaining = Math.min(...left, typeof known === "number" ? known : Number.MAX_SAFE_INTEGER);
  return {
    ...governance,
    isGoverned: governance.isGoverned || message !== undefined,
    refusal: governance.refusal ?? (message === undefined ? undefined : { code: "limit_reached", message }),
    toolContext:
      message === undefined || governance.refusal !== undefined
        ? governance.toolContext
        : { name: command, ...governance.toolContext, refused: "limit_reached" },
    limitsContext: left.length === 0 ? governance.limitsContext : { ...governance.limitsContext, remaining },
    report: (isAllowed) => [
      ...governance.report(isAllowed),
      ...family.flatMap((row) => reportsOf(row, isAllowed ? { calls: 1, cost } : { calls: 0, cost: 0 })),
    ],
    count: (isCosigned) => [
      ...governance.count(isCosigned),
      chargeRuns(
        tenant,
        family.map(({ runId }) => runId),
        cost,
        now,
      ),
    ],
  };
}

/** What stands in the run of a decision that was made in it. */
export function noteDecision(tenant: TenantId, run: ActiveRun, decision: NotedDecision, now: number): Statement {
  return insertRunDecision(tenant, {
    decisionId: decision.id,
    runId: run.id,
    decision: decision.decision,
    command: decision.command,
    tier: decision.tier,
    connectionId: decision.connection ?? null,
    approvalId: decision.approval ?? null,
    at: now,
  });
}

function spentOf({ runId, ...run }: RunRow, cost: number, now: number): string | undefined {
  if (run.untilAt !== null && run.untilAt <= now) return `the run \`${runId}\` was until ${toRfc3339(run.untilAt)}`;
  if (run.maxCalls !== null && run.calls >= run.maxCalls) {
    return `the run \`${runId}\` may make ${run.maxCalls} calls, and has made them`;
  }
  if (run.maxCost !== null && run.cost + cost > run.maxCost) {
    return `the run \`${runId}\` may cost ${run.maxCost}, has cost ${run.cost}, and this costs ${cost}`;
  }
  return undefined;
}

function reportsOf(run: RunRow, added: { readonly calls: number; readonly cost: number }): readonly LimitReport[] {
  const line = (scope: "run" | "budget_run", limit: number | null, used: number): readonly LimitReport[] =>
    limit === null ? [] : [{ scope, limit, used, remaining: Math.max(0, limit - used) }];
  return [
    ...line("run", run.maxCalls, run.calls + added.calls),
    ...line("budget_run", run.maxCost, run.cost + added.cost),
  ];
}
