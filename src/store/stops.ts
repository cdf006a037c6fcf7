import type { AgentId, ConnectionId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** What is stopped: all of a tenant, one agent, or one connection. */
export type StopTarget = "tenant" | AgentId | ConnectionId;

/** Who stopped it. */
export type StopOrigin = "tenant" | "instance";

/** A stop as stored. */
export interface StopRow {
  readonly target: StopTarget;
  readonly origin: StopOrigin;
  /** Subject id. */
  readonly stoppedBy: string;
  readonly stoppedAt: number;
  readonly sealedReason: Uint8Array | null;
  readonly dataKeyId: string | null;
}

/** Stops it; where it is stopped already, that stays. */
export function insertStop(tenant: TenantId, row: StopRow): Statement {
  return {
    sql: `INSERT INTO stops (tenant_id, target, origin, stopped_by, stopped_at, sealed_reason, data_key_id)
      VALUES (?, ?, ?, ?, ?, ?, ?)`,
    params: [tenant, row.target, row.origin, row.stoppedBy, row.stoppedAt, row.sealedReason, row.dataKeyId],
    expectRows: 1,
  };
}

export function deleteStop(tenant: TenantId, target: StopTarget, origin: StopOrigin): Statement {
  return {
    sql: "DELETE FROM stops WHERE tenant_id = ? AND target = ? AND origin = ?",
    params: [tenant, target, origin],
    expectRows: 1,
  };
}

/** Every stop of the tenant. */
export function readStops(reader: Reader, tenant: TenantId): Promise<StopRow[]> {
  return reader.all(
    `SELECT target, origin, stopped_by AS stoppedBy, stopped_at AS stoppedAt, sealed_reason AS sealedReason,
      data_key_id AS dataKeyId FROM stops WHERE tenant_id = ? ORDER BY target, origin`,
    [tenant],
  );
}

/** Whether the tenant or one of these is stopped. */
export async function isStopped(
  reader: Reader,
  tenant: TenantId,
  agent: AgentId | null,
  connection: ConnectionId | null,
): Promise<boolean> {
  const row = await reader.get(
    "SELECT 1 AS one FROM stops WHERE tenant_id = ? AND target IN ('tenant', ?, ?) LIMIT 1",
    [tenant, agent, connection],
  );
  return row !== undefined;
}
