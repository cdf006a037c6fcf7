import { describe, expect, test } from "bun:test";
import { MAX_LINE_LENGTH } from "#src/classify/classify-shell.ts";
import { classify, tierOf } from "./support.ts";

describe("hostile sizes have an answer", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["1 MB of one line", "a".repeat(1_000_000)],
    ["1 MB of words", "ls ".repeat(333_000)],
    ["10,000 nested substitutions", `echo ${"$(".repeat(10_000)}ls${")".repeat(10_000)}`],
    ["10,000 substitutions that do not end", "echo $(".repeat(10_000)],
    ["nested quotes", `echo ${'"$('.repeat(5_000)}`],
    ["nested groups", "{ ".repeat(20_000)],
    ["nested conditions", "if ".repeat(20_000)],
    ["nested expansions", "${a:-".repeat(10_000)],
    ["nested braces", "{a,".repeat(20_000)],
    ["many braces", `${"{a,b}".repeat(3_000)} x`],
    ["back-quotes", "`\\`".repeat(20_000)],
    ["here-documents", "cat <<a\n".repeat(8_000)],
    ["wrappers", `${"sudo ".repeat(13_000)}ls`],
    ["a pipeline", `${"ls |".repeat(16_000)}ls`],
    ["a list", "ls;".repeat(20_000)],
    ["assignments", "a=1;".repeat(16_000)],
  ];
  for (const [name, line] of cases) {
    test(name, () => {
      const start = performance.now();
      expect(tierOf(line)).toBe("danger");
      expect(performance.now() - start).toBeLessThan(2_000);
    });
  }

  test("what is too long is not looked at", () => {
    expect(classify("a".repeat(MAX_LINE_LENGTH + 1)).reasons.map(({ code }) => code)).toEqual(["too_complex"]);
    expect(tierOf(`echo ${"a".repeat(MAX_LINE_LENGTH - 5)}`)).toBe("read");
  });

  test("it works on after each of them", () => expect(tierOf("ls -la | head")).toBe("read"));
});

test("time grows with the length, not faster", () => {
  const line = (count: number): string => `${"git log --oneline 'a b' \"$X\" | grep -n x; ".repeat(count)}ls`;
  const timeOf = (text: string): number => {
    const times = Array.from({ length: 3 }, () => {
      const start = performance.now();
      classify(text);
      return performance.now() - start;
    });
    return Math.min(...times);
  };
  timeOf(line(100));
  const [short, long] = [timeOf(line(100)), timeOf(line(800))];
  // Eight times the text; sixteen leaves room for a machine that others use as well.
  expect(long).toBeLessThan(short * 16 + 5);
});

test("thousands of ordinary lines a second", () => {
  const lines = [
    "git status --short",
    "ls -la src | head -20",
    "find . -name '*.ts' | xargs grep -n foo",
    "npm test 2>&1 | tail -5",
    "sudo systemctl restart nginx",
  ];
  for (let round = 0; round < 200; round += 1) for (const line of lines) classify(line);
  const start = performance.now();
  for (let round = 0; round < 400; round += 1) for (const line of lines) classify(line);
  const each = (performance.now() - start) / (400 * lines.length);
  // 0.2 ms is the aim on a core of its own; a suite that shares its core must not fail for it.
  expect(each).toBeLessThan(1);
});
