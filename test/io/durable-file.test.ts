import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { chmod, chown, lstat, mkdir, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensureFolder, readFileChecked, readFreeSpace, toStoreError, writeFileDurably } from "#src/io/durable-file.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "writ-io-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const text = (content: string): Uint8Array => new TextEncoder().encode(content);
const modeOf = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

describe("writing", () => {
  test("makes and replaces a file, with its mode, and leaves nothing else", async () => {
    const own = join(folder, "write");
    await mkdir(own);
    const path = join(own, "a");
    await writeFileDurably(path, text("one"));
    expect([await readFile(path, "utf8"), await modeOf(path)]).toEqual(["one", 0o600]);
    await writeFileDurably(path, text("two"), 0o644);
    expect([await readFile(path, "utf8"), await modeOf(path)]).toEqual(["two", 0o644]);
    expect(await readdir(own)).toEqual(["a"]);
  });

  test("holds the mode whatever the mask is", async () => {
    const before = process.umask(0o777);
    try {
      await writeFileDurably(join(folder, "masked"), text("x"), 0o640);
    } finally {
      process.umask(before);
    }
    expect(await modeOf(join(folder, "masked"))).toBe(0o640);
  });

  test("replaces a symbolic link rather than writing through it", async () => {
    const target = join(folder, "target");
    const link = join(folder, "link");
    await writeFile(target, "kept");
    await symlink(target, link);
    await writeFileDurably(link, text("new"));
    expect(await readFile(target, "utf8")).toBe("kept");
    expect((await lstat(link)).isSymbolicLink()).toBe(false);
  });

  test("fails without a trace where there is no folder, or a folder stands in the way", async () => {
    await expect(writeFileDurably(join(folder, "none", "a"), text("x"))).rejects.toMatchObject({
      code: "store_failed",
    });
    const own = join(folder, "blocked");
    await mkdir(join(own, "a", "b"), { recursive: true });
    await expect(writeFileDurably(join(own, "a"), text("x"))).rejects.toMatchObject({ code: "store_failed" });
    expect(await readdir(own)).toEqual(["a"]);
  });

  test.each(["ENOSPC", "EDQUOT"])("%s is a full disk", (code) => {
    expect(toStoreError(Object.assign(new Error(code), { code }), "write", "x").code).toBe("disk_full");
  });

  test("other faults are not", () => {
    for (const code of ["EIO", "EROFS", "EACCES", undefined]) {
      expect(toStoreError(Object.assign(new Error("no"), { code }), "write", "x").code).toBe("store_failed");
    }
  });
});

/** Whether system calls can be made to fail here: strace may be absent, and tracing forbidden in a container. */
const canInject = Bun.which("strace") !== null && Bun.spawnSync(["strace", "-o", "/dev/null", "true"]).exitCode === 0;

describe.skipIf(!canInject)("system calls that fail (needs strace)", () => {
  test.each([
    ["write:error=ENOSPC", "disk_full", "old"],
    ["fsync:error=EIO", "store_failed", "old"],
    ["rename:error=EDQUOT", "disk_full", "old"],
    // Only the folder's own flush.
    ["fsync:error=EIO -P", "store_failed", "new"],
  ])("%s gives %s and leaves the %s content", async (inject, code, content) => {
    const own = mkdtempSync(join(folder, "fault-"));
    const path = join(own, "a");
    await writeFile(path, "old");
    const script = `
      const { writeFileDurably } = await import(${JSON.stringify(`${import.meta.dir}/../../src/io/durable-file.ts`)});
      const failure = await writeFileDurably(${JSON.stringify(path)}, Buffer.from("new")).catch((error) => error.code);
      process.exit(failure === ${JSON.stringify(code)} ? 41 : 1);`;
    const [rule = "", onFolder] = inject.split(" ");
    const child = Bun.spawn(
      [
        ...["strace", "-f", "-qq", "-o", "/dev/null", "-e", `trace=${rule.slice(0, rule.indexOf(":"))}`],
        ...["-e", `inject=${rule}`, ...(onFolder === undefined ? [] : [onFolder, own])],
        ...[process.execPath, "-e", script],
      ],
      { stdout: "ignore", stderr: "ignore" },
    );
    expect(await child.exited).toBe(41);
    expect(await readFile(path, "utf8")).toBe(content);
    expect(await readdir(own)).toEqual(["a"]);
  });
});

describe("reading key material", () => {
  const put = async (name: string, mode: number): Promise<string> => {
    const path = join(folder, name);
    await writeFile(path, "secret");
    await chmod(path, mode);
    return path;
  };

  test.each([0o600, 0o400])("mode %o is fine", async (mode) => {
    expect(await readFileChecked(await put(`good-${mode}`, mode))).toEqual(new Uint8Array(text("secret")));
  });

  test.each([0o644, 0o640, 0o604, 0o620, 0o602, 0o610, 0o601, 0o777])("mode %o is unsafe", async (mode) => {
    const path = await put(`bad-${mode}`, mode);
    await expect(readFileChecked(path)).rejects.toMatchObject({ code: "key_material_unsafe" });
  });

  test("neither a link, nor a folder, nor a pipe, nor a huge file", async () => {
    const path = await put("real", 0o600);
    await symlink(path, join(folder, "to-real"));
    await mkdir(join(folder, "a-folder"), { mode: 0o700 });
    Bun.spawnSync(["mkfifo", "-m", "600", join(folder, "a-pipe")]);
    for (const name of ["to-real", "a-folder", "a-pipe"]) {
      await expect(readFileChecked(join(folder, name))).rejects.toMatchObject({ code: "key_material_unsafe" });
    }
    await expect(readFileChecked(path, 5)).rejects.toMatchObject({ code: "key_material_unsafe" });
  });

  test.skipIf(process.getuid?.() !== 0)("nor another user's (needs root to make one)", async () => {
    const path = await put("theirs", 0o600);
    await chown(path, 12_345, 12_345);
    await expect(readFileChecked(path)).rejects.toMatchObject({ code: "key_material_unsafe" });
  });

  test("one that is absent is missing, not unsafe", async () => {
    await expect(readFileChecked(join(folder, "absent"))).rejects.toMatchObject({ code: "key_material_missing" });
  });
});

describe("folders", () => {
  test("are made with those above, and tightened where they are there", async () => {
    const path = join(folder, "x", "y", "z");
    await ensureFolder(path);
    expect(await modeOf(path)).toBe(0o700);
    await chmod(path, 0o755);
    await ensureFolder(path);
    expect(await modeOf(path)).toBe(0o700);
  });

  test("cannot stand where a file does", async () => {
    await writeFile(join(folder, "file"), "");
    await expect(ensureFolder(join(folder, "file"))).rejects.toMatchObject({ code: "store_failed" });
    await expect(ensureFolder(join(folder, "file", "below"))).rejects.toMatchObject({ code: "store_failed" });
  });

  test("have their space measured", async () => {
    const { freeBytes, totalBytes } = await readFreeSpace(folder);
    expect(totalBytes).toBeGreaterThan(0);
    expect(freeBytes).toBeLessThanOrEqual(totalBytes);
    await expect(readFreeSpace(join(folder, "absent"))).rejects.toMatchObject({ code: "store_failed" });
  });
});
