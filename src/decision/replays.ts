import type { PersonalOpener } from "#src/audit/event-view.ts";
import { WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { ChangeGroup, ReplayReport } from "#src/policy/replay.ts";
import type { EventRow } from "#src/store/events.ts";
import type { PolicyChoice } from "#src/store/jobs/policy-index.ts";
import type { DecisionRecord } from "#src/store/jobs/redecide.ts";
import type { SearchResult } from "#src/store/jobs/search-events.ts";
import { readPolicyVersion } from "#src/store/policies.ts";
import type { Reader } from "#src/store/reader.ts";
import type { JobOptions, ReaderPool } from "#src/store/reader-pool.ts";
import { MAX_SLICE_POLICIES, requireCompiled } from "./policy-versions.ts";
import { createDecisionOpener, type DecisionOpener } from "./recorded-decision.ts";
import { nextTurn } from "./turn.ts";

/** Under what recorded decisions are made again: a draft, a version, or each the version that it was made under. */
export type ReplayAgainst = PolicyChoice | "recorded";

/** Makes recorded decisions again and counts what comes out differently. */
export interface PolicyReplays {
  /**
   * All decisions of the tenant since a time, in milliseconds, newest first. Against `recorded` nothing may differ: what
   * does was not decided as it is written.
   *
   * Throws `policy_invalid` and `policy_slice_too_large` for a draft, `not_found` for a version, `verification_failed` for
   * a record that does not open.
   */
  replay(tenant: TenantId, against: ReplayAgainst, since: number, options?: JobOptions): Promise<ReplayReport>;
}

/** What {@link createPolicyReplays} needs. */
export interface PolicyReplaysDependencies {
  readonly opener: PersonalOpener;
  readonly reader: Reader;
  readonly pool: ReaderPool;
}

interface SearchPage {
  readonly items: readonly EventRow[];
  readonly result: SearchResult;
}

/** How long records are opened before the main thread's other work has its turn, in milliseconds. */
const TURN_MS = 4;
/** So many events are read, opened and decided at a time: a page crosses between the threads in some milliseconds. */
const PAGE = 200;
const MAX_GROUPS = 1000;
const MAX_EXAMPLES = 5;
const MAX_DIFFERENCES = 100;

/** Makes the service: records are opened here, where the keys are, and decided on the reader's thread. */
export function createPolicyReplays({ opener, reader, pool }: PolicyReplaysDependencies): PolicyReplays {
  const requireDecidable = async (tenant: TenantId, against: ReplayAgainst): Promise<void> => {
    if (against === "recorded") return;
    if ("source" in against) {
      requireCompiled((await pool.run("compile", { source: against.source, maxSlice: MAX_SLICE_POLICIES })).result);
    } else if (against.version !== 0 && (await readPolicyVersion(reader, tenant, against.version)) === undefined) {
      throw new WritError("not_found", "there is no such policy version");
    }
  };

  return {
    replay: async (tenant, against, since, options) => {
      await requireDecidable(tenant, against);
      const decisions = createDecisionOpener(tenant, reader, opener);
      const total = new ReplayTotal();
      const fetchPage = (before: number): Promise<SearchPage> => {
        const filter = { type: "decision", since };
        return quietly(pool.run("search", { tenant, filter, before, limit: PAGE }, options));
      };
      const decide = async (batches: ReadonlyMap<number, readonly DecisionRecord[]>): Promise<void> => {
        for (const [version, records] of batches) {
          const policies = against === "recorded" ? { version } : against;
          total.add((await pool.run("replay", { tenant, policies, records }, options)).result);
        }
      };
      // While one page is opened, the one before it is decided and the next one read.
      let deciding = Promise.resolve();
      let page: Promise<SearchPage> | undefined = fetchPage(Number.MAX_SAFE_INTEGER);
      while (page !== undefined) {
        const { items, result }: SearchPage = await page;
        page = result.next === undefined ? undefined : fetchPage(result.next);
        const batches = await openAll(decisions, items, against);
        await deciding;
        deciding = quietly(decide(batches));
      }
      await deciding;
      return total.report();
    },
  };
}

/** Records by the version that they were made under, or all as one where that does not matter. */
async function openAll(
  decisions: DecisionOpener,
  rows: readonly EventRow[],
  against: ReplayAgainst,
): Promise<ReadonlyMap<number, readonly DecisionRecord[]>> {
  const batches = new Map<number, DecisionRecord[]>();
  let turnEnds = performance.now() + TURN_MS;
  for (const row of rows) {
    const opened = await decisions.open(row);
    if (opened !== undefined) {
      const version = against === "recorded" ? opened.version : 0;
      const batch = batches.get(version);
      if (batch === undefined) batches.set(version, [opened.record]);
      else batch.push(opened.record);
    }
    if (performance.now() < turnEnds) continue;
    await nextTurn();
    turnEnds = performance.now() + TURN_MS;
  }
  return batches;
}

/** The same promise; where the replay fails elsewhere first, its own failure is nobody's. */
function quietly<Value>(promise: Promise<Value>): Promise<Value> {
  promise.catch(() => undefined);
  return promise;
}

/** The reports of many batches as one. */
class ReplayTotal {
  private readonly counts = {
    replayed: 0,
    reproduced: 0,
    sameOutcome: 0,
    changed: 0,
    erased: 0,
    failed: 0,
    ungrouped: 0,
  };
  private readonly groups = new Map<string, ChangeGroup>();
  private readonly differences: ReplayReport["differences"][number][] = [];

  add(report: ReplayReport): void {
    for (const name of Object.keys(this.counts) as (keyof typeof this.counts)[]) this.counts[name] += report[name];
    for (const group of report.groups) this.addGroup(group);
    this.differences.push(...report.differences.slice(0, MAX_DIFFERENCES - this.differences.length));
  }

  report(): ReplayReport {
    const groups = [...this.groups.values()].sort((a, b) => b.count - a.count);
    return { ...this.counts, groups, differences: this.differences };
  }

  private addGroup(group: ChangeGroup): void {
    const { count, examples, ...same } = group;
    const key = JSON.stringify(same);
    const known = this.groups.get(key);
    if (known !== undefined) {
      const joined = [...known.examples, ...examples].slice(0, MAX_EXAMPLES);
      this.groups.set(key, { ...known, count: known.count + count, examples: joined });
    } else if (this.groups.size < MAX_GROUPS) this.groups.set(key, group);
    else this.counts.ungrouped += count;
  }
}
