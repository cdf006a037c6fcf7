import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { verifySegments } from "#src/archive/verify-segments.ts";
import { verifyDataFolder } from "#src/audit/verify.ts";
import { createFolderStore } from "#src/io/object-store-folder.ts";
import { keysOf } from "#test/archive/stage.ts";
import { temporaryFolder } from "#test/support/store.ts";
import { runChild, type Said, testUnless } from "./support.ts";

const CHILD = join(import.meta.dir, "archive-child.ts");
const NO_STRACE = Bun.which("strace") === null ? "needs strace" : undefined;
const LONG = 120_000;

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const run = (options: Partial<Parameters<typeof runChild>[0]>): Promise<Said> =>
  runChild({ folder: folder.path, script: CHILD, ...options });

/** Holds that the folder verifies as it is, and after one more round the archive by itself, each event in it once. */
async function expectArchived(): Promise<void> {
  const now = await verifyDataFolder(folder.path);
  expect(now.chains.flatMap((chain) => chain.problems)).toEqual([]);
  const after = await run({ units: 1 });
  expect(after.lines).toContain("round 1");
  const objects = createFolderStore(join(folder.path, "lake"));
  const lake = await verifySegments(objects);
  expect(lake.chains.flatMap((chain) => chain.problems)).toEqual([]);
  expect(lake.chains[0]?.first).toBe(1);
  const places = (await keysOf(objects))
    .flatMap((key) => {
      const [, first, last] = /events-(\d+)-(\d+)\.parquet$/.exec(key) ?? [];
      return first === undefined ? [] : [{ first: Number(first), last: Number(last) }];
    })
    .sort((a, b) => a.first - b.first);
  for (const [index, { first }] of places.entries()) expect(first).toBe((places[index - 1]?.last ?? 0) + 1);
  expect((await verifyDataFolder(folder.path)).ok).toBe(true);
}

describe("the archive's process", () => {
  test(
    "killed at any moment, goes on where it was: no event is missing, none stands twice",
    async () => {
      let state = 7;
      for (let kill = 0; kill < 8; kill += 1) {
        state = (state * 48_271) % 2_147_483_647;
        expect((await run({ killAfter: (state % 400) + 5 })).isDone).toBe(false);
        if (kill % 4 === 3) await expectArchived();
      }
    },
    LONG,
  );

  testUnless(
    NO_STRACE,
    "a call of the system that fails once, of a segment's file, its upload or the database, costs a round at most",
    async () => {
      expect((await run({ units: 1 })).lines).toContain("round 1");
      for (const [call, error, step] of [
        ["fsync", "EIO", 5],
        ["rename", "EIO", 1],
      ] as const) {
        for (const nth of [1, 1 + step, 1 + 2 * step]) {
          const inject = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `trace=${call}`, "-e"];
          const said = await run({ units: 2, wrapper: [...inject, `inject=${call}:error=${error}:when=${nth}`] });
          expect(said.text).not.toContain("TypeError");
          expect(said.lines.some((line) => line.startsWith("err ") || line === "round 2" || line === "done")).toBe(
            true,
          );
        }
      }
      await expectArchived();
    },
    LONG,
  );
});

describe("a full disk while a segment is written", () => {
  testUnless(
    NO_STRACE,
    "fails the run, leaves no file, and the next run writes it",
    async () => {
      await run({ units: 1 });
      const { chains } = await verifyDataFolder(folder.path);
      const from = (chains[0]?.archived?.through ?? 0) + 1;
      const staged = join(folder.path, "archive-staging", `${chains[0]?.tenant}-${from}.events.parquet`);
      const inject = ["strace", "-f", "-qq", "-o", "/dev/null", "-P", staged, "-e", "trace=write,pwrite64", "-e"];
      const said = await run({ units: 1, wrapper: [...inject, "inject=write,pwrite64:error=ENOSPC:when=1+"] });
      expect(said.lines).toContain("err disk_full");
      expect(await keysOf(createFolderStore(join(folder.path, "archive-staging")))).toEqual([]);
      await expectArchived();
    },
    LONG,
  );
});
