-- People, what they sign in with, and their sessions.

-- People of a tenant. `revoked` is final. Rows stay: approvals and events name the subject.
CREATE TABLE people (
  tenant_id TEXT NOT NULL,
  person_id TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  -- Name and e-mail, sealed under the subject's own key: erasing the subject erases them here as in events.
  sealed_profile BLOB NOT NULL,
  roles TEXT NOT NULL CHECK (json_valid(roles)),
  -- 'invited': nobody has enrolled a passkey for it yet.
  status TEXT NOT NULL CHECK (status IN ('invited', 'active', 'revoked')),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, person_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX people_by_subject ON people (tenant_id, subject_id);

-- Enrolled passkeys. A removed one stays, so that what it signed can be checked later; it signs nothing new.
CREATE TABLE passkeys (
  tenant_id TEXT NOT NULL,
  passkey_id TEXT NOT NULL,
  person_id TEXT NOT NULL,
  -- Base64url, as the authenticator gave it.
  credential_id TEXT NOT NULL,
  -- COSE_Key (RFC 9052 section 7).
  public_key BLOB NOT NULL,
  -- COSE algorithm: -7 ES256, -8 EdDSA, -257 RS256.
  algorithm INTEGER NOT NULL CHECK (algorithm IN (-7, -8, -257)),
  -- The authenticator's signature counter; 0 for one that has none. It never goes back.
  counter INTEGER NOT NULL CHECK (counter >= 0),
  transports TEXT NOT NULL CHECK (json_valid(transports)),
  aaguid TEXT NOT NULL,
  -- What its owner calls it, sealed under the subject's key.
  sealed_name BLOB NOT NULL,
  backup_eligible INTEGER NOT NULL CHECK (backup_eligible IN (0, 1)),
  backed_up INTEGER NOT NULL CHECK (backed_up IN (0, 1)),
  created_at INTEGER NOT NULL,
  last_used_at INTEGER,
  revoked_at INTEGER,
  PRIMARY KEY (tenant_id, passkey_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX passkeys_by_credential ON passkeys (tenant_id, credential_id);
CREATE INDEX passkeys_by_person ON passkeys (tenant_id, person_id);

-- Finds a credential's tenant from its id at sign-in. Holds nothing else; a credential belongs to one tenant.
CREATE TABLE passkey_directory (
  credential_id TEXT PRIMARY KEY,
  tenant_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Signed-in browsers: the hash of the cookie's secret, never the secret. An ended one is dead for the next request.
CREATE TABLE sessions (
  tenant_id TEXT NOT NULL,
  session_id TEXT NOT NULL,
  person_id TEXT NOT NULL,
  passkey_id TEXT NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  -- Browser and address as the person sees them in the list, sealed under the subject's key.
  sealed_client BLOB NOT NULL,
  -- Where the cookie is not bound to a secure origin: hash of the device that it was given to.
  device BLOB CHECK (device IS NULL OR length(device) = 32),
  created_at INTEGER NOT NULL,
  last_seen_at INTEGER NOT NULL,
  -- The absolute end; the idle one follows from last_seen_at.
  expires_at INTEGER NOT NULL,
  ended_at INTEGER,
  PRIMARY KEY (tenant_id, session_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_by_person ON sessions (tenant_id, person_id);

-- One-time links to enrol a passkey: the hash of the secret. Used at most once, and not after `expires_at`.
CREATE TABLE enrolment_links (
  tenant_id TEXT NOT NULL,
  link_id TEXT NOT NULL,
  -- 'setup': for the tenant's first owner, who has no row yet.
  kind TEXT NOT NULL CHECK (kind IN ('setup', 'invitation', 'recovery')),
  person_id TEXT,
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  used_at INTEGER,
  revoked_at INTEGER,
  PRIMARY KEY (tenant_id, link_id),
  CHECK ((kind = 'setup') = (person_id IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX enrolment_links_by_person ON enrolment_links (tenant_id, person_id);

-- Recovery codes: hashes, each good once. A person's new set removes the old one.
CREATE TABLE recovery_codes (
  tenant_id TEXT NOT NULL,
  code_id TEXT NOT NULL,
  person_id TEXT NOT NULL,
  hash BLOB NOT NULL CHECK (length(hash) = 32),
  created_at INTEGER NOT NULL,
  used_at INTEGER,
  PRIMARY KEY (tenant_id, code_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX recovery_codes_by_person ON recovery_codes (tenant_id, person_id);

-- Finds a code's tenant from the part of it that is no secret. Holds nothing else.
CREATE TABLE recovery_code_directory (
  code_id TEXT PRIMARY KEY,
  tenant_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row a tenant that has had a passkey: from then on people decide, and the host does not.
CREATE TABLE people_states (
  tenant_id TEXT PRIMARY KEY,
  first_passkey_at INTEGER NOT NULL,
  -- Until then nobody of the tenant approves, because the host recovered an owner's access.
  approvals_held_until INTEGER,
  -- Changed by whatever could leave the tenant without an owner; such a change expects that one is left.
  checked_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
