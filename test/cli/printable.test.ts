import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { nearestWord } from "#src/cli/nearest.ts";
import { jsonLine, printable } from "#src/cli/printable.ts";
import { formatTable } from "#src/cli/terminal.ts";

describe("text for a terminal", () => {
  test("what moves the cursor, reorders or hides is written out", () => {
    expect(printable("a\u001b[2Jb")).toBe("a\\u{1b}[2Jb");
    expect(printable("x\u202ey\u200bz\r\n\u009b")).toBe("x\\u{202e}y\\u{200b}z\\u{d}\\u{a}\\u{9b}");
    expect(printable("\u{e0041}\ud800")).toBe("\\u{e0041}\\u{d800}");
    expect(printable("Größe 木 😀")).toBe("Größe 木 😀");
  });

  test("JSON escapes the same and means the same", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const line = jsonLine({ text });
        expect(JSON.parse(line)).toEqual({ text });
        expect(line).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u);
      }),
    );
    expect(jsonLine("\u{e0041}")).toBe('"\\udb40\\udc41"');
  });

  test("columns are aligned by what is seen", () => {
    expect(
      formatTable([
        ["A", "B"],
        ["木木", "x"],
        ["long", ""],
      ]),
    ).toEqual(["A     B", "木木  x", "long"]);
  });
});

describe("the nearest word", () => {
  const words = ["agent", "agents", "approve", "approvals", "revoke"];
  const cases: readonly (readonly [string, string | undefined])[] = [
    ["agnet", "agent"],
    ["agen", "agent"],
    ["aprove", "approve"],
    ["approval", "approvals"],
    ["zebra", undefined],
    ["", undefined],
    ["x".repeat(10_000), undefined],
  ];
  for (const [typed, expected] of cases) {
    test(`${typed.slice(0, 20)} → ${expected}`, () => expect(nearestWord(typed, words)).toBe(expected as string));
  }
});
