import { isWritError, messageOf, WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import {
  type ArchiveRunRow,
  readArchiveRun,
  readArchiveTotals,
  readCut,
  readNewestSegment,
  readSegments,
  recordArchiveRun,
  type SegmentRecord,
} from "#src/store/archive.ts";
import { readHead } from "#src/store/events.ts";
import { type CheckResult, checkSegments } from "./check.ts";
import type { ArchiveDependencies } from "./dependencies.ts";
import { DAY_MS, startOfDay } from "./layout.ts";
import { deleteGivenUp, type PruneResult, pruneSegments } from "./prune.ts";
import { type RestoreResult, restoreSegments } from "./restore.ts";
import { type Actor, rewriteSegment, writeNextSegment } from "./write.ts";

/** What a run of the archive did. */
export interface RunResult {
  /** Segments that it wrote. */
  readonly segments: readonly SegmentRecord[];
  /** Whether there is more to write than the time allowed for. */
  readonly more: boolean;
}

/** How a tenant's archive stands. */
export interface ArchiveStatus {
  /** Undefined where no archive is configured. */
  readonly store: string | undefined;
  /** `ok`; `failing`: the last run failed; `damaged`: the store lost something; `late`: nothing succeeded for two days. */
  readonly state: "ok" | "failing" | "damaged" | "late" | "off";
  readonly lastRun: ArchiveRunRow | undefined;
  readonly totals: Awaited<ReturnType<typeof readArchiveTotals>>;
  /** The events up to this one are in the archive. */
  readonly archivedThrough: number;
  /** Those up to this one are in the archive alone. */
  readonly prunedThrough: number;
  /** The newest event. */
  readonly lastSeq: number;
}

/** Segments of the chains in a store of objects. */
export interface Archive {
  /** Writes what is due: days that have ended, or all events so far. Throws what went wrong, when that is recorded. */
  run(
    tenant: TenantId,
    actor: Actor,
    options?: { readonly today?: boolean; readonly budgetMs?: number; readonly signal?: AbortSignal },
  ): Promise<RunResult>;
  /** Every tenant's that is due, and pruning where that is on; one that fails does not keep the others. */
  runAll(signal: AbortSignal): Promise<void>;
  status(tenant: TenantId): Promise<ArchiveStatus>;
  /** Ascending, behind the segment that begins with event `after`. */
  list(tenant: TenantId, page: { readonly after?: number; readonly limit?: number }): Promise<SegmentRecord[]>;
  /** Compares the store with what was written. */
  check(tenant: TenantId, actor: Actor, signal?: AbortSignal): Promise<CheckResult>;
  prune(
    tenant: TenantId,
    actor: Actor,
    options?: { readonly graceSeconds?: number; readonly signal?: AbortSignal },
  ): Promise<PruneResult>;
  restore(
    tenant: TenantId,
    actor: Actor,
    options?: { readonly from?: number; readonly signal?: AbortSignal },
  ): Promise<RestoreResult>;
}

const DEFAULT_LIST = 100;
/** A day is archived within so long after its end, and a store that was away is asked again so often. */
const RUN_EVERY_MS = 3_600_000;
const RETRY_EVERY_MS = 600_000;
/** How long nothing may have succeeded before somebody should look. */
export const LATE_MS = 2 * DAY_MS;

/** Makes the service; without a store it says so whatever is asked of it. */
export function createArchive(
  ground: Pick<ArchiveDependencies, "reader" | "clock" | "log">,
  dependencies: ArchiveDependencies | undefined,
): Archive {
  const { reader, clock, log } = ground;
  const oneAtATime = createQueue();
  let lifecycleSetAt = Number.NEGATIVE_INFINITY;

  const need = (): ArchiveDependencies => {
    if (dependencies === undefined) throw new WritError("archive_not_configured");
    return dependencies;
  };

  const run: Archive["run"] = (tenant, actor, { today = false, budgetMs = Number.POSITIVE_INFINITY, signal } = {}) => {
    const archive = need();
    return oneAtATime(tenant, () =>
      observed(archive, tenant, async () => {
        const endsAt = performance.now() + budgetMs;
        const segments: SegmentRecord[] = [];
        for (const row of await unfinished(archive, tenant)) {
          segments.push(await rewriteSegment(archive, tenant, actor, row, signal));
        }
        // What the archive itself records in this chain is not a reason for one more segment.
        const until = today ? clock.now() + 1 : startOfDay(clock.now());
        const end = (await readHead(reader, tenant))?.seq ?? 0;
        for (;;) {
          const newest = await readNewestSegment(reader, tenant);
          if ((newest?.lastSeq ?? 0) >= end) return { segments, more: false };
          if (performance.now() >= endsAt) return { segments, more: true };
          const written = await writeNextSegment(archive, tenant, actor, until, signal);
          if (written === undefined) return { segments, more: false };
          segments.push(written);
        }
      }),
    );
  };

  /** Says once what is wrong, and once that it is right again; in between how the runs went is bookkeeping. */
  const observed = async <Result>(
    { recorder }: ArchiveDependencies,
    tenant: TenantId,
    work: () => Promise<Result>,
  ): Promise<Result> => {
    const before = await readArchiveRun(reader, tenant);
    const record = async (error: { readonly code: string; readonly message: string } | undefined): Promise<void> => {
      const statements = [recordArchiveRun(tenant, clock.now(), error)];
      if ((before?.errorCode ?? undefined) === error?.code) recorder.touch(statements);
      else {
        const type = error === undefined ? "archive.recovered" : "archive.failed";
        const data = { code: error?.code ?? before?.errorCode ?? undefined };
        await recorder.record({ tenant, type, actor: "system", statements, data, ignoresClock: true });
      }
    };
    try {
      const result = await work();
      await record(undefined);
      return result;
    } catch (error) {
      const code = isWritError(error) ? error.code : "internal";
      await record({ code, message: messageOf(error).slice(0, 500) }).catch((fault: unknown) =>
        log.error("a failure of the archive was not recorded", fault),
      );
      throw error;
    }
  };

  const setLifecycle = async ({ store, config }: ArchiveDependencies): Promise<void> => {
    if (clock.now() - lifecycleSetAt < DAY_MS) return;
    const days = Math.ceil(config.retentionSeconds / 86_400);
    const isTaken = await store.expireAfter(days);
    lifecycleSetAt = clock.now();
    if (!isTaken && store.kind === "s3") log.info("the archive's store takes no lifecycle rule", { days });
  };

  return {
    run,
    runAll: async (signal) => {
      if (dependencies === undefined) return;
      const archive = dependencies;
      await setLifecycle(archive).catch((error: unknown) =>
        log.warn("no lifecycle rule was set", { error: messageOf(error) }),
      );
      const failures: unknown[] = [];
      for (const tenant of await archive.listTenants()) {
        signal.throwIfAborted();
        if (!isDue(await readArchiveRun(reader, tenant), clock.now())) continue;
        try {
          await run(tenant, "system", { signal });
          await oneAtATime(tenant, async () => {
            if (archive.config.prunes) await pruneSegments(archive, tenant, "system", { signal });
            else await deleteGivenUp(archive, tenant, signal);
          });
        } catch (error) {
          failures.push(error);
        }
      }
      if (failures.length > 0) throw failures[0];
    },
    status: async (tenant) => {
      const [lastRun, totals, newest, cut, head] = await Promise.all([
        readArchiveRun(reader, tenant),
        readArchiveTotals(reader, tenant),
        readNewestSegment(reader, tenant),
        readCut(reader, tenant),
        readHead(reader, tenant),
      ]);
      const isUnfinished = newest?.state === "writing";
      return {
        store: dependencies?.store.description,
        state: dependencies === undefined ? "off" : stateOf(lastRun, totals, clock.now()),
        lastRun,
        totals,
        archivedThrough: (isUnfinished ? newest.firstSeq - 1 : newest?.lastSeq) ?? 0,
        prunedThrough: cut?.lastSeq ?? 0,
        lastSeq: head?.seq ?? 0,
      };
    },
    list: (tenant, { after = 0, limit = DEFAULT_LIST }) => readSegments(reader, tenant, after, limit),
    check: (tenant, actor, signal) => {
      const archive = need();
      return oneAtATime(tenant, () => checkSegments(archive, tenant, actor, signal));
    },
    prune: (tenant, actor, options) => {
      const archive = need();
      return oneAtATime(tenant, () => pruneSegments(archive, tenant, actor, options));
    },
    restore: (tenant, actor, options) => {
      const archive = need();
      return oneAtATime(tenant, () => restoreSegments(archive, tenant, actor, options));
    },
  };
}

/** Segments that a crash left unfinished, and those that the store lost though their rows are here. */
async function unfinished({ reader }: ArchiveDependencies, tenant: TenantId): Promise<readonly SegmentRecord[]> {
  const found: SegmentRecord[] = [];
  for (let after = 0; ; ) {
    const page = await readSegments(reader, tenant, after, DEFAULT_LIST);
    found.push(...page.filter(({ state }) => state === "writing" || state === "damaged"));
    if (page.length < DEFAULT_LIST) return found;
    after = page.at(-1)?.firstSeq ?? after;
  }
}

/** Whether it is time for another run: a while after one that went well, sooner after one that did not. */
function isDue(lastRun: ArchiveRunRow | undefined, now: number): boolean {
  if (lastRun === undefined) return true;
  return Math.abs(now - lastRun.lastRunAt) >= (lastRun.errorCode === null ? RUN_EVERY_MS : RETRY_EVERY_MS);
}

function stateOf(
  lastRun: ArchiveRunRow | undefined,
  totals: ArchiveStatus["totals"],
  now: number,
): ArchiveStatus["state"] {
  if (totals.some(({ state }) => state === "damaged" || state === "lost")) return "damaged";
  if (lastRun?.errorCode != null) return "failing";
  return lastRun !== undefined && now - (lastRun.lastOkAt ?? lastRun.lastRunAt) > LATE_MS ? "late" : "ok";
}

/** Runs what is given for one tenant one after the other. */
function createQueue(): <Result>(tenant: TenantId, work: () => Promise<Result>) => Promise<Result> {
  const tails = new Map<TenantId, Promise<unknown>>();
  return (tenant, work) => {
    const run = (tails.get(tenant) ?? Promise.resolve()).then(work, work);
    const tail = run
      .catch(() => undefined)
      .finally(() => {
        if (tails.get(tenant) === tail) tails.delete(tenant);
      });
    tails.set(tenant, tail);
    return run;
  };
}
