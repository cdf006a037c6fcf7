import type { TenantId } from "#src/base/ids.ts";
import type { JobContext } from "./job.ts";

/** What is counted. */
export interface OverviewInput {
  readonly tenant: TenantId;
  /** Events after this place alone: what was counted before. */
  readonly after: number;
  /** Nothing older than this, in milliseconds. */
  readonly since: number;
}

/** How many decisions of one kind an hour had. */
export interface DecisionCount {
  readonly hour: number;
  /** `decision.allowed`, `decision.denied` or `decision.step_up`. */
  readonly type: string;
  readonly tier: string | null;
  readonly count: number;
}

/** How often one thing was denied in an hour. */
export interface DenialCount {
  readonly hour: number;
  readonly reason: string | null;
  readonly command: string | null;
  readonly agent: string | null;
  readonly policy: string | null;
  readonly count: number;
}

/** The counts of some events, to be added to those of others. `hour`: since 1970. */
export interface OverviewPart {
  readonly decisions: readonly DecisionCount[];
  readonly denials: readonly DenialCount[];
}

/** Where counting ended. */
export interface OverviewResult {
  /** The place of the newest event that was counted. */
  readonly through: number;
}

/** How many events one step looks at. */
const WINDOW = 1024;
/** How many kinds of denial a window tells apart; a flood has few kinds. */
const MAX_DENIALS = 50;

/**
 * Counts a tenant's decisions by hour, outcome and tier, and its denials by reason, newest first, so that what matters most
 * is known first. The chain is the source and nothing is kept: counts are derived, and derived again after a start.
 */
export async function* countDecisions(
  { db, breathe, progress }: JobContext,
  { tenant, after, since }: OverviewInput,
): AsyncGenerator<readonly OverviewPart[], OverviewResult, void> {
  const head = db
    .query<{ seq: number | null }, [string]>("SELECT max(seq) AS seq FROM events WHERE tenant_id = ?")
    .get(tenant);
  const through = head?.seq ?? 0;
  const atOf = db.query<{ at: number }, [string, number]>("SELECT at FROM events WHERE tenant_id = ? AND seq = ?");
  const decisions = db.query<DecisionCount, [string, number, number, number]>(DECISIONS);
  const denials = db.query<DenialCount, [string, number, number, number]>(DENIALS);
  let ceiling = through;
  while (ceiling > after) {
    const floor = Math.max(after, ceiling - WINDOW);
    const bounds = [tenant, floor, ceiling, since] as const;
    yield [{ decisions: decisions.all(...bounds), denials: denials.all(...bounds) }];
    // `at` never decreases within a chain: what is below is older still.
    if ((atOf.get(tenant, floor)?.at ?? 0) < since) break;
    ceiling = floor;
    progress(through - ceiling);
    await breathe();
  }
  return { through };
}

const WINDOW_OF = "tenant_id = ?1 AND seq > ?2 AND seq <= ?3 AND at >= ?4";

const DECISIONS = `SELECT at / 3600000 AS hour, type, json_extract(bytes, '$.data.tier') AS tier, count(*) AS count
  FROM events
  WHERE ${WINDOW_OF} AND type IN ('decision.allowed', 'decision.denied', 'decision.step_up')
  GROUP BY 1, 2, 3`;

const DENIALS = `SELECT at / 3600000 AS hour, json_extract(bytes, '$.data.reasons[0]') AS reason,
    json_extract(bytes, '$.data.command') AS command, json_extract(bytes, '$.data.agent') AS agent,
    json_extract(bytes, '$.data.policies[0]') AS policy, count(*) AS count
  FROM events
  WHERE ${WINDOW_OF} AND type = 'decision.denied'
  GROUP BY 1, 2, 3, 4, 5 ORDER BY count DESC LIMIT ${MAX_DENIALS}`;
