import { isWritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import { type ParsedEvent, parseEvent } from "#src/ledger/event.ts";
import { isPersonalValue } from "#src/ledger/personal.ts";
import type { EventRow } from "../events.ts";
import { type EvidenceFormat, formatEvent, openEvent } from "./evidence-format.ts";
import type { JobContext } from "./job.ts";

/** Which events are evidence of something: all that is given must hold. */
export interface EvidenceFilter {
  /** An event type, or what begins one at a dot. */
  readonly type?: string;
  /** Lists of random ids: events that name one of each list, at any depth, whoever they are by. */
  readonly mentions?: readonly (readonly string[])[];
  /** Milliseconds, inclusive. */
  readonly since?: number;
  /** Milliseconds, exclusive. */
  readonly until?: number;
}

/** One part of an export. */
export interface EvidenceInput {
  readonly tenant: TenantId;
  readonly filter: EvidenceFilter;
  /** Events behind this one, oldest first, through the other, so that an export does not chase what it records itself. */
  readonly after: number;
  readonly through: number;
  readonly format: EvidenceFormat;
  /**
   * Keys of subjects that were asked for before; null for one that was erased. Undefined: everything personal stays sealed.
   * With `closed` those that are not here stay sealed and are not asked for.
   */
  readonly keys: ReadonlyMap<string, Uint8Array | null> | undefined;
  readonly closed?: boolean;
}

/** How far a part came. */
export interface EvidenceResult {
  /** Events that were given. */
  readonly events: number;
  /** What to go on with: behind this event, with these subjects' keys; absent where all is done. */
  readonly rest?: { readonly after: number; readonly missing: readonly string[] };
}

/** How many events of each type there are, and where the first and last stand. */
export interface EvidenceSummary {
  readonly events: number;
  readonly first: number;
  readonly last: number;
  readonly firstAt: number;
  readonly lastAt: number;
  readonly types: readonly (readonly [type: string, count: number])[];
}

/** What the summary is made of. */
export type EvidenceSummaryInput = Pick<EvidenceInput, "tenant" | "filter" | "through">;

/** Rows that are read at a time, and matching ones that are given at most in one part. */
const PAGE = 500;
const PART_EVENTS = 5000;
/** Places in the chain that are looked through in one go: some 5 ms. */
const WINDOW = 4000;

/**
 * One part of an export: text, piece by piece. It ends early where it meets subjects whose keys it was not given, or has
 * given so much that other work should have its turn.
 */
export async function* exportEvidence(
  context: JobContext,
  input: EvidenceInput,
): AsyncGenerator<readonly string[], EvidenceResult, void> {
  const { breathe, progress } = context;
  const { tenant, filter, keys, format, through, closed = false } = input;
  let events = 0;
  let after = input.after;
  while (events < PART_EVENTS) {
    const page = await readPage(context, tenant, filter, after, through);
    if (page.length === 0) return { events };
    const parsed = page.map((row) => ({ row, event: parseRow(row) }));
    const missing = keys === undefined || closed ? [] : subjectsOf(parsed, keys);
    if (missing.length > 0) return { events, rest: { after, missing } };
    const lines: string[] = [];
    for (const { row, event } of parsed) {
      lines.push(formatEvent(format, row, event === undefined ? undefined : openEvent(tenant, event, keys)));
      if (lines.length % 50 === 0) await breathe();
    }
    yield lines;
    events += page.length;
    after = page.at(-1)?.seq ?? through;
    progress(events);
    await breathe();
  }
  return { events, rest: { after, missing: [] } };
}

/** Counts what an export would hold. */
export async function summarizeEvidence(
  context: JobContext,
  { tenant, filter, through }: EvidenceSummaryInput,
): Promise<EvidenceSummary> {
  const types = new Map<string, number>();
  let first: EventRow | undefined;
  let last: EventRow | undefined;
  let events = 0;
  for (;;) {
    const page = await readPage(context, tenant, filter, last?.seq ?? 0, through);
    first ??= page[0];
    for (const { type } of page) types.set(type, (types.get(type) ?? 0) + 1);
    events += page.length;
    context.progress(events);
    if (page.length === 0) break;
    last = page.at(-1);
  }
  return {
    events,
    first: first?.seq ?? 0,
    last: last?.seq ?? 0,
    firstAt: first?.at ?? 0,
    lastAt: last?.at ?? 0,
    types: [...types].sort(([left], [right]) => (left < right ? -1 : 1)),
  };
}

/**
 * The next rows that match; empty where there are none. Rows are looked through in the order of the chain, a bounded number
 * at a time. An id that stands in quotes is 26 random characters, and no accident.
 */
async function readPage(
  { db, breathe }: JobContext,
  tenant: TenantId,
  { type, mentions, since, until }: EvidenceFilter,
  after: number,
  through: number,
): Promise<readonly EventRow[]> {
  const conditions = ["tenant_id = ?", "seq > ?", "seq <= ?"];
  const bound: (string | number)[] = [];
  if (type !== undefined) {
    conditions.push("(type = ? OR substr(type, 1, ?) = ?)");
    bound.push(type, type.length + 1, `${type}.`);
  }
  for (const ids of mentions ?? []) {
    conditions.push(`(${["FALSE", ...ids.map(() => "instr(bytes, ?) > 0")].join(" OR ")})`);
    bound.push(...ids.map((id) => JSON.stringify(id)));
  }
  if (since !== undefined) {
    conditions.push("at >= ?");
    bound.push(since);
  }
  if (until !== undefined) {
    conditions.push("at < ?");
    bound.push(until);
  }
  const query = db.query<EventRow, (string | number)[]>(
    `SELECT seq, id, at, type, actor, bytes, hash FROM events WHERE ${conditions.join(" AND ")} ORDER BY seq LIMIT ${PAGE}`,
  );
  for (let from = after; from < through; from += WINDOW) {
    await breathe();
    const rows = query.all(tenant, from, Math.min(from + WINDOW, through), ...bound);
    if (rows.length > 0) return rows;
  }
  return [];
}

/** Undefined for bytes that are no event: what was tampered with is shown as such and hides nothing else. */
function parseRow(row: EventRow): ParsedEvent | undefined {
  try {
    return parseEvent(row.bytes);
  } catch (error) {
    if (!isWritError(error)) throw error;
    return undefined;
  }
}

function subjectsOf(
  parsed: readonly { readonly event: ParsedEvent | undefined }[],
  known: ReadonlyMap<string, Uint8Array | null>,
): readonly string[] {
  const subjects = new Set<string>();
  for (const { event } of parsed) {
    for (const value of Object.values(event?.data ?? {})) {
      if (isPersonalValue(value) && !known.has(value.subject)) subjects.add(value.subject);
    }
  }
  return [...subjects];
}
