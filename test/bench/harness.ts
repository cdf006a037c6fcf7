import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cleanUp, freePort, freshFolder, type RunningServer, startServer } from "#test/support/binary.ts";
import { hasPeer, peerPath } from "#test/support/peer.ts";
import type { LoadOrder, LoadResult } from "./load-client.ts";

/** What a value is compared with. */
export interface Against {
  readonly name: string;
  readonly value: number;
}

/** One line of a benchmark: a JSON object. `ratio` is the value through the one that it is compared with. */
export function print(name: string, value: number, unit: string, against?: Against): void {
  const compared = against === undefined ? {} : { against, ratio: round(value / against.value) };
  console.log(JSON.stringify({ name, value: round(value), unit, ...compared }));
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** Runs the client in a process of its own, so that it competes with the server as any client would. */
export async function runLoad(order: LoadOrder): Promise<LoadResult> {
  const client = Bun.spawn([process.execPath, join(import.meta.dir, "load-client.ts"), JSON.stringify(order)], {
    stdout: "pipe",
    stderr: "inherit",
    timeout: order.seconds * 1000 + 30_000,
    killSignal: "SIGKILL",
  });
  const text = await new Response(client.stdout).text();
  if ((await client.exited) !== 0) throw new Error("the load client failed");
  return JSON.parse(text) as LoadResult;
}

/** A POST with a JSON body as it goes over the wire. */
export function jsonPost(port: number, path: string, body: unknown, headers: readonly string[] = []): string {
  const text = JSON.stringify(body);
  const head = [
    `POST ${path} HTTP/1.1`,
    `host: 127.0.0.1:${port}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(text)}`,
    ...headers,
  ];
  return `${head.join("\r\n")}\r\n\r\n${text}`;
}

/** The compiled executable, serving on a folder of its own, and its admin API as the operator has it. */
export interface BenchServer {
  readonly server: RunningServer;
  readonly port: number;
  admin(method: string, path: string, body?: unknown): Promise<Record<string, string>>;
  /** Makes an agent and gives its key. */
  createAgent(name: string): Promise<string>;
}

/** Starts `writ serve` on an empty folder. */
export async function startWrit(env: Readonly<Record<string, string>> = {}): Promise<BenchServer> {
  const cwd = freshFolder("bench");
  const server = await startServer({ cwd, env: { WRIT_LISTEN: "127.0.0.1:0", WRIT_LOG: "error", ...env } });
  const unix = join(cwd, "data/writ.sock");
  const admin: BenchServer["admin"] = async (method, path, body) => {
    const response = await fetch(`http://localhost${path}`, {
      unix,
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      headers: { "content-type": "application/json", "writ-tenant": "default" },
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === "" ? {} : JSON.parse(text);
  };
  return {
    server,
    port: Number(new URL(server.address).port),
    admin,
    createAgent: async (name) => {
      await admin("POST", "/v1/admin/agents", { name });
      const { key: token = "" } = await admin("POST", "/v1/admin/keys", { agent: name });
      return token;
    },
  };
}

/** What a process has used of processors since it began, in milliseconds; undefined where the system does not say. */
export function cpuMilliseconds(pid: number): number | undefined {
  if (process.platform !== "linux") return undefined;
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.split(" ") ?? [];
  // User and system time in ticks of 10 ms: fields 14 and 15 of proc_pid_stat(5), counted from the third.
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** A cerbos that serves the given policies, by file name. */
export interface Cerbos {
  readonly pid: number;
  readonly port: number;
  stop(): Promise<void>;
}

/** Starts cerbos without audit, or gives undefined where it is not installed. */
export async function startCerbos(policies: Readonly<Record<string, string>>): Promise<Cerbos | undefined> {
  if (!hasPeer("cerbos")) {
    console.error("cerbos is not installed in test/peers: nothing to compare with");
    return undefined;
  }
  const folder = mkdtempSync(join(tmpdir(), "writ-bench-cerbos-"));
  const directory = join(folder, "policies");
  mkdirSync(directory);
  for (const [name, text] of Object.entries(policies)) writeFileSync(join(directory, name), text);
  const [port, grpcPort] = [await freePort(), await freePort()];
  const config = {
    server: { httpListenAddr: `127.0.0.1:${port}`, grpcListenAddr: `127.0.0.1:${grpcPort}` },
    storage: { driver: "disk", disk: { directory, watchForChanges: false } },
    audit: { enabled: false },
    telemetry: { disabled: true },
  };
  writeFileSync(join(folder, "config.yaml"), JSON.stringify(config));
  const child = Bun.spawn(
    [peerPath("cerbos"), "server", `--config=${join(folder, "config.yaml")}`, "--log-level=error"],
    { stdout: "ignore", stderr: "inherit" },
  );
  const stop = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
    rmSync(folder, { recursive: true, force: true });
  };
  const answers = async () => (await fetch(`http://127.0.0.1:${port}/_cerbos/health`)).ok;
  for (let i = 0; i < 100; i += 1) {
    if (await answers().catch(() => false)) return { port, pid: child.pid, stop };
    await Bun.sleep(50);
  }
  await stop();
  throw new Error("cerbos does not answer");
}

/** Runs a benchmark and ends every process that it started, whatever happens. */
export async function bench(body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } finally {
    await cleanUp();
  }
}
