import { readFileSync } from "node:fs";
import { bench, median, print, startWrit } from "./harness.ts";

// From the start of the process to the line that says that it listens, on an empty folder, keys and database included; and
// what the process holds in memory when it has been left alone for a moment.

const STARTS = 7;
const IDLE_MS = 3000;
const MIB = 2 ** 20;

/** The resident set of a process, in bytes. */
function residentBytes(pid: number): number {
  if (process.platform === "linux") {
    const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Number(kibibytes) * 1024;
  }
  return Number(Bun.spawnSync(["ps", "-o", "rss=", "-p", String(pid)]).stdout.toString()) * 1024;
}

await bench(async () => {
  const readyMs: number[] = [];
  for (let i = 0; i < STARTS; i += 1) {
    const { server } = await startWrit();
    readyMs.push(server.readyMs);
    if (i === STARTS - 1) {
      await Bun.sleep(IDLE_MS);
      print("idle.memory", residentBytes(server.pid) / MIB, "MiB", { name: "at most", value: 150 });
    }
    await server.stop();
  }
  print("start.ready", median(readyMs), "ms", { name: "at most", value: 300 });
});
