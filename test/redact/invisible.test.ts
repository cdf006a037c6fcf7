import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isInvisible } from "#src/redact/code-points.ts";
import { InvisibleStage } from "#src/redact/invisible.ts";
import { redactText } from "#src/redact/redact.ts";
import { Findings } from "#src/redact/stage.ts";
import { clean } from "./support.ts";

describe("invisible characters", () => {
  test.each([
    ["zero width", "a\u200bb\u2060c\ufeffd", "abcd"],
    ["bidirectional", "a\u202eb\u2066c\u2069d\u200e\u061c", "abcd"],
    ["soft hyphen and fillers", "a\u00adb\u3164c\u115fd\uffa0", "abcd"],
    ["tags", `a${Array.from("ignore", (c) => String.fromCodePoint(0xe0000 + c.charCodeAt(0))).join("")}b`, "ab"],
    ["hidden variation selectors", "a\ufe01\u{e0100}\u{e01ef}b\ufe0f", "ab"],
    ["selectors stacked behind a pictograph", "😀\ufe0f\ufe0f\u{e0150}\ufe0e", "😀\ufe0f"],
    ["a joiner between letters", "a\u200db\u200cc", "abc"],
    ["an unfinished flag", "🏴\u{e0067}\u{e0062}x", "🏴x"],
    ["a flag of another text", "🏴\u{e0065}\u{e0076}\u{e0069}\u{e006c}\u{e0021}\u{e007f}", "🏴"],
    ["a joiner that joins nothing", "👩\u200d ", "👩 "],
    ["joiners in a row, but one", "👩\u200d\u200d👧", "👩\u200d👧"],
  ])("go: %s", (_, text, cleaned) => {
    expect(redactText(text).text).toBe(cleaned);
  });

  test.each([
    ["families", "👨‍👩‍👧‍👦 ❤️‍🔥 🏳️‍🌈 👩🏽‍💻"],
    ["keycaps", "1\ufe0f\u20e3 #\ufe0f\u20e3 *\ufe0f\u20e3"],
    [
      "flags",
      "🇩🇪 🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f} 🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
    ],
    ["Persian", "می\u200cخواهم"],
    ["Hindi", "क्\u200dष क्\u200cष"],
    ["Mongolian", "ᠠ\u180b"],
    ["Han variants", "葛\u{e0100}"],
    ["a byte order mark at the start", "\ufeffhello"],
  ])("stay: %s", (_, text) => {
    expect(redactText(text).text).toBe(text);
  });

  test.each([
    ['{"a":"x\\u200by\\u202Ez\\udb40\\udc41"}', '{"a":"xyz"}'],
    ['\n ["\\ufeff\\u00AD"]', '\n [""]'],
    [
      '{"a":"👩\\u200d👧 \\ud83d\\udc69\\u200d\\ud83d\\udc67"}',
      '{"a":"👩\\u200d👧 \\ud83d\\udc69\\u200d\\ud83d\\udc67"}',
    ],
    [
      '{"a":"1\\ufe0f\\u20e3 a\\ufe0fb\\u0645\\u06cc\\u200c\\u062e"}',
      '{"a":"1\\ufe0f\\u20e3 ab\\u0645\\u06cc\\u200c\\u062e"}',
    ],
    ['{"a":"\\\\u200b \\\\\\u200b \\ud800 \\udb40x \\u20 \\"}', '{"a":"\\\\u200b \\\\ \\ud800 \\udb40x \\u20 \\"}'],
    ['data: {"a":"x\\u200b"}\n\n', 'data: {"a":"x"}\n\n'],
    ['"a\\u200bb"', '"ab"'],
    ['"use strict"; x = /[\\u200b]/', '"use strict"; x = /[\\u200b]/'],
    ["var x = /[\\u200b-\\u200d]/", "var x = /[\\u200b-\\u200d]/"],
    ['{"t":"gh\\u200bp_XIxB7KMNdAr3zqWtQqhE94qglHqOzn1D1stg"}', '{"t":"[redacted:github-token]"}'],
  ])("as escapes, in JSON only: %p", (text, cleaned) => {
    expect(redactText(text).text).toBe(cleaned);
  });

  test("any JSON, escaped in ASCII, stays JSON and says what the same JSON in UTF-8 says", () => {
    const point = fc.constantFrom(
      0x200b,
      0x200d,
      0x202e,
      0xe0041,
      0xfe0f,
      0xad,
      0x1f469,
      0x31,
      0x20e3,
      0x5c,
      0x22,
      0x61,
    );
    fc.assert(
      fc.property(fc.array(fc.array(point).map((points) => String.fromCodePoint(...points))), (texts) => {
        const plain = JSON.stringify(texts);
        const escaped = plain.replace(/[\u007f-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);
        expect(JSON.parse(redactText(escaped).text)).toEqual(JSON.parse(redactText(plain).text));
      }),
    );
  });

  test("bytes that are not UTF-8 pass unchanged", () => {
    for (const bytes of [[0xff, 0xe2, 0x80], [0xe2, 0x80, 0x41], [0xc2], [0xf3, 0xa0], [0xed, 0xa0, 0x80]]) {
      expect([...clean(new InvisibleStage(new Findings()), [new Uint8Array(bytes)])]).toEqual(bytes);
    }
  });

  test("what shows stays, and nothing invisible is left between letters", () => {
    const point = fc.oneof(
      fc.constantFrom(0x200b, 0x200d, 0x202e, 0xe0041, 0xfe0f, 0xad),
      fc.integer({ min: 0x20, max: 0x2fff }),
    );
    fc.assert(
      fc.property(fc.array(point.filter((code) => code < 0xd800)), (points) => {
        const text = String.fromCodePoint(...points);
        const cleaned = clean(new InvisibleStage(new Findings()), [Buffer.from(text)]).toString();
        const visible = (value: string): string =>
          [...value].filter((char) => !isInvisible(char.codePointAt(0) as number)).join("");
        expect(visible(cleaned)).toBe(visible(text));
        expect(/[a-z](?:\u200b|\u200d|\u202e|\u00ad|\ufe0f)[a-z]/.test(cleaned)).toBe(false);
      }),
    );
  });
});
