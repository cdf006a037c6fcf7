import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { linkSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createPathResolver, type FoundNames } from "#src/io/path-names.ts";

let home: string;
let cwd: string;

beforeAll(() => {
  home = realpathSync(mkdtempSync(join(tmpdir(), "writ-names-")));
  cwd = join(home, "app");
  mkdirSync(join(home, ".ssh"));
  mkdirSync(join(cwd, "src"), { recursive: true });
  writeFileSync(join(home, ".ssh", "id_ed25519"), "key");
  for (const name of ["a.txt", "b.txt", ".env"]) writeFileSync(join(cwd, name), name);
  symlinkSync(join(home, ".ssh"), join(cwd, "docs"));
  symlinkSync("loop", join(cwd, "loop"));
  symlinkSync("nowhere/at/all", join(cwd, "dangling"));
  linkSync(join(home, ".ssh", "id_ed25519"), join(cwd, "notes.txt"));
  linkSync(join(cwd, ".env"), join(cwd, "src", "settings"));
  linkSync(join(cwd, "a.txt"), join(cwd, "src", "twin"));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

const find = (path: string, resolved = true): Promise<FoundNames> =>
  createPathResolver({ cwd, home }).find({ path, resolved });
const names = async (path: string, resolved = true): Promise<readonly string[]> => {
  const found = await find(path, resolved);
  return found.kind === "names" ? found.names : [found.because];
};

describe("the names of a file", () => {
  test("are where its links lead", async () => {
    expect(await names("docs/id_ed25519")).toContain(join(home, ".ssh/id_ed25519"));
    expect(await names("docs/../app/docs/new")).toContain(join(home, ".ssh/new"));
    expect(await names("docs/new-key")).toContain(join(home, ".ssh/new-key"));
    expect(await names("~/.ssh")).toEqual([join(home, ".ssh")]);
  });

  test("are the guarded one of its hard links", async () => {
    expect(await names("notes.txt")).toContain(join(home, ".ssh/id_ed25519"));
    expect(await names("src/settings")).toContain(join(cwd, ".env"));
    expect(await names("src/twin")).toEqual([join(cwd, "src/twin")]);
  });

  test("of a pattern are those that it finds, without what begins with a dot", async () => {
    const found = await names("*.txt", false);
    for (const name of ["a.txt", "b.txt", "notes.txt"]) expect(found).toContain(join(cwd, name));
    expect(found).toContain(join(home, ".ssh/id_ed25519"));
    expect(await names("*", false)).not.toContain(join(cwd, ".env"));
    expect(await names("none-*", false)).toEqual([join(cwd, "none-*")]);
  });

  test("cannot be told where a link goes round or leads nowhere, and without a variable's value", async () => {
    for (const path of ["loop", "loop/x", "dangling", "a\0b"]) expect((await find(path)).kind).toBe("error");
    for (const path of ["$X", "a/`b`"]) expect((await find(path, false)).kind).toBe("error");
  });
});
