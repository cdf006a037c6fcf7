import type { TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** An immutable version of a tenant's policies. */
export interface PolicyVersionRow {
  readonly version: number;
  /** Cedar text as it was given. */
  readonly source: string;
  /** JSON of the compiled policies. */
  readonly compiled: string;
  readonly sha256: string;
  /** Subject id. */
  readonly author: string;
  readonly message: string;
  readonly createdAt: number;
}

/** A version without its text. */
export type PolicyVersionSummary = Omit<PolicyVersionRow, "source" | "compiled">;

export function insertPolicyVersion(tenant: TenantId, row: PolicyVersionRow): Statement {
  return {
    sql: `INSERT INTO policy_versions (tenant_id, version, source, compiled, sha256, author, message, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    params: [tenant, row.version, row.source, row.compiled, row.sha256, row.author, row.message, row.createdAt],
    expectRows: 1,
  };
}

export function readPolicyVersion(
  reader: Reader,
  tenant: TenantId,
  version: number,
): Promise<PolicyVersionRow | undefined> {
  return reader.get(
    `SELECT version, source, compiled, sha256, author, message, created_at AS createdAt FROM policy_versions
      WHERE tenant_id = ? AND version = ?`,
    [tenant, version],
  );
}

/** Newest first, below `before`, at most `limit`. */
export function readPolicyVersions(
  reader: Reader,
  tenant: TenantId,
  before: number,
  limit: number,
): Promise<PolicyVersionSummary[]> {
  return reader.all(
    `SELECT version, sha256, author, message, created_at AS createdAt FROM policy_versions
      WHERE tenant_id = ? AND version < ? ORDER BY version DESC LIMIT ?`,
    [tenant, before, limit],
  );
}
