import { expect, test } from "bun:test";
import fc from "fast-check";
import { fromUtf8, utf8 } from "#src/base/bytes.ts";
import { createOriginReplacer } from "#src/gateway/rewrite-origin.ts";

const FROM = "http://host:48";
const TO = "https://writ.example/v1/proxy/npm";

function rewrite(text: string, cuts: readonly number[]): string {
  const replacer = createOriginReplacer(FROM, TO);
  const bytes = utf8(text);
  let output = "";
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    output += fromUtf8(replacer.push(bytes.subarray(from, Math.max(from, cut))));
    from = Math.max(from, cut);
  }
  return output + fromUtf8(replacer.finish());
}

test("an address becomes the proxy's; one that merely begins alike stays", () => {
  const escaped = (text: string): string => text.replaceAll("/", "\\/");
  expect(rewrite(`${FROM}/a ${FROM}73/b "${escaped(`${FROM}/c`)}" ${FROM}`, [])).toBe(
    `${TO}/a ${FROM}73/b "${escaped(`${TO}/c`)}" ${FROM}`,
  );
});

test("the same comes out however the text is cut, and nothing is lost", () => {
  const pieces = fc.array(
    fc.constantFrom(`${FROM}/`, FROM, "http:", "//host", ":48", "/", "\\/", "http:\\/\\/host:48\\/", "x"),
    {
      maxLength: 30,
    },
  );
  fc.assert(
    fc.property(pieces, fc.array(fc.nat(300), { maxLength: 20 }), (parts, cuts) => {
      const text = parts.join("");
      const places = cuts.filter((cut) => cut <= text.length).sort((a, b) => a - b);
      const whole = text
        .replaceAll(`${FROM}/`, `${TO}/`)
        .replaceAll(`${FROM.replaceAll("/", "\\/")}\\/`, `${TO.replaceAll("/", "\\/")}\\/`);
      expect(rewrite(text, places)).toBe(whole);
    }),
    { numRuns: 500 },
  );
});
