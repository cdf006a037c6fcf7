import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Tier } from "#src/classify/tier.ts";
import { describeShared, sharedData } from "#test/support/shared-data.ts";
import { tierOf } from "./support.ts";

interface Labelled {
  readonly command: string;
  readonly label: "danger" | "not_danger" | "read" | "not_read";
}

describeShared("2,225 commands that others labelled", () => {
  const data = JSON.parse(readFileSync(sharedData("shell/labelled.json"), "utf8")) as readonly Labelled[];
  const judged = data.map((entry) => ({ ...entry, tier: tierOf(entry.command) }));

  /** The commands of some labels that are called by some tier. */
  const called = (labels: readonly Labelled["label"][], tier: Tier): readonly string[] =>
    judged.filter((entry) => labels.includes(entry.label) && entry.tier === tier).map((entry) => entry.command);
  const count = (...labels: readonly Labelled["label"][]): number =>
    judged.filter((entry) => labels.includes(entry.label)).length;

  test("are all there", () => {
    expect(data.length).toBe(2_225);
  });

  test("no danger is called read", () => {
    expect(called(["danger"], "read")).toEqual([]);
  });

  test("at most 1% of what is not read is called read", () => {
    expect(called(["not_read"], "read").length).toBeLessThanOrEqual(count("not_read") * 0.01);
  });

  test("at least 95% of danger is called danger", () => {
    expect(called(["danger"], "danger").length).toBeGreaterThanOrEqual(count("danger") * 0.95);
  });

  test("at least 90% of read is called read", () => {
    expect(called(["read"], "read").length).toBeGreaterThanOrEqual(count("read") * 0.9);
  });

  test("less than 1% of what is read or no danger is called danger", () => {
    expect(called(["read", "not_danger"], "danger").length).toBeLessThan(count("read", "not_danger") * 0.01);
  });
});
