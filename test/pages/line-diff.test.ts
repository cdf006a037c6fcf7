import { expect, test } from "bun:test";
import fc from "fast-check";
import { lineDiff } from "#src/http/pages/line-diff.ts";

const TEXT = fc
  .array(fc.constantFrom("a", "b", "c", "", "permit (principal, action, resource);"), { maxLength: 40 })
  .map((lines) => lines.join("\n"));

test("a difference has every line that was added or removed, and nothing else but lines around them", () => {
  fc.assert(
    fc.property(TEXT, TEXT, (before, after) => {
      const lines = lineDiff(before, after) ?? [];
      if (before === after) return expect(lines).toEqual([]);
      const [left, right] = [before.split("\n"), after.split("\n")];
      // Gaps stand for lines that are the same on both sides: what is shown of each side is a subsequence of it.
      const shownLeft = lines.filter(({ kind }) => kind === "same" || kind === "removed").map(({ text }) => text);
      const shownRight = lines.filter(({ kind }) => kind === "same" || kind === "added").map(({ text }) => text);
      expect(isSubsequence(shownLeft, left)).toBe(true);
      expect(isSubsequence(shownRight, right)).toBe(true);
      const count = (kind: string) => lines.filter((line) => line.kind === kind).length;
      expect(right.length - left.length).toBe(count("added") - count("removed"));
    }),
  );
});

test("texts that are too long are not compared", () => {
  expect(lineDiff("x\n".repeat(300_000), "y")).toBeUndefined();
  expect(
    lineDiff("same\n".repeat(1000), `${"same\n".repeat(1000)}more`)?.filter(({ kind }) => kind === "added"),
  ).toEqual([{ kind: "added", text: "more" }]);
});

function isSubsequence(part: readonly string[], whole: readonly string[]): boolean {
  let at = 0;
  for (const line of whole) if (line === part[at]) at += 1;
  return at === part.length;
}
