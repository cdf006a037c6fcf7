import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { matchesGlob, parseGlob } from "#src/ucan/glob.ts";

describe("like", () => {
  test("wildcards and escapes", () => {
    const matches = (pattern: string, text: string) => matchesGlob(parseGlob(pattern), text);
    for (const [pattern, text] of [
      ["", ""],
      ["*", ""],
      ["*", "any\nthing"],
      ["a*", "a"],
      ["*a", "ba"],
      ["a*b*c", "a12b34c"],
      ["**", "x"],
      ["a**b", "ab"],
      ["\\*", "*"],
      ["\\\\*", "\\*"],
      ["\\a", "\\a"],
      ["a\\", "a\\"],
      ["*aab*", "aaab"],
      ["*ab*ab*", "abab"],
    ]) {
      expect([pattern, matches(pattern as string, text as string)]).toEqual([pattern, true]);
    }
    for (const [pattern, text] of [
      ["", "a"],
      ["a", "ab"],
      ["a*", "ba"],
      ["*a", "ab"],
      ["a*a", "a"],
      ["a*b*c", "acb"],
      ["\\*", "x"],
      ["*ab*ab*", "aba"],
      ["?", "x"],
      [".", "x"],
      ["A", "a"],
    ]) {
      expect([pattern, matches(pattern as string, text as string)]).toEqual([pattern, false]);
    }
  });

  test("agrees with a plain definition on any pattern and text", () => {
    const define = (pattern: string, text: string): boolean => {
      if (pattern === "") return text === "";
      if (pattern.startsWith("\\*")) return text.startsWith("*") && define(pattern.slice(2), text.slice(1));
      if (pattern.startsWith("*"))
        return define(pattern.slice(1), text) || (text !== "" && define(pattern, text.slice(1)));
      return text.startsWith(pattern.charAt(0)) && define(pattern.slice(1), text.slice(1));
    };
    const letters = fc.string({ unit: fc.constantFrom("a", "b", "*", "\\"), maxLength: 8 });
    fc.assert(
      fc.property(letters, letters, (pattern, text) =>
        expect(matchesGlob(parseGlob(pattern), text)).toBe(define(pattern, text)),
      ),
      { numRuns: 2000 },
    );
  });

  test("no pattern makes it slow", () => {
    const text = "a".repeat(200_000);
    const start = performance.now();
    for (const pattern of [
      `${"*a".repeat(1000)}*b`,
      `*${"a".repeat(2000)}b*`,
      `${"*".repeat(4000)}b`,
      `*${"a".repeat(1000)}b*${"a".repeat(1000)}b*`,
    ]) {
      expect(matchesGlob(parseGlob(pattern), text)).toBe(false);
    }
    expect(performance.now() - start).toBeLessThan(500);
  });
});
