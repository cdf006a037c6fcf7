-- Approvals by passkey: what policies ask of them, who said yes, what was granted, and the token that releases the call.

-- The person behind an agent, who vouches for none of its calls; NULL where there is none.
ALTER TABLE agents ADD COLUMN owner TEXT;

-- Made anew: `remaining` may be NULL, and open requests are folded apart from what was granted.
CREATE TABLE approvals_0008 (
  tenant_id TEXT NOT NULL,
  approval_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'used', 'revoked')),
  call_digest TEXT NOT NULL CHECK (length(call_digest) = 64),
  -- Of command and resource over the connection: what a grant for the resource matches.
  resource_digest TEXT NOT NULL CHECK (length(resource_digest) = 64),
  -- 'call': asked for exactly this call; 'resource': for this command on this resource.
  bound_to TEXT NOT NULL CHECK (bound_to IN ('call', 'resource')),
  command TEXT NOT NULL,
  tier TEXT NOT NULL,
  connection_id TEXT,
  -- What the approver is shown, sealed under the tenant's data key: resource, method, path, query, headers, reasons.
  sealed_details BLOB NOT NULL,
  data_key_id TEXT NOT NULL,
  policy_version INTEGER NOT NULL,
  -- What the policies ask of whoever decides: quorum, groups, comment, escalation, bounds of the grant.
  terms TEXT NOT NULL CHECK (json_valid(terms)),
  -- Bytes of the request's body that the spool holds for it.
  spooled_bytes INTEGER NOT NULL DEFAULT 0 CHECK (spooled_bytes >= 0),
  -- People who said yes so far.
  votes INTEGER NOT NULL DEFAULT 0 CHECK (votes >= 0),
  -- The grant that they said yes to: fixed by the first.
  granted TEXT CHECK (granted IS NULL OR json_valid(granted)),
  -- The one of the two digests that a use must have; NULL until approved.
  grant_digest TEXT CHECK (grant_digest IS NULL OR grant_digest IN (call_digest, resource_digest)),
  -- Uses that are left; NULL is any number until it expires.
  remaining INTEGER CHECK (remaining >= 0),
  used INTEGER NOT NULL DEFAULT 0 CHECK (used >= 0),
  -- The cosigner's UCAN: without it nothing is released.
  cosigner BLOB,
  cosigner_cid TEXT,
  requested_at INTEGER NOT NULL,
  -- Of the request while it is pending, of the grant from then on.
  expires_at INTEGER NOT NULL,
  escalates_at INTEGER,
  escalated_at INTEGER,
  decided_at INTEGER,
  decided_by TEXT,
  PRIMARY KEY (tenant_id, approval_id),
  CHECK (state NOT IN ('approved') OR (cosigner IS NOT NULL AND cosigner_cid IS NOT NULL AND grant_digest IS NOT NULL))
) STRICT, WITHOUT ROWID;

-- What was approved before there were cosigners is over: it is asked for again.
INSERT INTO approvals_0008 (tenant_id, approval_id, agent_id, state, call_digest, resource_digest, bound_to, command, tier,
    connection_id, sealed_details, data_key_id, policy_version, terms, spooled_bytes, remaining, requested_at, expires_at,
    decided_at, decided_by)
  SELECT tenant_id, approval_id, agent_id, CASE state WHEN 'approved' THEN 'expired' ELSE state END, call_digest,
    call_digest, bound_to, command, tier, connection_id, sealed_details, data_key_id, policy_version,
    '{"quorum":1,"approvers":[],"comment":false,"escalation":null,"grants":{"uses":1,"seconds":null,"resource":false}}',
    spooled_bytes, 0, requested_at, expires_at, decided_at, decided_by
  FROM approvals;
DROP TABLE approvals;
ALTER TABLE approvals_0008 RENAME TO approvals;

-- Duplicate requests fold into the one that is pending.
CREATE UNIQUE INDEX approvals_pending ON approvals (tenant_id, agent_id, call_digest) WHERE state = 'pending';
CREATE INDEX approvals_granted ON approvals (tenant_id, agent_id, grant_digest) WHERE state = 'approved';
CREATE INDEX approvals_by_state ON approvals (tenant_id, state, expires_at);
CREATE INDEX approvals_by_agent ON approvals (tenant_id, agent_id, state);

-- Who said yes: a person counts once.
CREATE TABLE approval_votes (
  tenant_id TEXT NOT NULL,
  approval_id TEXT NOT NULL,
  person_id TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, approval_id, person_id)
) STRICT, WITHOUT ROWID;

-- Groups of people that policies name in `@approvers` and `@escalate`.
CREATE TABLE approver_groups (
  tenant_id TEXT NOT NULL,
  name TEXT NOT NULL,
  person_id TEXT NOT NULL,
  PRIMARY KEY (tenant_id, name, person_id)
) STRICT, WITHOUT ROWID;

-- Emergency grants: whatever asks for a person counts as vouched for, for one agent, below one command, for a while.
CREATE TABLE emergencies (
  tenant_id TEXT NOT NULL,
  emergency_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  -- All commands at or below it; '/' is all.
  command TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('open', 'review_due', 'reviewed')),
  -- Why, sealed under the tenant's data key.
  sealed_reason BLOB NOT NULL,
  data_key_id TEXT NOT NULL,
  opened_by TEXT NOT NULL,
  opened_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  closed_at INTEGER,
  used INTEGER NOT NULL DEFAULT 0 CHECK (used >= 0),
  cosigner BLOB NOT NULL,
  cosigner_cid TEXT NOT NULL,
  reviewed_by TEXT,
  reviewed_at INTEGER,
  PRIMARY KEY (tenant_id, emergency_id),
  CHECK ((state = 'reviewed') = (reviewed_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX emergencies_by_agent ON emergencies (tenant_id, agent_id, state);
CREATE INDEX emergencies_by_state ON emergencies (tenant_id, state, expires_at);

-- What somebody stopped until it is let go on. A row is a stop; lifting it removes the row.
CREATE TABLE stops (
  tenant_id TEXT NOT NULL,
  -- 'tenant', or the id of an agent or a connection.
  target TEXT NOT NULL,
  -- Who stopped it: the tenant's own people, or whoever holds the host; each lifts their own alone.
  origin TEXT NOT NULL CHECK (origin IN ('tenant', 'instance')),
  stopped_by TEXT NOT NULL,
  stopped_at INTEGER NOT NULL,
  -- Why, sealed under the tenant's data key; NULL where nothing was said.
  sealed_reason BLOB,
  data_key_id TEXT,
  PRIMARY KEY (tenant_id, target, origin),
  CHECK ((sealed_reason IS NULL) = (data_key_id IS NULL))
) STRICT, WITHOUT ROWID;
