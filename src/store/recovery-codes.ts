import type { PersonId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** A recovery code as stored: everything but its secret. */
export interface RecoveryCodeRow {
  /** The part of the code's text that is no secret. */
  readonly codeId: string;
  readonly personId: PersonId;
  readonly hash: Uint8Array;
  readonly createdAt: number;
  readonly usedAt: number | null;
}

const COLUMNS = "code_id AS codeId, person_id AS personId, hash, created_at AS createdAt, used_at AS usedAt";

/** Replaces a person's codes by a new set. */
export function replaceRecoveryCodes(
  tenant: TenantId,
  person: PersonId,
  rows: readonly RecoveryCodeRow[],
): readonly Statement[] {
  return [
    ...removeRecoveryCodes(tenant, person),
    ...rows.flatMap((row): readonly Statement[] => [
      {
        sql: `INSERT INTO recovery_codes (tenant_id, code_id, person_id, hash, created_at, used_at)
            VALUES (?, ?, ?, ?, ?, NULL)`,
        params: [tenant, row.codeId, person, row.hash, row.createdAt],
        expectRows: 1,
      },
      {
        sql: "INSERT INTO recovery_code_directory (code_id, tenant_id) VALUES (?, ?)",
        params: [row.codeId, tenant],
        expectRows: 1,
      },
    ]),
  ];
}

/** Removes all codes of a person. */
export function removeRecoveryCodes(tenant: TenantId, person: PersonId): readonly Statement[] {
  return [
    {
      sql: `DELETE FROM recovery_code_directory WHERE tenant_id = ? AND code_id IN
        (SELECT code_id FROM recovery_codes WHERE tenant_id = ? AND person_id = ?)`,
      params: [tenant, tenant, person],
    },
    { sql: "DELETE FROM recovery_codes WHERE tenant_id = ? AND person_id = ?", params: [tenant, person] },
  ];
}

/** Uses a code; the second time is a `conflict`. */
export function useRecoveryCode(tenant: TenantId, code: string, now: number): Statement {
  return {
    sql: "UPDATE recovery_codes SET used_at = ? WHERE tenant_id = ? AND code_id = ? AND used_at IS NULL",
    params: [now, tenant, code],
    expectRows: 1,
  };
}

/** Whose code it is, from the part that is no secret. */
export async function readRecoveryCodeTenant(reader: Reader, code: string): Promise<TenantId | undefined> {
  const row = await reader.get<{ tenantId: TenantId }>(
    "SELECT tenant_id AS tenantId FROM recovery_code_directory WHERE code_id = ?",
    [code],
  );
  return row?.tenantId;
}

export function readRecoveryCode(reader: Reader, tenant: TenantId, code: string): Promise<RecoveryCodeRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM recovery_codes WHERE tenant_id = ? AND code_id = ?`, [tenant, code]);
}

/** How many codes of a person are still good. */
export async function countRecoveryCodes(reader: Reader, tenant: TenantId, person: PersonId): Promise<number> {
  const row = await reader.get<{ count: number }>(
    "SELECT count(*) AS count FROM recovery_codes WHERE tenant_id = ? AND person_id = ? AND used_at IS NULL",
    [tenant, person],
  );
  return row?.count ?? 0;
}
