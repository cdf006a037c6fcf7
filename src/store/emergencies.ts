import type { AgentId, EmergencyId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** `open`: it lets calls through; `review_due`: it is over and nobody has looked at what it let through; `reviewed`. */
export type EmergencyState = "open" | "review_due" | "reviewed";

/** An emergency grant as stored. */
export interface EmergencyRow {
  readonly emergencyId: EmergencyId;
  readonly agentId: AgentId;
  /** All commands at or below it. */
  readonly command: string;
  readonly state: EmergencyState;
  readonly sealedReason: Uint8Array;
  readonly dataKeyId: string;
  /** Subject id. */
  readonly openedBy: string;
  readonly openedAt: number;
  readonly expiresAt: number;
  readonly closedAt: number | null;
  readonly used: number;
  readonly cosigner: Uint8Array;
  readonly cosignerCid: string;
  /** Subject id. */
  readonly reviewedBy: string | null;
  readonly reviewedAt: number | null;
}

const COLUMNS = `emergency_id AS emergencyId, agent_id AS agentId, command, state, sealed_reason AS sealedReason,
  data_key_id AS dataKeyId, opened_by AS openedBy, opened_at AS openedAt, expires_at AS expiresAt, closed_at AS closedAt,
  used, cosigner, cosigner_cid AS cosignerCid, reviewed_by AS reviewedBy, reviewed_at AS reviewedAt`;

export function insertEmergency(tenant: TenantId, row: EmergencyRow): Statement {
  return {
    sql: `INSERT INTO emergencies (tenant_id, emergency_id, agent_id, command, state, sealed_reason, data_key_id, opened_by,
      opened_at, expires_at, cosigner, cosigner_cid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    params: [
      tenant,
      row.emergencyId,
      row.agentId,
      row.command,
      row.state,
      row.sealedReason,
      row.dataKeyId,
      row.openedBy,
      row.openedAt,
      row.expiresAt,
      row.cosigner,
      row.cosignerCid,
    ],
    expectRows: 1,
  };
}

/** Counts one use of an open one. */
export function useEmergency(tenant: TenantId, emergency: EmergencyId, now: number): Statement {
  return {
    sql: `UPDATE emergencies SET used = used + 1
      WHERE tenant_id = ? AND emergency_id = ? AND state = 'open' AND expires_at > ?`,
    params: [tenant, emergency, now],
    expectRows: 1,
  };
}

/** Ends an open one: its review is due. */
export function closeEmergency(tenant: TenantId, emergency: EmergencyId, now: number): Statement {
  return {
    sql: `UPDATE emergencies SET state = 'review_due', closed_at = ?
      WHERE tenant_id = ? AND emergency_id = ? AND state = 'open'`,
    params: [now, tenant, emergency],
    expectRows: 1,
  };
}

export function reviewEmergency(tenant: TenantId, emergency: EmergencyId, by: string, now: number): Statement {
  return {
    sql: `UPDATE emergencies SET state = 'reviewed', reviewed_by = ?, reviewed_at = ?
      WHERE tenant_id = ? AND emergency_id = ? AND state = 'review_due'`,
    params: [by, now, tenant, emergency],
    expectRows: 1,
  };
}

export function readEmergency(
  reader: Reader,
  tenant: TenantId,
  emergency: EmergencyId,
): Promise<EmergencyRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM emergencies WHERE tenant_id = ? AND emergency_id = ?`, [tenant, emergency]);
}

/** Those of an agent that are open and have not expired. */
export function readOpenEmergencies(
  reader: Reader,
  tenant: TenantId,
  agent: AgentId,
  now: number,
): Promise<EmergencyRow[]> {
  return reader.all(
    `SELECT ${COLUMNS} FROM emergencies WHERE tenant_id = ? AND agent_id = ? AND state = 'open' AND expires_at > ?
      ORDER BY expires_at LIMIT 20`,
    [tenant, agent, now],
  );
}

/** Newest first. */
export function readEmergencies(reader: Reader, tenant: TenantId, limit: number): Promise<EmergencyRow[]> {
  return reader.all(`SELECT ${COLUMNS} FROM emergencies WHERE tenant_id = ? ORDER BY emergency_id DESC LIMIT ?`, [
    tenant,
    limit,
  ]);
}

/** Open and past their time. */
export function readOverdueEmergencies(
  reader: Reader,
  tenant: TenantId,
  now: number,
  limit: number,
): Promise<EmergencyRow[]> {
  return reader.all(
    `SELECT ${COLUMNS} FROM emergencies WHERE tenant_id = ? AND state = 'open' AND expires_at <= ?
      ORDER BY expires_at LIMIT ?`,
    [tenant, now, limit],
  );
}
