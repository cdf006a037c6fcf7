import { expect, test } from "bun:test";
import fc from "fast-check";
import { nextAnchor } from "#src/redact/anchors.ts";
import { ByteFilter } from "#src/redact/byte-filter.ts";
import { compilePatterns, type PatternSet } from "#src/redact/pattern-set.ts";
import { defaultPatternSet, SECRET_PATTERNS } from "#src/redact/patterns.ts";
import { createScanner } from "#src/redact/scanner.ts";
import { hostile, ordinary } from "./inputs.ts";
import { clean } from "./support.ts";

const ANCHORS = SECRET_PATTERNS.flatMap((pattern) => pattern.anchors);
/** The same patterns without anything that saves work: every position is looked at, and every pattern of an anchor tried. */
const EXHAUSTIVE: PatternSet = (() => {
  const set = compilePatterns(SECRET_PATTERNS.map(({ shapes: _, ...pattern }) => pattern));
  const everywhere = new ByteFilter([[Array.from({ length: 256 }, (_, byte) => byte)]]);
  return { ...set, index: { ...set.index, filter: everywhere } };
})();

const part = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...ANCHORS) },
  {
    weight: 2,
    arbitrary: fc.constantFrom("user", "uid", "password", "pwd", "secret", "token", "://", "api_key", "user_name"),
  },
  {
    weight: 5,
    arbitrary: fc.constantFrom(
      ...'= : , => := == === ; @ " \' ` \\ \\" ) ] / # . - _ $ > \n \r\n'.split(" "),
      " ",
      "\t",
      "    ",
      "\n    ",
      "\n",
      " # note\n",
    ),
  },
  { weight: 4, arbitrary: fc.constantFrom("abc12", "hunter22", "a1B2c3D4e5F6", "x", "octocat", "1.2.3", "pa55word") },
  { weight: 1, arbitrary: fc.string({ maxLength: 6 }) },
);
const text = fc.array(part, { maxLength: 24 }).map((parts) => new Uint8Array(Buffer.from(parts.join(""))));

function redacted(bytes: Uint8Array, patterns: PatternSet, maxHold: number): string {
  const scanner = createScanner({ knownValues: [], patterns, maxHold });
  return `${clean(scanner, [bytes]).toString("latin1")} ${JSON.stringify([...scanner.findings()].sort())}`;
}

test("what is passed over, nothing would have matched", () => {
  fc.assert(
    fc.property(text, fc.constantFrom(16_384, 40), (bytes, maxHold) => {
      expect(redacted(bytes, defaultPatternSet(), maxHold)).toBe(redacted(bytes, EXHAUSTIVE, maxHold));
    }),
    { numRuns: 1500 },
  );
  for (const [, bytes] of [...ordinary(20_000), ...hostile(ANCHORS, 20_000)])
    expect(redacted(bytes, defaultPatternSet(), 16_384)).toBe(redacted(bytes, EXHAUSTIVE, 16_384));
});

test("the filter gives every anchor that looking at each position gives", () => {
  const { index } = defaultPatternSet();
  const everywhere = { ...index, filter: EXHAUSTIVE.index.filter };
  const cursor = { row: 0, end: 0 };
  fc.assert(
    fc.property(text, (bytes) => {
      for (const one of [index, everywhere]) one.filter.load(bytes);
      for (let at = 0; at < bytes.length; at += 1) {
        at = nextAnchor(everywhere, bytes, at, cursor);
        const exact = { ...cursor };
        expect(nextAnchor(index, bytes, Math.min(at, bytes.length), cursor)).toBe(at);
        if (at < bytes.length) expect(cursor).toEqual(exact);
      }
    }),
    { numRuns: 500 },
  );
});
