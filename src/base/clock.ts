import { WritError } from "./errors.ts";

/** The wall clock. Handed to everything that needs time; engines get the time itself as an argument. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
}

/** The machine's clock. */
export const systemClock: Clock = { now: () => Date.now() };

/** The seconds that have a year of four digits, which is all that RFC 3339 can write. */
const FIRST_SECOND = -62_167_219_200;
const LAST_SECOND = 253_402_300_799;

let cachedSecond = Number.NaN;
let cachedPrefix = "";

/**
 * RFC 3339 in UTC with milliseconds: `2026-01-31T23:59:59.123Z`. A fraction of a millisecond is cut off. Throws
 * `invalid_argument` for a time outside the years 0 to 9999.
 */
export function toRfc3339(milliseconds: number): string {
  const second = Math.floor(milliseconds / 1000);
  if (second !== cachedSecond) {
    if (!(second >= FIRST_SECOND && second <= LAST_SECOND)) {
      throw new WritError("invalid_argument", "a time outside the years 0 to 9999");
    }
    cachedPrefix = new Date(second * 1000).toISOString().slice(0, 20);
    cachedSecond = second;
  }
  return `${cachedPrefix}${String(Math.floor(milliseconds - second * 1000)).padStart(3, "0")}Z`;
}
