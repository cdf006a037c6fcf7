import type { SubjectId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** The version that a tenant tries beside the active one. */
export interface ShadowRow {
  readonly version: number;
  readonly startedAt: number;
  readonly startedBy: SubjectId;
}

/** Begins anew where another version, or the same one, was tried before. */
export function putShadow(tenant: TenantId, row: ShadowRow): Statement {
  return {
    sql: `INSERT INTO policy_shadows (tenant_id, version, started_at, started_by) VALUES (?, ?, ?, ?)
      ON CONFLICT (tenant_id) DO UPDATE SET version = excluded.version, started_at = excluded.started_at,
      started_by = excluded.started_by`,
    params: [tenant, row.version, row.startedAt, row.startedBy],
    expectRows: 1,
  };
}

export function deleteShadow(tenant: TenantId, version: number): Statement {
  return {
    sql: "DELETE FROM policy_shadows WHERE tenant_id = ? AND version = ?",
    params: [tenant, version],
    expectRows: 1,
  };
}

export function readShadow(reader: Reader, tenant: TenantId): Promise<ShadowRow | undefined> {
  return reader.get(
    `SELECT version, started_at AS startedAt, started_by AS startedBy FROM policy_shadows WHERE tenant_id = ?`,
    [tenant],
  );
}
