-- The life of a policy: what a version was validated against, who let which decide when, and its compiled form in pieces.

-- Immutable: a change of a tenant's extension of the schema is a new version.
CREATE TABLE policy_schemas (
  tenant_id TEXT NOT NULL,
  version INTEGER NOT NULL CHECK (version >= 1),
  -- Cedar's schema syntax, as it was given.
  source TEXT NOT NULL,
  -- What it says of requests: derived from `source`.
  rules TEXT NOT NULL CHECK (json_valid(rules)),
  sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
  author TEXT NOT NULL,
  message TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, version)
) STRICT, WITHOUT ROWID;

-- The extension that decisions are made under; 0 is none. Set together with the policy version that was validated against it.
ALTER TABLE tenants ADD COLUMN schema_version INTEGER NOT NULL DEFAULT 0;

-- The extension that this version was validated against, and how many policies it has; NULL where nobody counted.
ALTER TABLE policy_versions ADD COLUMN schema_version INTEGER NOT NULL DEFAULT 0;
ALTER TABLE policy_versions ADD COLUMN policies INTEGER;
-- The source, zstd: what crosses threads and waits for the disk should be small. `source` is empty beside it.
ALTER TABLE policy_versions ADD COLUMN packed BLOB;

-- The compiled policies of a version in the order of its source, zstd over JSON arrays, so that none takes long to read.
-- A version without rows here has them in `policy_versions.compiled`.
CREATE TABLE policy_pieces (
  tenant_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  piece INTEGER NOT NULL CHECK (piece >= 0),
  compiled BLOB NOT NULL,
  PRIMARY KEY (tenant_id, version, piece)
) STRICT, WITHOUT ROWID;

-- Each time that a version began to decide: gapless, so that two who activate at once cannot both be next.
CREATE TABLE policy_activations (
  tenant_id TEXT NOT NULL,
  activation INTEGER NOT NULL CHECK (activation >= 1),
  version INTEGER NOT NULL,
  schema_version INTEGER NOT NULL,
  previous INTEGER NOT NULL,
  -- 'activated': forward, also from a draft; 'rolled_back': to a version that had decided before.
  kind TEXT NOT NULL CHECK (kind IN ('activated', 'rolled_back')),
  -- Subject id of whoever approved it by letting it decide.
  actor TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, activation)
) STRICT, WITHOUT ROWID;
CREATE INDEX policy_activations_by_version ON policy_activations (tenant_id, version, activation);
