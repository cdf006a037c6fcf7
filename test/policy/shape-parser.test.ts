import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parsePolicyText } from "#src/policy/cedar.ts";
import { createShapeParser } from "#src/policy/shape-parser.ts";

const AWKWARD = [
  "",
  "a",
  "acme/app",
  "*",
  "a*b",
  "// no comment",
  "permit(principal, action, resource);",
  "::",
  "\\\\",
  '\\"',
  "\\u{41}",
  "é😀",
  "\u0001",
  "__proto__",
  "10.0.0.1",
  "1",
  " 7",
  "line\nbreak",
];
const literal = fc.oneof(fc.constantFrom(...AWKWARD), fc.stringMatching(/^[ -!#-[\]-~]{0,12}$/));
const FORMS: readonly ((strings: readonly string[]) => string)[] = [
  ([a, b, c]) => `@id("${a}") permit(principal == Agent::"${b}", action, resource == R::"${c}");`,
  ([a, b]) => `permit(principal, action in [Action::"${a}", Action::"${b}"], resource) // "quoted\n;`,
  ([a, b]) => `permit(principal, action, resource) when { resource.x == "${a}" && ip("${b}").isIpv4() };`,
  ([a, b]) => `permit(principal, action, resource) when { resource["${a}"] like "${b}" };`,
  ([a, b]) =>
    `permit(principal, action, resource) when { resource has "${a}" || context == {"${b}": 1, "k": "${a}"} };`,
  ([a, b]) => `@note("${a}") @note2("${b}") forbid(principal, action, resource) unless { ["${a}"].contains("${b}") };`,
  ([a]) => `permit(principal, action, resource) when { "${a}" };`,
  ([a]) => `permit(principal, action, resource) when { resource.x == "${a};`,
];

describe("the shape parser", () => {
  test("gives what cedar gives, whatever stands in the literals", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(FORMS.length - 1), literal, literal, literal), { maxLength: 24 }), (all) => {
        const parser = createShapeParser();
        for (const [form, ...strings] of all) {
          const text = FORMS[form]?.(strings) ?? "";
          expect(parser.parse(text)).toEqual(parsePolicyText(text));
        }
      }),
      { numRuns: 150 },
    );
  });

  test.each(FORMS.map((form, i) => [i, form] as const))("also where one form comes again and again: %i", (_i, form) => {
    const parser = createShapeParser();
    for (const first of AWKWARD) {
      for (const second of ["x", "*y", "a"]) {
        const text = form([first, second, "z"]);
        expect([text, parser.parse(text)]).toEqual([text, parsePolicyText(text)]);
      }
    }
  });
});
