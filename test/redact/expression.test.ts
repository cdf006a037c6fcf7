import { describe, expect, test } from "bun:test";
import { ProgramBuilder } from "#src/redact/expression.ts";
import { compilePatterns } from "#src/redact/pattern-set.ts";
import { SECRET_PATTERNS } from "#src/redact/patterns.ts";
import { FAIL, MORE, newMatchState, runProgram } from "#src/redact/program.ts";

function match(source: string, text: string, final = true): number {
  const builder = new ProgramBuilder();
  const entry = builder.add(source, false);
  const program = builder.build();
  return runProgram(program, { ...newMatchState(program, Buffer.from(text, "latin1")), final }, entry, 0);
}

describe("expressions", () => {
  test.each([
    ["abc", "abcd", 3],
    ["a{2,3}b", "aaab", 4],
    ["a{2,3}b", "aaaab", FAIL],
    ["(?:ab|a)c", "ac", 2],
    ["[^a-c]x", "dx", 2],
    ["[a-]{2}", "a-", 2],
    ["a(?=b)", "ab", 1],
    ["a(?!b)", "ab", FAIL],
    ["(?:ab){0,3}c", "ababc", 5],
    ["a{0,9}a", "aaa", FAIL],
    ["\\d\\s\\.", "1 .", 3],
  ])("%p on %p", (source, text, end) => {
    expect(match(source, text)).toBe(end);
  });

  test.each([
    ["abc", "ab"],
    ["a{1,3}", "aa"],
    ["a(?!b)", "a"],
  ])("%p wants more behind %p", (source, text) => {
    expect(match(source, text, false)).toBe(MORE);
  });

  test.each(["a*", "a+", "(?:a){0,17}", "a{2,1}", "[a", "(a", "a)", "[b-a]", "a{1,99999}", "\\"])(
    "%p is refused",
    (source) => {
      expect(() => new ProgramBuilder().add(source, false)).toThrow();
    },
  );
});

test("every pattern compiles, has anchors without line breaks, and an id that fits the replacement", () => {
  compilePatterns(SECRET_PATTERNS);
  for (const { id, anchors, behind, ignoreCase } of SECRET_PATTERNS) {
    expect(id).toMatch(/^[a-z0-9-]{3,40}$/);
    expect(anchors.length).toBeGreaterThan(0);
    for (const anchor of anchors) {
      if (ignoreCase) expect(anchor).toBe(anchor.toLowerCase());
      expect(anchor).toMatch(/^[\x20-\x7e]{3,32}$/);
      if (behind !== undefined) expect(behind.most + anchor.length).toBeLessThanOrEqual(96);
    }
  }
});
