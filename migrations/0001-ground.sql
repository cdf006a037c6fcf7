-- The ground: instance, tenants, the chain, and what an agent's call needs.
-- Every tenant table's primary key begins with tenant_id, so that a query without a tenant is a query without an index.
-- Times are milliseconds since 1970 (INTEGER); hashes, keys and sealed values are BLOBs; documents are JSON in TEXT.

-- One row: which instance this is. Every tenant's chain names it, so that two instances' events never mix.
CREATE TABLE instance (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  instance_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  -- Subject that stands for whoever holds the host.
  operator_subject_id TEXT NOT NULL,
  -- The wall clock (ms) that an operator accepted though it was behind a chain's head; NULL when none was.
  clock_accepted_at INTEGER
) STRICT;

-- The published history of seal keys: public halves only. `previous` signed each; the first signed itself.
CREATE TABLE seal_keys (
  key_id TEXT PRIMARY KEY,
  public_key BLOB NOT NULL CHECK (length(public_key) = 32),
  at TEXT NOT NULL,
  previous TEXT REFERENCES seal_keys (key_id),
  signature BLOB NOT NULL CHECK (length(signature) = 64)
) STRICT;

-- Finds a credential's tenant from the id in its text. Holds nothing else, so a look-up reveals nothing else.
CREATE TABLE token_directory (
  token_id TEXT PRIMARY KEY,
  tenant_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- `kind` instance: the one whose chain records what the operator does to the instance itself.
CREATE TABLE tenants (
  tenant_id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('instance', 'customer')),
  status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
  created_at INTEGER NOT NULL,
  -- The active policy version; 0 is the empty set: deny everything.
  policy_version INTEGER NOT NULL DEFAULT 0,
  settings TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings))
) STRICT, WITHOUT ROWID;

-- The newest event of each chain and the state that the next one builds on. Written by the commit itself, never by a unit.
CREATE TABLE heads (
  tenant_id TEXT PRIMARY KEY,
  seq INTEGER NOT NULL CHECK (seq >= 0),
  hash TEXT NOT NULL CHECK (length(hash) = 64),
  -- RFC 6962 root over seq leaves, and the compact range it is made of.
  root TEXT NOT NULL CHECK (length(root) = 64),
  frontier BLOB NOT NULL CHECK (length(frontier) % 32 = 0),
  at INTEGER NOT NULL,
  -- Raised by every change of what a decision rests on: a decision's unit expects the epoch that it was computed under.
  authority_epoch INTEGER NOT NULL CHECK (authority_epoch >= 0),
  -- Bytes of events and blobs: what the disk quota counts.
  stored_bytes INTEGER NOT NULL CHECK (stored_bytes >= 0)
) STRICT, WITHOUT ROWID;

