import type { SecretId, SubjectId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** A sealed value. */
export interface SecretRow {
  readonly secretId: SecretId;
  readonly version: number;
  readonly dataKeyId: string;
  readonly sealed: Uint8Array;
  readonly createdAt: number;
}

/** A tenant's data key, wrapped by a master key. */
export interface DataKeyRow {
  readonly dataKeyId: string;
  readonly masterKeyId: string;
  readonly wrapped: Uint8Array;
  readonly createdAt: number;
  readonly retiredAt: number | null;
}

/** A subject's key, wrapped by a master key. */
export interface SubjectKeyRow {
  readonly subjectId: SubjectId;
  readonly masterKeyId: string;
  readonly wrapped: Uint8Array;
}

export function insertSecret(tenant: TenantId, row: SecretRow): Statement {
  return {
    sql: "INSERT INTO secrets (tenant_id, secret_id, version, data_key_id, sealed, created_at) VALUES (?, ?, ?, ?, ?, ?)",
    params: [tenant, row.secretId, row.version, row.dataKeyId, row.sealed, row.createdAt],
    expectRows: 1,
  };
}

/** The same version under another data key: the value did not change. */
export function resealSecret(tenant: TenantId, row: SecretRow, from: string): Statement {
  return {
    sql: `UPDATE secrets SET data_key_id = ?, sealed = ? WHERE tenant_id = ? AND secret_id = ? AND version = ?
      AND data_key_id = ?`,
    params: [row.dataKeyId, row.sealed, tenant, row.secretId, row.version, from],
    expectRows: 1,
  };
}

/** Versions older than `version` are gone for good. */
export function deleteSecretsBefore(tenant: TenantId, secret: SecretId, version: number): Statement {
  return {
    sql: "DELETE FROM secrets WHERE tenant_id = ? AND secret_id = ? AND version < ?",
    params: [tenant, secret, version],
  };
}

export function readSecret(
  reader: Reader,
  tenant: TenantId,
  secret: SecretId,
  version: number,
): Promise<SecretRow | undefined> {
  return reader.get(
    `SELECT secret_id AS secretId, version, data_key_id AS dataKeyId, sealed, created_at AS createdAt FROM secrets
      WHERE tenant_id = ? AND secret_id = ? AND version = ?`,
    [tenant, secret, version],
  );
}

export function readSecretsUnder(reader: Reader, tenant: TenantId, dataKeyId: string): Promise<SecretRow[]> {
  return reader.all(
    `SELECT secret_id AS secretId, version, data_key_id AS dataKeyId, sealed, created_at AS createdAt FROM secrets
      WHERE tenant_id = ? AND data_key_id = ?`,
    [tenant, dataKeyId],
  );
}

export function insertDataKey(tenant: TenantId, row: DataKeyRow): Statement {
  return {
    sql: `INSERT INTO data_keys (tenant_id, data_key_id, master_key_id, wrapped, created_at, retired_at)
      VALUES (?, ?, ?, ?, ?, ?)`,
    params: [tenant, row.dataKeyId, row.masterKeyId, row.wrapped, row.createdAt, row.retiredAt],
    expectRows: 1,
  };
}

export function rewrapDataKey(tenant: TenantId, row: DataKeyRow, from: string): Statement {
  return {
    sql: "UPDATE data_keys SET master_key_id = ?, wrapped = ? WHERE tenant_id = ? AND data_key_id = ? AND master_key_id = ?",
    params: [row.masterKeyId, row.wrapped, tenant, row.dataKeyId, from],
    expectRows: 1,
  };
}

export function retireDataKey(tenant: TenantId, dataKeyId: string, at: number): Statement {
  return {
    sql: "UPDATE data_keys SET retired_at = ? WHERE tenant_id = ? AND data_key_id = ? AND retired_at IS NULL",
    params: [at, tenant, dataKeyId],
    expectRows: 1,
  };
}

/** Newest first. */
export function readDataKeys(reader: Reader, tenant: TenantId): Promise<DataKeyRow[]> {
  return reader.all(
    `SELECT data_key_id AS dataKeyId, master_key_id AS masterKeyId, wrapped, created_at AS createdAt,
      retired_at AS retiredAt FROM data_keys WHERE tenant_id = ? ORDER BY created_at DESC, data_key_id DESC`,
    [tenant],
  );
}

export function insertSubjectKey(tenant: TenantId, row: SubjectKeyRow): Statement {
  return {
    sql: "INSERT INTO subject_keys (tenant_id, subject_id, master_key_id, wrapped) VALUES (?, ?, ?, ?)",
    params: [tenant, row.subjectId, row.masterKeyId, row.wrapped],
    expectRows: 1,
  };
}

export function rewrapSubjectKey(tenant: TenantId, row: SubjectKeyRow, from: string): Statement {
  return {
    sql: "UPDATE subject_keys SET master_key_id = ?, wrapped = ? WHERE tenant_id = ? AND subject_id = ? AND master_key_id = ?",
    params: [row.masterKeyId, row.wrapped, tenant, row.subjectId, from],
    expectRows: 1,
  };
}

/** Erases the subject: what was sealed under the key is unreadable from then on, everywhere. */
export function deleteSubjectKey(tenant: TenantId, subject: SubjectId): Statement {
  return {
    sql: "DELETE FROM subject_keys WHERE tenant_id = ? AND subject_id = ?",
    params: [tenant, subject],
    expectRows: 1,
  };
}

export function readSubjectKey(
  reader: Reader,
  tenant: TenantId,
  subject: SubjectId,
): Promise<SubjectKeyRow | undefined> {
  return reader.get(
    `SELECT subject_id AS subjectId, master_key_id AS masterKeyId, wrapped FROM subject_keys
      WHERE tenant_id = ? AND subject_id = ?`,
    [tenant, subject],
  );
}

export function readSubjectKeysUnder(reader: Reader, tenant: TenantId, masterKeyId: string): Promise<SubjectKeyRow[]> {
  return reader.all(
    `SELECT subject_id AS subjectId, master_key_id AS masterKeyId, wrapped FROM subject_keys
      WHERE tenant_id = ? AND master_key_id = ?`,
    [tenant, masterKeyId],
  );
}
