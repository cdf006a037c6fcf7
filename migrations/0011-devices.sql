-- Machines that act for agents. Each has a token, of which the hash is among the tokens, and a key of its own, which never
-- leaves the machine: the one is nothing without the other.

CREATE TABLE devices (
  tenant_id TEXT NOT NULL,
  device_id TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  token_id TEXT NOT NULL,
  name TEXT NOT NULL,
  -- Ed25519, as its owner made it.
  public_key BLOB NOT NULL CHECK (length(public_key) = 32),
  -- Ids of the agents that it may act for, fixed when a person confirmed it.
  agents TEXT NOT NULL CHECK (json_valid(agents)),
  -- Who confirmed it; NULL for whoever holds the host.
  person_id TEXT,
  paired_at INTEGER NOT NULL,
  revoked_at INTEGER,
  PRIMARY KEY (tenant_id, device_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX devices_by_token ON devices (tenant_id, token_id);
-- A revoked one gives its name free, never its key: a key is paired once.
CREATE UNIQUE INDEX devices_by_name ON devices (tenant_id, name) WHERE revoked_at IS NULL;
CREATE UNIQUE INDEX devices_by_key ON devices (tenant_id, public_key);
