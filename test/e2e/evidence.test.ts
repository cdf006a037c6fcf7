import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cleanUp, type RunningServer } from "#test/support/binary.ts";
import { createInstance, type Instance } from "#test/support/instance.ts";

let instance: Instance;
let server: RunningServer;

beforeAll(async () => {
  instance = createInstance();
  server = await instance.start();
  await instance.ask(["agent", "create", "builder"]);
  await instance.ask(["agent", "create", "painter"]);
}, 120_000);
afterAll(cleanUp);

const file = (name: string): string => join(instance.folder, name);
const done = async (args: readonly string[]) => {
  const { code, stderr, stdout } = await instance.run(args);
  expect([code, code === 0 ? "" : stderr + stdout]).toEqual([0, ""]);
};

describe("the executable", () => {
  test("exports evidence in every format, and its bundle verifies offline", async () => {
    for (const format of ["html", "csv", "jsonl", "bundle"]) {
      await done(["audit", "export", "--format", format, "--agent", "builder", "--out", file(`e.${format}`)]);
    }
    expect(readFileSync(file("e.html"), "utf8")).toContain("164.312(b)");
    expect(readFileSync(file("e.csv"), "utf8")).toStartWith('"seq","at","type"');
    expect(JSON.parse(readFileSync(file("e.jsonl"), "utf8").split("\n")[0] ?? "")).toMatchObject({ kind: "evidence" });
    await done(["verify", file("e.bundle")]);
    const wrong = await instance.run(["audit", "export", "--format", "csv", "--from", "1"]);
    expect([wrong.code, wrong.stderr]).toEqual([2, expect.stringContaining("are for bundles")]);
  }, 60_000);

  test("streams events into a file, goes on behind a kill, and says how far it is", async () => {
    await instance.ask(["stream", "add", "local", "--kind", "file", "--start", "beginning"]);
    const { destination } = await instance.ask(["stream", "show", "local"]);
    const path = join(instance.dataFolder, String(destination));
    const seqs = () =>
      existsSync(path)
        ? readFileSync(path, "utf8")
            .trimEnd()
            .split("\n")
            .map((line) => JSON.parse(line).event.seq as number)
        : [];
    for (let i = 0; i < 100 && seqs().length < 5; i += 1) await Bun.sleep(100);
    await server.stop("SIGKILL");
    server = await instance.start();
    await instance.ask(["agent", "create", "third"]);
    const newest = Number((await instance.list(["audit", "list", "--limit", "1"]))[0]?.["seq"]);
    for (let i = 0; i < 100 && (seqs().at(-1) ?? 0) < newest; i += 1) await Bun.sleep(100);
    expect([...new Set(seqs())]).toEqual(Array.from({ length: seqs().at(-1) ?? 0 }, (_, index) => index + 1));
    expect(seqs().at(-1)).toBeGreaterThanOrEqual(newest);
  }, 60_000);

  test("erases an agent: unreadable from then on, in what was exported sealed too, and everything verifies", async () => {
    const { subject } = await instance.ask(["subject", "show", "--agent", "builder"]);
    const early = await instance.run(["subject", "erase", "--agent", "builder", "--confirm", String(subject)]);
    expect(early.code).not.toBe(0);
    await done(["agent", "disable", "builder"]);
    const erased = await instance.ask(["subject", "erase", "--agent", "builder", "--confirm", String(subject)]);
    expect(erased).toMatchObject({ subject, kind: "agent", backups: { made_before: 0 } });
    await done(["audit", "export", "--format", "jsonl", "--out", file("after.jsonl")]);
    const text = readFileSync(file("after.jsonl"), "utf8");
    expect(text).toContain('"name":"erased"');
    expect(text).toContain("subject.erased");
    expect(text).not.toContain('"builder"');
    await done(["verify", instance.dataFolder]);
    await done(["verify", file("e.bundle")]);
  }, 60_000);

  test("runs jobs, keeps their history, and its doctor looks at them", async () => {
    await instance.ask(["jobs", "run", "checkpoints"]);
    const [run] = await instance.list(["jobs", "history", "checkpoints"]);
    expect(run).toMatchObject({ outcome: "ok" });
    const jobs = await instance.list(["jobs"]);
    expect(jobs.map(({ name }) => name)).toContain("ended sessions");
    const { stdout } = await instance.run(["doctor"]);
    expect(stdout).toMatch(/jobs/);
    expect(stdout).toMatch(/streams/);
    expect((await instance.run(["jobs", "run", "nothing"])).code).not.toBe(0);
  }, 60_000);

  test("refuses a second server on the folder", async () => {
    const second = await instance.run(["serve"], { timeoutMs: 20_000 });
    expect([second.code, second.stderr]).toEqual([
      2,
      expect.stringContaining("another process holds this data folder"),
    ]);
  }, 30_000);

  test("does not start with a schedule that never comes", async () => {
    const other = createInstance({ WRIT_BACKUP_URL: "backups", WRIT_BACKUP_SCHEDULE: "0 0 30 2 *" });
    const { code, stderr } = await other.run(["serve"], { timeoutMs: 20_000 });
    expect([code, stderr]).toEqual([2, expect.stringContaining("no cron expression")]);
  }, 30_000);
});
