import { expect, test } from "bun:test";
import fc from "fast-check";
import { createLog } from "#src/base/log.ts";
import { parseCron } from "#src/scheduler/cron.ts";
import {
  createScheduler,
  type Job,
  type JobJournal,
  type JobMemory,
  type JobRun,
  type Scheduler,
} from "#src/scheduler/scheduler.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const START = Date.parse("2026-12-01T09:00:00.000Z");

interface World {
  readonly scheduler: Scheduler;
  readonly runs: number[];
  readonly finished: { run: JobRun; lateAt: number }[];
  readonly begun: string[];
  /** What the clock on the wall is off by. */
  offset: number;
  /** Passes time, some of it at a time. */
  pass(milliseconds: number): Promise<void>;
  wall(): number;
}

/** A scheduler whose timers and clock move by themselves only. */
function world(job: Partial<Job>, memory?: JobMemory, grant: () => boolean = () => true): World {
  const pending = new Map<number, { at: number; fire: () => void }>();
  let now = 0;
  let next = 0;
  const state: World = {
    runs: [],
    finished: [],
    begun: [],
    offset: 0,
    wall: () => START + now + state.offset,
    pass: async (milliseconds) => {
      const until = now + milliseconds;
      for (;;) {
        for (let i = 0; i < 20; i += 1) await Promise.resolve();
        const [id, timer] = [...pending].toSorted(([, a], [, b]) => a.at - b.at)[0] ?? [];
        if (id === undefined || timer === undefined || timer.at > until) break;
        pending.delete(id);
        now = Math.max(now, timer.at);
        timer.fire();
      }
      now = until;
    },
    scheduler: undefined as never,
  };
  const journal: JobJournal = {
    recall: async () => new Map(memory === undefined ? [] : [["job", memory]]),
    begin: async (name) => {
      state.begun.push(name);
      return grant();
    },
    finish: (run, _isKept, { lateAt }) => void state.finished.push({ run, lateAt }),
  };
  const scheduler = createScheduler({
    log: createLog(() => {}),
    random: () => 0.5,
    now: () => state.wall(),
    journal,
    timers: {
      after: (delayMs, fire) => {
        const id = next;
        next += 1;
        pending.set(id, { at: now + delayMs, fire });
        return () => void pending.delete(id);
      },
      monotonicNow: () => now,
    },
  });
  scheduler.add({ name: "job", isKept: true, run: () => void state.runs.push(state.wall()), ...job });
  scheduler.start();
  return Object.assign(state, { scheduler });
}

const timesOf = ({ runs }: World) => runs.map((at) => new Date(at).toISOString().slice(0, 16));

test("an expression says the minute, in UTC, and jitter keeps within it", async () => {
  const clock = world({ cron: "30 2 * * *" });
  await clock.pass(3 * DAY);
  expect(timesOf(clock)).toEqual(["2026-12-02T02:30", "2026-12-03T02:30", "2026-12-04T02:30"]);
});

test("what is no expression, and what never comes, is refused", () => {
  for (const text of ["", "* * * *", "61 * * * *", "a b c d e", "0 0 30 2 *", "* * * * * *"]) {
    expect(() => parseCron(text)).toThrow("no cron expression");
  }
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2e12 }), (at) => {
      expect(parseCron("*/5 * * * *").next(at)).toBe(Math.floor(at / 300_000) * 300_000 + 300_000);
    }),
  );
});

test("a clock that jumps a day forward runs what was missed once", async () => {
  const clock = world({ cron: "0 * * * *" });
  await clock.pass(90 * MINUTE);
  expect(clock.runs).toHaveLength(1);
  clock.offset += DAY;
  await clock.pass(MINUTE);
  expect(clock.runs).toHaveLength(2);
  await clock.pass(2 * HOUR);
  expect(clock.runs).toHaveLength(4);
});

test("a clock that is set back a day does not stop a job for a day", async () => {
  const clock = world({ cron: "0 * * * *" });
  await clock.pass(90 * MINUTE);
  clock.offset -= DAY;
  await clock.pass(3 * HOUR);
  expect(clock.runs).toHaveLength(4);
});

test("an interval is no matter of the clock on the wall", async () => {
  const clock = world({ everyMs: HOUR, jitter: 0 });
  clock.offset += DAY;
  await clock.pass(90 * MINUTE);
  clock.offset -= 2 * DAY;
  await clock.pass(HOUR);
  expect(clock.runs).toHaveLength(2);
});

test("after a pause of days a run is caught up once, a moment after the start", async () => {
  const memory = { startedAt: START - 5 * DAY, wasInterrupted: false };
  const clock = world({ cron: "0 3 * * *" }, memory);
  await clock.pass(10_000);
  expect(clock.runs).toEqual([]);
  await clock.pass(MINUTE);
  expect(clock.runs).toHaveLength(1);
  await clock.pass(DAY);
  expect(clock.runs).toHaveLength(2);
});

test("a restart does not put an interval off, nor bring it forward", async () => {
  const clock = world({ everyMs: HOUR, jitter: 0 }, { startedAt: START - 50 * MINUTE, wasInterrupted: false });
  await clock.pass(9 * MINUTE);
  expect(clock.runs).toEqual([]);
  await clock.pass(2 * MINUTE);
  expect(clock.runs).toHaveLength(1);
  const back = world({ everyMs: HOUR, jitter: 0 }, { startedAt: START + DAY, wasInterrupted: false });
  await back.pass(61 * MINUTE);
  expect(back.runs).toHaveLength(1);
});

test("what was interrupted begins again", async () => {
  const clock = world({ everyMs: HOUR }, { startedAt: START - 1000, wasInterrupted: true });
  await clock.pass(MINUTE);
  expect(clock.runs).toHaveLength(1);
});

test("without the lease it does not run, and is tried again", async () => {
  let isFree = false;
  const clock = world({ everyMs: MINUTE, jitter: 0 }, undefined, () => isFree);
  await clock.pass(3 * MINUTE);
  expect(clock.runs).toEqual([]);
  expect(clock.finished).toEqual([]);
  isFree = true;
  await clock.pass(2 * MINUTE);
  expect(clock.runs.length).toBeGreaterThan(0);
});

test("a store that is down is a failed run, and the next one is tried", async () => {
  let isDown = true;
  const clock = world({ everyMs: MINUTE, jitter: 0 }, undefined, () => {
    if (isDown) throw new Error("the store is down");
    return true;
  });
  await clock.pass(90_000);
  expect(clock.runs).toEqual([]);
  expect(clock.finished[0]?.run).toMatchObject({ outcome: "failed", error: "the store is down" });
  isDown = false;
  await clock.pass(MINUTE);
  expect(clock.runs).toHaveLength(1);
  expect(clock.finished[1]?.lateAt).toBeGreaterThan(clock.wall());
});
