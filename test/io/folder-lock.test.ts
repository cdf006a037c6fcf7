import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, chownSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isWritError } from "#src/base/errors.ts";
import { acquireFolderLock } from "#src/io/folder-lock.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "writ-lock-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function codeOf(action: () => unknown): string {
  try {
    action();
    return "held";
  } catch (error) {
    return isWritError(error) ? error.code : String(error);
  }
}

/** Another process that takes the lock, says how that went, and stays until it is killed. */
function startHolder(user?: number) {
  const script = `
    ${user === undefined ? "" : `process.setuid(${user});`}
    const { acquireFolderLock } = await import(${JSON.stringify(`${import.meta.dir}/../../src/io/folder-lock.ts`)});
    try { acquireFolderLock(${JSON.stringify(folder)}); console.log("held"); } catch (error) { console.log(error.code); }
    Bun.gc(true);
    setInterval(() => Bun.gc(true), 20);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" });
  const said = child.stdout
    .getReader()
    .read()
    .then(({ value }) =>
      Buffer.from(value ?? [])
        .toString()
        .trim(),
    );
  return { child, said };
}

test("a second process is told at once, until the first is killed", async () => {
  const { child, said } = startHolder();
  expect(await said).toBe("held");
  // Long enough for a handle that nobody refers to to be collected.
  await Bun.sleep(100);
  const start = performance.now();
  expect(codeOf(() => acquireFolderLock(folder))).toBe("locked");
  expect(performance.now() - start).toBeLessThan(500);
  child.kill("SIGKILL");
  await child.exited;
  const lock = acquireFolderLock(folder);
  const second = startHolder();
  expect(await second.said).toBe("locked");
  second.child.kill("SIGKILL");
  await second.child.exited;
  lock.release();
});

test("the same process cannot take it twice, and can once it is released", () => {
  const lock = acquireFolderLock(folder);
  expect(codeOf(() => acquireFolderLock(folder))).toBe("locked");
  // The failed attempt must not have dropped the lock that is held.
  expect(codeOf(() => acquireFolderLock(folder))).toBe("locked");
  lock.release();
  lock.release();
  acquireFolderLock(folder).release();
});

test("a failed attempt of this process leaves its lock standing for others", async () => {
  const lock = acquireFolderLock(folder);
  expect(codeOf(() => acquireFolderLock(folder))).toBe("locked");
  const { child, said } = startHolder();
  expect(await said).toBe("locked");
  child.kill("SIGKILL");
  await child.exited;
  lock.release();
});

test("the file is private and not empty", () => {
  const lock = acquireFolderLock(folder);
  const { mode, size } = statSync(join(folder, "lock.db"));
  expect(mode & 0o777).toBe(0o600);
  expect(size).toBeGreaterThan(0);
  lock.release();
});

test("a folder that is not there", () => {
  expect(codeOf(() => acquireFolderLock(join(folder, "absent")))).toBe("store_failed");
});

const NOBODY = 65_534;
const IS_ROOT = process.getuid?.() === 0;

test("a lock file that cannot be written locks nothing, so it is not held", async () => {
  acquireFolderLock(folder).release();
  const file = join(folder, "lock.db");
  chmodSync(file, 0o400);
  // Modes do not bind root: the attempt is made as somebody else.
  if (IS_ROOT) for (const path of [folder, file]) chownSync(path, NOBODY, NOBODY);
  const { child, said } = startHolder(IS_ROOT ? NOBODY : undefined);
  const answer = await said;
  child.kill("SIGKILL");
  await child.exited;
  expect(answer).toBe("store_failed");
});
