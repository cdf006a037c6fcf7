-- Runs: what an agent does on a host, under one task, and what it says of each step.

CREATE TABLE runs (
  tenant_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  agent_id TEXT NOT NULL,
  -- The paired machine that it was opened on, and the person behind the agent then; NULL where there is none.
  device_id TEXT,
  person_id TEXT,
  -- Set when the row is made and never changed, of a run that is there already: there are no cycles.
  parent_id TEXT,
  -- The topmost run of the family; the run itself where it has no parent.
  root_id TEXT NOT NULL,
  depth INTEGER NOT NULL CHECK (depth BETWEEN 0 AND 7),
  state TEXT NOT NULL CHECK (state IN ('pending', 'active', 'paused', 'completed', 'failed', 'cancelled')),
  -- How far the host holds it: 'observed' can be gone around, 'contained' cannot; NULL where nobody said.
  level TEXT CHECK (level IN ('observed', 'contained')),
  -- Work item and route, sealed under the key of the agent's subject.
  sealed_details BLOB NOT NULL,
  -- Of the run and all runs below it together; NULL is no limit.
  max_calls INTEGER CHECK (max_calls >= 0),
  max_cost INTEGER CHECK (max_cost >= 0),
  until_at INTEGER,
  calls INTEGER NOT NULL DEFAULT 0 CHECK (calls >= 0 AND (max_calls IS NULL OR calls <= max_calls)),
  cost INTEGER NOT NULL DEFAULT 0 CHECK (cost >= 0 AND (max_cost IS NULL OR cost <= max_cost)),
  receipts INTEGER NOT NULL DEFAULT 0 CHECK (receipts >= 0),
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  ended_at INTEGER,
  PRIMARY KEY (tenant_id, run_id),
  CHECK ((parent_id IS NULL) = (depth = 0)),
  CHECK ((state IN ('completed', 'failed', 'cancelled')) = (ended_at IS NOT NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX runs_by_parent ON runs (tenant_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX runs_by_agent ON runs (tenant_id, agent_id, run_id);
CREATE INDEX runs_by_state ON runs (tenant_id, state, run_id);

-- Decisions that were made in a run, whatever they were; the decision itself is its event.
CREATE TABLE run_decisions (
  tenant_id TEXT NOT NULL,
  decision_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  decision TEXT NOT NULL CHECK (decision IN ('allow', 'deny', 'step_up')),
  command TEXT NOT NULL,
  tier TEXT NOT NULL,
  connection_id TEXT,
  -- The approval that an allow used, or that a step-up waits for.
  approval_id TEXT,
  at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, decision_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX run_decisions_by_run ON run_decisions (tenant_id, run_id, decision_id);

-- What was done in a run. Each is an event too, of the same id.
CREATE TABLE receipts (
  tenant_id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  receipt_id TEXT NOT NULL,
  decision_id TEXT,
  approval_id TEXT,
  tier TEXT NOT NULL,
  success INTEGER NOT NULL CHECK (success IN (0, 1)),
  duration_ms INTEGER NOT NULL CHECK (duration_ms >= 0),
  -- Tool, inputs, output, route, artifacts: scrubbed, then sealed under the key of the agent's subject.
  sealed_details BLOB NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, run_id, receipt_id)
) STRICT, WITHOUT ROWID;
-- A decision was carried out once.
CREATE UNIQUE INDEX receipts_by_decision ON receipts (tenant_id, decision_id) WHERE decision_id IS NOT NULL;
