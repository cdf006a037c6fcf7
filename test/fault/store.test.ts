import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import type { WritError } from "#src/base/errors.ts";
import { acquireFolderLock } from "#src/io/folder-lock.ts";
import { databasePath } from "#src/store/database.ts";
import { openTestStore, temporaryFolder } from "#test/support/store.ts";
import { expectIntact, expectUndelivered, runChild, type Said, testUnless } from "./support.ts";

let folder: ReturnType<typeof temporaryFolder>;
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(() => folder.remove());

const IS_ROOT = process.getuid?.() === 0;
const CAN_MOUNT = canMount();

function mountMemory(path: string, options: string): boolean {
  return Bun.spawnSync(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path]).exitCode === 0;
}

/** Whether a file system can be mounted here: not as an ordinary user, and not in most containers. */
function canMount(): boolean {
  if (process.platform !== "linux" || !IS_ROOT) return false;
  const tried = temporaryFolder();
  const mounted = mountMemory(tried.path, "ro");
  if (mounted) Bun.spawnSync(["umount", tried.path]);
  tried.remove();
  return mounted;
}

/** A generator (mulberry32) so that a failing moment can be tried again. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const KILLS = 50;
const KILLS_A_FOLDER = 10;

describe("killed at any moment", () => {
  for (let first = 0; first < KILLS; first += KILLS_A_FOLDER) {
    test(`nothing acknowledged is lost, kills ${first + 1} to ${first + KILLS_A_FOLDER}`, async () => {
      const said: Said[] = [];
      const random = seeded(first + 1);
      for (let kill = 0; kill < KILLS_A_FOLDER; kill += 1) {
        said.push(await runChild({ folder: folder.path, killAfter: Math.floor(random() ** 2 * 150) }));
        expect(said.at(-1)?.isDone).toBe(false);
        await expectIntact(folder.path, said);
      }
      expect(said.some(({ acknowledged }) => acknowledged.length > 0)).toBe(true);
      const after = await runChild({ folder: folder.path, units: 10 });
      expect(after).toMatchObject({ isDone: true, exitCode: 0 });
      expect(after.acknowledged.length).toBe(10);
      await expectIntact(folder.path, [...said, after]);
    }, 30_000);
  }
});

const STRACE = Bun.which("strace") === null ? "needs strace" : undefined;

/** Runs the child while the system calls in `inject` fail. */
async function runFailing(inject: string, units = 200, width = 4): Promise<Said> {
  // The folder is made first, so that what fails is work and not the beginning.
  await runChild({ folder: folder.path, units: 1 });
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
  return runChild({ folder: folder.path, units, width, wrapper });
}

describe("system calls that fail", () => {
  for (const when of [5, 9, 17]) {
    testUnless(
      STRACE,
      `fsync fails at ${when}: the answer is an error, and the recorder goes on`,
      async () => {
        const said = await runFailing(`fsync,fdatasync:error=EIO:when=${when}`);
        expect(said.text).toContain("done");
        expect(said.refused.size).toBeGreaterThan(0);
        expect(new Set(said.refused.values())).toEqual(new Set(["store_failed"]));
        expect(said.acknowledged.length + said.refused.size).toBe(200);
        expect(said.acknowledged.length).toBeGreaterThan(150);
        const events = await expectIntact(folder.path, [said]);
        expectUndelivered(events, said);
      },
      20_000,
    );
  }

  testUnless(
    STRACE,
    "fsync fails for a while, also while the recorder recovers",
    async () => {
      const said = await runFailing("fsync,fdatasync:error=EIO:when=4..14");
      expect(said.refused.size).toBeGreaterThan(0);
      expect(said.acknowledged.length).toBeGreaterThan(0);
      expectUndelivered(await expectIntact(folder.path, [said]), said);
    },
    20_000,
  );

  testUnless(
    STRACE,
    "wherever a start is struck, it opens or says that it does not, and nothing is harmed",
    async () => {
      for (const when of [1, 2, 3, 4, 6, 8]) {
        const call = when % 2 === 0 ? "pwrite64:error=ENOSPC" : "fsync,fdatasync:error=EIO";
        const said = await runFailing(`${call}:when=${when}`, 20);
        expect(said.isDone || /closed store_failed|store_failed|locked/.test(said.text)).toBe(true);
        expectUndelivered(await expectIntact(folder.path, [said]), said);
      }
    },
    20_000,
  );

  for (const when of ["11", "14", "25..60"]) {
    testUnless(
      STRACE,
      `no space at write ${when}: disk_full, and service resumes`,
      async () => {
        const said = await runFailing(`pwrite64:error=ENOSPC:when=${when}`);
        expect(said.text).toContain("done");
        expect(said.refused.size).toBeGreaterThan(0);
        expect([...said.refused.values()]).toContain("disk_full");
        expect(said.acknowledged.length).toBeGreaterThan(0);
        expectUndelivered(await expectIntact(folder.path, [said]), said);
      },
      20_000,
    );
  }
});

