import type { AgentId, ApprovalId, ConnectionId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** Where an approval stands. */
export type ApprovalState = "pending" | "approved" | "denied" | "expired" | "used" | "revoked";

/** What an approval is for: exactly this call, or this command on this resource. */
export type ApprovalScope = "call" | "resource";

/** A person's yes or no to one call, or the request for it. */
export interface ApprovalRow {
  readonly approvalId: ApprovalId;
  readonly agentId: AgentId;
  readonly state: ApprovalState;
  /** Hex. */
  readonly callDigest: string;
  /** Hex; of command and resource over the connection. */
  readonly resourceDigest: string;
  readonly boundTo: ApprovalScope;
  readonly command: string;
  readonly tier: string;
  readonly connectionId: ConnectionId | null;
  readonly sealedDetails: Uint8Array;
  readonly dataKeyId: string;
  readonly policyVersion: number;
  /** JSON of what the policies ask of whoever decides. */
  readonly terms: string;
  readonly spooledBytes: number;
  /** People who said yes. */
  readonly votes: number;
  /** JSON of the grant that they said yes to; null until somebody did. */
  readonly granted: string | null;
  /** What a use must match; null until approved. */
  readonly grantDigest: string | null;
  /** Uses that are left; null any number. */
  readonly remaining: number | null;
  readonly used: number;
  /** The cosigner's UCAN. */
  readonly cosigner: Uint8Array | null;
  readonly cosignerCid: string | null;
  readonly requestedAt: number;
  readonly expiresAt: number;
  readonly escalatesAt: number | null;
  readonly escalatedAt: number | null;
  readonly decidedAt: number | null;
  /** Subject id. */
  readonly decidedBy: string | null;
}

/** What a yes gives. */
export interface StoredGrant {
  /** JSON. */
  readonly granted: string;
  readonly digest: string;
  readonly remaining: number | null;
  readonly expiresAt: number;
  readonly cosigner: Uint8Array;
  readonly cosignerCid: string;
}

const COLUMNS = `approval_id AS approvalId, agent_id AS agentId, state, call_digest AS callDigest,
  resource_digest AS resourceDigest, bound_to AS boundTo, command, tier, connection_id AS connectionId,
  sealed_details AS sealedDetails, data_key_id AS dataKeyId, policy_version AS policyVersion, terms,
  spooled_bytes AS spooledBytes, votes, granted, grant_digest AS grantDigest, remaining, used, cosigner,
  cosigner_cid AS cosignerCid, requested_at AS requestedAt, expires_at AS expiresAt, escalates_at AS escalatesAt,
  escalated_at AS escalatedAt, decided_at AS decidedAt, decided_by AS decidedBy`;

/** A new request: nobody has said anything yet. */
export function insertApproval(tenant: TenantId, row: ApprovalRow): Statement {
  return {
    sql: `INSERT INTO approvals (tenant_id, approval_id, agent_id, state, call_digest, resource_digest, bound_to, command,
      tier, connection_id, sealed_details, data_key_id, policy_version, terms, spooled_bytes, remaining, requested_at,
      expires_at, escalates_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    params: [
      tenant,
      row.approvalId,
      row.agentId,
      row.state,
      row.callDigest,
      row.resourceDigest,
      row.boundTo,
      row.command,
      row.tier,
      row.connectionId,
      row.sealedDetails,
      row.dataKeyId,
      row.policyVersion,
      row.terms,
      row.spooledBytes,
      row.remaining,
      row.requestedAt,
      row.expiresAt,
      row.escalatesAt,
    ],
    expectRows: 1,
  };
}

/** How many have said yes with one more, and what to: of two at once one meets no row. */
export function countVote(
  tenant: TenantId,
  approval: ApprovalId,
  votes: { readonly from: number; readonly to: number },
  granted: string,
  now: number,
): Statement {
  return {
    sql: `UPDATE approvals SET votes = ?, granted = ?
      WHERE tenant_id = ? AND approval_id = ? AND state = 'pending' AND votes = ? AND expires_at > ?`,
    params: [votes.to, granted, tenant, approval, votes.from, now],
    expectRows: 1,
  };
}

/** Takes a yes back, of somebody who may not say it any more. */
export function deleteVote(tenant: TenantId, approval: ApprovalId, person: string): Statement {
  return {
    sql: "DELETE FROM approval_votes WHERE tenant_id = ? AND approval_id = ? AND person_id = ?",
    params: [tenant, approval, person],
    expectRows: 1,
  };
}

/** That this person said yes: once. */
export function insertVote(tenant: TenantId, approval: ApprovalId, person: string, now: number): Statement {
  return {
    sql: "INSERT INTO approval_votes (tenant_id, approval_id, person_id, at) VALUES (?, ?, ?, ?)",
    params: [tenant, approval, person, now],
    expectRows: 1,
  };
}

/** The last yes that was needed, where `votes` have been given: whoever comes second meets no row. */
export function approveApproval(
  tenant: TenantId,
  approval: ApprovalId,
  decision: {
    readonly at: number;
    readonly by: string;
    readonly votes: { readonly from: number; readonly to: number };
    readonly grant: StoredGrant;
  },
): Statement {
  const { at, by, votes, grant } = decision;
  return {
    sql: `UPDATE approvals SET state = 'approved', decided_at = ?, decided_by = ?, votes = ?, granted = ?,
        grant_digest = ?, remaining = ?, expires_at = ?, cosigner = ?, cosigner_cid = ?
      WHERE tenant_id = ? AND approval_id = ? AND state = 'pending' AND votes = ? AND expires_at > ?`,
    params: [
      at,
      by,
      votes.to,
      grant.granted,
      grant.digest,
      grant.remaining,
      grant.expiresAt,
      grant.cosigner,
      grant.cosignerCid,
      tenant,
      approval,
      votes.from,
      at,
    ],
    expectRows: 1,
  };
}

/** A no, whoever said yes before. */
export function denyApproval(
  tenant: TenantId,
  approval: ApprovalId,
  decision: { readonly at: number; readonly by: string },
): Statement {
  return {
    sql: `UPDATE approvals SET state = 'denied', decided_at = ?, decided_by = ?, remaining = 0
      WHERE tenant_id = ? AND approval_id = ? AND state = 'pending' AND expires_at > ?`,
    params: [decision.at, decision.by, tenant, approval, decision.at],
    expectRows: 1,
  };
}

/** Takes one use: exactly once for each use that is left. */
export function useApproval(tenant: TenantId, approval: ApprovalId, now: number): Statement {
  return {
    sql: `UPDATE approvals SET used = used + 1, remaining = remaining - 1,
        state = CASE WHEN remaining = 1 THEN 'used' ELSE state END
      WHERE tenant_id = ? AND approval_id = ? AND state = 'approved' AND (remaining IS NULL OR remaining > 0)
        AND expires_at > ?`,
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

/** That it has waited so long that others may decide as well. */
export function escalateApproval(tenant: TenantId, approval: ApprovalId, now: number): Statement {
  return {
    sql: `UPDATE approvals SET escalated_at = ?
      WHERE tenant_id = ? AND approval_id = ? AND state = 'pending' AND escalated_at IS NULL AND escalates_at <= ?`,
    params: [now, tenant, approval, now],
    expectRows: 1,
  };
}

export function readApproval(reader: Reader, tenant: TenantId, approval: ApprovalId): Promise<ApprovalRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM approvals WHERE tenant_id = ? AND approval_id = ?`, [tenant, approval]);
}

/** The pending request for this agent and digest: there is at most one. */
export function readPendingApproval(
  reader: Reader,
  tenant: TenantId,
  agent: AgentId,
  callDigest: string,
): Promise<ApprovalRow | undefined> {
  return reader.get(
    `SELECT ${COLUMNS} FROM approvals WHERE tenant_id = ? AND agent_id = ? AND call_digest = ? AND state = 'pending'`,
    [tenant, agent, callDigest],
  );
}

/** What was granted to this agent for one of the digests and has not expired, those for the call first. */
export function readGrants(
  reader: Reader,
  tenant: TenantId,
  agent: AgentId,
  digests: { readonly call: string; readonly resource: string },
  now: number,
): Promise<ApprovalRow[]> {
  return reader.all(
    `SELECT ${COLUMNS} FROM approvals WHERE tenant_id = ? AND agent_id = ? AND grant_digest IN (?, ?)
      AND state = 'approved' AND expires_at > ? ORDER BY grant_digest = ? DESC, expires_at LIMIT 20`,
    [tenant, agent, digests.call, digests.resource, now, digests.call],
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

/** Pending ones whose escalation is due. */
export function readUnescalatedApprovals(
  reader: Reader,
  tenant: TenantId,
  now: number,
  limit: number,
): Promise<ApprovalRow[]> {
  return reader.all(
    `SELECT ${COLUMNS} FROM approvals WHERE tenant_id = ? AND state = 'pending' AND expires_at > ?
      AND escalated_at IS NULL AND escalates_at <= ? ORDER BY expires_at LIMIT ?`,
    [tenant, now, now, limit],
  );
}

/** Who said yes so far. */
export async function readVoters(reader: Reader, tenant: TenantId, approval: ApprovalId): Promise<readonly string[]> {
  const rows = await reader.all<{ person: string }>(
    "SELECT person_id AS person FROM approval_votes WHERE tenant_id = ? AND approval_id = ? ORDER BY at, person_id",
    [tenant, approval],
  );
  return rows.map(({ person }) => person);
}

/** How this agent's approvals ended so far. */
export function readHistory(
  reader: Reader,
  tenant: TenantId,
  agent: AgentId,
): Promise<{ readonly state: ApprovalState; readonly count: number }[]> {
  return reader.all(
    "SELECT state, count(*) AS count FROM approvals WHERE tenant_id = ? AND agent_id = ? GROUP BY state",
    [tenant, agent],
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
