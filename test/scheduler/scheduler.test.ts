import { expect, test } from "bun:test";
import { createLog } from "#src/base/log.ts";
import { createScheduler, type Job, type JobRun, type Timers } from "#src/scheduler/scheduler.ts";

/** Timers that move when told to. */
class ManualTimers implements Timers {
  now = 0;
  private readonly pending = new Map<number, { at: number; fire: () => void }>();
  private next = 0;

  after(delayMs: number, fire: () => void): () => void {
    const id = this.next++;
    this.pending.set(id, { at: this.now + delayMs, fire });
    return () => void this.pending.delete(id);
  }

  monotonicNow(): number {
    return this.now;
  }

  /** When the pending timers are due. */
  due(): number[] {
    return [...this.pending.values()].map(({ at }) => at).sort((a, b) => a - b);
  }

  async advance(toMs: number): Promise<void> {
    for (;;) {
      const [id, timer] = [...this.pending].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (id === undefined || timer === undefined || timer.at > toMs) break;
      this.pending.delete(id);
      this.now = timer.at;
      timer.fire();
      await settle();
    }
    this.now = toMs;
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 10; i += 1) await Promise.resolve();
}

function setUp(random: () => number = () => 0.5) {
  const timers = new ManualTimers();
  const lines: string[] = [];
  const runs: JobRun[] = [];
  const scheduler = createScheduler({
    log: createLog((line) => lines.push(line)),
    random,
    timers,
    onRun: (run) => void runs.push(run),
  });
  return { timers, lines, runs, scheduler };
}

const job = (run: Job["run"], more: Partial<Job> = {}): Job => ({ name: "job", everyMs: 1000, run, ...more });

test("runs at its interval, from start to stop", async () => {
  const { timers, scheduler, runs } = setUp();
  const at: number[] = [];
  scheduler.add(job(() => void at.push(timers.now)));
  await timers.advance(5000);
  expect(at).toEqual([]);
  scheduler.start();
  scheduler.start();
  await timers.advance(8500);
  expect(at).toEqual([6000, 7000, 8000]);
  await scheduler.stop();
  await timers.advance(20_000);
  expect(at).toHaveLength(3);
  expect(runs).toHaveLength(3);
  expect(timers.due()).toEqual([]);
});

test("an immediate job runs at once, one added later is scheduled, one added after the stop never", async () => {
  const { timers, scheduler } = setUp();
  const ran: string[] = [];
  scheduler.add(job(() => void ran.push("first"), { name: "first", isImmediate: true }));
  scheduler.start();
  await timers.advance(0);
  expect(ran).toEqual(["first"]);
  scheduler.add(job(() => void ran.push("second"), { name: "second" }));
  await timers.advance(1000);
  expect(ran.sort()).toEqual(["first", "first", "second"]);
  await scheduler.stop();
  scheduler.add(job(() => void ran.push("third"), { name: "third", isImmediate: true }));
  await timers.advance(5000);
  expect(ran).not.toContain("third");
});

test.each([
  [0, 0.1, 900],
  [0.5, 0.1, 1000],
  [0.999999, 0.1, 1100],
  [0, 0, 1000],
  [0.25, 0.5, 750],
])("random %d with jitter %d pauses %d ms", (random, jitter, pause) => {
  const { timers, scheduler } = setUp(() => random);
  scheduler.add(job(() => {}, { jitter }));
  scheduler.start();
  expect(timers.due()).toEqual([pause]);
});

test("a run longer than the interval does not overlap, and its pause starts at its end", async () => {
  const { timers, scheduler } = setUp();
  let running = 0;
  let most = 0;
  let release = () => {};
  scheduler.add(
    job(async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      running -= 1;
    }),
  );
  scheduler.start();
  await timers.advance(4500);
  const [one, two] = [scheduler.runNow("job"), scheduler.runNow("job")];
  expect(scheduler.states()).toEqual([{ name: "job", runs: 1, failures: 0, isRunning: true, schedule: "every 1 s" }]);
  release();
  await Promise.all([one, two]);
  await settle();
  expect(timers.due()).toEqual([5500]);
  await timers.advance(5500);
  expect(most).toBe(1);
  release();
});

