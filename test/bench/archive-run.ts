import { join } from "node:path";
import { SEGMENT_BOUNDS } from "#src/archive/dependencies.ts";
import { PART_BYTES } from "#src/io/object-store.ts";
import { GENESIS_HASH } from "#src/ledger/event.ts";
import { databasePath, openForReading } from "#src/store/database.ts";
import { writeSegment } from "#src/store/jobs/archive-segment.ts";

// Writes all segments of the first chain in a data folder, in a process of its own, and says as JSON what that took.
const [folder = ""] = process.argv.slice(2);
const db = openForReading(databasePath(folder));
const { tenant } = db.query("SELECT tenant_id AS tenant FROM heads").get() as { tenant: string };
const context = { db, breathe: async () => undefined, progress: () => undefined };
const path = join(folder, "segment");
let state = { from: 1, prev: GENESIS_HASH, frontier: new Uint8Array() };
let events = 0;
let jsonBytes = 0;
let fileBytes = 0;
const began = performance.now();
const cpuBegan = process.cpuUsage();
for (;;) {
  const input = { tenant, ...state, until: Number.MAX_SAFE_INTEGER, ...SEGMENT_BOUNDS, path, partBytes: PART_BYTES };
  const segment = await writeSegment(context, input);
  if (segment.kind === "nothing") break;
  events = segment.last;
  jsonBytes += segment.jsonBytes;
  fileBytes += segment.events.bytes + (segment.blobs?.bytes ?? 0);
  state = { from: segment.last + 1, prev: segment.head, frontier: Uint8Array.from(segment.frontier) };
}
const seconds = (performance.now() - began) / 1000;
const cpu = process.cpuUsage(cpuBegan);
// Linux and Bun give KiB.
console.log(
  JSON.stringify({
    events,
    seconds,
    cpuSeconds: (cpu.user + cpu.system) / 1e6,
    jsonBytes,
    fileBytes,
    maxBytes: process.resourceUsage().maxRSS * 1024,
  }),
);
