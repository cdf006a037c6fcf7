import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { findViolations, importsOf, MAX_LINES, type Sources } from "./support/source-rules.ts";

const TOP = resolve(import.meta.dir, "..");

function readSources(...folders: readonly string[]): Sources {
  // A folder without a file is not in a fresh checkout.
  const files = folders
    .filter((folder) => existsSync(join(TOP, folder)))
    .flatMap((folder) =>
      readdirSync(join(TOP, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
        .map((entry) => join(entry.parentPath, entry.name)),
    );
  return new Map(files.sort().map((file) => [relative(TOP, file), readFileSync(file, "utf8")]));
}

/** The rules that one planted file breaks. */
function rulesBroken(file: string, text: string): readonly string[] {
  return findViolations(new Map([[file, text]])).map((violation) => violation.rule);
}

describe("the project", () => {
  test("keeps to its layers and rules", () => {
    const sources = readSources("src", "views");
    expect(sources.size).toBeGreaterThan(10);
    const found = findViolations(sources).map(({ file, what, rule }) => `${file}: ${what}: ${rule}`);
    expect(found).toEqual([]);
  });

  test("has no test, script or migration beyond the longest length", () => {
    const long = [...readSources("test", "scripts", "migrations")]
      .filter(([file]) => !file.includes("node_modules/"))
      .filter(([, text]) => text.split("\n").length - 1 > MAX_LINES);
    expect(long.map(([file]) => file)).toEqual([]);
  });

  test("writes no registry's host into its lock files", () => {
    for (const file of ["bun.lock", "test/peers/bun.lock"]) {
      expect(readFileSync(join(TOP, file), "utf8")).not.toMatch(/https?:\/\//);
    }
  });

  test("names in README only targets that the Makefile has", () => {
    const makefile = readFileSync(join(TOP, "Makefile"), "utf8");
    const named = [...readFileSync(join(TOP, "README.md"), "utf8").matchAll(/(?:^|`)make ([a-z-]+)/gm)].map(
      ([, name]) => name,
    );
    expect(named).toContain("test");
    for (const name of named) expect(makefile).toMatch(new RegExp(`^${name}:.*## `, "m"));
  });
});

describe("imports are found", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['import { a } from "#src/base/bytes.ts";', ["#src/base/bytes.ts"]],
    ['import type { A } from "./a.ts";', ["./a.ts"]],
    ['import {\n  a,\n  type B,\n} from "./a.ts";', ["./a.ts"]],
    ['import "./a.ts";', ["./a.ts"]],
    ['export type { A } from "./a.ts";', ["./a.ts"]],
    ['export * from "./a.ts";', ["./a.ts"]],
    ['const a = await import("./a.ts");', ["./a.ts"]],
    ['import wasm from "../x.wasm" with { type: "file" };', ["../x.wasm"]],
    ['type A = typeof import("./a.ts");', ["./a.ts"]],
    ['// import { a } from "./a.ts";', []],
    ['/** import { a } from "./a.ts"; */', []],
    ['const at = "//"; import("./a.ts");', ["./a.ts"]],
  ];
  for (const [text, modules] of cases) test(JSON.stringify(text), () => expect(importsOf(text)).toEqual(modules));
});

describe("a breach is found", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ["src/store/a.ts", 'import type { A } from "#src/audit/a.ts";', "an import never points up"],
    ["src/base/a.ts", 'import { a } from "#src/crypto/a.ts";', "base → crypto is not a listed neighbour"],
    ["src/ucan/a.ts", 'import { a } from "#src/ledger/a.ts";', "ucan → ledger is not a listed neighbour"],
    ["src/ledger/a.ts", 'import { a } from "#src/store/a.ts";', "ledger → store is not a listed neighbour"],
    ["src/vault/a.ts", 'import { a } from "#src/identity/a.ts";', "vault → identity is not a listed neighbour"],
    ["src/vault/a.ts", 'import { a } from "./../store/a.ts";', "imports across folders start with #src/"],
    ["src/vault/a.ts", 'import { a } from "#src/vault/b.ts";', "inside a folder imports are relative"],
    ["src/telemetry/a.ts", 'import { a } from "#src/store/a.ts";', "telemetry and audit share nothing"],
    ["src/audit/a.ts", 'import { a } from "#src/telemetry/a.ts";', "telemetry and audit share nothing"],
    ["src/new/a.ts", "", "every folder stands in the table of layers"],
    ["src/vault/a.ts", 'import { a } from "#test/support/a.ts";', "every package has owners in the table"],
    ["src/vault/a.ts", 'import a from "left-pad";', "every package has owners in the table"],
    ["src/vault/a.ts", 'import { a } from "@noble/hashes/sha2.js";', "only src/crypto/ may import it"],
    ["src/policy/a.ts", 'import { a } from "@cedar-policy/cedar-wasm/web";', "only src/policy/cedar.ts may import it"],
    [
      "src/vault/a.ts",
      'import wasm from "../../node_modules/@cedar-policy/cedar-wasm/web/a.wasm";',
      "only src/policy/cedar.ts may import it",
    ],
    ["src/ledger/a.ts", 'import { readFileSync } from "node:fs";', "engines do no I/O"],
    ["src/redact/a.ts", "const now = Date.now();", "engines take time and randomness as arguments"],
    ["src/redact/a.ts", "const now = new Date();", "engines take time and randomness as arguments"],
    ["src/vault/a.ts", "const id = Math.random();", "randomness comes from src/crypto/random.ts"],
    ["src/vault/a.ts", "const a = process.env.HOME;", "only src/config/env.ts reads the environment"],
    ["src/vault/a.ts", 'const a = process["env"];', "only src/config/env.ts reads the environment"],
    ["src/vault/a.ts", "const a = Bun.env.HOME;", "only src/config/env.ts reads the environment"],
    ["src/vault/a.ts", 'await fetch("http://localhost/");', "only src/io reaches out"],
    ["src/vault/a.ts", "await globalThis.fetch(url);", "only src/io reaches out"],
    ["src/vault/a.ts", "export default 1;", "no default exports"],
    ["src/vault/a.ts", "export { a as default };", "no default exports"],
    ["src/vault/a.ts", "a;\n".repeat(MAX_LINES + 1), `at most ${MAX_LINES} lines, or a listed reason`],
  ];
  for (const [file, text, rule] of cases) {
    test(`${file}: ${JSON.stringify(text.slice(0, 70))}`, () => expect(rulesBroken(file, text)).toContain(rule));
  }

  test("a cycle, of type-only imports too", () => {
    const sources = new Map([
      ["src/vault/a.ts", 'import type { B } from "./b.ts";'],
      ["src/vault/b.ts", 'import { c } from "./c.ts";'],
      ["src/vault/c.ts", 'export type { A } from "./a.ts";'],
    ]);
    const found = findViolations(sources);
    expect(found.map(({ rule }) => rule)).toEqual(["no cycles"]);
    expect(found[0]?.what).toBe("src/vault/a.ts → src/vault/b.ts → src/vault/c.ts → src/vault/a.ts");
  });
});

describe("what is allowed is no breach", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["src/store/a.ts", 'import { a } from "#src/ledger/a.ts";'],
    ["src/gateway/a.ts", 'import { a } from "#src/decision/a.ts";'],
    ["src/config/a.ts", 'import { a } from "#src/crypto/a.ts";'],
    ["src/io/a.ts", "await fetch(url);"],
    ["src/http/server.ts", "Bun.serve({ fetch: (request) => app.fetch(request) });"],
    ["src/http/server.ts", "const server = { async fetch(request: Request) {} };"],
    ["src/redact/a.ts", "const at = new Date(milliseconds); // Date.now() is the caller's"],
    ["src/main.ts", 'const { run } = await import("./cli/run.ts");'],
  ];
  for (const [file, text] of cases) test(`${file}: ${text}`, () => expect(rulesBroken(file, text)).toEqual([]));
});
