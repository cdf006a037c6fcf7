import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { buildSbom, folderOf, type Manifest } from "../../scripts/sbom.ts";
import { importsOf } from "../support/source-rules.ts";

const TOP = resolve(import.meta.dir, "../..");
const LOCK = readFileSync(join(TOP, "bun.lock"), "utf8");
const MANIFEST = JSON.parse(readFileSync(join(TOP, "package.json"), "utf8")) as Manifest;
const BILL = buildSbom(MANIFEST, LOCK, "1.4.5", () => "MIT");

describe("the bill of materials", () => {
  test("has what CycloneDX 1.6 requires of a document", () => {
    expect(BILL.bomFormat).toBe("CycloneDX");
    expect(BILL.specVersion).toBe("1.6");
    expect(BILL.version).toBe(1);
    for (const component of BILL.components) {
      expect(["application", "library", "platform"]).toContain(component.type);
      expect(component.name).not.toBe("");
      expect(component.purl).toMatch(/^pkg:npm\/(%40[a-z0-9._-]+\/)?[a-z0-9._-]+@\d+\.\d+\.\d+[\w.+-]*$/);
      for (const { alg, content } of component.hashes ?? []) {
        expect(alg).toBe("SHA-512");
        expect(content).toMatch(/^[0-9a-f]{128}$/);
      }
    }
  });

  test("names each component once, and its graph names only components", () => {
    const refs = [BILL.metadata.component, ...BILL.components].map((component) => component["bom-ref"]);
    expect(new Set(refs).size).toBe(refs.length);
    const inGraph = BILL.dependencies.flatMap(({ ref, dependsOn }) => [ref, ...dependsOn]);
    for (const ref of inGraph) expect(refs).toContain(ref);
    for (const ref of refs) expect(inGraph).toContain(ref);
  });

  test("lists every package that a source file imports, and none that only the tests use", () => {
    const names = BILL.components.map(({ name }) => name);
    const files = readdirSync(join(TOP, "src"), { recursive: true, encoding: "utf8" }).filter((file) =>
      file.endsWith(".ts"),
    );
    const imported = files
      .flatMap((file) => importsOf(readFileSync(join(TOP, "src", file), "utf8")))
      .filter((module) => /^[@a-z]/.test(module) && !/^(node|bun):?/.test(module))
      .map((module) =>
        module
          .split("/")
          .slice(0, module.startsWith("@") ? 2 : 1)
          .join("/"),
      );
    expect(imported).toContain("@noble/hashes");
    for (const name of new Set(imported)) expect(names).toContain(name);
    for (const name of ["fast-check", "typescript", "@biomejs/biome"]) expect(names).not.toContain(name);
  });

  test("is the same each time", () => {
    expect(JSON.stringify(buildSbom(MANIFEST, LOCK, "1.4.5", () => "MIT"))).toBe(JSON.stringify(BILL));
  });

  const lock = (packages: Record<string, unknown>): string => JSON.stringify({ lockfileVersion: 1, packages });
  const manifest = { name: "a", version: "1.0.0", license: "MIT", dependencies: { b: "1.0.0" } };
  const integrity = `sha512-${Buffer.alloc(64, 7).toString("base64")}`;

  test("resolves a nested version as Node does, and leaves optional peers out", () => {
    const text = lock({
      b: [
        "b@1.0.0",
        "",
        { dependencies: { c: "2" }, peerDependencies: { d: "1", e: "1" }, optionalPeers: ["e"] },
        integrity,
      ],
      c: ["c@1.0.0", "", {}, integrity],
      "b/c": ["c@2.0.0", "", {}, integrity],
      d: ["d@1.0.0", "", { dependencies: { c: "1" } }, integrity],
      e: ["e@1.0.0", "", {}, integrity],
    });
    const bill = buildSbom(manifest, text, "1.4.5", (key) => (key === "d" ? "MIT OR Apache-2.0" : "MIT"));
    const ids = bill.components.map(({ name, version }) => `${name}@${version}`);
    expect(ids.sort()).toEqual(["b@1.0.0", "bun@1.4.5", "c@1.0.0", "c@2.0.0", "d@1.0.0"]);
    expect(bill.components.find(({ name }) => name === "d")?.licenses).toEqual([{ expression: "MIT OR Apache-2.0" }]);
    expect(bill.components.find(({ name }) => name === "b")?.hashes?.[0]?.content).toBe("07".repeat(64));
  });

  test("is refused where the lock file lacks a package or its SHA-512", () => {
    expect(() => buildSbom(manifest, lock({}), "1.4.5", () => "MIT")).toThrow("lacks `b`");
    const weak = lock({ b: ["b@1.0.0", "", {}, "sha1-AAAA"] });
    expect(() => buildSbom(manifest, weak, "1.4.5", () => "MIT")).toThrow("not SHA-512");
  });
});

test("a package within a package is looked for where it is installed", () => {
  expect(folderOf("elysia")).toBe("elysia");
  expect(folderOf("@noble/hashes")).toBe("@noble/hashes");
  expect(folderOf("tsyringe/tslib")).toBe("tsyringe/node_modules/tslib");
  expect(folderOf("@a/b/@c/d/e")).toBe("@a/b/node_modules/@c/d/node_modules/e");
});