describe("a disk that is full", () => {
  // The injected ENOSPC above covers the same where mounting is not permitted, as in most containers.
  test.skipIf(!canMount)(
    "refuses, keeps what it acknowledged, and resumes when there is space",
    async () => {
      const mount = join(folder.path, "disk");
      mkdirSync(mount);
      const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", mount]);
      if (mounted.exitCode !== 0) return;
      try {
        const said = await runChild({ folder: mount, units: 3000, width: 4, bytes: 2000 });
        expect([...said.refused.values()]).toContain("disk_full");
        expect(said.acknowledged.length).toBeGreaterThan(0);
        Bun.spawnSync(["mount", "-o", "remount,size=64m", mount]);
        const after = await runChild({ folder: mount, units: 20 });
        expect(after.acknowledged.length).toBe(20);
        await expectIntact(mount, [said, after]);
      } finally {
        Bun.spawnSync(["umount", mount]);
      }
    },
    30_000,
  );
});

describe("a folder that cannot be used", () => {
  test("a database that another process holds locked: an error in bounded time, then service resumes", async () => {
    const store = await openTestStore({ folder: folder.path });
    const tenant = await store.createTenant("instance", "instance");
    const other = new Database(databasePath(folder.path));
    other.run("BEGIN IMMEDIATE");
    const started = performance.now();
    const code = await store.submit(tenant).then(String, (error: WritError) => error.code);
    expect(code).toBe("store_failed");
    expect(performance.now() - started).toBeLessThan(8000);
    other.run("ROLLBACK");
    other.close();
    expect((await store.submit(tenant)).kind).toBe("committed");
    await store.close();
    await expectIntact(folder.path, []);
  }, 20_000);

  test("a folder that is not there, or a file in place of the database, does not open", async () => {
    const codeOf = (path: string) => openTestStore({ folder: path }).catch((error) => error.code);
    expect(await codeOf(join(folder.path, "absent"))).toBe("store_failed");
    await Bun.write(databasePath(folder.path), "this is not a database ".repeat(100));
    expect(await codeOf(folder.path)).toBe("store_failed");
  });

  // Modes do not bind root: for it, a mount that cannot be written has to stand in.
  test.skipIf(IS_ROOT && !CAN_MOUNT)("a folder that cannot be written does not open", async () => {
    const path = join(folder.path, "readonly");
    mkdirSync(path);
    chmodSync(path, 0o500);
    if (IS_ROOT) mountMemory(path, "ro");
    const code = await openTestStore({ folder: path }).catch((error) => error.code);
    if (IS_ROOT) Bun.spawnSync(["umount", path]);
    expect(code).toBe("store_failed");
  });

  test("a second process on the folder is refused and changes nothing", async () => {
    const lock = acquireFolderLock(folder.path);
    const said = await runChild({ folder: folder.path, units: 5 });
    expect(said.acknowledged).toEqual([]);
    expect(said.text).toContain("locked");
    lock.release();
    const after = await runChild({ folder: folder.path, units: 5 });
    await expectIntact(folder.path, [after]);
    expect(after.acknowledged.length).toBe(5);
  }, 20_000);
});
