import { describe, expect, test } from "bun:test";
import { utf8 } from "#src/base/bytes.ts";
import { SECRET_PATTERNS } from "#src/redact/patterns.ts";
import { createSanitizer } from "#src/redact/redact.ts";
import { hostile } from "./inputs.ts";
import { bestTime, referenceRate } from "./reference.ts";
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

/** What any input owes, as a part of {@link referenceRate}: 20 MB/s where that is 500, as on the machine it was set on. */
const OWED = 20 / 500;
/** How much less than that a busy machine may give: the loop needs one core and no compiler, the sanitizer more. */
const HEAD_ROOM = 2;
const ROUNDS = 25;

/** The best rate seen, in million bytes a second: stops when it is `enough`. */
function rateOf(bytes: Uint8Array, enough: () => number): number {
  let best = 0;
  for (let round = 0; round < ROUNDS && best < enough(); round += 1) {
    const milliseconds = bestTime(1, () =>
      clean(createSanitizer({ knownValues: [utf8("known-credential-0123456789")], mode: "text" }), [bytes]),
    );
    best = Math.max(best, bytes.length / milliseconds / 1000);
  }
  return best;
}

describe("no input is slow", () => {
  for (const [name, bytes] of hostile(ANCHORS, 200_000)) {
    test(name, () => {
      const owed = (OWED / HEAD_ROOM) * referenceRate();
      expect(rateOf(bytes, () => owed)).toBeGreaterThanOrEqual(owed);
    });
  }

  test("four times the input takes no more than about four times the time", () => {
    for (const name of ["eyJ", "password=", "begin, open", "all anchors", "escapes", "quotes"]) {
      const rates = [100_000, 400_000].map((size) => {
        const bytes = hostile(ANCHORS, size).get(name) as Uint8Array;
        return bestTime(6, () => clean(createSanitizer({ knownValues: [], mode: "text" }), [bytes]));
      });
      expect((rates[1] as number) / (rates[0] as number)).toBeLessThan(16);
    }
  });
});
