import { expect, test } from "bun:test";
import { createLog } from "#src/base/log.ts";
import { createShutdown, GRACE_MS } from "#src/scheduler/shutdown.ts";

function setUp() {
  const lines: string[] = [];
  const order: string[] = [];
  const shutdown = createShutdown(createLog((line) => lines.push(line)));
  const note =
    (name: string, waitMs = 0) =>
    async () => {
      if (waitMs > 0) await Bun.sleep(waitMs);
      order.push(name);
    };
  return { lines, order, shutdown, note };
}

test("runs last added first, each after the one before has ended", async () => {
  const { shutdown, order, note } = setUp();
  shutdown.add("store", note("store")).add("recorder", note("recorder", 20)).add("http", note("http", 10));
  expect(await shutdown.run(5000)).toEqual({ failed: [], late: [] });
  expect(order).toEqual(["http", "recorder", "store"]);
});

test("a step that throws or rejects does not keep the others from running", async () => {
  const { shutdown, order, note, lines } = setUp();
  shutdown.add("store", note("store"));
  shutdown.add("throws", () => {
    throw new Error("at once");
  });
  shutdown.add("rejects", () => Promise.reject(new Error("later")));
  expect(await shutdown.run(5000)).toEqual({ failed: ["rejects", "throws"], late: [] });
  expect(order).toEqual(["store"]);
  expect(lines).toHaveLength(2);
});

test("a step that hangs is left behind at the deadline, and what is below it is still closed", async () => {
  const { shutdown, order, note, lines } = setUp();
  shutdown.add("store", note("store"));
  shutdown.add("also hangs", () => new Promise<void>(() => {}));
  shutdown.add("http", () => new Promise<void>(() => {}));
  const start = performance.now();
  expect(await shutdown.run(50)).toEqual({ failed: [], late: ["http", "also hangs"] });
  expect(performance.now() - start).toBeLessThan(50 + 4 * GRACE_MS);
  expect(order).toEqual(["store"]);
  expect(lines).toHaveLength(2);
});

test("a step that fails after it was left behind is not an unhandled rejection", async () => {
  const { shutdown } = setUp();
  let surfaced = 0;
  const listener = () => {
    surfaced += 1;
  };
  process.on("unhandledRejection", listener);
  shutdown.add("late", async () => {
    await Bun.sleep(GRACE_MS + 50);
    throw new Error("too late");
  });
  expect(await shutdown.run(1)).toEqual({ failed: [], late: ["late"] });
  await Bun.sleep(100);
  process.off("unhandledRejection", listener);
  expect(surfaced).toBe(0);
});

test("running twice runs once; adding afterwards is a fault", async () => {
  const { shutdown, order, note } = setUp();
  shutdown.add("store", note("store", 10));
  const [one, two] = [shutdown.run(1000), shutdown.run(1)];
  expect(() => shutdown.add("late", () => {})).toThrow(expect.objectContaining({ code: "internal" }) as never);
  expect(await one).toBe(await two);
  expect(order).toEqual(["store"]);
});

test("without steps there is nothing to wait for", async () => {
  expect(await setUp().shutdown.run(0)).toEqual({ failed: [], late: [] });
});
