import type { Clock } from "#src/base/clock.ts";
import type { TenantId } from "#src/base/ids.ts";
import { readHead } from "#src/store/events.ts";
import type { DecisionCount, DenialCount, OverviewPart } from "#src/store/jobs/overview.ts";
import type { Reader } from "#src/store/reader.ts";
import type { ReaderPool } from "#src/store/reader-pool.ts";

/** How a decision can end. */
export const OUTCOMES = ["allow", "step_up", "deny"] as const;
/** An outcome. */
export type OutcomeName = (typeof OUTCOMES)[number];

/** Decisions of one stretch of time. */
export interface DecisionBucket {
  /** Where it begins, in milliseconds. */
  readonly at: number;
  readonly counts: Readonly<Record<OutcomeName, number>>;
}

/** Something that is denied again and again. */
export interface TopDenial {
  readonly reason: string;
  readonly command: string;
  readonly agent: string;
  readonly policy: string | undefined;
  readonly count: number;
}

/** What a tenant's decisions were over a while. */
export interface Figures {
  readonly buckets: readonly DecisionBucket[];
  readonly bucketMs: number;
  readonly totals: Readonly<Record<OutcomeName, number>>;
  /** By tier, then by outcome. */
  readonly tiers: ReadonlyMap<string, Readonly<Record<OutcomeName, number>>>;
  /** Most frequent first, at most {@link MAX_TOP}. */
  readonly denials: readonly TopDenial[];
  /** Whether all events of the time are counted; older ones are still being gone through otherwise. */
  readonly isComplete: boolean;
}

/** Where a tenant's chain ends. */
export interface ChainState {
  readonly size: number;
  readonly hash: string;
  readonly root: string;
  /** Of the newest event, in milliseconds. */
  readonly at: number;
  readonly storedBytes: number;
}

/** What happens in a tenant, at a glance. */
export interface Overviews {
  /** As of some seconds ago; the first answer after a start may not be complete. `days`: 1 to {@link MAX_DAYS}. */
  figures(tenant: TenantId, days: number): Promise<Figures>;
  /** Undefined for a tenant without events. */
  chain(tenant: TenantId): Promise<ChainState | undefined>;
}

/** What {@link createOverviews} needs. */
export interface OverviewsDependencies {
  readonly pool: ReaderPool;
  readonly reader: Reader;
  readonly clock: Clock;
}

/** How far back figures go. */
export const MAX_DAYS = 30;
/** How many kinds of denial are listed. */
export const MAX_TOP = 6;
const HOUR_MS = 3_600_000;
const DAY_HOURS = 24;
/** Figures as old as this are counted further when they are asked for. */
const FRESH_MS = 2000;
/** A page waits so long for figures that are nearly there, and draws what it has otherwise. */
const PATIENCE_MS = 10;
/** Tenants whose counts are kept. */
const MAX_TENANTS = 200;
/** Kinds of denial that are kept an hour. */
const MAX_DENIALS_AN_HOUR = 40;

/** The counts of one tenant, by hour. */
interface Counts {
  through: number;
  countedAt: number;
  isComplete: boolean;
  running: Promise<void> | undefined;
  readonly hours: Map<number, HourCounts>;
}

interface HourCounts {
  /** By `outcome tier`. */
  readonly decisions: Map<string, number>;
  readonly denials: Map<string, TopDenial>;
}

const OUTCOME_OF: ReadonlyMap<string, OutcomeName> = new Map([
  ["decision.allowed", "allow"],
  ["decision.denied", "deny"],
  ["decision.step_up", "step_up"],
]);

/**
 * Makes the service. Counts are kept in memory and derived from the chain in the reader's thread: once as far back as
 * figures go, then only what came since.
 */
