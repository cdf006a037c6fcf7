import type { DeviceId, SubjectId, TenantId, TokenId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** A paired machine as stored. */
export interface DeviceRow {
  readonly deviceId: DeviceId;
  readonly subjectId: SubjectId;
  readonly tokenId: TokenId;
  readonly name: string;
  /** Ed25519, 32 bytes. */
  readonly publicKey: Uint8Array;
  /** JSON array of agent ids. */
  readonly agents: string;
  /** The person who confirmed it; null for whoever holds the host. */
  readonly personId: string | null;
  readonly pairedAt: number;
  readonly revokedAt: number | null;
}

const COLUMNS = `device_id AS deviceId, subject_id AS subjectId, token_id AS tokenId, name, public_key AS publicKey, agents,
  person_id AS personId, paired_at AS pairedAt, revoked_at AS revokedAt`;

export function insertDevice(tenant: TenantId, row: DeviceRow): Statement {
  return {
    sql: `INSERT INTO devices (tenant_id, device_id, subject_id, token_id, name, public_key, agents, person_id, paired_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    params: [
      tenant,
      row.deviceId,
      row.subjectId,
      row.tokenId,
      row.name,
      row.publicKey,
      row.agents,
      row.personId,
      row.pairedAt,
    ],
    expectRows: 1,
  };
}

export function revokeDevice(tenant: TenantId, device: DeviceId, at: number): Statement {
  return {
    sql: "UPDATE devices SET revoked_at = ? WHERE tenant_id = ? AND device_id = ? AND revoked_at IS NULL",
    params: [at, tenant, device],
    expectRows: 1,
  };
}

export function readDevice(reader: Reader, tenant: TenantId, device: DeviceId): Promise<DeviceRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM devices WHERE tenant_id = ? AND device_id = ?`, [tenant, device]);
}

/** The one of that name that is not revoked. */
export function readDeviceByName(reader: Reader, tenant: TenantId, name: string): Promise<DeviceRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM devices WHERE tenant_id = ? AND name = ? AND revoked_at IS NULL`, [
    tenant,
    name,
  ]);
}

export function readDeviceByToken(reader: Reader, tenant: TenantId, token: TokenId): Promise<DeviceRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM devices WHERE tenant_id = ? AND token_id = ?`, [tenant, token]);
}

export function readDeviceByKey(reader: Reader, tenant: TenantId, key: Uint8Array): Promise<DeviceRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM devices WHERE tenant_id = ? AND public_key = ?`, [tenant, key]);
}

/** In order of pairing, after `after`, at most `limit`. */
export function readDevices(reader: Reader, tenant: TenantId, after: string, limit: number): Promise<DeviceRow[]> {
  return reader.all(`SELECT ${COLUMNS} FROM devices WHERE tenant_id = ? AND device_id > ? ORDER BY device_id LIMIT ?`, [
    tenant,
    after,
    limit,
  ]);
}
