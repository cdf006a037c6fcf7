import type { AgentId, SubjectId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** An agent as stored. */
export interface AgentRow {
  readonly agentId: AgentId;
  readonly subjectId: SubjectId;
  readonly name: string;
  readonly did: string;
  /** Sealed Ed25519 seed, where Writ keeps the agent's key. */
  readonly sealedSeed: Uint8Array | null;
  readonly dataKeyId: string | null;
  readonly requireProof: 0 | 1;
  /** JSON array of group names. */
  readonly groups: string;
  readonly status: "active" | "disabled";
  /** The person behind it, who vouches for none of its calls. */
  readonly owner: string | null;
  readonly createdAt: number;
}

const COLUMNS = `agent_id AS agentId, subject_id AS subjectId, name, did, sealed_seed AS sealedSeed,
  data_key_id AS dataKeyId, require_proof AS requireProof, groups, status, owner, created_at AS createdAt`;

export function insertAgent(tenant: TenantId, row: AgentRow): Statement {
  return {
    sql: `INSERT INTO agents (tenant_id, agent_id, subject_id, name, did, sealed_seed, data_key_id, require_proof, groups,
      status, owner, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    params: [
      tenant,
      row.agentId,
      row.subjectId,
      row.name,
      row.did,
      row.sealedSeed,
      row.dataKeyId,
      row.requireProof,
      row.groups,
      row.status,
      row.owner,
      row.createdAt,
    ],
    expectRows: 1,
  };
}

export function setAgentStatus(
  tenant: TenantId,
  agent: AgentId,
  from: AgentRow["status"],
  to: AgentRow["status"],
): Statement {
  return {
    sql: "UPDATE agents SET status = ? WHERE tenant_id = ? AND agent_id = ? AND status = ?",
    params: [to, tenant, agent, from],
    expectRows: 1,
  };
}

export function setAgentGroups(tenant: TenantId, agent: AgentId, groups: string): Statement {
  return {
    sql: "UPDATE agents SET groups = ? WHERE tenant_id = ? AND agent_id = ?",
    params: [groups, tenant, agent],
    expectRows: 1,
  };
}

export function setAgentOwner(tenant: TenantId, agent: AgentId, owner: string | null): Statement {
  return {
    sql: "UPDATE agents SET owner = ? WHERE tenant_id = ? AND agent_id = ?",
    params: [owner, tenant, agent],
    expectRows: 1,
  };
}

export function setAgentSeed(tenant: TenantId, agent: AgentId, sealed: Uint8Array, dataKeyId: string): Statement {
  return {
    sql: "UPDATE agents SET sealed_seed = ?, data_key_id = ? WHERE tenant_id = ? AND agent_id = ?",
    params: [sealed, dataKeyId, tenant, agent],
    expectRows: 1,
  };
}

export function readAgent(reader: Reader, tenant: TenantId, agent: AgentId): Promise<AgentRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM agents WHERE tenant_id = ? AND agent_id = ?`, [tenant, agent]);
}

export function readAgentByName(reader: Reader, tenant: TenantId, name: string): Promise<AgentRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM agents WHERE tenant_id = ? AND name = ?`, [tenant, name]);
}

export function readAgentByDid(reader: Reader, tenant: TenantId, did: string): Promise<AgentRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM agents WHERE tenant_id = ? AND did = ?`, [tenant, did]);
}

/** In order of making, after `after`, at most `limit`. */
export function readAgents(reader: Reader, tenant: TenantId, after: string, limit: number): Promise<AgentRow[]> {
  return reader.all(`SELECT ${COLUMNS} FROM agents WHERE tenant_id = ? AND agent_id > ? ORDER BY agent_id LIMIT ?`, [
    tenant,
    after,
    limit,
  ]);
}
