-- The archive: which parts of each chain lie as segments in a folder or bucket, and which of them alone lie there.

-- One row a segment. A chain's segments follow one another without a gap from its first event on, so that the archive of a
-- chain ends where its newest row does.
--   writing: begun, and fixed: whoever goes on after a crash writes exactly these events under exactly these names
--   written: in the store, read back and compared
--   damaged: the store was found not to hold it (any more); the local rows are still here
--   pruned:  the local rows are given up; they go little by little, and those that are still there count no more
--   lost:    damaged after it was pruned: only another copy can bring it back
CREATE TABLE archive_segments (
  tenant_id TEXT NOT NULL,
  first_seq INTEGER NOT NULL CHECK (first_seq >= 1),
  last_seq INTEGER NOT NULL CHECK (last_seq >= first_seq),
  state TEXT NOT NULL CHECK (state IN ('writing', 'written', 'damaged', 'pruned', 'lost')),
  -- Day of all its events, UTC, as in the name of its folder.
  date TEXT NOT NULL CHECK (length(date) = 10),
  -- Hash of the last event, the tree up to it and that tree's compact range: what the event behind it stands on.
  head TEXT NOT NULL CHECK (length(head) = 64),
  root TEXT NOT NULL CHECK (length(root) = 64),
  frontier BLOB NOT NULL CHECK (length(frontier) % 32 = 0),
  -- Length and SHA-256 of the file of its events, and of the one of their documents where they refer to any.
  events_bytes INTEGER NOT NULL CHECK (events_bytes > 0),
  events_sha256 TEXT NOT NULL CHECK (length(events_sha256) = 64),
  blobs_bytes INTEGER,
  blobs_sha256 TEXT CHECK (blobs_sha256 IS NULL OR length(blobs_sha256) = 64),
  -- Bytes of its events as they lie in the table: what pruning gives back to the tenant's quota.
  json_bytes INTEGER NOT NULL CHECK (json_bytes > 0),
  -- Until when the store holds it, read back from the store; NULL where it is not locked.
  locked_until INTEGER,
  written_at INTEGER,
  -- When it was last read from the store and compared.
  verified_at INTEGER,
  PRIMARY KEY (tenant_id, first_seq),
  CHECK ((blobs_bytes IS NULL) = (blobs_sha256 IS NULL)),
  CHECK (state = 'writing' OR written_at IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- How the last run of a tenant's archive went: bookkeeping for people, losing it loses no proof.
CREATE TABLE archive_runs (
  tenant_id TEXT PRIMARY KEY,
  last_run_at INTEGER NOT NULL,
  last_ok_at INTEGER,
  -- Stable code and message of what is wrong; NULL where nothing is.
  error_code TEXT,
  error_message TEXT
) STRICT, WITHOUT ROWID;
