/** The wall clock. Handed to everything that needs time; engines get the time itself as an argument. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
}

/** The machine's clock. */
export const systemClock: Clock = { now: () => Date.now() };

let cachedSecond = -1;
let cachedPrefix = "";

/** RFC 3339 in UTC with milliseconds: `2026-01-31T23:59:59.123Z`. */
export function toRfc3339(milliseconds: number): string {
  const second = Math.floor(milliseconds / 1000);
  if (second !== cachedSecond) {
    cachedPrefix = new Date(second * 1000).toISOString().slice(0, 20);
    cachedSecond = second;
  }
  return `${cachedPrefix}${String(milliseconds - second * 1000).padStart(3, "0")}Z`;
}
