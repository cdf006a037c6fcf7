import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { diffLines, withContext } from "#src/cli/line-diff.ts";

const texts = fc
  .array(fc.constantFrom("a", "b", "c", "permit;", ""), { maxLength: 30 })
  .map((lines) => lines.join("\n"));

describe("texts are compared line by line", () => {
  test("the old and the new come out of the comparison", () => {
    fc.assert(
      fc.property(texts, texts, (before, after) => {
        const lines = diffLines(before, after);
        const without = (sign: string) => lines.filter(({ mark }) => mark !== sign).map(({ text }) => text);
        const plain = (text: string) => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));
        expect(without("+")).toEqual(plain(before));
        expect(without("-")).toEqual(plain(after));
        if (before === after) expect(lines.every(({ mark }) => mark === " ")).toBe(true);
      }),
    );
  });

  test("what is shared stays", () => {
    expect(diffLines("a\nb\nc\n", "a\nx\nc\n").map(({ mark, text }) => mark + text)).toEqual([" a", "-b", "+x", " c"]);
    expect(diffLines("", "a\n").map(({ mark, text }) => mark + text)).toEqual(["+a"]);
  });

  test("context is cut and marked", () => {
    const before = Array.from({ length: 20 }, (_, index) => `line ${index}`).join("\n");
    const shown = withContext(diffLines(before, before.replace("line 9", "nine")), 1);
    expect(shown).toEqual(["…", "  line 8", "- line 9", "+ nine", "  line 10", "…"]);
    expect(withContext(diffLines(before, before), 3)).toEqual([]);
  });

  test("large texts that share nothing do not take forever", () => {
    const many = (word: string) => Array.from({ length: 20_000 }, (_, index) => `${word} ${index}`).join("\n");
    expect(diffLines(many("a"), many("b"))).toHaveLength(40_000);
  });
});
