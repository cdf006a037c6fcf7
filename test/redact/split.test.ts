import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { utf8 } from "#src/base/bytes.ts";
import { createSanitizer } from "#src/redact/redact.ts";
import { clean } from "./support.ts";

const KNOWN = ["s3cr3t/value+with spaces&ü", 'quote"back\\slash', "aaaaaaab", "abcabcabcabd"].map((text) => utf8(text));
const PIECES = [
  "password = 'hunter22'",
  "password=",
  '"password":"ab\\"cd1234ef"',
  `ghp_${"a1B2".repeat(9)}`,
  "ghp_",
  "eyJ",
  "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefgh",
  "-----BEGIN PRIVATE KEY-----\nMIIabcdefgh\nijkl\n-----END PRIVATE KEY-----",
  "Authorization: Bearer abc123def456ghi789",
  "https://user:pa55word@host/",
  "user = Aladdin\npassword = open_sesame\n",
  "user = Aladdin\n\npassword = open_sesame\n",
  "4839574813:AAFD39kkdpWt3ywyRZergyOLMaJhac61qc",
  `${"aB3".repeat(25)}xAZDOabc1 `,
  `${"0f".repeat(16)}-us13`,
  "\\nghp_",
  "\\u0022npm_",
  "npm_TCllNwh2WLQlMWVhybM1iQrsTj6rMQ0BOh6d",
  ...KNOWN.map((value) => new TextDecoder().decode(value)),
  ...KNOWN.map((value) => value.toBase64()),
  ...KNOWN.map((value) => encodeURIComponent(new TextDecoder().decode(value))),
  "aaaaaaaaaaaaaaaaaaab",
  "abcabcabcabcabd",
  "\u200b",
  "\u200d",
  "👩\u200d👩\u200d👧",
  "🏴\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
  "🏴\u{e0067}\u{e0062}",
  "1\ufe0f\u20e3",
  "ن\u200cا",
  "\ufeff",
  "\\u200b",
  "\\u200d",
  "\\ud83d\\udc69\\u200d\\ud83d\\udc67",
  "\\udb40\\udc41",
  "password='a\"b1cd2\"}e'",
  "`pwd='ab\",\"x1`'",
  '\\"password\\":\\"a1\\\\\\"b2c3d4\\"',
  "é",
  "漢\u{e0100}",
  "\r\n",
  "\n\n",
  " ",
  ", ",
  '"',
  "\\",
  "x".repeat(120),
];
const piece = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...PIECES).map((text) => utf8(text)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }) as fc.Arbitrary<Uint8Array<ArrayBuffer>> },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...PIECES).chain((text) => fc.nat(text.length).map((cut) => utf8(text.slice(0, cut)))),
  },
);
const start = fc.constantFrom("", "", "{", ' \n["', "data:").map((text) => utf8(text));
const input = fc
  .tuple(start, fc.array(piece, { maxLength: 14 }))
  .map(([first, pieces]) => new Uint8Array(Buffer.concat([first, ...pieces])));

describe("cutting the input", () => {
  for (const mode of ["text", "binary", "auto"] as const) {
    test(`anywhere gives the same output: ${mode}`, () => {
      fc.assert(
        fc.property(
          input,
          fc.array(fc.nat(2000), { maxLength: 8 }),
          fc.constantFrom(16_384, 40),
          (bytes, cuts, maxHold) => {
            const options = { knownValues: KNOWN, mode, maxHold };
            const whole = clean(createSanitizer(options), [bytes]);
            const places = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
            const pieces = places.slice(1).map((end, index) => bytes.subarray(places[index], end));
            const single = Array.from(bytes, (_, index) => bytes.subarray(index, index + 1));
            const first = createSanitizer(options);
            const second = createSanitizer(options);
            expect(clean(first, pieces).toString("latin1")).toBe(whole.toString("latin1"));
            expect(clean(second, single).toString("latin1")).toBe(whole.toString("latin1"));
            expect([...second.findings()].sort()).toEqual([...first.findings()].sort());
          },
        ),
        { numRuns: 250 },
      );
    });
  }
});
