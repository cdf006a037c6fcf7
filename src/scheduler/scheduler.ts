import { invariant, messageOf } from "#src/base/errors.ts";
import type { Log } from "#src/base/log.ts";
import { type CronSchedule, parseCron } from "./cron.ts";

/** Something to do again and again. */
export interface Job {
  /** Unique; in logs and metrics. */
  readonly name: string;
  /** Milliseconds from the end of one run to the start of the next; this, or `cron`. */
  readonly everyMs?: number;
  /**
   * When it is due by the clock: a cron expression of five fields in UTC. Runs that were missed, in a pause of the process or
   * by a clock that was set forward, are caught up once.
   */
  readonly cron?: string;
  /** Whether each run takes a lease and is remembered; others are remembered when they fail. Needs a journal. */
  readonly isKept?: boolean;
  /** How far a pause may differ from `everyMs`, as a part of it: 0.1 gives 90 to 110 %. Default 0.1. */
  readonly jitter?: number;
  /** Whether the first run comes at once rather than after a pause. */
  readonly isImmediate?: boolean;
  /** One run. `signal` is aborted when the scheduler stops: a long run should look at it. */
  run(signal: AbortSignal): Promise<void> | void;
}

/** How a run ended. */
export interface JobRun {
  readonly job: string;
  readonly outcome: "ok" | "failed";
  readonly durationMs: number;
  readonly error?: string;
}

/** What is remembered of a job beyond this process. */
export interface JobMemory {
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** Whether the process ended in the middle of its last run. */
  readonly wasInterrupted: boolean;
}

/** Remembers runs, and leases jobs to one process at a time. */
export interface JobJournal {
  /** What there is of former runs. What another process left leased is free: whoever asks holds the data folder's lock. */
  recall(): Promise<ReadonlyMap<string, JobMemory>>;
  /** Leases a job for a run; false where another process has it. Rejects where the store cannot say. */
  begin(job: string): Promise<boolean>;
  /** Notes how a run ended, and by when the next one is late. */
  finish(run: JobRun, isKept: boolean, due: { readonly dueAt: number; readonly lateAt: number }): void;
}

/** What a job did so far. */
export interface JobState {
  readonly name: string;
  readonly runs: number;
  readonly failures: number;
  readonly isRunning: boolean;
  /** `every 60 s`, or the cron expression. */
  readonly schedule: string;
}

/** Timers, handed in for tests. */
export interface Timers {
  /** Calls `fire` once after `delayMs`; returns what takes that back. */
  after(delayMs: number, fire: () => void): () => void;
  /** Milliseconds that never go back. */
  monotonicNow(): number;
}

/** What a scheduler needs. */
export interface SchedulerDependencies {
  readonly log: Log;
  /** 0 inclusive to 1 exclusive; spreads the jobs of several instances. */
  random(): number;
  readonly timers?: Timers;
  /** Milliseconds since 1970, for cron expressions and the journal; needed by either. */
  now?(): number;
  readonly journal?: JobJournal;
  /** Told of each run, for metrics. What it throws is ignored. */
  onRun?(run: JobRun): void;
}

/** Runs jobs at intervals. */
export interface Scheduler {
  /** Adds a job; after {@link start} it is scheduled at once, after {@link stop} never. */
  add(job: Job): void;
  start(): void;
  /** Runs a job now, or joins the run that is under way: a job never overlaps itself. Never rejects. */
  runNow(name: string): Promise<void>;
  /** Starts nothing more, aborts the signal, and waits for the runs under way. */
  stop(): Promise<void>;
  states(): readonly JobState[];
}

const MAX_DELAY_MS = 2 ** 31 - 1;
const DEFAULT_JITTER = 0.1;
/** What is due by the clock is looked at this often, so that a clock that jumps is noticed. */
const TICK_MS = 30_000;
/** How far several instances are spread by whom one time is meant. */
const CRON_SPREAD_MS = 20_000;
/** What was missed is caught up this long after the start: a command that serves itself for a moment is over by then. */
const CATCH_UP_MS = 15_000;
/** How much longer than due a job may take before it is late. */
const LATE_MS = 120_000;

