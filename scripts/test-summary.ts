/**
 * Sums up the JUnit reports of a test run, for CI: names what was skipped and what failed, and prints as its last line
 * `N passed, N failed`. A skipped test counts as failed, as does a run without tests, and one that ended badly without a
 * failed test to show for it (its status is the first argument). Exit 1 where anything failed.
 */
import { existsSync } from "node:fs";
import { Glob } from "bun";

/** Counts, and the names of the tests that did not pass. */
export interface TestSummary {
  readonly passed: number;
  readonly failed: readonly string[];
  readonly skipped: readonly string[];
}

/** Reads one report of `bun test --reporter=junit`. */
export function readReport(xml: string): TestSummary {
  const failed: string[] = [];
  const skipped: string[] = [];
  let passed = 0;
  for (const [, attributes = "", body = ""] of xml.matchAll(
    /<testcase\b((?:[^>"]|"[^"]*")*?)(?:\/>|>(.*?)<\/testcase>)/gs,
  )) {
    const name = `${attribute(attributes, "file")}: ${attribute(attributes, "name")}`;
    if (body.includes("<failure") || body.includes("<error")) failed.push(name);
    else if (body.includes("<skipped")) skipped.push(name);
    else passed += 1;
  }
  return { passed, failed, skipped };
}

/** The sum over all reports; `status` is the exit status of what ran the tests. */
export function summarize(reports: readonly string[], status: number): TestSummary {
  const parts = reports.map(readReport);
  const passed = parts.reduce((sum, part) => sum + part.passed, 0);
  const skipped = parts.flatMap((part) => part.skipped);
  const failed = parts.flatMap((part) => part.failed);
  if (passed + failed.length + skipped.length === 0) failed.push("no test ran");
  else if (status !== 0 && failed.length === 0) failed.push(`the run ended with status ${status}, outside of a test`);
  return { passed, failed, skipped };
}

function attribute(attributes: string, name: string): string {
  const value = new RegExp(`\\b${name}="([^"]*)"`).exec(attributes)?.[1] ?? "?";
  return value.replace(/&(lt|gt|quot|apos|amp);/g, (_, entity: string) => ENTITIES.get(entity) ?? "");
}

const ENTITIES: ReadonlyMap<string, string> = new Map([
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
  ["amp", "&"],
]);

if (import.meta.main) {
  const [status = "0", folder = "dist/test-results"] = process.argv.slice(2);
  // What failed before any test ran left no folder, and counts as a failure.
  const files = existsSync(folder) ? [...new Glob("*.xml").scanSync({ cwd: folder, absolute: true })].sort() : [];
  const { passed, failed, skipped } = summarize(
    await Promise.all(files.map((file) => Bun.file(file).text())),
    Number(status),
  );
  for (const name of skipped) console.log(`skipped, which fails here: ${name}`);
  for (const name of failed) console.log(`failed: ${name}`);
  const bad = failed.length + skipped.length;
  console.log(`${passed} passed, ${bad} failed`);
  process.exit(bad === 0 ? 0 : 1);
}
