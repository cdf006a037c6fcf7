-- What leaves the chain as it grows, who was erased from it, and which jobs ran when.

-- Streams of events to collectors outside. At least once and in order: everything through `cursor` was taken, what is beyond
-- it may have been taken too.
CREATE TABLE export_streams (
  tenant_id TEXT NOT NULL,
  stream_id TEXT NOT NULL,
  name TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('syslog', 'webhook', 'file')),
  -- Where to, with its secret where it has one, sealed under the tenant's data key.
  sealed_settings BLOB NOT NULL,
  data_key_id TEXT NOT NULL,
  status TEXT NOT NULL CHECK (status IN ('active', 'disabled')),
  -- Seq of the last event that was taken. It never goes back.
  cursor INTEGER NOT NULL CHECK (cursor >= 0),
  -- Failures since something was taken last, and when the next attempt is due.
  failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
  due_at INTEGER NOT NULL,
  last_error TEXT,
  last_taken_at INTEGER,
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, stream_id)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX export_streams_by_name ON export_streams (tenant_id, name);

-- Subjects whose keys were destroyed. There is none of them in `subject_keys`, and there never will be again.
CREATE TABLE erasures (
  tenant_id TEXT NOT NULL,
  subject_id TEXT NOT NULL,
  kind TEXT NOT NULL CHECK (kind IN ('person', 'agent', 'device')),
  -- Id of the person, agent or device.
  named TEXT NOT NULL,
  erased_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, subject_id)
) STRICT, WITHOUT ROWID;

-- The scheduler's jobs, of the instance. A lease says which process runs a job; one that ran out belongs to a process that
-- ended in the middle.
CREATE TABLE scheduled_jobs (
  tenant_id TEXT NOT NULL,
  job TEXT NOT NULL,
  lease TEXT,
  leased_until INTEGER,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  last_ok_at INTEGER,
  -- When the next run is due, as the schedule says, and how long after that it is late.
  due_at INTEGER,
  late_at INTEGER,
  failures INTEGER NOT NULL DEFAULT 0 CHECK (failures >= 0),
  PRIMARY KEY (tenant_id, job),
  CHECK ((lease IS NULL) = (leased_until IS NULL))
) STRICT, WITHOUT ROWID;

-- What became of runs: the newest ones of each job. Of jobs that run many times a minute those that failed.
CREATE TABLE job_runs (
  tenant_id TEXT NOT NULL,
  job TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  duration_ms INTEGER,
  -- 'interrupted': the process ended in the middle of it.
  outcome TEXT NOT NULL CHECK (outcome IN ('running', 'ok', 'failed', 'interrupted')),
  error TEXT,
  PRIMARY KEY (tenant_id, job, started_at),
  CHECK ((outcome IN ('ok', 'failed')) = (duration_ms IS NOT NULL))
) STRICT, WITHOUT ROWID;
