-- What a tenant says of the world, for decisions and for search: entities in Cedar's form, and what other vocabularies call them.

CREATE TABLE entities (
  tenant_id TEXT NOT NULL,
  -- Cedar entity type.
  type TEXT NOT NULL,
  id TEXT NOT NULL,
  attrs TEXT NOT NULL CHECK (json_valid(attrs)),
  -- JSON array of {type, id}.
  parents TEXT NOT NULL CHECK (json_valid(parents)),
  tags TEXT CHECK (tags IS NULL OR json_valid(tags)),
  -- Hex. Part of what the event's hash is made of: gone with the row, so that a hash of what was personal tells nothing later.
  salt TEXT NOT NULL,
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, type, id)
) STRICT, WITHOUT ROWID;

-- One row a tenant: how AuthZEN's subject types, resource types and action names are called in Cedar.
CREATE TABLE type_maps (
  tenant_id TEXT PRIMARY KEY,
  map TEXT NOT NULL CHECK (json_valid(map)),
  updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
