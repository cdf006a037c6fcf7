import type { AgentId, SubjectId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** An upstream call whose end is not recorded. */
export interface OpenCallRow {
  readonly callId: string;
  readonly agentId: AgentId;
  readonly subjectId: SubjectId;
  readonly startedAt: number;
}

export function openCall(tenant: TenantId, row: OpenCallRow): Statement {
  return {
    sql: "INSERT INTO open_calls (tenant_id, call_id, agent_id, subject_id, started_at) VALUES (?, ?, ?, ?, ?)",
    params: [tenant, row.callId, row.agentId, row.subjectId, row.startedAt],
    expectRows: 1,
  };
}

export function closeCall(tenant: TenantId, callId: string): Statement {
  return { sql: "DELETE FROM open_calls WHERE tenant_id = ? AND call_id = ?", params: [tenant, callId], expectRows: 1 };
}

export function readOpenCalls(reader: Reader, tenant: TenantId): Promise<OpenCallRow[]> {
  return reader.all(
    `SELECT call_id AS callId, agent_id AS agentId, subject_id AS subjectId, started_at AS startedAt FROM open_calls
      WHERE tenant_id = ?`,
    [tenant],
  );
}
