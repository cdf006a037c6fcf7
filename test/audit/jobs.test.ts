import { afterEach, beforeEach, expect, test } from "bun:test";
import { createScheduledJobs, type ScheduledJobs } from "#src/audit/jobs.ts";
import { silentLog } from "#src/base/log.ts";
import { createScheduler, type Scheduler } from "#src/scheduler/scheduler.ts";
import { KEPT_RUNS } from "#src/store/schedule.ts";
import { startInstance, type TestInstance } from "#test/support/composed.ts";
import { rejection } from "#test/support/scenario.ts";

let instance: TestInstance;
let jobs: ScheduledJobs;
let scheduler: Scheduler;
let work: (signal: AbortSignal) => Promise<void>;

beforeEach(async () => {
  instance = await startInstance();
  work = async () => {};
  open();
});
afterEach(async () => {
  await scheduler.stop();
  await instance.stop();
});

function open(): void {
  ({ jobs } = instance.services);
  scheduler = createScheduler({
    log: silentLog,
    random: () => 0.5,
    now: instance.clock.now,
    journal: jobs.journal,
  });
  jobs.use(scheduler);
  scheduler.add({ name: "kept", everyMs: 3_600_000, isKept: true, run: (signal) => work(signal) });
  scheduler.add({ name: "constant", everyMs: 1_000_000, run: (signal) => work(signal) });
  scheduler.start();
}

/** Bookkeeping is written a moment later. */
async function eventually<Value>(read: () => Promise<Value>, isDone: (value: Value) => boolean): Promise<Value> {
  for (let i = 0; i < 100; i += 1) {
    const value = await read();
    if (isDone(value)) return value;
    await Bun.sleep(10);
  }
  return read();
}
const runsOf = (job: string, number: number) =>
  eventually(
    () => jobs.history(job, 1000),
    (runs) => runs.length >= number && runs.every(({ outcome }) => outcome !== "running"),
  );

test("a run is kept with how long it took and how it ended", async () => {
  await jobs.run("kept");
  instance.clock.advance(1000);
  work = async () => {
    throw new Error("the bucket is away");
  };
  await jobs.run("kept");
  const [failed, ok] = await runsOf("kept", 2);
  expect(ok).toMatchObject({ outcome: "ok", error: null });
  expect(failed).toMatchObject({ outcome: "failed", error: "the bucket is away" });
  expect(failed?.durationMs).toBeGreaterThanOrEqual(0);
  const [view] = await jobs.list();
  expect(view).toMatchObject({ name: "kept", schedule: "every 3600 s", failures: 1, isLate: false });
  instance.clock.advance(3 * 3_600_000);
  expect((await jobs.list())[0]?.isLate).toBe(true);
});

test("of a job that runs all the time what fails is kept, once a minute", async () => {
  await jobs.run("constant");
  work = async () => {
    throw new Error("no");
  };
  await jobs.run("constant");
  await jobs.run("constant");
  expect(await runsOf("constant", 1)).toMatchObject([{ outcome: "failed" }]);
});

test("the newest runs are kept and no more", async () => {
  const due = { dueAt: instance.clock.now(), lateAt: instance.clock.now() };
  for (let i = 0; i < KEPT_RUNS + 5; i += 1) {
    instance.clock.advance(10);
    jobs.journal.finish({ job: "kept", outcome: "ok", durationMs: 1 }, true, due);
  }
  expect(
    await eventually(
      () => jobs.history("kept", 1000),
      (runs) => runs.length === KEPT_RUNS,
    ),
  ).toHaveLength(KEPT_RUNS);
});

test("a job that another process has leased does not run here, until the lease runs out", async () => {
  const { recorder, reader, instance: own } = instance.services;
  const other = createScheduledJobs({
    recorder,
    reader,
    clock: instance.clock,
    instanceTenant: own.tenant,
    processId: "another",
  });
  expect(await other.journal.begin("kept")).toBe(true);
  let runs = 0;
  work = async () => {
    runs += 1;
  };
  await jobs.run("kept");
  expect(runs).toBe(0);
  instance.clock.advance(121_000);
  await jobs.run("kept");
  expect(runs).toBe(1);
});

test("a process that ends in a run leaves it interrupted, and the next one runs the job again", async () => {
  const { folder } = instance;
  const begun = Promise.withResolvers<void>();
  work = () => {
    begun.resolve();
    return new Promise(() => {});
  };
  void jobs.run("kept");
  await begun.promise;
  await eventually(
    () => jobs.history("kept", 1),
    ([run]) => run?.outcome === "running",
  );
  await instance.halt();
  instance = await startInstance({ folder, clock: instance.clock });
  const memories = await instance.services.jobs.journal.recall();
  expect(memories.get("kept")).toMatchObject({ wasInterrupted: true });
  work = async () => {};
  instance.clock.advance(1000);
  open();
  expect(await runsOf("kept", 1)).toMatchObject([{ outcome: "interrupted", durationMs: null }]);
  await jobs.run("kept");
  expect(await runsOf("kept", 2)).toMatchObject([{ outcome: "ok" }, { outcome: "interrupted" }]);
});

test("a job that there is not is not found", async () => {
  expect(await rejection(jobs.history("other", 1))).toBe("not_found");
  expect(await rejection(jobs.run("other"))).toBe("not_found");
});
