import { join } from "node:path";
import { recordDecisions } from "#test/archive/support.ts";
import { openTestStore, temporaryFolder } from "#test/support/store.ts";
import { print } from "./harness.ts";

// Segments of decisions as they are recorded: time, memory and size, and how each grows. The long form has a million events.

const SIZES = process.env["SOAK"] === undefined ? [10_000, 60_000] : [10_000, 100_000, 1_000_000];
/** What a million events may take: seconds, MB, and bytes of file a byte of their JSON. */
const BOUNDS = { seconds: 40, megabytes: 300, size: 0.4 };

for (const size of SIZES) {
  const folder = temporaryFolder();
  const store = await openTestStore({ folder: folder.path });
  try {
    const tenant = await store.createTenant("bench", "instance");
    await recordDecisions(store, tenant, size);
  } finally {
    await store.close();
  }
  try {
    const child = Bun.spawnSync([process.execPath, join(import.meta.dir, "archive-run.ts"), folder.path], {
      stderr: "inherit",
    });
    const { events, seconds, cpuSeconds, jsonBytes, fileBytes, maxBytes } = JSON.parse(child.stdout.toString());
    const name = `archive.${size}_events`;
    const against = (value: number) => ({ name: "bound for a million events", value });
    print(`${name}.seconds_a_million`, (seconds / events) * 1e6, "s", against(BOUNDS.seconds));
    print(`${name}.cpu_seconds_a_million`, (cpuSeconds / events) * 1e6, "s", against(BOUNDS.seconds));
    print(`${name}.memory`, maxBytes / 1e6, "MB", against(BOUNDS.megabytes));
    print(`${name}.size_to_json`, fileBytes / jsonBytes, "", against(BOUNDS.size));
  } finally {
    folder.remove();
  }
}