test("running by hand moves the next run, and leaves one timer", async () => {
  const { timers, scheduler } = setUp();
  let count = 0;
  scheduler.add(
    job(() => {
      count += 1;
    }),
  );
  const early = scheduler.runNow("job");
  scheduler.start();
  await early;
  await settle();
  expect(count).toBe(1);
  expect(timers.due()).toHaveLength(1);
  await timers.advance(600);
  await scheduler.runNow("job");
  await settle();
  expect(timers.due()).toEqual([1600]);
});

test("a failure is logged and counted, and the job runs again", async () => {
  const { timers, scheduler, lines, runs } = setUp();
  let count = 0;
  scheduler.add(
    job(() => {
      count += 1;
      if (count === 1) throw new Error("thrown at once");
      return count === 2 ? Promise.reject(new Error("rejected")) : undefined;
    }),
  );
  scheduler.start();
  await timers.advance(3500);
  expect(runs.map((run) => run.outcome)).toEqual(["failed", "failed", "ok"]);
  expect(scheduler.states()[0]).toMatchObject({ runs: 3, failures: 2 });
  expect(lines).toHaveLength(2);
  expect(JSON.parse(lines[1]!)).toMatchObject({ level: "error", job: "job", error: "rejected", failures: 2 });
});

test("a counter that throws does not stop the jobs", async () => {
  const timers = new ManualTimers();
  const lines: string[] = [];
  let count = 0;
  const scheduler = createScheduler({
    log: createLog((line) => lines.push(line)),
    random: () => 0.5,
    timers,
    onRun: () => {
      throw new Error("no metrics");
    },
  });
  scheduler.add(
    job(() => {
      count += 1;
    }),
  );
  scheduler.start();
  await timers.advance(2500);
  expect(count).toBe(2);
  expect(lines).toHaveLength(2);
});

test("stopping aborts the signal and waits for the run under way", async () => {
  const { timers, scheduler } = setUp();
  let isAborted = false;
  let isDone = false;
  let release = () => {};
  scheduler.add(
    job(async (signal) => {
      signal.addEventListener("abort", () => {
        isAborted = true;
      });
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      isDone = true;
    }),
  );
  scheduler.start();
  await timers.advance(1000);
  let hasStopped = false;
  const stopped = scheduler.stop().then(() => {
    hasStopped = true;
  });
  await settle();
  expect([isAborted, hasStopped]).toEqual([true, false]);
  release();
  await stopped;
  expect(isDone).toBe(true);
  expect(timers.due()).toEqual([]);
  await scheduler.runNow("job");
  expect(scheduler.states()[0]?.runs).toBe(1);
});

test("a job that asks for itself finds itself running", async () => {
  const { scheduler } = setUp();
  let count = 0;
  scheduler.add(
    job(() => {
      count += 1;
      void scheduler.runNow("job");
    }),
  );
  await scheduler.runNow("job");
  expect(count).toBe(1);
});

test("names that repeat or are unknown, and intervals that no timer can wait, are faults", () => {
  const { scheduler } = setUp();
  const fault = expect.objectContaining({ code: "internal" }) as never;
  scheduler.add(job(() => {}));
  expect(() => scheduler.add(job(() => {}))).toThrow(fault);
  expect(() => void scheduler.runNow("other")).toThrow(fault);
  for (const everyMs of [0, -1, Number.NaN, 2 ** 31, Number.POSITIVE_INFINITY]) {
    expect(() => scheduler.add(job(() => {}, { name: "x", everyMs }))).toThrow(fault);
  }
  for (const jitter of [-0.1, 1, Number.NaN]) {
    expect(() => scheduler.add(job(() => {}, { name: "x", jitter }))).toThrow(fault);
  }
});

test("the machine's timers run a job, and do not keep the process alive", async () => {
  const script = `
    import { silentLog } from "#src/base/log.ts";
    import { createScheduler } from "#src/scheduler/scheduler.ts";
    const scheduler = createScheduler({ log: silentLog, random: Math.random });
    let count = 0;
    scheduler.add({ name: "a", everyMs: 5, run: () => { count += 1; } });
    scheduler.start();
    await Bun.sleep(200);
    console.log(count > 1);`;
  const child = Bun.spawn([process.execPath, "-e", script], { cwd: `${import.meta.dir}/../..`, stdout: "pipe" });
  expect((await new Response(child.stdout).text()).trim()).toBe("true");
  expect(await child.exited).toBe(0);
});