/** The process's own timers, which do not keep it alive. */
export const systemTimers: Timers = {
  after(delayMs, fire) {
    const timer = setTimeout(fire, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
  monotonicNow: () => performance.now(),
};

interface Entry {
  readonly job: Job;
  readonly cron: CronSchedule | undefined;
  /** Of a cron expression: when it is due by the clock. */
  dueAt: number;
  runs: number;
  failures: number;
  running: Promise<void> | undefined;
  cancel: (() => void) | undefined;
}

/** A scheduler without jobs, not started. */
export function createScheduler(dependencies: SchedulerDependencies): Scheduler {
  const timers = dependencies.timers ?? systemTimers;
  const entries = new Map<string, Entry>();
  const abort = new AbortController();
  let isStarted = false;

  const schedule = (entry: Entry, delayMs: number): void => {
    if (!isStarted || abort.signal.aborted) return;
    entry.cancel?.();
    entry.cancel = timers.after(delayMs, () => void launch(entry));
  };
  const wallNow = (): number => dependencies.now?.() ?? 0;
  /** Waits for a time of the clock, which may be set meanwhile: back, and an earlier time is due; forward, and this one is. */
  const waitForClock = (entry: Entry, cron: CronSchedule): void => {
    if (!isStarted || abort.signal.aborted) return;
    const now = wallNow();
    if (now >= entry.dueAt) {
      void launch(entry);
      return;
    }
    entry.dueAt = Math.min(entry.dueAt, nextDue(cron, now));
    entry.cancel?.();
    entry.cancel = timers.after(Math.min(TICK_MS, entry.dueAt - now), () => waitForClock(entry, cron));
  };
  const nextDue = (cron: CronSchedule, now: number): number =>
    (cron.next(now) ?? now + MAX_DELAY_MS) + Math.round(CRON_SPREAD_MS * dependencies.random());
  const scheduleNext = (entry: Entry): void => {
    if (entry.cron === undefined) {
      schedule(entry, pauseOf(entry.job, dependencies.random()));
      return;
    }
    entry.dueAt = nextDue(entry.cron, wallNow());
    waitForClock(entry, entry.cron);
  };
  const launch = (entry: Entry): Promise<void> => {
    if (abort.signal.aborted) return Promise.resolve();
    if (entry.running !== undefined) return entry.running;
    entry.cancel?.();
    entry.cancel = undefined;
    // Not in this turn: a job that asks for itself must find itself running.
    entry.running = Promise.resolve()
      .then(() => runOnce(entry))
      .finally(() => {
        entry.running = undefined;
        scheduleNext(entry);
      });
    return entry.running;
  };
  const runOnce = async (entry: Entry): Promise<void> => {
    const { job } = entry;
    const isKept = job.isKept === true && dependencies.journal !== undefined;
    const startedAt = timers.monotonicNow();
    let failure: string | undefined;
    try {
      if (isKept && (await dependencies.journal?.begin(job.name)) === false) return;
      entry.runs += 1;
      await job.run(abort.signal);
    } catch (error) {
      failure = messageOf(error).slice(0, 300);
      entry.failures += 1;
      dependencies.log.error("a job failed", error, { job: job.name, failures: entry.failures });
    }
    const durationMs = timers.monotonicNow() - startedAt;
    const run: JobRun = { job: job.name, outcome: failure === undefined ? "ok" : "failed", durationMs };
    report(entry, failure === undefined ? run : { ...run, error: failure }, isKept);
  };
  const report = (entry: Entry, run: JobRun, isKept: boolean): void => {
    try {
      dependencies.onRun?.(run);
      const now = wallNow();
      const dueAt = entry.cron === undefined ? now + (entry.job.everyMs ?? 0) : (entry.cron.next(now) ?? now);
      const slack = LATE_MS + (entry.job.everyMs ?? 0);
      dependencies.journal?.finish(run, isKept, { dueAt, lateAt: dueAt + slack });
    } catch (error) {
      dependencies.log.warn("a job's run was not counted", { job: run.job, error: String(error) });
    }
  };
  const begin = (entry: Entry, memory?: JobMemory): void => {
    const { job, cron } = entry;
    const isMissed = memory !== undefined && (memory.wasInterrupted || leftOf(entry, memory) <= 0);
    if (job.isImmediate) schedule(entry, 0);
    else if (isMissed) schedule(entry, Math.round(CATCH_UP_MS * (1 + dependencies.random())));
    else if (memory === undefined || cron !== undefined) scheduleNext(entry);
    // A clock that was set back makes nobody wait for longer than usual.
    else schedule(entry, Math.min(leftOf(entry, memory), pauseOf(job, dependencies.random())));
  };
  /** How long after now the run behind the one that is remembered is due. */
  const leftOf = ({ job, cron }: Entry, { startedAt }: JobMemory): number =>
    (cron === undefined ? startedAt + (job.everyMs ?? 0) : (cron.next(startedAt) ?? Infinity)) - wallNow();
  const beginAll = (memories: ReadonlyMap<string, JobMemory>): void => {
    for (const entry of entries.values()) begin(entry, entry.job.isKept ? memories.get(entry.job.name) : undefined);
  };

  return {
    add(job) {
      checkJob(job);
      invariant(!entries.has(job.name), `the job \`${job.name}\` is added once`);
      const cron = job.cron === undefined ? undefined : parseCron(job.cron);
      const entry: Entry = { job, cron, dueAt: 0, runs: 0, failures: 0, running: undefined, cancel: undefined };
      entries.set(job.name, entry);
      begin(entry);
    },
    start() {
      if (isStarted) return;
      isStarted = true;
      if (dependencies.journal === undefined) {
        beginAll(new Map());
        return;
      }
      dependencies.journal.recall().then(beginAll, (error: unknown) => {
        dependencies.log.warn("what jobs did before is not known", { error: messageOf(error) });
        beginAll(new Map());
      });
    },
    runNow(name) {
      const entry = entries.get(name);
      invariant(entry !== undefined, `there is a job \`${name}\``);
      return launch(entry);
    },
    async stop() {
      abort.abort();
      for (const entry of entries.values()) entry.cancel?.();
      await Promise.all([...entries.values()].map((entry) => entry.running));
    },
    states: () =>
      [...entries.values()].map(({ job, runs, failures, running }) => ({
        name: job.name,
        runs,
        failures,
        isRunning: running !== undefined,
        schedule: job.cron ?? `every ${(job.everyMs ?? 0) / 1000} s`,
      })),
  };
}

function pauseOf(job: Job, random: number): number {
  const jitter = job.jitter ?? DEFAULT_JITTER;
  return Math.round((job.everyMs ?? 0) * (1 + jitter * (2 * random - 1)));
}

function checkJob(job: Job): void {
  const jitter = job.jitter ?? DEFAULT_JITTER;
  invariant(jitter >= 0 && jitter < 1, `the jitter of \`${job.name}\` is at least 0 and below 1`);
  invariant(
    (job.everyMs === undefined) !== (job.cron === undefined),
    `\`${job.name}\` has an interval or a cron expression`,
  );
  if (job.everyMs === undefined) return;
  invariant(
    job.everyMs >= 1 && job.everyMs * (1 + jitter) <= MAX_DELAY_MS,
    `\`${job.name}\` has an interval that a timer can wait`,
  );
}
