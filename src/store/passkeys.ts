import type { PasskeyId, PersonId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** An enrolled passkey as stored. */
export interface PasskeyRow {
  readonly passkeyId: PasskeyId;
  readonly personId: PersonId;
  /** Base64url. */
  readonly credentialId: string;
  /** COSE_Key. */
  readonly publicKey: Uint8Array;
  /** COSE algorithm: -7, -8 or -257. */
  readonly algorithm: number;
  readonly counter: number;
  /** JSON array. */
  readonly transports: string;
  readonly aaguid: string;
  /** What its owner calls it, sealed under the subject's key. */
  readonly sealedName: Uint8Array;
  readonly backupEligible: 0 | 1;
  readonly backedUp: 0 | 1;
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
  readonly revokedAt: number | null;
}

const COLUMNS = `passkey_id AS passkeyId, person_id AS personId, credential_id AS credentialId, public_key AS publicKey,
  algorithm, counter, transports, aaguid, sealed_name AS sealedName, backup_eligible AS backupEligible,
  backed_up AS backedUp, created_at AS createdAt, last_used_at AS lastUsedAt, revoked_at AS revokedAt`;

/** The passkey and the way to find its tenant; a credential that is enrolled anywhere already is a `conflict`. */
export function insertPasskey(tenant: TenantId, row: PasskeyRow): readonly Statement[] {
  return [
    {
      sql: `INSERT INTO passkeys (tenant_id, passkey_id, person_id, credential_id, public_key, algorithm, counter, transports,
        aaguid, sealed_name, backup_eligible, backed_up, created_at, last_used_at, revoked_at)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)`,
      params: [
        tenant,
        row.passkeyId,
        row.personId,
        row.credentialId,
        row.publicKey,
        row.algorithm,
        row.counter,
        row.transports,
        row.aaguid,
        row.sealedName,
        row.backupEligible,
        row.backedUp,
        row.createdAt,
      ],
      expectRows: 1,
    },
    {
      sql: "INSERT INTO passkey_directory (credential_id, tenant_id) VALUES (?, ?) ON CONFLICT DO NOTHING",
      params: [row.credentialId, tenant],
      expectRows: 1,
    },
  ];
}

/**
 * Notes a use: the counter that the authenticator gave becomes the one to beat. Expects the counter that the answer was
 * checked against, so that of two answers at once one alone counts.
 */
export function usePasskey(
  tenant: TenantId,
  passkey: PasskeyId,
  use: { readonly from: number; readonly counter: number; readonly backedUp: 0 | 1; readonly at: number },
): Statement {
  return {
    sql: `UPDATE passkeys SET counter = ?, backed_up = ?, last_used_at = ? WHERE tenant_id = ? AND passkey_id = ?
      AND counter = ? AND revoked_at IS NULL`,
    params: [use.counter, use.backedUp, use.at, tenant, passkey, use.from],
    expectRows: 1,
  };
}

export function renamePasskey(tenant: TenantId, passkey: PasskeyId, sealedName: Uint8Array): Statement {
  return {
    sql: "UPDATE passkeys SET sealed_name = ? WHERE tenant_id = ? AND passkey_id = ? AND revoked_at IS NULL",
    params: [sealedName, tenant, passkey],
    expectRows: 1,
  };
}

export function revokePasskey(tenant: TenantId, passkey: PasskeyId, at: number): Statement {
  return {
    sql: "UPDATE passkeys SET revoked_at = ? WHERE tenant_id = ? AND passkey_id = ? AND revoked_at IS NULL",
    params: [at, tenant, passkey],
    expectRows: 1,
  };
}

/** All of a person at once. */
export function revokePasskeysOf(tenant: TenantId, person: PersonId, at: number): Statement {
  return {
    sql: "UPDATE passkeys SET revoked_at = ? WHERE tenant_id = ? AND person_id = ? AND revoked_at IS NULL",
    params: [at, tenant, person],
  };
}

/** Whose credential it is. */
export async function readPasskeyTenant(reader: Reader, credentialId: string): Promise<TenantId | undefined> {
  const row = await reader.get<{ tenantId: TenantId }>(
    "SELECT tenant_id AS tenantId FROM passkey_directory WHERE credential_id = ?",
    [credentialId],
  );
  return row?.tenantId;
}

export function readPasskey(reader: Reader, tenant: TenantId, passkey: PasskeyId): Promise<PasskeyRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM passkeys WHERE tenant_id = ? AND passkey_id = ?`, [tenant, passkey]);
}

export function readPasskeyByCredential(
  reader: Reader,
  tenant: TenantId,
  credentialId: string,
): Promise<PasskeyRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM passkeys WHERE tenant_id = ? AND credential_id = ?`, [
    tenant,
    credentialId,
  ]);
}

/** Those of a person that are good, oldest first. */
export function readPasskeysOf(reader: Reader, tenant: TenantId, person: PersonId): Promise<PasskeyRow[]> {
  return reader.all(
    `SELECT ${COLUMNS} FROM passkeys WHERE tenant_id = ? AND person_id = ? AND revoked_at IS NULL ORDER BY passkey_id`,
    [tenant, person],
  );
}

/** Every passkey that the tenant ever had, removed ones included, in order of making, after `after`. */
export function readAllPasskeys(reader: Reader, tenant: TenantId, after: string, limit: number): Promise<PasskeyRow[]> {
  return reader.all(
    `SELECT ${COLUMNS} FROM passkeys WHERE tenant_id = ? AND passkey_id > ? ORDER BY passkey_id LIMIT ?`,
    [tenant, after, limit],
  );
}

/** Whether anybody of the tenant has a passkey that is good. */
export async function readHasUsablePasskey(reader: Reader, tenant: TenantId): Promise<boolean> {
  const row = await reader.get(
    `SELECT 1 AS one FROM people JOIN passkeys USING (tenant_id, person_id)
      WHERE people.tenant_id = ? AND people.status = 'active' AND passkeys.revoked_at IS NULL LIMIT 1`,
    [tenant],
  );
  return row !== undefined;
}

/** Whether somebody else than `person` is an active owner with a passkey that is good. */
export async function readHasOtherOwner(reader: Reader, tenant: TenantId, person: PersonId): Promise<boolean> {
  const row = await reader.get(
    `SELECT 1 AS one FROM people JOIN passkeys USING (tenant_id, person_id)
      WHERE people.tenant_id = ? AND people.person_id <> ? AND people.status = 'active' AND passkeys.revoked_at IS NULL
        AND EXISTS (SELECT 1 FROM json_each(people.roles) WHERE value = 'owner') LIMIT 1`,
    [tenant, person],
  );
  return row !== undefined;
}

/** Everybody who is active and has a passkey that is good. */
export function readPeopleWithPasskey(
  reader: Reader,
  tenant: TenantId,
): Promise<{ readonly subjectId: string; readonly roles: string }[]> {
  return reader.all(
    `SELECT subject_id AS subjectId, roles FROM people WHERE tenant_id = ? AND status = 'active' AND EXISTS (
      SELECT 1 FROM passkeys WHERE passkeys.tenant_id = people.tenant_id AND passkeys.person_id = people.person_id
        AND revoked_at IS NULL)`,
    [tenant],
  );
}
