-- The index of events that name an agent, so that an event that names none costs neither a parse of its JSON nor a list of
-- types that is built for each statement: SQLite evaluates these conditions first and computes the key only where they hold.
-- Canonical JSON has no white space, so that an event without these characters has no member of this name.

DROP INDEX events_about_agent;
CREATE INDEX events_about_agent ON events (tenant_id, json_extract(bytes, '$.data.agent'), type)
  WHERE type <> 'decision.allowed' AND type <> 'decision.denied' AND type <> 'decision.step_up'
    AND type <> 'call.finished' AND instr(bytes, '"agent":') > 0;
