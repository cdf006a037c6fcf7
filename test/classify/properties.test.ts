import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isAbove } from "#src/classify/tier.ts";
import { classify, DANGER, tierOf } from "./support.ts";

const TIERS = ["read", "write", "danger"];

/** Pieces of shell that meet in all ways. */
const PIECE = fc.constantFrom(
  ..."ls;cat x;git status;sudo;env;bash -c;'; ';\";$(;);`;<<EOF;\n;EOF;|;&&;||;&;>;>>;< f;{;};(;[[;]];if;then;fi;for;do;done;case;in;esac;$x;$\u007bx:-;};$';\\;#;*;?;~;rm -rf /;xargs;find . -exec;\\;;=;x=1;a b;\u202e;\0;é;--;-c;eval;source;<(;$((;));!;%;\t".split(
    ";",
  ),
);

describe("classification", () => {
  test("is total on any text", () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: "binary" }),
          fc.array(PIECE, { maxLength: 12 }).map((parts) => parts.join(" ")),
        ),
        (line) => {
          const { tier, reasons } = classify(line);
          return TIERS.includes(tier) && (tier === "read" || reasons.some((reason) => reason.tier === tier));
        },
      ),
      { numRuns: 1_500 },
    );
  });

  test("is total on any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => TIERS.includes(tierOf(bytes))),
      { numRuns: 500 },
    );
  });

  test("is the same each time", () => {
    fc.assert(
      fc.property(fc.array(PIECE, { maxLength: 10 }), (parts) => {
        const line = parts.join(" ");
        expect(classify(line)).toEqual(classify(line));
      }),
      { numRuns: 200 },
    );
  });
});

/** Every listed way to run a command through another, with the command where `%` stands. */
const WRAPPERS = [
  "env %",
  "sudo %",
  "nice %",
  "timeout 5 %",
  "nohup %",
  "time %",
  "command %",
  "exec %",
  "stdbuf -oL %",
  "setsid %",
  "xargs %",
  "find . -exec % ;",
  "busybox %",
  "uv run %",
  "strace %",
  "docker run alpine %",
  "docker exec web %",
  "kubectl exec pod -- %",
  "ssh host %",
  "( % )",
  "{ %; }",
  "! %",
  "if true; then %; fi",
  "while true; do %; done",
  "echo $( % )",
  "diff <( % ) x",
  "ls | %",
  "A=1 %",
] as const;
const QUOTING_WRAPPERS = [
  "bash -c '%'",
  "sh -c '%'",
  "eval '%'",
  "ssh host '%'",
  "git -c alias.x='!%' x",
  "su -c '%'",
  "trap '%' EXIT",
] as const;
const DANGERS = [
  DANGER,
  "git reset --hard",
  "mkfs.ext4 /dev/sda1",
  "git push --force",
  "kubectl delete pod x",
  "dd of=/dev/sda",
];

describe("a danger stays a danger", () => {
  test("in any three wrappers, one in another", () => {
    const wrapper = fc.constantFrom(...WRAPPERS);
    const simple = fc.constantFrom(...WRAPPERS.slice(0, 10));
    fc.assert(
      fc.property(fc.constantFrom(...DANGERS), simple, simple, wrapper, (danger, a, b, c) => {
        const line = [a, b, c].reduce((inner, outer) => outer.replace("%", () => inner), danger);
        expect([line, tierOf(line)]).toEqual([line, "danger"]);
      }),
      { numRuns: 600 },
    );
  });

  test("as code in quotes, wrapped again", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...DANGERS),
        fc.constantFrom(...QUOTING_WRAPPERS),
        fc.constantFrom(...WRAPPERS),
        (danger, quoting, outer) => {
          const line = outer.replace("%", () => quoting.replace("%", () => danger));
          // What is no simple command cannot be the argument of one: only groups take `eval` and `trap` in all shells.
          expect([line, tierOf(line)]).toEqual([line, "danger"]);
        },
      ),
      { numRuns: 400 },
    );
  });
});

describe("more commands never lower the tier", () => {
  const command = fc.constantFrom(
    "ls",
    "git status",
    "touch x",
    "unknown-thing",
    DANGER,
    "cat a | wc -l",
    "X=1",
    "f() { ls; }",
    "cd /",
  );
  test("behind `;`, `&&`, `|` or a line break", () => {
    fc.assert(
      fc.property(command, command, fc.constantFrom("; ", " && ", " || ", "\n", " | "), (first, second, separator) => {
        const line = first + separator + second;
        return !isAbove(tierOf(first), tierOf(line)) && !isAbove(tierOf(second), tierOf(line));
      }),
      { numRuns: 500 },
    );
  });
});
