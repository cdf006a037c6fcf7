import { afterAll, expect, test } from "bun:test";
import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { compileFileRules } from "#src/classify/file-rules.ts";
import { findMasks } from "#src/cli/seat/masks.ts";

const root = mkdtempSync(join(tmpdir(), "writ-masks-"));
afterAll(() => rmSync(root, { recursive: true }));

test("what rules close is masked from the outside in, under every name that it has", () => {
  mkdirSync(join(root, "secrets/deep"), { recursive: true });
  mkdirSync(join(root, "docs"));
  for (const path of ["secrets/deep/a", "docs/b", "docs/.env", "c"]) writeFileSync(join(root, path), path);
  linkSync(join(root, "docs/.env"), join(root, "innocent"));
  symlinkSync(join(root, "docs/.env"), join(root, "link"));
  const gate = compileFileRules([
    { level: "tenant", access: "noAccess", glob: "secrets", except: [] },
    { level: "tenant", access: "noAccess", glob: "secrets/**", except: [] },
    { level: "builtin", access: "noAccess", glob: ".env", except: [] },
    { level: "tenant", access: "readOnly", glob: "docs/b", except: [] },
  ]);
  const masks = findMasks(root, gate, "/home/u").map(({ path, kind, access }) => [relative(root, path), kind, access]);
  expect(masks.sort()).toEqual([
    ["docs/.env", "file", "none"],
    ["docs/b", "file", "read"],
    ["innocent", "file", "none"],
    ["secrets", "folder", "none"],
  ]);
});
