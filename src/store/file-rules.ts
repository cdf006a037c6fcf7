import type { FileRuleId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** A rule about files as stored. */
export interface FileRuleRow {
  readonly ruleId: FileRuleId;
  readonly level: "instance" | "tenant" | "agent";
  /** Empty for a rule that is about no agent of its own. */
  readonly agentId: string;
  readonly glob: string;
  readonly access: "noAccess" | "readOnly" | "readWrite";
  readonly createdAt: number;
}

const COLUMNS = "rule_id AS ruleId, level, agent_id AS agentId, glob, access, created_at AS createdAt";

export function insertFileRule(tenant: TenantId, row: FileRuleRow): Statement {
  return {
    sql: `INSERT INTO file_rules (tenant_id, rule_id, level, agent_id, glob, access, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?)`,
    params: [tenant, row.ruleId, row.level, row.agentId, row.glob, row.access, row.createdAt],
    expectRows: 1,
  };
}

export function deleteFileRule(tenant: TenantId, rule: FileRuleId): Statement {
  return {
    sql: "DELETE FROM file_rules WHERE tenant_id = ? AND rule_id = ?",
    params: [tenant, rule],
    expectRows: 1,
  };
}

export function readFileRule(reader: Reader, tenant: TenantId, rule: FileRuleId): Promise<FileRuleRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM file_rules WHERE tenant_id = ? AND rule_id = ?`, [tenant, rule]);
}

/** Every rule that the tenant stores, in order of making. */
export function readFileRules(reader: Reader, tenant: TenantId): Promise<FileRuleRow[]> {
  return reader.all(`SELECT ${COLUMNS} FROM file_rules WHERE tenant_id = ? ORDER BY rule_id`, [tenant]);
}
