import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { cleanUp, freshFolder, type RunningServer } from "#test/support/binary.ts";
import { createInstance, type Instance } from "#test/support/instance.ts";
import { startS3rver, startVersitygw, type TestBucket } from "#test/support/object-stores.ts";
import { describePeer, importPeer } from "#test/support/peer.ts";

const LONG = 120_000;

/** As much of DuckDB's client as is used here. */
interface Duck {
  readonly DuckDBInstance: {
    create(path: string): Promise<{
      connect(): Promise<{ runAndReadAll(sql: string): Promise<{ getRowObjectsJson(): Record<string, unknown>[] }> }>;
    }>;
  };
}

afterAll(cleanUp, LONG);

/** Makes an agent that may read, and asks for decisions as it, several at a time, until it is told to stop. */
async function loadOf(instance: Instance, server: RunningServer) {
  const policy = join(instance.folder, "policy.cedar");
  writeFileSync(policy, "permit (principal, action, resource);\n");
  await instance.ask(["policy", "put", policy]);
  await instance.ask(["agent", "create", "builder"]);
  const { key } = (await instance.ask(["key", "create", "builder"])) as { key: string };
  let asked = 0;
  let isStopped = false;
  const one = async (): Promise<void> => {
    while (!isStopped) {
      const response = await fetch(`${server.address}/v1/authorize`, {
        method: "POST",
        headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
        body: JSON.stringify({
          command: "/github/repositories/get",
          resource: { type: "GitHub::Repository", id: `acme/shop-${asked % 7}` },
        }),
      });
      const text = await response.text();
      if (response.status !== 200) throw new Error(`${response.status}: ${text}`);
      asked += 1;
    }
  };
  const running = Promise.all([one(), one(), one(), one()]);
  return {
    asked: () => asked,
    until: async (count: number) => {
      while (asked < count) await Bun.sleep(5);
    },
    stop: async () => {
      isStopped = true;
      await running;
    },
  };
}

describePeer(["versitygw", "duckdb"], "the archive in a bucket with locks", () => {
  let bucket: TestBucket;
  beforeAll(async () => {
    bucket = await startVersitygw(freshFolder("versitygw"));
  }, LONG);
  afterAll(() => bucket.stop());

  test(
    "decide under load, checkpoint, archive with a lock, prune, restore, verify from the bucket alone, read by DuckDB",
    async () => {
      const settings = { ...bucket.env("writ"), WRIT_ARCHIVE_LOCK: "compliance", WRIT_ARCHIVE_RETENTION: "1d" };
      const instance = createInstance(settings);
      const server = await instance.start();
      const load = await loadOf(instance, server);
      await load.until(300);
      await instance.ask(["audit", "checkpoint"]);
      const [segment] = await instance.list(["archive", "run", "--today"]);
      expect(segment).toMatchObject({ first: 1, state: "written", locked_until: expect.any(String) });
      await load.until(600);
      await instance.list(["archive", "run", "--today"]);
      const pruned = (await instance.ask(["archive", "prune", "--now"])) as { segments: number; through: number };
      expect(pruned.segments).toBeGreaterThanOrEqual(2);
      await load.until(800);
      await load.stop();

      const [sealKey] = (await instance.list(["keys", "list"])) as { public_key: string }[];
      const pin = ["--key", sealKey?.public_key ?? ""];
      const folder = await instance.run(["verify", instance.dataFolder, ...pin, "--json"]);
      expect(folder.code).toBe(0);
      expect(JSON.parse(folder.stdout).chains).toContainEqual(
        expect.objectContaining({ name: "default", archived: expect.objectContaining({ through: pruned.through }) }),
      );
      expect(await instance.ask(["archive", "status"])).toMatchObject({ state: "ok", pruned_through: pruned.through });
      const doctor = await instance.run(["doctor"]);
      expect(doctor.stdout).toMatch(/ok\s+archive/);
      expect(doctor.stdout).not.toMatch(/^fail/m);
      await instance.ask(["archive", "restore"]);
      expect(JSON.parse((await instance.run(["verify", instance.dataFolder, "--json"])).stdout).ok).toBe(true);
      await instance.list(["archive", "run", "--today"]);
      expect(await instance.ask(["archive", "verify"])).toMatchObject({ ok: true, problems: [] });
      const events = await instance.list(["audit", "list", "--type", "decision", "--limit", "5"]);
      expect(events.length).toBeGreaterThan(0);
      expect((await server.stop()).code).toBe(0);

      // From here on there is nothing but the bucket and the key.
      const alone = createInstance(bucket.env("unused"));
      const lake = await alone.run(["verify", "s3://lake/writ", ...pin, "--json"]);
      expect(lake.stderr).toBe("");
      expect(lake.code).toBe(0);
      const report = JSON.parse(lake.stdout);
      expect(report).toMatchObject({ ok: true, kind: "archive", chains: [{ pinned: true, first: 1 }] });
      expect(report.chains[0].events).toBeGreaterThan(800);

      const folderOfFiles = freshFolder("lake");
      const store = bucket.open("writ/");
      for await (const { key } of store.list("")) {
        const download = await store.get(key);
        await Bun.write(join(folderOfFiles, key), await new Response(download?.stream).arrayBuffer());
      }
      expect((await alone.run(["verify", folderOfFiles, ...pin])).code).toBe(0);
      await readByDuckdb(folderOfFiles, report.chains[0]);
    },
    LONG,
  );
});

