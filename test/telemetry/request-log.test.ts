import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLog } from "#src/base/log.ts";
import { createMetrics } from "#src/telemetry/metrics.ts";
import { createRequestLog, type RequestTrace } from "#src/telemetry/request-log.ts";
import { createTelemetryStore } from "#src/telemetry/telemetry-store.ts";
import { startEdge } from "#test/http/support.ts";

const DAY = 86_400_000;
const trace = (more: Partial<RequestTrace> = {}): RequestTrace => ({
  at: 1000,
  id: "req",
  method: "GET",
  route: "/v1/x/{y}",
  status: 200,
  durationMs: 1,
  ...more,
});

describe("the log", () => {
  test("keeps a sample, what was slow and what failed here, and no more than it may", () => {
    const log = createRequestLog({ sampleEvery: 10, slowMs: 50, maxTraces: 5 });
    for (let i = 1; i <= 20; i += 1) log.note(trace({ id: `r${i}` }), false);
    log.note(trace({ id: "slow", durationMs: 50 }), false);
    log.note(trace({ id: "fault", status: 503 }), false);
    expect(log.take().traces.map(({ id }) => id)).toEqual(["r10", "r20", "slow", "fault"]);
    for (let i = 0; i < 20; i += 1) log.note(trace({ status: 500 }), false);
    expect(log.take().traces).toHaveLength(5);
    expect(log.take().traces).toEqual([]);
  });

  test("counts pages", () => {
    const log = createRequestLog();
    for (const route of ["/", "/agents", "/"]) log.note(trace({ route }), true);
    expect([...log.take().pages]).toEqual([
      ["/", 2],
      ["/agents", 1],
    ]);
  });
});

describe("the store", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "writ-requests-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  test("keeps requests for three days, and pages by day", async () => {
    const requests = createRequestLog({ sampleEvery: 1 });
    const store = createTelemetryStore({ dataFolder: folder, metrics: createMetrics(), log: silentLog, requests });
    requests.note(trace({ at: DAY, route: "/agents", id: "x".repeat(100) }), true);
    await store.snapshot(DAY);
    requests.note(trace({ at: DAY + 1, route: "/agents" }), true);
    await store.snapshot(DAY + 1);
    expect(store.readTraces(0, 3 * DAY, 10).map(({ at, id }) => [at, id.length])).toEqual([
      [DAY + 1, 3],
      [DAY, 64],
    ]);
    expect(store.readPages(10)).toEqual([{ day: "1970-01-02", route: "/agents", drawn: 2 }]);
    await store.snapshot(5 * DAY);
    expect(store.readTraces(0, 9 * DAY, 10)).toEqual([]);
    expect(store.readPages(10)).toHaveLength(1);
    store.close();
  });
});

describe("a running instance", () => {
  test("has nothing of what requests were about in its telemetry, and nothing of telemetry in its chain", async () => {
    const edge = await startEdge();
    const secret = "zanzibar-4711";
    for (let i = 0; i < 120; i += 1) await edge.operate("GET", `/v1/admin/agents/${secret}-${i}?x=${secret}`);
    await edge.operate("POST", "/v1/admin/agents", { body: { name: secret } });
    await edge.operate("GET", `/v1/audit/events/evt_${secret}`);
    await edge.operate("POST", "/v1/admin/jobs/telemetry/run");
    const shown = await edge.operate("GET", "/v1/admin/telemetry");
    expect(shown.json.kept).toBe(true);
    expect(shown.json.requests[0]).toMatchObject({ method: "GET", route: "/v1/admin/agents/{agent}", status: 404 });
    const database = new Database(join(edge.folder, "telemetry.db"), { readonly: true });
    const tables = database.query<{ name: string }, []>("SELECT name FROM sqlite_schema WHERE type = 'table'").all();
    expect(tables.map(({ name }) => name).toSorted()).toEqual(["page_day", "sample", "trace"]);
    for (const { name } of tables) {
      expect(JSON.stringify(database.query(`SELECT * FROM ${name}`).all())).not.toContain(secret);
    }
    database.close();
    const chain = new Database(join(edge.folder, "writ.db"), { readonly: true });
    const ids = shown.json.requests.map(({ id }: { id: string }) => id);
    for (const { bytes } of chain.query<{ bytes: string }, []>("SELECT bytes FROM events").all()) {
      for (const id of ids) expect(bytes).not.toContain(id);
    }
    chain.close();
    await edge.stop();
  });

  test("is as well without it: nothing is kept where it is off, nor missed where it is lost", async () => {
    const edge = await startEdge({ WRIT_TELEMETRY: "off" });
    expect((await edge.operate("GET", "/v1/admin/telemetry")).json).toEqual({ kept: false, requests: [], pages: [] });
    expect(existsSync(join(edge.folder, "telemetry.db"))).toBe(false);
    expect(
      (await edge.operate("GET", "/v1/admin/jobs")).json.jobs.map((job: { name: string }) => job.name),
    ).not.toContain("telemetry");
    await edge.stop();
    const other = await startEdge();
    await other.operate("POST", "/v1/admin/jobs/telemetry/run");
    expect(readFileSync(join(other.folder, "telemetry.db")).length).toBeGreaterThan(0);
    for (const suffix of ["", "-wal", "-shm"]) rmSync(join(other.folder, `telemetry.db${suffix}`), { force: true });
    expect((await other.operate("POST", "/v1/admin/agents", { body: { name: "builder" } })).status).toBe(201);
    await other.stop();
  });
});