export function createOverviews({ pool, reader, clock }: OverviewsDependencies): Overviews {
  const tenants = new Map<TenantId, Counts>();

  const countsOf = (tenant: TenantId): Counts => {
    let counts = tenants.get(tenant);
    if (counts === undefined) {
      const oldest = tenants.size >= MAX_TENANTS ? tenants.keys().next().value : undefined;
      if (oldest !== undefined) tenants.delete(oldest);
      counts = { through: 0, countedAt: -FRESH_MS, isComplete: false, running: undefined, hours: new Map() };
      tenants.set(tenant, counts);
    }
    return counts;
  };

  const count = async (tenant: TenantId, counts: Counts): Promise<void> => {
    const now = clock.now();
    const since = now - MAX_DAYS * DAY_HOURS * HOUR_MS;
    const parts = pool.stream("overview", { tenant, after: counts.through, since });
    // A first count that is cut short begins anew; what came since is added once all of it is there.
    const isFirst = !counts.isComplete;
    if (isFirst) counts.hours.clear();
    const later: OverviewPart[] = [];
    for (let step = await parts.next(); ; step = await parts.next()) {
      if (step.done === true) {
        for (const part of later) addPart(counts, part);
        Object.assign(counts, { through: step.value.through, countedAt: now, isComplete: true });
        break;
      }
      if (isFirst) for (const part of step.value) addPart(counts, part);
      else later.push(...step.value);
    }
    for (const hour of counts.hours.keys()) if ((hour + 1) * HOUR_MS <= since) counts.hours.delete(hour);
  };

  const refresh = (tenant: TenantId, counts: Counts): Promise<void> => {
    if (counts.running === undefined && Math.abs(clock.now() - counts.countedAt) >= FRESH_MS) {
      counts.running = count(tenant, counts).finally(() => {
        counts.running = undefined;
      });
      // Whoever asks next counts again; a page that waits for it sees the failure itself.
      counts.running.catch(() => undefined);
    }
    return counts.running ?? Promise.resolve();
  };

  return {
    figures: async (tenant, days) => {
      const counts = countsOf(tenant);
      await Promise.race([refresh(tenant, counts), Bun.sleep(PATIENCE_MS)]);
      return toFigures(counts, Math.min(Math.max(1, days), MAX_DAYS), clock.now());
    },
    chain: async (tenant) => {
      const head = await readHead(reader, tenant);
      if (head === undefined || head.seq === 0) return undefined;
      return { size: head.seq, hash: head.hash, root: head.root, at: head.at, storedBytes: head.storedBytes };
    },
  };
}

function addPart({ hours }: Counts, { decisions, denials }: OverviewPart): void {
  const hourOf = (hour: number): HourCounts => {
    const found = hours.get(hour) ?? { decisions: new Map(), denials: new Map() };
    hours.set(hour, found);
    return found;
  };
  for (const entry of decisions) addDecision(hourOf(entry.hour), entry);
  for (const entry of denials) addDenial(hourOf(entry.hour), entry);
}

function addDecision({ decisions }: HourCounts, { type, tier, count }: DecisionCount): void {
  const outcome = OUTCOME_OF.get(type);
  if (outcome === undefined) return;
  const key = `${outcome} ${tier ?? "unknown"}`;
  decisions.set(key, (decisions.get(key) ?? 0) + count);
}

function addDenial({ denials }: HourCounts, entry: DenialCount): void {
  const { reason, command, agent, policy, count } = entry;
  const key = JSON.stringify([reason, command, agent, policy]);
  const found = denials.get(key);
  if (found === undefined && denials.size >= MAX_DENIALS_AN_HOUR) return;
  denials.set(key, {
    reason: reason ?? "unknown",
    command: command ?? "",
    agent: agent ?? "",
    policy: policy ?? undefined,
    count: (found?.count ?? 0) + count,
  });
}

function toFigures({ hours, isComplete }: Counts, days: number, now: number): Figures {
  const hoursABucket = days <= 1 ? 1 : days <= 7 ? 6 : DAY_HOURS;
  const bucketMs = hoursABucket * HOUR_MS;
  const length = Math.ceil((days * DAY_HOURS) / hoursABucket);
  const lastBucket = Math.floor(now / bucketMs);
  const buckets = Array.from({ length }, (_, index) => ({
    at: (lastBucket - length + 1 + index) * bucketMs,
    counts: noDecisions(),
  }));
  const totals = noDecisions();
  const tiers = new Map<string, Record<OutcomeName, number>>();
  const denials = new Map<string, TopDenial>();
  for (const [hour, found] of hours) {
    const bucket = buckets[Math.floor(hour / hoursABucket) - (lastBucket - length + 1)];
    if (bucket === undefined) continue;
    for (const [key, count] of found.decisions) {
      const [outcome, tier = ""] = key.split(" ") as [OutcomeName, string?];
      bucket.counts[outcome] += count;
      totals[outcome] += count;
      const ofTier = tiers.get(tier) ?? noDecisions();
      ofTier[outcome] += count;
      tiers.set(tier, ofTier);
    }
    for (const [key, denial] of found.denials) {
      denials.set(key, { ...denial, count: (denials.get(key)?.count ?? 0) + denial.count });
    }
  }
  const top = [...denials.values()].sort((left, right) => right.count - left.count).slice(0, MAX_TOP);
  return { buckets, bucketMs, totals, tiers, denials: top, isComplete };
}

function noDecisions(): Record<OutcomeName, number> {
  return { allow: 0, step_up: 0, deny: 0 };
}
