import type { TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** Which instance this is. */
export interface InstanceRow {
  readonly instanceId: string;
  readonly operatorSubjectId: string;
  readonly createdAt: number;
  /** When an operator took the wall clock as right although it was behind a chain's head; null: never. */
  readonly clockAcceptedAt: number | null;
}

/** A published seal key. */
export interface SealKeyRow {
  readonly keyId: string;
  readonly publicKey: Uint8Array;
  /** RFC 3339. */
  readonly at: string;
  readonly previous: string | null;
  readonly signature: Uint8Array;
}

/** A tenant: `instance` is the one whose chain records what is done to the instance itself. */
export interface TenantRow {
  readonly tenantId: TenantId;
  readonly name: string;
  readonly kind: "instance" | "customer";
  readonly status: "active" | "disabled";
  readonly createdAt: number;
  /** 0: no policy, so everything is denied. */
  readonly policyVersion: number;
  /** Version of the tenant's extension of the schema; 0: none. */
  readonly schemaVersion: number;
  /** JSON. */
  readonly settings: string;
}

const TENANT_COLUMNS = `tenant_id AS tenantId, name, kind, status, created_at AS createdAt,
  policy_version AS policyVersion, schema_version AS schemaVersion, settings`;

export function insertInstance(row: Omit<InstanceRow, "clockAcceptedAt">): Statement {
  return {
    sql: "INSERT INTO instance (id, instance_id, created_at, operator_subject_id) VALUES (1, ?, ?, ?)",
    params: [row.instanceId, row.createdAt, row.operatorSubjectId],
    expectRows: 1,
  };
}

export function readInstance(reader: Reader): Promise<InstanceRow | undefined> {
  return reader.get(
    `SELECT instance_id AS instanceId, operator_subject_id AS operatorSubjectId, created_at AS createdAt,
      clock_accepted_at AS clockAcceptedAt FROM instance`,
    [],
  );
}

export function acceptClock(now: number): Statement {
  return { sql: "UPDATE instance SET clock_accepted_at = ?", params: [now], expectRows: 1 };
}

export function insertSealKey(row: SealKeyRow): Statement {
  return {
    sql: "INSERT INTO seal_keys (key_id, public_key, at, previous, signature) VALUES (?, ?, ?, ?, ?)",
    params: [row.keyId, row.publicKey, row.at, row.previous, row.signature],
    expectRows: 1,
  };
}

/** Oldest first. */
export function readSealKeys(reader: Reader): Promise<SealKeyRow[]> {
  return reader.all(
    "SELECT key_id AS keyId, public_key AS publicKey, at, previous, signature FROM seal_keys ORDER BY at, rowid",
    [],
  );
}

/** NOTE: the text begins as the committer expects of a unit that starts a new chain. */
export function insertTenant(row: Omit<TenantRow, "policyVersion" | "schemaVersion">): Statement {
  return {
    sql: "INSERT INTO tenants (tenant_id, name, kind, status, created_at, settings) VALUES (?, ?, ?, ?, ?, ?)",
    params: [row.tenantId, row.name, row.kind, row.status, row.createdAt, row.settings],
    expectRows: 1,
  };
}

export function setTenantStatus(tenant: TenantId, status: TenantRow["status"]): Statement {
  return {
    sql: "UPDATE tenants SET status = ? WHERE tenant_id = ? AND kind = 'customer'",
    params: [status, tenant],
    expectRows: 1,
  };
}

export function setTenantSettings(tenant: TenantId, settings: string): Statement {
  return { sql: "UPDATE tenants SET settings = ? WHERE tenant_id = ?", params: [settings, tenant], expectRows: 1 };
}

/** Policies and the extension that they were validated against, together, where both are still as expected. */
export function setPolicyVersion(
  tenant: TenantId,
  to: { readonly version: number; readonly schemaVersion: number },
  from: { readonly version: number; readonly schemaVersion: number },
): Statement {
  return {
    sql: `UPDATE tenants SET policy_version = ?, schema_version = ?
      WHERE tenant_id = ? AND policy_version = ? AND schema_version = ?`,
    params: [to.version, to.schemaVersion, tenant, from.version, from.schemaVersion],
    expectRows: 1,
  };
}

export function readTenant(reader: Reader, tenant: TenantId): Promise<TenantRow | undefined> {
  return reader.get(`SELECT ${TENANT_COLUMNS} FROM tenants WHERE tenant_id = ?`, [tenant]);
}

export function readTenantByName(reader: Reader, name: string): Promise<TenantRow | undefined> {
  return reader.get(`SELECT ${TENANT_COLUMNS} FROM tenants WHERE name = ?`, [name]);
}

export function readTenants(reader: Reader): Promise<TenantRow[]> {
  return reader.all(`SELECT ${TENANT_COLUMNS} FROM tenants ORDER BY created_at, tenant_id`, []);
}
