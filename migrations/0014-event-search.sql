-- Finds events by what kind they are, who caused them and which agent they name, newest first, without going through the
-- chain. Derived from it like the columns they are on: to drop them loses nothing.
-- The table's primary key ends with seq, and so does every index on it.

CREATE INDEX events_by_type ON events (tenant_id, type);
CREATE INDEX events_by_actor ON events (tenant_id, actor, type);
-- Events that name an agent. Its own decisions and calls are found by their actor, so that what happens most often is not
-- read for it.
CREATE INDEX events_about_agent ON events (tenant_id, json_extract(bytes, '$.data.agent'), type)
  WHERE type NOT IN ('decision.allowed', 'decision.denied', 'decision.step_up', 'call.finished');
