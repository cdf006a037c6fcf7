import type { TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** A line of the tool matrix as stored. */
export interface ToolRuleRow {
  readonly tool: string;
  /** JSON, without the tool's name. */
  readonly rule: string;
  readonly updatedAt: number;
}

/** A counter of one period. */
export interface ToolCounterRow {
  readonly counter: string;
  readonly periodStart: number;
  readonly used: number;
}

export function putToolRule(tenant: TenantId, row: ToolRuleRow): Statement {
  return {
    sql: `INSERT INTO tool_rules (tenant_id, tool, rule, updated_at) VALUES (?, ?, ?, ?)
      ON CONFLICT (tenant_id, tool) DO UPDATE SET rule = excluded.rule, updated_at = excluded.updated_at`,
    params: [tenant, row.tool, row.rule, row.updatedAt],
    expectRows: 1,
  };
}

export function deleteToolRule(tenant: TenantId, tool: string): Statement {
  return {
    sql: "DELETE FROM tool_rules WHERE tenant_id = ? AND tool = ?",
    params: [tenant, tool],
    expectRows: 1,
  };
}

/** @param budgets JSON */
export function putToolBudgets(tenant: TenantId, budgets: string, now: number): Statement {
  return {
    sql: `INSERT INTO tool_budgets (tenant_id, budgets, updated_at) VALUES (?, ?, ?)
      ON CONFLICT (tenant_id) DO UPDATE SET budgets = excluded.budgets, updated_at = excluded.updated_at`,
    params: [tenant, budgets, now],
    expectRows: 1,
  };
}

/**
 * Adds to a counter. It expects that the sum does not exceed `most`: where another commit was faster the unit conflicts.
 *
 * @param weight no more than `most`
 * @param end when the period is over, in milliseconds; null never
 */
export function addToCounter(
  tenant: TenantId,
  counter: string,
  start: number,
  end: number | null,
  weight: number,
  most: number,
): Statement {
  return {
    sql: `INSERT INTO tool_counters (tenant_id, counter, period_start, period_end, used) VALUES (?, ?, ?, ?, ?)
      ON CONFLICT (tenant_id, counter, period_start) DO UPDATE SET used = used + excluded.used
        WHERE used + excluded.used <= ?`,
    params: [tenant, counter, start, end, weight, most],
    expectRows: 1,
  };
}

/** Counters whose period is over say nothing any more. */
export function deleteOldCounters(tenant: TenantId, now: number): Statement {
  return {
    sql: "DELETE FROM tool_counters WHERE tenant_id = ? AND period_end IS NOT NULL AND period_end <= ?",
    params: [tenant, now],
  };
}

export function readToolRules(reader: Reader, tenant: TenantId): Promise<ToolRuleRow[]> {
  return reader.all("SELECT tool, rule, updated_at AS updatedAt FROM tool_rules WHERE tenant_id = ? ORDER BY tool", [
    tenant,
  ]);
}

/** JSON; undefined where none were set. */
export async function readToolBudgets(reader: Reader, tenant: TenantId): Promise<string | undefined> {
  const row = await reader.get<{ readonly budgets: string }>("SELECT budgets FROM tool_budgets WHERE tenant_id = ?", [
    tenant,
  ]);
  return row?.budgets;
}

export function readCounter(
  reader: Reader,
  tenant: TenantId,
  counter: string,
  start: number,
): Promise<ToolCounterRow | undefined> {
  return reader.get(
    `SELECT counter, period_start AS periodStart, used FROM tool_counters
      WHERE tenant_id = ? AND counter = ? AND period_start = ?`,
    [tenant, counter, start],
  );
}
