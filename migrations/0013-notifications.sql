-- Telling people: where to, and what has not been delivered yet.

CREATE TABLE notification_channels (
  tenant_id TEXT NOT NULL,
  channel_id TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('email', 'webhook', 'slack', 'telegram', 'ntfy')),
  -- Addresses, URL and credentials, sealed under the tenant's data key.
  sealed_settings BLOB NOT NULL,
  data_key_id TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, channel_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX notification_channels_by_name ON notification_channels (tenant_id, name);

-- Put here by the unit that it tells of, so that a crash loses none; taken out when it was delivered or given up.
CREATE TABLE notification_deliveries (
  tenant_id TEXT NOT NULL,
  channel_id TEXT NOT NULL,
  -- The approval or emergency that it is about.
  about TEXT NOT NULL,
  occasion TEXT NOT NULL CHECK (occasion IN ('asked', 'escalated', 'emergency_opened', 'review_due')),
  created_at INTEGER NOT NULL,
  due_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
  last_error TEXT,
  PRIMARY KEY (tenant_id, channel_id, about, occasion)
) STRICT, WITHOUT ROWID;
CREATE INDEX notification_deliveries_due ON notification_deliveries (tenant_id, due_at);
