import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseStrictJson } from "#src/base/strict-json.ts";
import { SETTINGS } from "#src/config/settings.ts";
import { lintRouteTable } from "#src/connector/lint.ts";
import { parseRouteTable } from "#src/connector/parse-table.ts";

const TOP = resolve(import.meta.dir, "..");
const read = (path: string): string => readFileSync(join(TOP, path), "utf8");
const DOCUMENTS = [
  ...readdirSync(TOP).filter((name) => name.endsWith(".md")),
  ...readdirSync(join(TOP, "docs")).map((name) => `docs/${name}`),
];

describe("the documents", () => {
  test("link to what is there", () => {
    const broken = DOCUMENTS.flatMap((path) =>
      [...read(path).matchAll(/\]\((?!https?:)([^)#]+)[^)]*\)/g)]
        .map(([, target = ""]) => join(dirname(path), target))
        .filter((target) => !existsSync(join(TOP, target)))
        .map((target) => `${path}: ${target}`),
    );
    expect(broken).toEqual([]);
  });

  test("name only files of the project that are there", () => {
    const named = /`((?:src|test|scripts|docs|migrations|policies|views)\/[\w./-]*\w(?:\/)?)`/g;
    // Rooms whose place is kept stand in the layers, not in backquotes.
    const missing = DOCUMENTS.flatMap((path) =>
      [...read(path).matchAll(named)]
        .map(([, file = ""]) => file)
        .filter((file) => !existsSync(join(TOP, file)))
        .map((file) => `${path}: ${file}`),
    );
    expect(missing).toEqual([]);
  });

  test("the README's settings are those of the program", () => {
    const rows = [...read("README.md").matchAll(/^\| `(WRIT_\w+)` \| (.*?) \| (?:`(.*)`)? ?\|$/gm)].map(
      ([, name, meaning, standard = ""]) => ({ name, meaning, default: standard }),
    );
    expect(rows).toEqual(
      SETTINGS.map(({ name, meaning, default: standard }) => ({ name, meaning, default: standard })),
    );
  });

  test("the example of a connector has no fault, and every fault is described", () => {
    const text = read("docs/connectors.md");
    const [, example = ""] = /```json\n([\s\S]*?)```/.exec(text) ?? [];
    expect(lintRouteTable(parseRouteTable(parseStrictJson(example)))).toEqual([]);
    const codes = [...read("src/connector/lint-finding.ts").matchAll(/^ {2}\| "(\w+)"/gm)].map(([, code]) => code);
    expect(codes.length).toBeGreaterThan(10);
    expect(codes.filter((code) => !text.includes(`\`${code}\``))).toEqual([]);
  });

  test("the architecture gives every dependency its reason", () => {
    const { dependencies, devDependencies } = JSON.parse(read("package.json")) as Record<
      string,
      Record<string, string>
    >;
    const text = read("ARCHITECTURE.md");
    const names = Object.keys({ ...dependencies, ...devDependencies });
    expect(names.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });

  test("the architecture has a line for every room", () => {
    const text = read("ARCHITECTURE.md");
    const rooms = readdirSync(join(TOP, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(rooms.map(({ name }) => name).filter((name) => !text.includes(`| \`src/${name}\` |`))).toEqual([]);
  });
});
