import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { RULE_FAMILIES } from "#src/classify/command-table.ts";
import { wordsOf } from "#src/classify/rule.ts";
import { describeShared, sharedData } from "#test/support/shared-data.ts";
import { tierOf } from "./support.ts";
import { findContainment, traceLines } from "./traced-shell.ts";

const IS_LONG = process.env["SOAK"] !== undefined;
/** Lines of each kind, a step apart, so that every run has some of all. */
const MOST = IS_LONG ? 5000 : 60;

const containment = findContainment();
const NEEDS = "needs strace, and bubblewrap or root, to run lines where they can do no harm";

function sample(lines: readonly string[]): readonly string[] {
  const step = Math.max(1, lines.length / MOST);
  return Array.from({ length: Math.min(MOST, lines.length) }, (_, at) => lines[Math.floor(at * step)] ?? "");
}

/** Every known command that reads, on a file that is there, if it is called a read so. */
function tableLines(): readonly string[] {
  const names = [...RULE_FAMILIES.values()].flatMap((rules) => rules.flatMap((rule) => wordsOf(rule.names)));
  return names
    .filter((name) => !name.includes(":") && Bun.which(name) !== null)
    .flatMap((name) => [`${name} a.txt`, `${name} --version`, `cat a.txt | ${name}`])
    .filter((line) => tierOf(line) === "read");
}

function expectNoChange(lines: readonly string[]): void {
  if (containment === undefined) throw new Error(NEEDS);
  const { started, ran, changes } = traceLines(lines, containment);
  expect(started).toBe(lines.length);
  expect(ran).toBeGreaterThan(lines.length / 10);
  expect(changes).toEqual([]);
}

if (containment === undefined && process.env["CI"] === undefined) test.skip(NEEDS, () => {});
else {
  describe("what is called a read changes nothing when bash runs it", () => {
    test("every command of the table", () => expectNoChange(sample(tableLines())), IS_LONG ? 600_000 : 60_000);

    test("and the trace would show it", () => {
      if (containment === undefined) throw new Error(NEEDS);
      const { changes } = traceLines(["cat a.txt", "echo x > /tmp/x", "mkdir /tmp/y", "rm -f a.txt"], containment);
      expect(changes.map(({ line }) => line)).toEqual(["echo x > /tmp/x", "mkdir /tmp/y", "rm -f a.txt"]);
    });
  });

  describeShared("what others labelled, where it is called a read", () => {
    test(
      "changes nothing either",
      () => {
        const data = JSON.parse(readFileSync(sharedData("shell/labelled.json"), "utf8")) as { command: string }[];
        const lines = data.map(({ command }) => command).filter((command) => tierOf(command) === "read");
        expectNoChange(sample(lines));
      },
      IS_LONG ? 600_000 : 60_000,
    );
  });
}
