-- Files that agents may touch, tools that they may use, and what of their budgets is spent.

-- Rules of the instance stand under the instance's own tenant and hold in every tenant.
CREATE TABLE file_rules (
  tenant_id TEXT NOT NULL,
  rule_id TEXT NOT NULL,
  level TEXT NOT NULL CHECK (level IN ('instance', 'tenant', 'agent')),
  -- The agent that a rule of level 'agent' is about; empty for others.
  agent_id TEXT NOT NULL,
  glob TEXT NOT NULL CHECK (length(glob) BETWEEN 1 AND 300),
  access TEXT NOT NULL CHECK (access IN ('noAccess', 'readOnly', 'readWrite')),
  created_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, rule_id),
  CHECK ((level = 'agent') = (agent_id <> ''))
) STRICT, WITHOUT ROWID;
-- One word a glob and level.
CREATE UNIQUE INDEX file_rules_by_glob ON file_rules (tenant_id, level, agent_id, glob);

-- One line of the matrix a tool, or a family of commands; '*' is all.
CREATE TABLE tool_rules (
  tenant_id TEXT NOT NULL,
  tool TEXT NOT NULL CHECK (length(tool) BETWEEN 1 AND 200),
  rule TEXT NOT NULL CHECK (json_valid(rule)),
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id, tool)
) STRICT, WITHOUT ROWID;

CREATE TABLE tool_budgets (
  tenant_id TEXT NOT NULL,
  budgets TEXT NOT NULL CHECK (json_valid(budgets)),
  updated_at INTEGER NOT NULL,
  PRIMARY KEY (tenant_id)
) STRICT, WITHOUT ROWID;

-- What was allowed, by counter and period. A row grows in the commit that allows and expects that it stays below its limit,
-- so that two at once cannot go beyond it.
CREATE TABLE tool_counters (
  tenant_id TEXT NOT NULL,
  counter TEXT NOT NULL,
  -- Milliseconds; 0 for a counter that never begins anew.
  period_start INTEGER NOT NULL,
  -- When the row says nothing any more; NULL never.
  period_end INTEGER,
  used INTEGER NOT NULL CHECK (used >= 0),
  PRIMARY KEY (tenant_id, counter, period_start)
) STRICT, WITHOUT ROWID;
CREATE INDEX tool_counters_by_end ON tool_counters (tenant_id, period_end) WHERE period_end IS NOT NULL;
