import { invariant } from "#src/base/errors.ts";
import type { Log } from "#src/base/log.ts";

/** Something to do again and again. */
export interface Job {
  /** Unique; in logs and metrics. */
  readonly name: string;
  /** Milliseconds from the end of one run to the start of the next. */
  readonly everyMs: number;
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
}

/** What a job did so far. */
export interface JobState {
  readonly name: string;
  readonly runs: number;
  readonly failures: number;
  readonly isRunning: boolean;
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
        schedule(entry, pauseOf(entry.job, dependencies.random()));
      });
    return entry.running;
  };
  const runOnce = async (entry: Entry): Promise<void> => {
    const startedAt = timers.monotonicNow();
    let outcome: JobRun["outcome"] = "ok";
    entry.runs += 1;
    try {
      await entry.job.run(abort.signal);
    } catch (error) {
      outcome = "failed";
      entry.failures += 1;
      dependencies.log.error("a job failed", error, { job: entry.job.name, failures: entry.failures });
    }
    report({ job: entry.job.name, outcome, durationMs: timers.monotonicNow() - startedAt });
  };
  const report = (run: JobRun): void => {
    try {
      dependencies.onRun?.(run);
    } catch (error) {
      dependencies.log.warn("a job's run was not counted", { job: run.job, error: String(error) });
    }
  };
  const begin = (entry: Entry): void =>
    schedule(entry, entry.job.isImmediate ? 0 : pauseOf(entry.job, dependencies.random()));

  return {
    add(job) {
      checkJob(job);
      invariant(!entries.has(job.name), `the job \`${job.name}\` is added once`);
      const entry: Entry = { job, runs: 0, failures: 0, running: undefined, cancel: undefined };
      entries.set(job.name, entry);
      begin(entry);
    },
    start() {
      if (isStarted) return;
      isStarted = true;
      for (const entry of entries.values()) begin(entry);
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
      })),
  };
}

function pauseOf(job: Job, random: number): number {
  const jitter = job.jitter ?? DEFAULT_JITTER;
  return Math.round(job.everyMs * (1 + jitter * (2 * random - 1)));
}

function checkJob(job: Job): void {
  const jitter = job.jitter ?? DEFAULT_JITTER;
  invariant(jitter >= 0 && jitter < 1, `the jitter of \`${job.name}\` is at least 0 and below 1`);
  invariant(
    job.everyMs >= 1 && job.everyMs * (1 + jitter) <= MAX_DELAY_MS,
    `\`${job.name}\` has an interval that a timer can wait`,
  );
}
