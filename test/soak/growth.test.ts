import { afterAll, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { cleanUp, freshFolder, type RunningServer, runProgram, startServer, writBinary } from "../support/binary.ts";

// A week in miniature: an hour of mixed load where `SOAK` is set, some seconds otherwise. What leaks with every request
// shows in either; what leaks slowly only in the long one.
const LONG = process.env["SOAK"] !== undefined;
const DURATION_MS = LONG ? 3_600_000 : 9000;
const SAMPLE_MS = DURATION_MS / 60;
const WORKERS = 8;
/** How much more the last third may hold than the middle one. */
const GROWTH = LONG ? 1.1 : 1.35;

afterAll(cleanUp);

interface Writ {
  readonly server: RunningServer;
  readonly key: string;
  cli(...words: string[]): Promise<string>;
}

async function startWrit(upstreamPort: number): Promise<Writ> {
  const folder = freshFolder("soak");
  const env = {
    WRIT_DATA: join(folder, "data"),
    WRIT_LISTEN: "127.0.0.1:0",
    WRIT_ALLOW_RANGES: "127.0.0.0/8",
    WRIT_RATE_AGENT: "0",
    WRIT_RATE_SOURCE: "0",
    WRIT_RATE_TENANT: "0",
  };
  const server = await startServer({ cwd: folder, env });
  const cli = async (...words: string[]): Promise<string> => {
    const { code, stdout, stderr } = await runProgram([await writBinary(), ...words], { cwd: folder, env });
    if (code !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
    return stdout;
  };
  await cli("agent", "create", "worker");
  await cli(
    "connection",
    "create",
    "api",
    "--connector",
    "http",
    "--url",
    `http://127.0.0.1:${upstreamPort}`,
    "--auth",
    "none",
  );
  const { key } = JSON.parse(await cli("key", "create", "worker", "--json")) as { key: string };
  const policies = join(folder, "soak.cedar");
  await Bun.write(policies, 'permit(principal, action in [Action::"tier:read", Action::"tier:write"], resource);');
  await cli("policy", "put", policies, "--message", "soak");
  return { server, key, cli };
}

function residentMiB(pid: number): number {
  const line = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1] ?? Number.NaN) / 1024;
}

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

test.skipIf(process.platform !== "linux")(
  "memory does not grow under mixed load",
  async () => {
    const upstream = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      fetch: (request) => new Response(new URL(request.url).pathname.repeat(64)),
    });
    const { server, key, cli } = await startWrit(upstream.port ?? 0);
    const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
    const endsAt = performance.now() + DURATION_MS;
    const failures: string[] = [];
    let requests = 0;
    const step = async (worker: number, turn: number): Promise<void> => {
      const path = `/items/${worker}-${turn % 977}`;
      const body = JSON.stringify({ call: { connection: "api", method: "GET", path } });
      const asked = await fetch(`${server.address}/v1/authorize`, { method: "POST", headers, body });
      const { writ } = (await asked.json()) as { writ?: string };
      const called = await fetch(`${server.address}/v1/proxy/api${path}`, {
        headers: { authorization: `Bearer ${turn % 2 === 0 ? writ : key}` },
      });
      const text = await called.text();
      const refused = await fetch(`${server.address}/v1/proxy/api/items/%00`, { headers });
      await refused.body?.cancel();
      requests += 3;
      if (text !== path.repeat(64) || refused.status < 400) failures.push(`${called.status} ${text.slice(0, 200)}`);
    };
    const samples: number[] = [];
    const sampler = setInterval(() => samples.push(residentMiB(server.pid)), SAMPLE_MS);
    await Promise.all(
      Array.from({ length: WORKERS }, async (_, worker) => {
        for (let turn = 0; performance.now() < endsAt && failures.length === 0; turn += 1) await step(worker, turn);
      }),
    );
    clearInterval(sampler);
    upstream.stop(true);
    expect(failures).toEqual([]);
    expect(requests).toBeGreaterThan(WORKERS * 10);
    const third = Math.floor(samples.length / 3);
    const middle = mean(samples.slice(third, 2 * third));
    const last = mean(samples.slice(-third));
    expect(last).toBeLessThan(middle * GROWTH);
    await server.stop();
    expect(await cli("verify", "data")).toContain("verified");
  },
  DURATION_MS + 120_000,
);
