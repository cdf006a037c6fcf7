import type { Database, SQLQueryBindings } from "bun:sqlite";
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

/** Events that an index holds one after the other: those of one key of it, by type. */
interface Source {
  readonly index: string;
  /** A condition on the index's columns before the type, and what it binds besides the tenant. */
  readonly where: string;
  readonly bound: readonly SQLQueryBindings[];
}

/**
 * Searches a tenant's chain, newest first: each index has the events of one key and type in order, and those of several are
 * merged. What it costs depends on how many events are wanted and how many types there are, not on how long the chain is.
 *
 * `at` never decreases within a chain, so times become places in it by bisection.
 */
export async function* searchEvents(
  { db, breathe }: JobContext,
  { tenant, filter, before, limit }: SearchInput,
): AsyncGenerator<readonly EventRow[], SearchResult, void> {
  const { floor, ceiling } = boundsOf(db, tenant, filter, before);
  // One more than wanted tells whether something follows.
  const wanted = limit + 1;
  const places = new Set<number>();
  for (const source of sourcesOf(filter)) {
    for (const type of source.index === "" ? [undefined] : typesOf(db, tenant, source, filter.type)) {
      for (const seq of placesIn(db, tenant, source, type, filter, floor, ceiling, wanted)) places.add(seq);
      await breathe();
    }
  }
  const found = [...places].sort((left, right) => right - left).slice(0, wanted);
  const row = db.query<EventRow, [string, number]>(
    "SELECT seq, id, at, type, actor, bytes, hash FROM events WHERE tenant_id = ? AND seq = ?",
  );
  const rows = found.slice(0, limit).flatMap((seq) => row.get(tenant, seq) ?? []);
  if (rows.length > 0) yield rows;
  const last = rows.at(-1);
  return found.length > limit && last !== undefined ? { next: last.seq } : {};
}

/** The places in the chain that a search is between: `floor` inclusive, `ceiling` exclusive. */
function boundsOf(db: Database, tenant: TenantId, { since, until }: SearchFilter, before: number) {
  const atOf = db.query<{ at: number }, [string, number]>(
    "SELECT at FROM events WHERE tenant_id = ? AND seq >= ? LIMIT 1",
  );
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
  return {
    floor: since === undefined ? 1 : firstAtOrAfter(since),
    ceiling: Math.min(before, end, until === undefined ? end : firstAtOrAfter(until)),
  };
}

/** The chain itself, where nothing but time is asked for. */
const CHAIN: Source = { index: "", where: "", bound: [] };

/** Where the events that fit stand in order; the same event may be in two of them. */
function sourcesOf({ type, actor, agent }: SearchFilter): readonly Source[] {
  if (agent !== undefined) {
    const about: Source = {
      index: "events_about_agent",
      where: `AND json_extract(bytes, '$.data.agent') = ? AND ${NOT_OWN}`,
      bound: [agent.id],
    };
    if (agent.subject === null) return [about];
    return [about, { index: "events_by_actor", where: "AND actor = ?", bound: [agent.subject] }];
  }
  if (actor !== undefined) return [{ index: "events_by_actor", where: "AND actor = ?", bound: [actor] }];
  return [type === undefined ? CHAIN : { index: "events_by_type", where: "", bound: [] }];
}

/** As the index on what names an agent states it: SQLite uses it only where each of its conditions is asked for. */
const NOT_OWN = `type <> 'decision.allowed' AND type <> 'decision.denied' AND type <> 'decision.step_up'
  AND type <> 'call.finished' AND instr(bytes, '"agent":') > 0`;

/** The types that a source has, of those that are asked for: each found by one step through the index. */
function typesOf(db: Database, tenant: TenantId, { index, where, bound }: Source, asked: string | undefined): string[] {
  const next = db.query<{ type: string }, SQLQueryBindings[]>(
    `SELECT type FROM events INDEXED BY ${index} WHERE tenant_id = ? ${where} AND type > ? ORDER BY type LIMIT 1`,
  );
  const types: string[] = [];
  const exists = db.query<{ type: string }, SQLQueryBindings[]>(
    `SELECT type FROM events INDEXED BY ${index} WHERE tenant_id = ? ${where} AND type = ? LIMIT 1`,
  );
  if (asked !== undefined && exists.get(tenant, ...bound, asked) !== null) types.push(asked);
  const prefix = asked === undefined ? "" : `${asked}.`;
  for (let from = prefix; ; ) {
    const found = next.get(tenant, ...bound, from)?.type;
    if (found === undefined || !found.startsWith(prefix)) return types;
    types.push(found);
    from = found;
  }
}

/** The newest places of one type in a source. */
function placesIn(
  db: Database,
  tenant: TenantId,
  { index, where, bound }: Source,
  type: string | undefined,
  { actor, agent }: SearchFilter,
  floor: number,
  ceiling: number,
  wanted: number,
): readonly number[] {
  const also = agent !== undefined && actor !== undefined ? "AND actor = ?" : "";
  const find = db.query<{ seq: number }, SQLQueryBindings[]>(
    `SELECT seq FROM events ${index === "" ? "" : `INDEXED BY ${index}`} WHERE tenant_id = ? ${where}
      ${type === undefined ? "" : "AND type = ?"} AND seq >= ? AND seq < ? ${also} ORDER BY seq DESC LIMIT ?`,
  );
  const values = [...bound, ...(type === undefined ? [] : [type]), floor, ceiling];
  return find.all(tenant, ...values, ...(also === "" ? [] : [actor as string]), wanted).map(({ seq }) => seq);
}
