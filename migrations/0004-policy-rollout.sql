-- How policies reach a tenant: a version that is tried beside the active one, and bundles that a publisher signed.

-- The version that is evaluated beside the active one and never enforced; no row for none.
CREATE TABLE policy_shadows (
  tenant_id TEXT PRIMARY KEY,
  version INTEGER NOT NULL CHECK (version >= 1),
  started_at INTEGER NOT NULL,
  -- Subject id.
  started_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Publishers whose bundles a tenant takes: the public half of each key, and the one channel that it may speak on.
CREATE TABLE policy_publishers (
  tenant_id TEXT NOT NULL,
  key_id TEXT NOT NULL CHECK (length(key_id) = 16),
  public_key BLOB NOT NULL CHECK (length(public_key) = 32),
  channel TEXT NOT NULL,
  trusted_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, key_id)
) STRICT, WITHOUT ROWID;

-- One row a tenant: the newest bundle that was imported. It outlives the trust in its key, so that an older bundle stays older.
CREATE TABLE policy_bundles (
  tenant_id TEXT PRIMARY KEY,
  key_id TEXT NOT NULL,
  channel TEXT NOT NULL,
  -- Only grows, unless a roll-back was asked for by name.
  bundle_version INTEGER NOT NULL CHECK (bundle_version >= 1),
  -- Of the whole file.
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  made_at INTEGER NOT NULL,
  -- So long after it was made everything is denied; NULL never.
  max_age_seconds INTEGER CHECK (max_age_seconds >= 1),
  -- The policy version that it became.
  policy_version INTEGER NOT NULL CHECK (policy_version >= 1),
  imported_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a tenant that follows a source: where new bundles are looked for.
CREATE TABLE policy_sources (
  tenant_id TEXT PRIMARY KEY,
  kind TEXT NOT NULL CHECK (kind IN ('folder', 's3')),
  -- JSON; the secret key of a bucket is sealed in `secrets`.
  location TEXT NOT NULL CHECK (json_valid(location)),
  secret_id TEXT,
  every_seconds INTEGER NOT NULL CHECK (every_seconds >= 1),
  followed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- How the last look at a source ended: bookkeeping without an event; losing a row loses no proof.
CREATE TABLE policy_polls (
  tenant_id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  outcome TEXT NOT NULL CHECK (outcome IN ('imported', 'unchanged', 'failed')),
  -- An error's code and its words.
  code TEXT,
  detail TEXT,
  -- When a look last succeeded.
  succeeded_at INTEGER
) STRICT, WITHOUT ROWID;
