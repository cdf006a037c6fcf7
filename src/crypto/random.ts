import { randomFillSync } from "node:crypto";
import type { Bytes } from "#src/base/bytes.ts";
import { systemClock } from "#src/base/clock.ts";
import type { IdSource } from "#src/base/ids.ts";

const POOL_BYTES = 8192;
let pool: Bytes = new Uint8Array(POOL_BYTES);
let used = POOL_BYTES;

/** `length` bytes from the operating system's generator; small requests share one system call. */
export function randomBytes(length: number): Bytes {
  if (length > 256) return randomFillSync(new Uint8Array(length));
  if (used + length > POOL_BYTES) {
    pool = randomFillSync(new Uint8Array(POOL_BYTES));
    used = 0;
  }
  const bytes = pool.slice(used, used + length);
  pool.fill(0, used, used + length);
  used += length;
  return bytes;
}

/** The machine's clock and generator, as ids need them. */
export const systemIdSource: IdSource = { now: systemClock.now, random: randomBytes };