/** The queries of the documentation, and that any engine can recompute the hashes. */
async function readByDuckdb(folder: string, chain: { tenant: string; events: number; head: string }): Promise<void> {
  const { DuckDBInstance } = (await importPeer("@duckdb/node-api")) as unknown as Duck;
  const connection = await (await DuckDBInstance.create(":memory:")).connect();
  const lake = `read_parquet('${folder}/tenant=*/date=*/events-*.parquet', hive_partitioning = true)`;
  const ask = async (sql: string) => (await connection.runAndReadAll(sql)).getRowObjectsJson();
  const [total] = await ask(
    `SELECT count(*) AS events, max(seq) AS last, count(*) FILTER (hash = sha256('writ.audit.v1' || chr(10) || bytes)) AS right
      FROM ${lake} WHERE tenant = '${chain.tenant}'`,
  );
  expect(total).toEqual({ events: String(chain.events), last: String(chain.events), right: String(chain.events) });
  const [linked] = await ask(
    `SELECT count(*) AS broken FROM (SELECT prev, lag(hash) OVER (PARTITION BY tenant ORDER BY seq) AS before FROM ${lake})
      WHERE before IS NOT NULL AND before <> prev`,
  );
  expect(linked).toEqual({ broken: "0" });
  const byDecision = await ask(
    `SELECT decision, count(*) AS n, min("at") AS since FROM ${lake} WHERE command = '/github/repositories/get' AND date >= current_date - 7 GROUP BY decision`,
  );
  expect(byDecision).toMatchObject([{ decision: "allow" }]);
  const [tier] = await ask(`SELECT DISTINCT bytes->>'$.data.tier' AS tier FROM ${lake} WHERE decision IS NOT NULL`);
  expect(tier).toEqual({ tier: expect.any(String) });
}

describePeer(["node", "s3rver"], "a bucket that takes a lock and holds nothing", () => {
  test(
    "is noticed, and said by the command, the status and the doctor",
    async () => {
      const bucket = await startS3rver(freshFolder("s3rver"));
      try {
        const instance = createInstance({ ...bucket.env("writ"), WRIT_ARCHIVE_LOCK: "governance" });
        const server = await instance.start();
        const run = await instance.run(["archive", "run", "--today"]);
        expect(run.code).toBe(2);
        expect(run.stderr).toContain("does not hold it");
        const status = await instance.run(["archive", "status", "--json"]);
        expect(status.code).toBe(1);
        expect(JSON.parse(status.stdout)).toMatchObject({ state: "failing", error: { code: "archive_lock_ignored" } });
        const doctor = await instance.run(["doctor"]);
        expect(doctor.code).toBe(1);
        expect(doctor.stdout).toMatch(/fail\s+archive .*does not hold it/);
        await server.stop();
      } finally {
        await bucket.stop();
      }
    },
    LONG,
  );
});

describe("an archive in a folder", () => {
  test(
    "is off where none is configured, is each tenant's own, and is verified by itself",
    async () => {
      const bare = createInstance();
      await bare.run(["init"]);
      expect(await bare.ask(["archive"])).toMatchObject({ state: "off" });
      const refused = await bare.run(["archive", "run"]);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain("WRIT_ARCHIVE_URL");

      const lake = freshFolder("lake");
      const instance = createInstance({ WRIT_ARCHIVE_URL: lake });
      const server = await instance.start();
      await instance.ask(["tenant", "create", "other"]);
      await instance.ask(["agent", "create", "builder", "--tenant", "other"]);
      const [segment] = await instance.list(["archive", "run", "--today", "--tenant", "other"]);
      expect(segment).toMatchObject({ first: 1, state: "written" });
      expect(await instance.list(["archive", "list"])).toEqual([]);
      const { token } = (await instance.ask(["token", "create", "--kind", "admin"])) as { token: string };
      const ask = (method: string, path: string) =>
        fetch(`${server.address}/v1/admin/archive${path}`, {
          method,
          headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
          ...(method === "POST" ? { body: "{}" } : {}),
        });
      expect(await (await ask("GET", "/segments")).json()).toEqual({ segments: [] });
      expect((await ask("POST", "/prunings")).status).toBe(403);
      expect((await ask("POST", "/restorations")).status).toBe(403);
      expect((await server.stop()).code).toBe(0);
      const verified = await bare.run(["verify", lake, "--json"]);
      expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, chains: [{ segments: 1 }] });
    },
    LONG,
  );
});