-- The chain. `bytes` is the event's RFC 8785 form; the other columns are derived from it and are an index, not a source.
CREATE TABLE events (
  tenant_id TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  id TEXT NOT NULL,
  at INTEGER NOT NULL,
  type TEXT NOT NULL,
  actor TEXT NOT NULL,
  bytes TEXT NOT NULL,
  hash TEXT NOT NULL CHECK (length(hash) = 64),
  PRIMARY KEY (tenant_id, seq)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX events_by_id ON events (tenant_id, id);

-- One a tenant and commit: an Ed25519 signature over that tenant's new head.
CREATE TABLE seals (
  tenant_id TEXT NOT NULL,
  seq INTEGER NOT NULL CHECK (seq >= 1),
  hash TEXT NOT NULL CHECK (length(hash) = 64),
  root TEXT NOT NULL CHECK (length(root) = 64),
  key_id TEXT NOT NULL,
  signature BLOB NOT NULL CHECK (length(signature) = 64),
  PRIMARY KEY (tenant_id, seq)
) STRICT, WITHOUT ROWID;

-- Content-addressed documents that events refer to by SHA-256: entities as evaluated.
CREATE TABLE blobs (
  tenant_id TEXT NOT NULL,
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  bytes TEXT NOT NULL,
  PRIMARY KEY (tenant_id, sha256)
) STRICT, WITHOUT ROWID;

-- Keys that seal a tenant's secrets, each wrapped by the master key named beside it. The newest not retired seals; all open.
CREATE TABLE data_keys (
  tenant_id TEXT NOT NULL,
  data_key_id TEXT NOT NULL,
  master_key_id TEXT NOT NULL,
  wrapped BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  retired_at INTEGER,
  PRIMARY KEY (tenant_id, data_key_id)
) STRICT, WITHOUT ROWID;

-- Keys that seal what is personal in events. Deleting a row erases that subject everywhere; the chain still verifies.
CREATE TABLE subject_keys (
  tenant_id TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  master_key_id TEXT NOT NULL,
  wrapped BLOB NOT NULL,
  PRIMARY KEY (tenant_id, subject_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE agents (
  tenant_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  name TEXT NOT NULL,
  did TEXT NOT NULL,
  -- Sealed Ed25519 seed where Writ keeps the agent's key; NULL where the agent enrolled its own.
  sealed_seed BLOB,
  data_key_id TEXT,
  -- 1: a writ alone is not enough, the agent proves possession of its key with an invocation.
  require_proof INTEGER NOT NULL DEFAULT 0 CHECK (require_proof IN (0, 1)),
  groups TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(groups)),
  status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, agent_id),
  CHECK ((sealed_seed IS NULL) = (data_key_id IS NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX agents_by_name ON agents (tenant_id, name);
CREATE UNIQUE INDEX agents_by_did ON agents (tenant_id, did);

-- Credentials that Writ issued: the hash of the secret, never the secret.
CREATE TABLE tokens (
  tenant_id TEXT NOT NULL,
  token_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('agent', 'admin', 'pdp', 'device', 'scim')),
  subject_id TEXT NOT NULL,
  agent_id TEXT,
  name TEXT NOT NULL,
  environment TEXT NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  -- Addresses and ranges it may be used from; an empty list is any.
  sources TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(sources)),
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  PRIMARY KEY (tenant_id, token_id),
  CHECK ((kind = 'agent') = (agent_id IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX tokens_by_agent ON tokens (tenant_id, agent_id);

-- Last call of each credential: bookkeeping, written apart from units and without an event; losing a row loses no proof.
CREATE TABLE token_uses (
  tenant_id TEXT NOT NULL,
  token_id TEXT NOT NULL,
  last_at INTEGER NOT NULL,
  last_command TEXT,
  last_outcome TEXT,
  last_source TEXT,
  PRIMARY KEY (tenant_id, token_id)
) STRICT, WITHOUT ROWID;

-- Sealed values. The associated data names tenant, record and version, so a row copied elsewhere does not open.
CREATE TABLE secrets (
  tenant_id TEXT NOT NULL,
  secret_id TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version >= 1),
  data_key_id TEXT NOT NULL,
  sealed BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, secret_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE connections (
  tenant_id TEXT NOT NULL,
  connection_id TEXT NOT NULL,
  name TEXT NOT NULL,
  connector TEXT NOT NULL,
  origin TEXT NOT NULL,
  -- What stands between the origin and the path that an agent names, such as /api/v3; empty for none.
  base_path TEXT NOT NULL DEFAULT '',
  auth_kind TEXT NOT NULL CHECK (auth_kind IN ('none', 'bearer', 'basic', 'header', 'query')),
  -- Name of the header or query parameter that carries the credential, where the kind needs one.
  auth_name TEXT,
  secret_id TEXT,
  secret_version INTEGER,
  settings TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(settings)),
  status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, connection_id),
  CHECK ((auth_kind = 'none') = (secret_id IS NULL))
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX connections_by_name ON connections (tenant_id, name);

-- Route tables that a tenant brought; the shipped ones are in the binary.
CREATE TABLE connector_tables (
  tenant_id TEXT NOT NULL,
  connector TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version >= 1),
  source TEXT NOT NULL CHECK (json_valid(source)),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, connector, version)
) STRICT, WITHOUT ROWID;

-- Immutable: a change is a new version. `compiled` is the parsed form of `source`, so that loading parses nothing.
CREATE TABLE policy_versions (
  tenant_id TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version >= 1),
  source TEXT NOT NULL,
  compiled TEXT NOT NULL CHECK (json_valid(compiled)),
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  author TEXT NOT NULL,
  message TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, version)
) STRICT, WITHOUT ROWID;

-- A person's yes or no to one call. `pending` is the only state that a decision leaves; `approved` the only one that a use does.
CREATE TABLE approvals (
  tenant_id TEXT NOT NULL,
  approval_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'used', 'revoked')),
  call_digest TEXT NOT NULL CHECK (length(call_digest) = 64),
  -- 'call': exactly this call; 'resource': this command on this resource.
  bound_to TEXT NOT NULL CHECK (bound_to IN ('call', 'resource')),
  command TEXT NOT NULL,
  tier TEXT NOT NULL,
  connection_id TEXT,
  -- What the approver is shown, sealed under the tenant's data key: resource, method, path, query, headers, reasons.
  sealed_details BLOB NOT NULL,
  data_key_id TEXT NOT NULL,
  policy_version INTEGER NOT NULL,
  -- Bytes of the request's body that the spool holds for it.
  spooled_bytes INTEGER NOT NULL DEFAULT 0 CHECK (spooled_bytes >= 0),
  remaining INTEGER NOT NULL CHECK (remaining >= 0),
  requested_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  decided_at INTEGER,
  decided_by TEXT,
  PRIMARY KEY (tenant_id, approval_id)
) STRICT, WITHOUT ROWID;
-- Duplicate requests fold into the one that is open: at most one open approval an agent and digest.
CREATE UNIQUE INDEX approvals_open ON approvals (tenant_id, agent_id, call_digest) WHERE state IN ('pending', 'approved');
CREATE INDEX approvals_by_state ON approvals (tenant_id, state, expires_at);

-- Single-use writs that were used. Committed before the upstream call: at most once.
CREATE TABLE consumed_writs (
  tenant_id TEXT NOT NULL,
  cid TEXT NOT NULL,
  expires_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, cid)
) STRICT, WITHOUT ROWID;
CREATE INDEX consumed_writs_by_expiry ON consumed_writs (tenant_id, expires_at);

-- What no longer holds although its signature does.
CREATE TABLE revocations (
  tenant_id TEXT NOT NULL,
  cid TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, cid)
) STRICT, WITHOUT ROWID;

-- Upstream calls that began and whose end is not recorded yet. What a start finds here ended with an unknown outcome.
CREATE TABLE open_calls (
  tenant_id TEXT NOT NULL,
  call_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, call_id)
) STRICT, WITHOUT ROWID;
