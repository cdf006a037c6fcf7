import { expect, test } from "bun:test";
import { chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openForWriting } from "#src/store/database.ts";

const NOBODY = 65_534;
const IS_ROOT = process.getuid?.() === 0;
const MODULE = JSON.stringify(`${import.meta.dir}/../../src/store/database.ts`);

/** What opening says to a process that modes bind, as they do not bind root. */
function openElsewhere(path: string): string {
  const script = `
    ${IS_ROOT ? `process.setuid(${NOBODY});` : ""}
    const { openForWriting } = await import(${MODULE});
    try { openForWriting(${JSON.stringify(path)}); console.log("open"); } catch (error) { console.log(error.code); }`;
  return Bun.spawnSync([process.execPath, "-e", script], { stderr: "inherit" }).stdout.toString().trim();
}

test("a database that cannot be written does not open for writing", () => {
  const folder = mkdtempSync(join(tmpdir(), "writ-database-"));
  try {
    const path = join(folder, "writ.db");
    openForWriting(path).close();
    if (IS_ROOT) for (const owned of [folder, path]) chownSync(owned, NOBODY, NOBODY);
    expect(openElsewhere(path)).toBe("open");
    chmodSync(path, 0o400);
    expect(openElsewhere(path)).toBe("EACCES");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
