import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { databasePath } from "#src/store/database.ts";
import { temporaryFolder } from "#test/support/store.ts";
import { openStage } from "../audit/stage.ts";
import { seeded } from "../support/mutation.ts";
import { expectIntact, expectUndelivered, runChild, type Said, testUnless } from "./support.ts";

const SCRIPT = join(import.meta.dir, "checkpoint-child.ts");
const STRACE = Bun.which("strace") === null ? "needs strace" : undefined;
const KILLS = process.env["SOAK"] === undefined ? 12 : 500;

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

/** The sizes of the checkpoints that the child was told of. */
const toldOf = (said: Said) =>
  said.lines.flatMap((line) => (/^checkpoint \d+$/.test(line) ? [Number(line.slice("checkpoint ".length))] : []));

function storedSizes(): number[] {
  const db = new Database(databasePath(folder.path), { readonly: true });
  const rows = db.query("SELECT size FROM checkpoints ORDER BY size").all() as { size: number }[];
  db.close();
  return rows.map(({ size }) => size);
}

/** The next checkpoint extends what is there, whatever became of the last process. */
async function expectNextCheckpoint(seed: number): Promise<void> {
  const stage = await openStage({ folder: folder.path, seed });
  stage.store.clock.time = Date.now();
  await stage.add(3);
  const made = await stage.checkpoints.request(stage.tenant, stage.actor);
  const before = storedSizes()
    .filter((size) => size < made.size)
    .at(-1);
  if (before !== undefined) {
    const { toRoot } = await stage.proofs.consistency(stage.tenant, before, made.size);
    expect(toRoot).toBe(made.root);
  }
  await stage.store.close();
}

test(
  `killed at ${KILLS} seeded moments: nothing acknowledged is lost, checkpoints neither, and the next one extends them`,
  async () => {
    const random = seeded(7);
    const said: Said[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      said.push(await runChild({ folder: folder.path, script: SCRIPT, killAfter: Math.floor(random() ** 2 * 250) }));
      await expectIntact(folder.path, said.slice(-1));
      const stored = storedSizes();
      expect(toldOf(said.at(-1) as Said).filter((size) => !stored.includes(size))).toEqual([]);
      if (kill % 6 === 5) await expectNextCheckpoint(1e9 + kill);
    }
    expect(said.flatMap(toldOf).length).toBeGreaterThan(2);
    await expectIntact(folder.path, said);
  },
  KILLS * 5000,
);

describe("system calls of append and checkpoint that fail", () => {
  const CASES = [
    "fsync,fdatasync:error=EIO:when=6",
    "fsync,fdatasync:error=EIO:when=11",
    "fsync,fdatasync:error=EIO:when=5..12",
    "pwrite64:error=ENOSPC:when=9",
    "pwrite64:error=EIO:when=23",
    "pwrite64:error=ENOSPC:when=20..45",
  ];
  for (const inject of CASES) {
    testUnless(
      STRACE,
      `${inject}: an error, and afterwards the chain, its tree and its checkpoints are whole`,
      async () => {
        await runChild({ folder: folder.path, script: SCRIPT, units: 50 });
        const calls = inject.slice(0, inject.indexOf(":"));
        const wrapper = [
          "strace",
          "-f",
          "--seccomp-bpf",
          "-o",
          "/dev/null",
          "-e",
          `trace=${calls}`,
          "-e",
          `inject=${inject}`,
        ];
        const said = await runChild({ folder: folder.path, script: SCRIPT, units: 300, width: 4, wrapper });
        expect(said.text).toContain("done");
        const events = await expectIntact(folder.path, [said]);
        expectUndelivered(events, {
          ...said,
          refused: new Map([...said.refused].filter(([id]) => id.startsWith("evt_"))),
        });
        await expectNextCheckpoint(2e9);
        await expectIntact(folder.path, [said]);
      },
      30_000,
    );
  }
});

test("a clock a day forward and back: checkpoints keep their order, and the chain verifies", async () => {
  const stage = await openStage({ folder: folder.path });
  const start = stage.store.clock.time;
  for (const shift of [0, 86_400_000, 0, -86_400_000, 2 * 86_400_000]) {
    stage.store.clock.time = start + shift;
    await stage.add(2);
    await stage.checkpoints.makeDue();
    await stage.checkpoints.request(stage.tenant, stage.actor);
  }
  const times = (await stage.checkpoints.list(stage.tenant, {})).map(({ at }) => at);
  expect(times).toEqual(times.toSorted().reverse());
  expect(times.length).toBeGreaterThanOrEqual(3);
  await stage.store.close();
  await expectIntact(folder.path, []);
});
