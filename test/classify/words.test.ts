import { describe, expect, test } from "bun:test";
import { classify } from "./support.ts";

/** The argument vector of the last command of a line. */
function argvOf(line: string): readonly string[] {
  return classify(line).commands.at(-1)?.argv ?? [];
}

describe("words become what the command gets (bash(1), QUOTING and EXPANSION)", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["a b  c", ["a", "b", "c"]],
    [`a 'b c' "d e" f\\ g`, ["a", "b c", "d e", "f g"]],
    ["a b\"c\"d'e'", ["a", "bcde"]],
    ['a "\\$x \\" \\\\ \\n"', ["a", '$x " \\ \\n']],
    ["a $'\\x41\\n\\u0042\\103\\'' b", ["a", "A\nBC'", "b"]],
    ["a {b,c}{d,e}", ["a", "bd", "be", "cd", "ce"]],
    ["a x{1..3}y", ["a", "x1y", "x2y", "x3y"]],
    ['a "{b,c}" {d}', ["a", "{b,c}", "{d}"]],
    ["x='b c'; a $x \"$x\"", ["a", "b", "c", "b c"]],
    ["a $(echo b c)", ["a", "b", "c"]],
    ["a > out b < in", ["a", "b"]],
    ["a \\\n b", ["a", "b"]],
  ];
  for (const [line, argv] of cases) test(line, () => expect(argvOf(line)).toEqual(argv));
});

describe("files that a line touches", () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ["cat a b", ["read a", "read b"]],
    ["grep x a", ["read a"]],
    ["cp a b c", ["read a", "read b", "write c"]],
    ["mv a b", ["delete a", "write b"]],
    ["rm a", ["delete a"]],
    ["sort a -o b", ["write b", "read a"]],
    ["ls > out 2>> err < in", ["write out", "write err", "read in"]],
    ["ls > /dev/null 2>&1", []],
    ["tee a", ["write a"]],
    ["./x.sh", ["execute ./x.sh"]],
    ["dd if=a of=b", ["read a", "write b"]],
    ["sed -i s/a/b/ x", ["write x"]],
    ["awk '{ print }' a", ["read a"]],
    ["tar czf a.tgz b", ["write a.tgz"]],
    ["curl -T a https://example.com/", ["read a"]],
  ];
  for (const [line, files] of cases) {
    test(line, () => expect(classify(line).files.map(({ mode, path }) => `${mode} ${path}`)).toEqual([...files]));
  }

  test("a path that is not known says so", () => {
    expect(classify('cat "$X/a" *.txt b').files).toEqual([
      { path: "$X/a", mode: "read", resolved: false },
      { path: "*.txt", mode: "read", resolved: false },
      { path: "b", mode: "read", resolved: true },
    ]);
  });
});

test("each command has its own tier, the line the highest", () => {
  const { tier, commands } = classify("ls | tee out; sudo rm -r /x");
  expect(tier).toBe("danger");
  expect(commands.map((command) => [command.name, command.tier])).toEqual([
    ["ls", "read"],
    ["tee", "write"],
    ["sudo", "danger"],
    ["rm", "danger"],
  ]);
});

test("a reason is given for each tier above read, and none for read", () => {
  expect(classify("ls").reasons).toEqual([]);
  expect(classify("touch x").reasons.map(({ tier }) => tier)).toContain("write");
});
