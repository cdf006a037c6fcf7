import type { ChannelId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** What is told of. */
export type NoticeOccasion = "asked" | "escalated" | "emergency_opened" | "review_due";

/** How a channel speaks. */
export type ChannelKind = "email" | "webhook" | "slack" | "telegram" | "ntfy";

/** Where to tell, as stored. */
export interface ChannelRow {
  readonly channelId: ChannelId;
  readonly name: string;
  readonly kind: ChannelKind;
  readonly sealedSettings: Uint8Array;
  readonly dataKeyId: string;
  readonly status: "active" | "disabled";
  readonly createdAt: number;
}

/** Something that a channel has not delivered yet. */
export interface DeliveryRow {
  readonly channelId: ChannelId;
  /** Id of an approval or emergency. */
  readonly about: string;
  readonly occasion: NoticeOccasion;
  readonly createdAt: number;
  readonly dueAt: number;
  readonly attempts: number;
  readonly lastError: string | null;
}

const CHANNEL_COLUMNS = `channel_id AS channelId, name, kind, sealed_settings AS sealedSettings, data_key_id AS dataKeyId,
  status, created_at AS createdAt`;

/** Has every active channel tell of it. Belongs into the unit that it tells of. */
export function enqueueNotice(tenant: TenantId, about: string, occasion: NoticeOccasion, now: number): Statement {
  return {
    sql: `INSERT INTO notification_deliveries (tenant_id, channel_id, about, occasion, created_at, due_at)
      SELECT tenant_id, channel_id, ?, ?, ?, ? FROM notification_channels WHERE tenant_id = ? AND status = 'active'
      ON CONFLICT DO NOTHING`,
    params: [about, occasion, now, now, tenant],
  };
}

export function insertChannel(tenant: TenantId, row: ChannelRow): Statement {
  return {
    sql: `INSERT INTO notification_channels (tenant_id, channel_id, name, kind, sealed_settings, data_key_id, status,
      created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    params: [tenant, row.channelId, row.name, row.kind, row.sealedSettings, row.dataKeyId, row.status, row.createdAt],
    expectRows: 1,
  };
}

export function setChannelStatus(
  tenant: TenantId,
  channel: ChannelId,
  from: ChannelRow["status"],
  to: ChannelRow["status"],
): Statement {
  return {
    sql: "UPDATE notification_channels SET status = ? WHERE tenant_id = ? AND channel_id = ? AND status = ?",
    params: [to, tenant, channel, from],
    expectRows: 1,
  };
}

/** The channel and whatever it has not delivered. */
export function deleteChannel(tenant: TenantId, channel: ChannelId): readonly Statement[] {
  return [
    {
      sql: "DELETE FROM notification_channels WHERE tenant_id = ? AND channel_id = ?",
      params: [tenant, channel],
      expectRows: 1,
    },
    {
      sql: "DELETE FROM notification_deliveries WHERE tenant_id = ? AND channel_id = ?",
      params: [tenant, channel],
    },
  ];
}

/** Takes a delivery out of the queue. */
export function deleteDelivery(tenant: TenantId, delivery: DeliveryRow): Statement {
  return {
    sql: `DELETE FROM notification_deliveries WHERE tenant_id = ? AND channel_id = ? AND about = ? AND occasion = ?`,
    params: [tenant, delivery.channelId, delivery.about, delivery.occasion],
  };
}

/** Puts a delivery off. */
export function postponeDelivery(tenant: TenantId, delivery: DeliveryRow, dueAt: number, error: string): Statement {
  return {
    sql: `UPDATE notification_deliveries SET due_at = ?, attempts = attempts + 1, last_error = ?
      WHERE tenant_id = ? AND channel_id = ? AND about = ? AND occasion = ?`,
    params: [dueAt, error, tenant, delivery.channelId, delivery.about, delivery.occasion],
  };
}

export function readChannels(reader: Reader, tenant: TenantId): Promise<ChannelRow[]> {
  return reader.all(`SELECT ${CHANNEL_COLUMNS} FROM notification_channels WHERE tenant_id = ? ORDER BY name`, [tenant]);
}

export function readChannelByName(reader: Reader, tenant: TenantId, name: string): Promise<ChannelRow | undefined> {
  return reader.get(`SELECT ${CHANNEL_COLUMNS} FROM notification_channels WHERE tenant_id = ? AND name = ?`, [
    tenant,
    name,
  ]);
}

/** What is due now, what waits longest first. */
export function readDueDeliveries(
  reader: Reader,
  tenant: TenantId,
  now: number,
  limit: number,
): Promise<DeliveryRow[]> {
  return reader.all(
    `SELECT channel_id AS channelId, about, occasion, created_at AS createdAt, due_at AS dueAt, attempts,
      last_error AS lastError FROM notification_deliveries WHERE tenant_id = ? AND due_at <= ? ORDER BY due_at LIMIT ?`,
    [tenant, now, limit],
  );
}

/** How much each channel has not delivered yet, and the last error where one was met. */
export function readBacklog(
  reader: Reader,
  tenant: TenantId,
): Promise<{ readonly channelId: ChannelId; readonly waiting: number; readonly lastError: string | null }[]> {
  return reader.all(
    `SELECT channel_id AS channelId, count(*) AS waiting, max(last_error) AS lastError FROM notification_deliveries
      WHERE tenant_id = ? GROUP BY channel_id`,
    [tenant],
  );
}
