import type { SQLQueryBindings } from "bun:sqlite";
import type { AgentId, SubjectId, TenantId } from "#src/base/ids.ts";
import type { EventFilter, EventRow } from "../events.ts";
import type { JobContext } from "./job.ts";

/** What is searched for. */
export interface SearchInput {
  readonly tenant: TenantId;
  readonly filter: SearchFilter;
  /** Events below this seq only. */
  readonly before: number;
  /** At most so many events. */
  readonly limit: number;
}

/** Which events are found: all that is given must hold. */
export interface SearchFilter extends EventFilter {
  /** Events that this agent caused or that name it as `data.agent`. */
  readonly agent?: { readonly id: AgentId; readonly subject: SubjectId | null };
}

/** Where a search stopped. */
export interface SearchResult {
  /** What to give as `before` for the events that follow; absent when there are none. */
  readonly next?: number;
}

/** How many events one step looks at. */
const WINDOW = 2048;

/**
 * Searches a tenant's chain, newest first.
 *
 * `at` never decreases within a chain, so times become places in it by bisection; the other conditions are looked for
 * window by window.
 */
export async function* searchEvents(
  { db, breathe, progress }: JobContext,
  { tenant, filter, before, limit }: SearchInput,
): AsyncGenerator<readonly EventRow[], SearchResult, void> {
  const atOf = db.query<{ at: number }, [string, number]>("SELECT at FROM events WHERE tenant_id = ? AND seq = ?");
  const last = db.query<{ seq: number | null }, [string]>("SELECT max(seq) AS seq FROM events WHERE tenant_id = ?");
  const end = (last.get(tenant)?.seq ?? 0) + 1;
  const firstAtOrAfter = (time: number): number => {
    let [low, high] = [1, end];
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      if ((atOf.get(tenant, middle)?.at ?? 0) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const floor = filter.since === undefined ? 1 : firstAtOrAfter(filter.since);
  let ceiling = Math.min(before, end, filter.until === undefined ? end : firstAtOrAfter(filter.until));
  const find = db.query<EventRow, SQLQueryBindings[]>(FIND);
  let wanted = limit;
  while (ceiling > floor && wanted > 0) {
    const from = Math.max(floor, ceiling - WINDOW);
    // One more than wanted tells whether something follows.
    const found = find.all(...bind(tenant, from, ceiling, filter), wanted + 1);
    const rows = found.slice(0, wanted);
    if (rows.length > 0) yield rows;
    wanted -= rows.length;
    const lastTaken = rows.at(-1);
    if (found.length > rows.length && lastTaken !== undefined) return { next: lastTaken.seq };
    ceiling = from;
    progress(end - from);
    await breathe();
  }
  return ceiling > floor ? { next: ceiling } : {};
}

const FIND = `SELECT seq, id, at, type, actor, bytes, hash FROM events
  WHERE tenant_id = ?1 AND seq >= ?2 AND seq < ?3
    AND (?4 IS NULL OR type = ?4 OR substr(type, 1, length(?4) + 1) = ?4 || '.')
    AND (?5 IS NULL OR actor = ?5)
    AND (?6 IS NULL OR actor = ?7 OR json_extract(bytes, '$.data.agent') = ?6)
  ORDER BY seq DESC LIMIT ?8`;

function bind(tenant: TenantId, from: number, before: number, { type, actor, agent }: SearchFilter) {
  return [tenant, from, before, type ?? null, actor ?? null, agent?.id ?? null, agent?.subject ?? null];
}
