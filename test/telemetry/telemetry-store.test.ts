import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLog } from "#src/base/log.ts";
import { createMetrics } from "#src/telemetry/metrics.ts";
import { createTelemetryStore } from "#src/telemetry/telemetry-store.ts";

let folder: string;
let lines: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "writ-telemetry-"));
  lines = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function setUp(options: { retentionMs?: number; maxSamples?: number; dataFolder?: string } = {}) {
  const metrics = createMetrics();
  const counter = metrics.counter({ name: "c", help: "h", labels: ["l"] });
  const log = createLog((line) => lines.push(line));
  return { counter, store: createTelemetryStore({ dataFolder: folder, metrics, log, ...options }) };
}

test("keeps what changed, and reads it back by time", async () => {
  const { counter, store } = setUp();
  counter.increment("a");
  await store.snapshot(1000);
  await store.snapshot(2000);
  counter.increment("a");
  counter.increment("b");
  await store.snapshot(3000);
  expect(store.read("c", 0, 10_000)).toEqual([
    { at: 1000, labels: '{l="a"}', value: 1 },
    { at: 3000, labels: '{l="a"}', value: 2 },
    { at: 3000, labels: '{l="b"}', value: 1 },
  ]);
  expect(store.read("c", 1001, 3000)).toEqual([]);
  expect(store.read("nothing", 0, 10_000)).toEqual([]);
  store.close();
  expect(statSync(join(folder, "telemetry.db")).mode & 0o777).toBe(0o600);
  expect(lines).toEqual([]);
});

test("opens nothing before it is used, and a second one reads what the first wrote", async () => {
  const { counter, store } = setUp();
  expect(readdirSync(folder)).toEqual([]);
  counter.increment("a");
  await store.snapshot(1);
  store.close();
  const again = setUp().store;
  expect(again.read("c", 0, 10)).toHaveLength(1);
  again.close();
});

test("drops what is older than the retention", async () => {
  const { counter, store } = setUp({ retentionMs: 1000 });
  for (const at of [0, 500, 1000, 1600]) {
    counter.increment("a");
    await store.snapshot(at);
  }
  expect(store.read("c", 0, 10_000).map((sample) => sample.at)).toEqual([1000, 1600]);
  store.close();
});

test("never holds more than its maximum, and keeps the newest", async () => {
  const { counter, store } = setUp({ maxSamples: 50 });
  for (let at = 0; at < 500; at += 1) {
    counter.increment("a");
    await store.snapshot(at);
    expect(store.read("c", 0, 10_000).length).toBeLessThanOrEqual(50);
  }
  const kept = store.read("c", 0, 10_000).map((sample) => sample.at);
  expect(kept.at(-1)).toBe(499);
  expect(kept.length).toBeGreaterThan(40);
  store.close();
});

test("a file that is no database is replaced at the next snapshot, and nobody hears of it but the log", async () => {
  writeFileSync(join(folder, "telemetry.db"), "not a database ".repeat(500));
  const { counter, store } = setUp();
  counter.increment("a");
  await store.snapshot(1);
  expect(lines).toHaveLength(1);
  await store.snapshot(2);
  expect(store.read("c", 0, 10)).toEqual([{ at: 2, labels: '{l="a"}', value: 1 }]);
  store.close();
});

test("a folder that is not there, or is a file, throws nothing", async () => {
  writeFileSync(join(folder, "file"), "");
  for (const dataFolder of [join(folder, "absent"), join(folder, "file")]) {
    const { counter, store } = setUp({ dataFolder });
    counter.increment("a");
    await store.snapshot(1);
    expect(store.read("c", 0, 10)).toEqual([]);
    store.close();
  }
  expect(lines).toHaveLength(4);
});

test("while another process holds the file it fails quietly; afterwards every number is written anew", async () => {
  const { counter, store } = setUp();
  counter.increment("a");
  await store.snapshot(1);
  const other = new Database(join(folder, "telemetry.db"));
  other.run("BEGIN IMMEDIATE");
  counter.increment("a");
  await store.snapshot(2);
  expect(lines).toHaveLength(1);
  other.run("ROLLBACK");
  other.close();
  await store.snapshot(3);
  expect(store.read("c", 0, 10).map(({ at, value }) => [at, value])).toEqual([
    [1, 1],
    [3, 2],
  ]);
  store.close();
});

test("a large snapshot lets other work in between, and closing in its middle ends it", async () => {
  const { counter, store } = setUp();
  for (let i = 0; i < 480; i += 1) counter.increment(`v${i}`);
  let turns = 0;
  const timer = setImmediate(function tick() {
    turns += 1;
    if (turns < 5) setImmediate(tick);
  });
  const [one, two] = [store.snapshot(1), store.snapshot(2)];
  expect(one).toBe(two);
  await one;
  clearImmediate(timer);
  expect(turns).toBeGreaterThan(0);
  expect(store.read("c", 0, 10)).toHaveLength(480);
  for (let i = 0; i < 480; i += 1) counter.increment(`v${i}`);
  const third = store.snapshot(3);
  store.close();
  await third;
  expect(lines).toEqual([]);
  const again = setUp().store;
  expect(again.read("c", 3, 10)).toHaveLength(250);
  again.close();
});

test("after closing it does nothing", async () => {
  const { counter, store } = setUp();
  store.close();
  counter.increment("a");
  await store.snapshot(1);
  expect(store.read("c", 0, 10)).toEqual([]);
  expect(readdirSync(folder)).toEqual([]);
  store.close();
});

test("telemetry imports nothing of audit, ledger or the store", () => {
  const root = join(import.meta.dir, "../../src/telemetry");
  for (const name of readdirSync(root)) {
    const imports = readFileSync(join(root, name), "utf8").match(/(?<=from ")[^"]+/g) ?? [];
    for (const path of imports) expect(path).toMatch(/^(?:\.\/|#src\/base\/|node:|bun:)/);
  }
});
