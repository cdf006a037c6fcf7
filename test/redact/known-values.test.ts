import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { utf8 } from "#src/base/bytes.ts";
import { isWritError } from "#src/base/errors.ts";
import { createSanitizer } from "#src/redact/redact.ts";
import { clean } from "./support.ts";

const value = fc
  .string({ unit: "grapheme", minLength: 6, maxLength: 40 })
  .filter((text) => text.isWellFormed() && utf8(text).length >= 6);

describe("a known value", () => {
  const forms: Record<string, (text: string) => string> = {
    plain: (text) => text,
    json: (text) => JSON.stringify(text),
    url: (text) => encodeURIComponent(text),
    "whole url": (text) => encodeURI(text),
    "url with slashes": (text) =>
      encodeURIComponent(text)
        .replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
        .replaceAll("%2F", "/"),
    "every octet": (text) => Buffer.from(text).toString("hex").replace(/../g, "%$&"),
    "json for html": (text) =>
      JSON.stringify(text)
        .slice(1, -1)
        .replace(/[<>&]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`),
    "lower-case url": (text) => encodeURIComponent(text).replace(/%../g, (octet) => octet.toLowerCase()),
    form: (text) => new URLSearchParams({ text }).toString(),
  };
  for (const [name, encode] of Object.entries(forms)) {
    test(`is found in binary: ${name}`, () => {
      fc.assert(
        fc.property(value, (text) => {
          const sanitizer = createSanitizer({ knownValues: [utf8(text)], mode: "binary" });
          clean(sanitizer, [new Uint8Array([0, 255, 0]), utf8(`<${encode(text)}>`), new Uint8Array([0])]);
          expect(sanitizer.findings().get("known-value") ?? 0).toBeGreaterThanOrEqual(1);
        }),
      );
    });
  }

  test("is found in base 64, whatever stands before and behind it", () => {
    fc.assert(
      fc.property(
        value,
        fc.uint8Array({ maxLength: 7 }),
        fc.uint8Array({ maxLength: 7 }),
        fc.constantFrom("base64", "base64url"),
        (text, before, after, alphabet) => {
          const encoded = new Uint8Array(Buffer.concat([before, utf8(text), after])).toBase64({
            alphabet: alphabet as "base64",
          });
          const sanitizer = createSanitizer({ knownValues: [utf8(text)], mode: "binary" });
          clean(sanitizer, [utf8(encoded)]);
          expect(sanitizer.findings().get("known-value") ?? 0).toBeGreaterThanOrEqual(1);
        },
      ),
    );
  });

  test("is found in what claims to be an image, split over chunks", () => {
    const png = new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0]);
    const secret = utf8("the-real-credential");
    const chunks = [png, ...Array.from(secret, (byte) => new Uint8Array([byte]))];
    const cleaned = clean(createSanitizer({ knownValues: [secret], mode: "auto" }), chunks);
    expect(cleaned.equals(Buffer.concat([png, utf8("[redacted:known-value]")]))).toBe(true);
  });

  test("that is too short to be looked for is refused", () => {
    expect(() => createSanitizer({ knownValues: [utf8("abc")], mode: "binary" })).toThrow();
    try {
      createSanitizer({ knownValues: [utf8("abc")], mode: "text" });
    } catch (error) {
      expect(isWritError(error, "invalid_argument")).toBe(true);
    }
  });
});
