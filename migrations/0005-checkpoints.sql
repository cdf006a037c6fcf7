-- The tree's stored nodes, checkpoints, and what witnesses said of them.

-- Nodes of each chain's RFC 6962 tree. A tile at a level holds the hashes, one behind the other, of up to 64 neighbouring
-- complete subtrees of 64^level leaves. Written by the commit that completes what is in it: at level 0 only whole tiles (the
-- leaves of the last, incomplete one are computed from the events), above as they fill. Derived from the events, and lost
-- without loss: what is missing when Writ starts is built again.
CREATE TABLE tree_tiles (
  tenant_id TEXT NOT NULL,
  level INTEGER NOT NULL CHECK (level BETWEEN 0 AND 8),
  tile INTEGER NOT NULL CHECK (tile >= 0),
  hashes BLOB NOT NULL CHECK (length(hashes) BETWEEN 32 AND 2048 AND length(hashes) % 32 = 0),
  PRIMARY KEY (tenant_id, level, tile),
  CHECK (level > 0 OR length(hashes) = 2048)
) STRICT, WITHOUT ROWID;

-- Signed notes over the first `size` events of a chain: each is recorded by an event behind those that it covers, and
-- extends the one before it. Within a chain sizes and times only grow.
CREATE TABLE checkpoints (
  tenant_id TEXT NOT NULL,
  size INTEGER NOT NULL CHECK (size >= 1),
  at INTEGER NOT NULL,
  -- 'schedule': at most one a period (the start of the day or hour, in ms); 'request': whenever somebody asked.
  made_by TEXT NOT NULL CHECK (made_by IN ('schedule', 'request')),
  period INTEGER,
  key_id TEXT NOT NULL,
  note TEXT NOT NULL,
  PRIMARY KEY (tenant_id, size),
  CHECK ((made_by = 'schedule') = (period IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX checkpoints_by_period ON checkpoints (tenant_id, period) WHERE period IS NOT NULL;

-- Logs of other people that sign what they saw of this instance's own chain: it never shrank, and showed everybody the same.
CREATE TABLE witnesses (
  tenant_id TEXT NOT NULL,
  name TEXT NOT NULL,
  url TEXT NOT NULL,
  -- C2SP verifier key of cosignatures.
  verifier_key TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  -- The size that the witness is known to have, for the consistency proof of the next request; 0 for none.
  seen_size INTEGER NOT NULL DEFAULT 0 CHECK (seen_size >= 0),
  -- How the newest request ended; NULL before the first.
  last_at INTEGER,
  last_error TEXT,
  PRIMARY KEY (tenant_id, name)
) STRICT, WITHOUT ROWID;

-- Signature lines of witnesses over a checkpoint, verified before they were stored.
CREATE TABLE cosignatures (
  tenant_id TEXT NOT NULL,
  size INTEGER NOT NULL CHECK (size >= 1),
  witness TEXT NOT NULL,
  line TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, size, witness)
) STRICT, WITHOUT ROWID;
