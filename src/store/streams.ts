import type { StreamId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** How a stream speaks. */
export type StreamKind = "syslog" | "webhook" | "file";

/** A stream of events to a collector, as stored. */
export interface StreamRow {
  readonly streamId: StreamId;
  readonly name: string;
  readonly kind: StreamKind;
  readonly sealedSettings: Uint8Array;
  readonly dataKeyId: string;
  readonly status: "active" | "disabled";
  /** Seq of the last event that was taken. */
  readonly cursor: number;
  readonly failures: number;
  readonly dueAt: number;
  readonly lastError: string | null;
  readonly lastTakenAt: number | null;
  readonly createdAt: number;
}

const COLUMNS = `stream_id AS streamId, name, kind, sealed_settings AS sealedSettings, data_key_id AS dataKeyId, status,
  cursor, failures, due_at AS dueAt, last_error AS lastError, last_taken_at AS lastTakenAt, created_at AS createdAt`;

export function insertStream(tenant: TenantId, row: StreamRow): Statement {
  return {
    sql: `INSERT INTO export_streams (tenant_id, stream_id, name, kind, sealed_settings, data_key_id, status, cursor, due_at,
      created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    params: [
      tenant,
      row.streamId,
      row.name,
      row.kind,
      row.sealedSettings,
      row.dataKeyId,
      row.status,
      row.cursor,
      row.dueAt,
      row.createdAt,
    ],
    expectRows: 1,
  };
}

/** The next attempt is due at once, whatever failed before. */
export function setStreamStatus(
  tenant: TenantId,
  stream: StreamId,
  from: StreamRow["status"],
  to: StreamRow["status"],
  now: number,
): Statement {
  return {
    sql: "UPDATE export_streams SET status = ?, due_at = ? WHERE tenant_id = ? AND stream_id = ? AND status = ?",
    params: [to, now, tenant, stream, from],
    expectRows: 1,
  };
}

export function deleteStream(tenant: TenantId, stream: StreamId): Statement {
  return {
    sql: "DELETE FROM export_streams WHERE tenant_id = ? AND stream_id = ?",
    params: [tenant, stream],
    expectRows: 1,
  };
}

/** Bookkeeping: events through `cursor` were taken. What is lost of it is sent again. */
export function advanceStream(tenant: TenantId, stream: StreamId, cursor: number, now: number): Statement {
  return {
    sql: `UPDATE export_streams SET cursor = ?, failures = 0, last_error = NULL, last_taken_at = ?, due_at = ?
      WHERE tenant_id = ? AND stream_id = ? AND cursor <= ?`,
    params: [cursor, now, now, tenant, stream, cursor],
  };
}

/** Bookkeeping: an attempt failed, and the next is due later. */
export function postponeStream(
  tenant: TenantId,
  stream: StreamId,
  failures: number,
  dueAt: number,
  error: string,
): Statement {
  return {
    sql: "UPDATE export_streams SET failures = ?, due_at = ?, last_error = ? WHERE tenant_id = ? AND stream_id = ?",
    params: [failures, dueAt, error, tenant, stream],
  };
}

/** By name. */
export function readStreams(reader: Reader, tenant: TenantId): Promise<StreamRow[]> {
  return reader.all(`SELECT ${COLUMNS} FROM export_streams WHERE tenant_id = ? ORDER BY name`, [tenant]);
}

export function readStreamByName(reader: Reader, tenant: TenantId, name: string): Promise<StreamRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM export_streams WHERE tenant_id = ? AND name = ?`, [tenant, name]);
}
