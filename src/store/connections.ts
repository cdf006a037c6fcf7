import type { ConnectionId, SecretId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** How a credential is put into a call. */
export type AuthKind = "none" | "bearer" | "basic" | "header" | "query";

/** A connection as stored: where it leads and which sealed secret opens it. */
export interface ConnectionRow {
  readonly connectionId: ConnectionId;
  readonly name: string;
  readonly connector: string;
  /** `scheme://host[:port]`, normalised. */
  readonly origin: string;
  readonly basePath: string;
  readonly authKind: AuthKind;
  readonly authName: string | null;
  readonly secretId: SecretId | null;
  readonly secretVersion: number | null;
  /** JSON. */
  readonly settings: string;
  readonly status: "active" | "disabled";
  readonly createdAt: number;
}

/** A route table that a tenant brought. */
export interface ConnectorTableRow {
  readonly connector: string;
  readonly version: number;
  /** JSON. */
  readonly source: string;
  readonly createdAt: number;
}

const COLUMNS = `connection_id AS connectionId, name, connector, origin, base_path AS basePath, auth_kind AS authKind,
  auth_name AS authName, secret_id AS secretId, secret_version AS secretVersion, settings, status, created_at AS createdAt`;

export function insertConnection(tenant: TenantId, row: ConnectionRow): Statement {
  return {
    sql: `INSERT INTO connections (tenant_id, connection_id, name, connector, origin, base_path, auth_kind, auth_name,
      secret_id, secret_version, settings, status, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    params: [
      tenant,
      row.connectionId,
      row.name,
      row.connector,
      row.origin,
      row.basePath,
      row.authKind,
      row.authName,
      row.secretId,
      row.secretVersion,
      row.settings,
      row.status,
      row.createdAt,
    ],
    expectRows: 1,
  };
}

export function setConnectionStatus(
  tenant: TenantId,
  connection: ConnectionId,
  from: ConnectionRow["status"],
  to: ConnectionRow["status"],
): Statement {
  return {
    sql: "UPDATE connections SET status = ? WHERE tenant_id = ? AND connection_id = ? AND status = ?",
    params: [to, tenant, connection, from],
    expectRows: 1,
  };
}

export function setConnectionSecretVersion(
  tenant: TenantId,
  connection: ConnectionId,
  from: number,
  to: number,
): Statement {
  return {
    sql: "UPDATE connections SET secret_version = ? WHERE tenant_id = ? AND connection_id = ? AND secret_version = ?",
    params: [to, tenant, connection, from],
    expectRows: 1,
  };
}

export function readConnection(
  reader: Reader,
  tenant: TenantId,
  connection: ConnectionId,
): Promise<ConnectionRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM connections WHERE tenant_id = ? AND connection_id = ?`, [
    tenant,
    connection,
  ]);
}

export function readConnectionByName(
  reader: Reader,
  tenant: TenantId,
  name: string,
): Promise<ConnectionRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM connections WHERE tenant_id = ? AND name = ?`, [tenant, name]);
}

/** In order of making, after `after`, at most `limit`. */
export function readConnections(
  reader: Reader,
  tenant: TenantId,
  after: string,
  limit: number,
): Promise<ConnectionRow[]> {
  return reader.all(
    `SELECT ${COLUMNS} FROM connections WHERE tenant_id = ? AND connection_id > ? ORDER BY connection_id LIMIT ?`,
    [tenant, after, limit],
  );
}

/** Every connection of the tenant, as far as it names commands. */
export function readConnectionNames(
  reader: Reader,
  tenant: TenantId,
): Promise<{ connectionId: string; connectionName: string; connector: string }[]> {
  return reader.all(
    `SELECT connection_id AS connectionId, name AS connectionName, connector FROM connections
      WHERE tenant_id = ? ORDER BY name`,
    [tenant],
  );
}

export function insertConnectorTable(tenant: TenantId, row: ConnectorTableRow): Statement {
  return {
    sql: "INSERT INTO connector_tables (tenant_id, connector, version, source, created_at) VALUES (?, ?, ?, ?, ?)",
    params: [tenant, row.connector, row.version, row.source, row.createdAt],
    expectRows: 1,
  };
}

/** The newest version of a tenant's own table. */
export function readConnectorTable(
  reader: Reader,
  tenant: TenantId,
  connector: string,
): Promise<ConnectorTableRow | undefined> {
  return reader.get(
    `SELECT connector, version, source, created_at AS createdAt FROM connector_tables
      WHERE tenant_id = ? AND connector = ? ORDER BY version DESC LIMIT 1`,
    [tenant, connector],
  );
}

/** The newest version of each of a tenant's own tables. */
export function readConnectorTables(reader: Reader, tenant: TenantId): Promise<ConnectorTableRow[]> {
  return reader.all(
    `SELECT connector, max(version) AS version, source, created_at AS createdAt FROM connector_tables
      WHERE tenant_id = ? GROUP BY connector ORDER BY connector`,
    [tenant],
  );
}
