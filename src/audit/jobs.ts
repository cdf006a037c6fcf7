import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { JobJournal, JobMemory, Scheduler } from "#src/scheduler/scheduler.ts";
import type { Reader } from "#src/store/reader.ts";
import {
  finishRun,
  freeLeases,
  insertRunning,
  type JobRunRow,
  leaseJob,
  readJobRuns,
  readScheduledJob,
  readScheduledJobs,
  renewLease,
} from "#src/store/schedule.ts";
import type { Recorder } from "./recorder.ts";

/** A job of the scheduler. Times are milliseconds since 1970. */
export interface JobView {
  readonly name: string;
  /** `every 60 s`, or a cron expression in UTC. */
  readonly schedule: string;
  readonly isRunning: boolean;
  /** Since the process started. */
  readonly runs: number;
  /** In a row, where runs are kept; else since the process started. */
  readonly failures: number;
  readonly startedAt: number | null;
  readonly lastOkAt: number | null;
  readonly dueAt: number | null;
  readonly isLate: boolean;
}

/** The instance's scheduled jobs: what there is, what became of runs, and running one now. */
export interface ScheduledJobs {
  /** What the scheduler remembers by. */
  readonly journal: JobJournal;
  /** Sets the scheduler that runs them. */
  use(scheduler: Pick<Scheduler, "states" | "runNow">): void;
  list(): Promise<JobView[]>;
  /** Newest first; `not_found` for a job that there is not. */
  history(job: string, limit: number): Promise<JobRunRow[]>;
  /** Runs a job now, or joins its run; resolves when that has ended. `not_found`. */
  run(job: string): Promise<JobView>;
}

/** What {@link createScheduledJobs} needs. */
export interface ScheduledJobsDependencies {
  readonly recorder: Pick<Recorder, "touch">;
  readonly reader: Reader;
  readonly clock: Clock;
  readonly instanceTenant: TenantId;
  /** Names this process among those that ever ran on the data folder. */
  readonly processId: string;
}

/** A lease is renewed well before it ends; one that ended belongs to a process that did too. */
const LEASE_MS = 120_000;
const RENEW_MS = 30_000;
/** How long the store has to take a lease, in milliseconds. */
const PATIENCE_MS = 5000;
/** After so long a lease of another process is no passing state. */
const HELD_MS = 500;
const POLL_MS = 10;
/** Failures of jobs that run all the time are noted this often. */
const NOTE_MS = 60_000;

/** Makes the service. */
export function createScheduledJobs(dependencies: ScheduledJobsDependencies): ScheduledJobs {
  const { recorder, reader, clock, instanceTenant: tenant, processId } = dependencies;
  const begun = new Map<string, { readonly startedAt: number; readonly stopRenewing: () => void }>();
  const noted = new Map<string, number>();
  let scheduler: Pick<Scheduler, "states" | "runNow"> | undefined;

  const recall: JobJournal["recall"] = async () => {
    const memories = new Map<string, JobMemory>();
    for (const { job, startedAt, lease } of await readScheduledJobs(reader, tenant)) {
      memories.set(job, { startedAt, wasInterrupted: lease !== null });
    }
    recorder.touch(freeLeases(tenant));
    return memories;
  };

  /** A lease is taken when it can be read back: then it is on the disk. */
  const begin: JobJournal["begin"] = async (job) => {
    const began = performance.now();
    const startedAt = clock.now();
    recorder.touch([leaseJob(tenant, job, processId, startedAt, LEASE_MS)]);
    for (;;) {
      const row = await readScheduledJob(reader, tenant, job);
      if (row?.lease === processId && row.startedAt === startedAt) break;
      const waited = performance.now() - began;
      const isHeld = row?.lease != null && row.lease !== processId && (row.leasedUntil ?? 0) > clock.now();
      if (isHeld && waited > HELD_MS) return false;
      if (waited > PATIENCE_MS) throw new WritError("store_failed", "the lease of the job was not taken");
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    recorder.touch([insertRunning(tenant, job, startedAt)]);
    const renewal = setInterval(() => {
      recorder.touch([renewLease(tenant, job, processId, clock.now() + LEASE_MS)]);
    }, RENEW_MS);
    renewal.unref();
    begun.set(job, { startedAt, stopRenewing: () => clearInterval(renewal) });
    return true;
  };

  const finish: JobJournal["finish"] = (run, isKept, due) => {
    const now = clock.now();
    const known = begun.get(run.job);
    known?.stopRenewing();
    begun.delete(run.job);
    if (!isKept && (run.outcome === "ok" || now - (noted.get(run.job) ?? 0) < NOTE_MS)) return;
    noted.set(run.job, now);
    const startedAt = known?.startedAt ?? now - Math.round(run.durationMs);
    const row: JobRunRow = {
      job: run.job,
      startedAt,
      durationMs: Math.round(run.durationMs),
      outcome: run.outcome,
      error: run.error ?? null,
    };
    // Only what is kept says when it is done well again, so only that can be late.
    recorder.touch(finishRun(tenant, row, now, due).filter((_, index) => isKept || index !== 1));
  };

  const list = async (): Promise<JobView[]> => {
    const rows = new Map((await readScheduledJobs(reader, tenant)).map((row) => [row.job, row]));
    return (scheduler?.states() ?? []).map(({ name, schedule, isRunning, runs, failures }) => {
      const row = rows.get(name);
      return {
        name,
        schedule,
        isRunning,
        runs,
        failures: row?.failures ?? failures,
        startedAt: row?.startedAt ?? null,
        lastOkAt: row?.lastOkAt ?? null,
        dueAt: row?.dueAt ?? null,
        isLate: !isRunning && row?.lateAt != null && row.lateAt < clock.now(),
      };
    });
  };

  const find = async (job: string): Promise<JobView> => {
    const view = (await list()).find(({ name }) => name === job);
    if (view === undefined) throw new WritError("not_found");
    return view;
  };

  return {
    journal: { recall, begin, finish },
    use: (used) => {
      scheduler = used;
    },
    list,
    history: async (job, limit) => {
      await find(job);
      return readJobRuns(reader, tenant, job, limit);
    },
    run: async (job) => {
      await find(job);
      await scheduler?.runNow(job);
      const endsAt = performance.now() + HELD_MS;
      // How it ended is bookkeeping that is written a moment later.
      while ((await readScheduledJob(reader, tenant, job))?.lease === processId && performance.now() < endsAt) {
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
      return find(job);
    },
  };
}
