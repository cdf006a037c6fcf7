import type { AgentId, ApprovalId, ConnectionId, DecisionId, DeviceId, RunId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** Where a run is in its life. */
export type RunState = "pending" | "active" | "paused" | "completed" | "failed" | "cancelled";

/** A state that a run does not leave. */
export type EndedState = Extract<RunState, "completed" | "failed" | "cancelled">;

/** A run as stored. */
export interface RunRow {
  readonly runId: RunId;
  readonly agentId: AgentId;
  readonly deviceId: DeviceId | null;
  readonly personId: string | null;
  readonly parentId: RunId | null;
  readonly rootId: RunId;
  /** 0 for one without a parent. */
  readonly depth: number;
  readonly state: RunState;
  readonly level: "observed" | "contained" | null;
  /** Sealed under the key of the agent's subject. */
  readonly sealedDetails: Uint8Array;
  readonly maxCalls: number | null;
  readonly maxCost: number | null;
  readonly untilAt: number | null;
  /** Of the run and all below it. */
  readonly calls: number;
  readonly cost: number;
  /** Of the run alone. */
  readonly receipts: number;
  readonly createdAt: number;
  readonly startedAt: number | null;
  readonly endedAt: number | null;
}

/** A decision that was made in a run. */
export interface RunDecisionRow {
  readonly decisionId: DecisionId;
  readonly runId: RunId;
  readonly decision: "allow" | "deny" | "step_up";
  readonly command: string;
  readonly tier: string;
  readonly connectionId: ConnectionId | null;
  readonly approvalId: ApprovalId | null;
  readonly at: number;
}

const COLUMNS = `run_id AS runId, agent_id AS agentId, device_id AS deviceId, person_id AS personId, parent_id AS parentId,
  root_id AS rootId, depth, state, level, sealed_details AS sealedDetails, max_calls AS maxCalls, max_cost AS maxCost,
  until_at AS untilAt, calls, cost, receipts, created_at AS createdAt, started_at AS startedAt, ended_at AS endedAt`;
const DECISION_COLUMNS = `decision_id AS decisionId, run_id AS runId, decision, command, tier,
  connection_id AS connectionId, approval_id AS approvalId, at`;
/** The run and all above it, the run first. */
const FAMILY = `WITH RECURSIVE up (id, height) AS (
    SELECT ?2, 0 UNION ALL
    SELECT runs.parent_id, up.height + 1 FROM up JOIN runs ON runs.tenant_id = ?1 AND runs.run_id = up.id
      WHERE runs.parent_id IS NOT NULL)`;
/** The run and all below it. */
const BELOW = `WITH RECURSIVE down (id) AS (
    SELECT ?2 UNION
    SELECT runs.run_id FROM down JOIN runs ON runs.tenant_id = ?1 AND runs.parent_id = down.id)`;

/** Makes a run. One with a parent expects that this is the same agent's and active still. */
export function insertRun(tenant: TenantId, row: RunRow): Statement {
  return {
    sql: `INSERT INTO runs (tenant_id, run_id, agent_id, device_id, person_id, parent_id, root_id, depth, state, level,
        sealed_details, max_calls, max_cost, until_at, created_at, started_at)
      SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16
      WHERE ?6 IS NULL OR EXISTS (SELECT 1 FROM runs WHERE tenant_id = ?1 AND run_id = ?6 AND agent_id = ?3
        AND root_id = ?7 AND depth = ?8 - 1 AND state = 'active')`,
    params: [
      tenant,
      row.runId,
      row.agentId,
      row.deviceId,
      row.personId,
      row.parentId,
      row.rootId,
      row.depth,
      row.state,
      row.level,
      row.sealedDetails,
      row.maxCalls,
      row.maxCost,
      row.untilAt,
      row.createdAt,
      row.startedAt,
    ],
    expectRows: 1,
  };
}

/** Between states that are not the end. */
export function moveRun(tenant: TenantId, run: RunId, from: RunState, to: RunState, now: number): Statement {
  return {
    sql: `UPDATE runs SET state = ?4, started_at = COALESCE(started_at, CASE ?4 WHEN 'active' THEN ?5 END)
      WHERE tenant_id = ?1 AND run_id = ?2 AND state = ?3`,
    params: [tenant, run, from, to, now],
    expectRows: 1,
  };
}

/** Ends a run; expects that it has not ended. */
export function endRun(tenant: TenantId, run: RunId, to: EndedState, now: number): Statement {
  return {
    sql: `UPDATE runs SET state = ?, ended_at = ? WHERE tenant_id = ? AND run_id = ? AND ended_at IS NULL`,
    params: [to, now, tenant, run],
    expectRows: 1,
  };
}

/** Ends whatever is below it and has not ended. */
export function cancelBelow(tenant: TenantId, run: RunId, now: number): Statement {
  return {
    sql: `${BELOW} UPDATE runs SET state = 'cancelled', ended_at = ?3
      WHERE tenant_id = ?1 AND run_id IN (SELECT id FROM down) AND run_id <> ?2 AND ended_at IS NULL`,
    params: [tenant, run, now],
  };
}

/** Adds a call to each of a family; expects that all are active and none of them passes a limit. */
export function chargeRuns(tenant: TenantId, family: readonly RunId[], cost: number, now: number): Statement {
  const places = family.map(() => "?").join(", ");
  return {
    sql: `UPDATE runs SET calls = calls + 1, cost = cost + ? WHERE tenant_id = ? AND run_id IN (${places})
      AND state = 'active' AND (max_calls IS NULL OR calls < max_calls) AND (max_cost IS NULL OR cost + ? <= max_cost)
      AND (until_at IS NULL OR until_at > ?)`,
    params: [cost, tenant, ...family, cost, now],
    expectRows: family.length,
  };
}

export function insertRunDecision(tenant: TenantId, row: RunDecisionRow): Statement {
  return {
    sql: `INSERT INTO run_decisions (tenant_id, decision_id, run_id, decision, command, tier, connection_id, approval_id, at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    params: [
      tenant,
      row.decisionId,
      row.runId,
      row.decision,
      row.command,
      row.tier,
      row.connectionId,
      row.approvalId,
      row.at,
    ],
    expectRows: 1,
  };
}

export function readRun(reader: Reader, tenant: TenantId, run: RunId): Promise<RunRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM runs WHERE tenant_id = ? AND run_id = ?`, [tenant, run]);
}

/** The run and all that it is part of, itself first; empty where it is not there. */
export function readFamily(reader: Reader, tenant: TenantId, run: RunId): Promise<RunRow[]> {
  return reader.all(
    `${FAMILY} SELECT ${COLUMNS} FROM up JOIN runs ON runs.tenant_id = ?1 AND runs.run_id = up.id ORDER BY up.height`,
    [tenant, run],
  );
}

/** Whether the run and all that it is part of are active. */
export async function isRunActive(reader: Reader, tenant: TenantId, run: RunId): Promise<boolean> {
  const row = await reader.get<{ all: number; active: number }>(
    `${FAMILY} SELECT count(*) AS "all", sum(runs.state = 'active') AS active
      FROM up JOIN runs ON runs.tenant_id = ?1 AND runs.run_id = up.id`,
    [tenant, run],
  );
  return row !== undefined && row.all > 0 && row.all === row.active;
}

/** Runs right below it, in order of making. */
export function readChildren(reader: Reader, tenant: TenantId, run: RunId, limit: number): Promise<RunRow[]> {
  return reader.all(`SELECT ${COLUMNS} FROM runs WHERE tenant_id = ? AND parent_id = ? ORDER BY run_id LIMIT ?`, [
    tenant,
    run,
    limit,
  ]);
}

/** Which runs a list is of. */
export interface RunFilter {
  readonly agent?: AgentId;
  readonly state?: RunState;
}

/** The newest first, before `before`, at most `limit`. */
export function readRuns(
  reader: Reader,
  tenant: TenantId,
  { agent, state }: RunFilter,
  before: string,
  limit: number,
): Promise<RunRow[]> {
  return reader.all(
    `SELECT ${COLUMNS} FROM runs WHERE tenant_id = ? AND run_id < ? ${agent === undefined ? "" : "AND agent_id = ?"}
      ${state === undefined ? "" : "AND state = ?"} ORDER BY run_id DESC LIMIT ?`,
    [tenant, before, ...(agent === undefined ? [] : [agent]), ...(state === undefined ? [] : [state]), limit],
  );
}

export function readRunDecision(
  reader: Reader,
  tenant: TenantId,
  decision: DecisionId,
): Promise<RunDecisionRow | undefined> {
  return reader.get(`SELECT ${DECISION_COLUMNS} FROM run_decisions WHERE tenant_id = ? AND decision_id = ?`, [
    tenant,
    decision,
  ]);
}

/** In order of making, after `after`, at most `limit`. */
export function readRunDecisions(
  reader: Reader,
  tenant: TenantId,
  run: RunId,
  after: string,
  limit: number,
): Promise<RunDecisionRow[]> {
  return reader.all(
    `SELECT ${DECISION_COLUMNS} FROM run_decisions WHERE tenant_id = ? AND run_id = ? AND decision_id > ?
      ORDER BY decision_id LIMIT ?`,
    [tenant, run, after, limit],
  );
}

/** Ends what was opened on a device and has not ended. */
export function cancelRunsOfDevice(tenant: TenantId, device: DeviceId, now: number): Statement {
  return {
    sql: `UPDATE runs SET state = 'cancelled', ended_at = ?3
      WHERE tenant_id = ?1 AND state IN ('pending', 'active', 'paused') AND device_id = ?2`,
    params: [tenant, device, now],
  };
}

/** Runs that were until before `now` and have not ended, at most `limit`. */
export function readOverdueRuns(reader: Reader, tenant: TenantId, now: number, limit: number): Promise<RunRow[]> {
  return reader.all(
    `SELECT ${COLUMNS} FROM runs WHERE tenant_id = ? AND state IN ('pending', 'active', 'paused') AND until_at <= ?
      ORDER BY run_id LIMIT ?`,
    [tenant, now, limit],
  );
}
