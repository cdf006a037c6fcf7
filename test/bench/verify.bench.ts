import { cpus } from "node:os";
import { verifyDataFolder } from "#src/audit/verify.ts";
import { openStage } from "../audit/stage.ts";
import { temporaryFolder } from "../support/store.ts";
import { print } from "./harness.ts";

// The verifier over a data folder: strict re-encoding, both hashes, tree, stored tiles, seals and checkpoints. How the rate and
// the memory grow with the chain; ten million events where `SOAK` is set.

const SIZES = [10_000, 100_000, 1_000_000, ...(process.env["SOAK"] === undefined ? [] : [10_000_000])];
/** The aim for one core, in events a second. */
const FLOOR = 60_000;
const BATCH = 256;

const data = {
  agent: "agt_01m7y3bbcp52g82tp74eq8xwwj",
  call_digest: "ab".repeat(32),
  command: "/github/issues/create",
  context: { limits: {}, run: null, tier: "write", time: "2026-01-31T23:59:59.123Z" },
  decision: "allow",
  method: "POST",
  path: "/repos/acme/site/issues",
  policies: ["builders-write", "issues"],
  resource: "acme/site",
  resource_entity: {
    attrs: { owner: "acme", visibility: "private" },
    parents: [],
    uid: { id: "acme/site", type: "Repo" },
  },
  tier: "write",
  versions: { cedar: "4.3", policy: 3, schema: "1" },
  writ: { cid: `bafyrei${"b".repeat(51)}a`, single_use: true },
};

const folder = temporaryFolder();
try {
  let events = 2;
  for (const size of SIZES) {
    const stage = await openStage({ folder: folder.path, seed: size });
    for (; events < size; events += BATCH) {
      await Promise.all(Array.from({ length: BATCH }, () => stage.store.submit(stage.tenant, { data })));
    }
    await stage.checkpoints.request(stage.tenant, stage.actor);
    await stage.store.close();
    Bun.gc(true);
    const memory = process.memoryUsage().rss;
    const [started, used] = [performance.now(), process.cpuUsage()];
    const report = await verifyDataFolder(folder.path);
    const seconds = (performance.now() - started) / 1000;
    const { user, system } = process.cpuUsage(used);
    if (!report.ok) throw new Error("the chain does not verify");
    print(`verify.${size}`, report.events / seconds, "1/s", { name: "60,000 a second and core", value: FLOOR });
    print(`verify.${size}.per_cpu_second`, (report.events * 1e6) / (user + system), "1/s", {
      name: "60,000",
      value: FLOOR,
    });
    print(`verify.${size}.memory_growth`, (process.memoryUsage().rss - memory) / 2 ** 20, "MiB");
  }
  print("verify.cores", cpus().length, "count");
} finally {
  folder.remove();
}
