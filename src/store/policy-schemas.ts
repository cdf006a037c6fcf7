import type { TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** An immutable version of a tenant's extension of the schema. */
export interface PolicySchemaRow {
  readonly version: number;
  /** Cedar's schema syntax as it was given. */
  readonly source: string;
  /** JSON of what it says of requests. */
  readonly rules: string;
  readonly sha256: string;
  /** Subject id. */
  readonly author: string;
  readonly message: string;
  readonly createdAt: number;
}

const COLUMNS = "version, source, rules, sha256, author, message, created_at AS createdAt";

export function insertPolicySchema(tenant: TenantId, row: PolicySchemaRow): Statement {
  const { version, source, rules, sha256, author, message, createdAt } = row;
  return {
    sql: `INSERT INTO policy_schemas (tenant_id, version, source, rules, sha256, author, message, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    params: [tenant, version, source, rules, sha256, author, message, createdAt],
    expectRows: 1,
  };
}

export function readPolicySchema(
  reader: Reader,
  tenant: TenantId,
  version: number,
): Promise<PolicySchemaRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM policy_schemas WHERE tenant_id = ? AND version = ?`, [tenant, version]);
}

/** Newest first, at most `limit`. */
export function readPolicySchemas(reader: Reader, tenant: TenantId, limit: number): Promise<PolicySchemaRow[]> {
  return reader.all(`SELECT ${COLUMNS} FROM policy_schemas WHERE tenant_id = ? ORDER BY version DESC LIMIT ?`, [
    tenant,
    limit,
  ]);
}
