import type { AgentId, ApprovalId, ConnectionId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** Where an approval stands. */
export type ApprovalState = "pending" | "approved" | "denied" | "expired" | "used" | "revoked";

/** A person's yes or no to one call, or the request for it. */
export interface ApprovalRow {
  readonly approvalId: ApprovalId;
  readonly agentId: AgentId;
  readonly state: ApprovalState;
  /** Hex. */
  readonly callDigest: string;
  /** `call`: exactly this call; `resource`: this command on this resource. */
  readonly boundTo: "call" | "resource";
  readonly command: string;
  readonly tier: string;
  readonly connectionId: ConnectionId | null;
  readonly sealedDetails: Uint8Array;
  readonly dataKeyId: string;
  readonly policyVersion: number;
  readonly spooledBytes: number;
  /** Uses that are left. */
  readonly remaining: number;
  readonly requestedAt: number;
  readonly expiresAt: number;
  readonly decidedAt: number | null;
  /** Subject id. */
  readonly decidedBy: string | null;
}

const COLUMNS = `approval_id AS approvalId, agent_id AS agentId, state, call_digest AS callDigest, bound_to AS boundTo,
  command, tier, connection_id AS connectionId, sealed_details AS sealedDetails, data_key_id AS dataKeyId,
  policy_version AS policyVersion, spooled_bytes AS spooledBytes, remaining, requested_at AS requestedAt,
  expires_at AS expiresAt, decided_at AS decidedAt, decided_by AS decidedBy`;

export function insertApproval(tenant: TenantId, row: ApprovalRow): Statement {
  return {
    sql: `INSERT INTO approvals (tenant_id, approval_id, agent_id, state, call_digest, bound_to, command, tier,
      connection_id, sealed_details, data_key_id, policy_version, spooled_bytes, remaining, requested_at, expires_at,
      decided_at, decided_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    params: [
      tenant,
      row.approvalId,
      row.agentId,
      row.state,
      row.callDigest,
      row.boundTo,
      row.command,
      row.tier,
      row.connectionId,
      row.sealedDetails,
      row.dataKeyId,
      row.policyVersion,
      row.spooledBytes,
      row.remaining,
      row.requestedAt,
      row.expiresAt,
      row.decidedAt,
      row.decidedBy,
    ],
    expectRows: 1,
  };
}

/** The one way out of `pending`: whoever comes second meets no row. */
export function decideApproval(
  tenant: TenantId,
  approval: ApprovalId,
  state: "approved" | "denied",
  decision: { readonly at: number; readonly by: string; readonly remaining: number },
): Statement {
  return {
    sql: `UPDATE approvals SET state = ?, decided_at = ?, decided_by = ?, remaining = ?
      WHERE tenant_id = ? AND approval_id = ? AND state = 'pending' AND expires_at > ?`,
    params: [state, decision.at, decision.by, decision.remaining, tenant, approval, decision.at],
    expectRows: 1,
  };
}

/** Takes one use: exactly once for each use that is left. */
export function useApproval(tenant: TenantId, approval: ApprovalId, now: number): Statement {
  return {
    sql: `UPDATE approvals SET remaining = remaining - 1,
        state = CASE WHEN remaining = 1 THEN 'used' ELSE state END
      WHERE tenant_id = ? AND approval_id = ? AND state = 'approved' AND remaining > 0 AND expires_at > ?`,
    params: [tenant, approval, now],
    expectRows: 1,
  };
}

export function closeApproval(
  tenant: TenantId,
  approval: ApprovalId,
  from: ApprovalState,
  to: "expired" | "revoked",
): Statement {
  return {
    sql: "UPDATE approvals SET state = ?, remaining = 0 WHERE tenant_id = ? AND approval_id = ? AND state = ?",
    params: [to, tenant, approval, from],
    expectRows: 1,
  };
}

export function readApproval(reader: Reader, tenant: TenantId, approval: ApprovalId): Promise<ApprovalRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM approvals WHERE tenant_id = ? AND approval_id = ?`, [tenant, approval]);
}

/** The open approval for this agent and digest: there is at most one. */
export function readOpenApproval(
  reader: Reader,
  tenant: TenantId,
  agent: AgentId,
  callDigest: string,
): Promise<ApprovalRow | undefined> {
  return reader.get(
    `SELECT ${COLUMNS} FROM approvals WHERE tenant_id = ? AND agent_id = ? AND call_digest = ?
      AND state IN ('pending', 'approved')`,
    [tenant, agent, callDigest],
  );
}

/** In this state, oldest expiry first, at most `limit`. */
export function readApprovals(
  reader: Reader,
  tenant: TenantId,
  state: ApprovalState,
  limit: number,
): Promise<ApprovalRow[]> {
  return reader.all(`SELECT ${COLUMNS} FROM approvals WHERE tenant_id = ? AND state = ? ORDER BY expires_at LIMIT ?`, [
    tenant,
    state,
    limit,
  ]);
}

/** Open and past their time. */
export function readOverdueApprovals(
  reader: Reader,
  tenant: TenantId,
  now: number,
  limit: number,
): Promise<ApprovalRow[]> {
  return reader.all(
    `SELECT ${COLUMNS} FROM approvals WHERE tenant_id = ? AND state IN ('pending', 'approved') AND expires_at <= ?
      ORDER BY expires_at LIMIT ?`,
    [tenant, now, limit],
  );
}

/** What the spool holds for open approvals: of the tenant, and of one agent. */
export async function readSpooledBytes(
  reader: Reader,
  tenant: TenantId,
  agent: AgentId,
): Promise<{ readonly tenantBytes: number; readonly agentBytes: number; readonly agentPending: number }> {
  const row = await reader.get<{ tenantBytes: number; agentBytes: number; agentPending: number }>(
    `SELECT coalesce(sum(spooled_bytes), 0) AS tenantBytes,
        coalesce(sum(CASE WHEN agent_id = ? THEN spooled_bytes ELSE 0 END), 0) AS agentBytes,
        coalesce(sum(agent_id = ?), 0) AS agentPending
      FROM approvals WHERE tenant_id = ? AND state IN ('pending', 'approved')`,
    [agent, agent, tenant],
  );
  return row ?? { tenantBytes: 0, agentBytes: 0, agentPending: 0 };
}
