import { utf8 } from "#src/base/bytes.ts";
import { SECRET_PATTERNS } from "#src/redact/patterns.ts";
import { createSanitizer } from "#src/redact/redact.ts";
import { hostile, ordinary } from "#test/redact/inputs.ts";
import { bestTime, referenceRate } from "#test/redact/reference.ts";

const CHUNK = 65_536;
/** What a sanitizer owes, in million bytes a second: on ordinary text, and on any. */
const CLEAN_FLOOR = 200;
const ANY_FLOOR = 20;
const ANCHORS = SECRET_PATTERNS.flatMap((pattern) => pattern.anchors);
const KNOWN = [utf8("known-credential-0123456789")];

function chunksOf(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / CHUNK) }, (_, i) => bytes.subarray(i * CHUNK, (i + 1) * CHUNK));
}

/** Million bytes a second, the best of `rounds`. */
function measure(bytes: Uint8Array, rounds: number): number {
  const chunks = chunksOf(bytes);
  const milliseconds = bestTime(rounds, () => {
    const sanitizer = createSanitizer({ knownValues: KNOWN, mode: "auto" });
    for (const chunk of chunks) sanitizer.push(chunk);
    sanitizer.finish();
  });
  return bytes.length / milliseconds / 1000;
}

/** One line: the rate, the floor it owes, and its ratio to a plain loop over bytes that ran just before and after it. */
function report(name: string, bytes: Uint8Array, rounds: number, floor: number): void {
  const before = referenceRate();
  const rate = measure(bytes, rounds);
  const reference = (before + referenceRate()) / 2;
  const line = {
    name: `sanitize ${name}`,
    value: Number(rate.toFixed(1)),
    unit: "MB/s",
    against: floor,
    ratio: Number((rate / floor).toFixed(2)),
    reference: Number(reference.toFixed(0)),
    referenceRatio: Number((rate / reference).toFixed(3)),
  };
  console.log(JSON.stringify(line));
}

for (const [name, bytes] of ordinary(4_000_000)) report(name, bytes, 24, CLEAN_FLOOR);
for (const [name, bytes] of hostile(ANCHORS, 500_000)) report(`hostile ${name}`, bytes, 16, ANY_FLOOR);
