import { utf8 } from "#src/base/bytes.ts";
import { SECRET_PATTERNS } from "#src/redact/patterns.ts";
import { createSanitizer } from "#src/redact/redact.ts";
import { hostile, ordinary } from "#test/redact/inputs.ts";

const CHUNK = 65_536;
const ANCHORS = SECRET_PATTERNS.flatMap((pattern) => pattern.anchors);
const KNOWN = [utf8("known-credential-0123456789")];

function chunksOf(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: Math.ceil(bytes.length / CHUNK) }, (_, i) => bytes.subarray(i * CHUNK, (i + 1) * CHUNK));
}

/** Million bytes a second, the best of `rounds`. */
function measure(chunks: readonly Uint8Array[], rounds: number): number {
  const total = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  let best = 0;
  for (let round = 0; round < rounds; round += 1) {
    const start = performance.now();
    const sanitizer = createSanitizer({ knownValues: KNOWN, mode: "auto" });
    for (const chunk of chunks) sanitizer.push(chunk);
    sanitizer.finish();
    best = Math.max(best, total / (performance.now() - start) / 1000);
  }
  return best;
}

function report(name: string, value: number, against: number): void {
  const ratio = Number((value / against).toFixed(2));
  console.log(JSON.stringify({ name, value: Number(value.toFixed(1)), unit: "MB/s", against, ratio }));
}

for (const [name, bytes] of ordinary(8_000_000)) report(`sanitize ${name}`, measure(chunksOf(bytes), 4), 200);
for (const [name, bytes] of hostile(ANCHORS, 1_000_000))
  report(`sanitize hostile ${name}`, measure(chunksOf(bytes), 2), 20);
