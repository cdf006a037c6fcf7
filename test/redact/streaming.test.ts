import { describe, expect, test } from "bun:test";
import { utf8 } from "#src/base/bytes.ts";
import { SECRET_PATTERNS } from "#src/redact/patterns.ts";
import { createSanitizer } from "#src/redact/redact.ts";
import { hostile, ordinary } from "./inputs.ts";
import { clean } from "./support.ts";

const ANCHORS = SECRET_PATTERNS.flatMap((pattern) => pattern.anchors);

describe("what waits", () => {
  test.each([
    'data: {"text":"hello"}\n\n',
    "data: the password:\n\n",
    'event: x\ndata: {"user":"bob"}\n\n',
    "data: token = abc123def456\r\n\r\n",
    "data: word\n\n",
    "data: https://bob:pw@\n\n",
    ...ANCHORS.filter((anchor) => !/begin|installation|credentials|params|unseal/.test(anchor)).map(
      (anchor) => `data: ${anchor}\n\n`,
    ),
  ])("is nothing of a complete event: %p", (event) => {
    const sanitizer = createSanitizer({ knownValues: [utf8("the-real-credential")], mode: "auto" });
    const out = Buffer.concat(sanitizer.push(utf8(event)));
    expect(out.toString().endsWith(event.slice(-2))).toBe(true);
    expect(Buffer.concat(sanitizer.finish()).length).toBe(0);
  });

  test("is never more than the bound", () => {
    const maxHold = 16_384;
    for (const [, bytes] of hostile(ANCHORS, 60_000)) {
      const sanitizer = createSanitizer({ knownValues: [], mode: "text", maxHold });
      let pushed = 0;
      let out = 0;
      for (let at = 0; at < bytes.length; at += 997) {
        const chunk = bytes.subarray(at, at + 997);
        pushed += chunk.length;
        for (const piece of sanitizer.push(chunk)) out += piece.length;
        if (sanitizer.findings().size === 0) expect(pushed - out).toBeLessThanOrEqual(maxHold + 256);
      }
    }
  });

  test("a private key is held, and gone when it is complete", () => {
    const key = `-----BEGIN PRIVATE KEY-----\n${"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC\n".repeat(40)}-----END PRIVATE KEY-----\n`;
    const chunks = Array.from({ length: Math.ceil(key.length / 7) }, (_, i) => utf8(key.slice(i * 7, i * 7 + 7)));
    const cleaned = clean(createSanitizer({ knownValues: [], mode: "auto" }), chunks).toString();
    expect(cleaned).toBe("-----BEGIN PRIVATE KEY-----[redacted:private-key]-----END PRIVATE KEY-----\n");
  });
});

/** The processor time of `work` in milliseconds, the best of three. */
function time(work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 3; round += 1) {
    const start = performance.now();
    work();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

function copy(bytes: Uint8Array): Uint8Array {
  const target = new Uint8Array(bytes.length);
  for (let i = 0; i < bytes.length; i += 1) target[i] = bytes[i] as number;
  return target;
}

describe("no input is slow", () => {
  const size = 200_000;
  const reference = ordinary(size * 8).get("json") as Uint8Array;
  for (const [name, bytes] of hostile(ANCHORS, size)) {
    test(name, () => {
      const plain = time(() => copy(reference)) / 8;
      const cleaned = time(() =>
        clean(createSanitizer({ knownValues: [utf8("known-credential-0123456789")], mode: "text" }), [bytes]),
      );
      expect(cleaned / Math.max(plain, 0.1)).toBeLessThan(400);
    });
  }

  test("twice the input takes no more than about twice the time", () => {
    for (const name of ["eyJ", "password=", "begin, open", "all anchors", "escapes"]) {
      const one = time(() =>
        clean(createSanitizer({ knownValues: [], mode: "text" }), [hostile(ANCHORS, 100_000).get(name) as Uint8Array]),
      );
      const four = time(() =>
        clean(createSanitizer({ knownValues: [], mode: "text" }), [hostile(ANCHORS, 400_000).get(name) as Uint8Array]),
      );
      expect(four / one).toBeLessThan(12);
    }
  });
});
