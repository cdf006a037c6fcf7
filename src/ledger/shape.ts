import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";

const HASH = /^[0-9a-f]{64}$/;
/** How long an identifier may be. */
export const MAX_IDENTIFIER = 128;
const IDENTIFIER = new RegExp(`^[A-Za-z0-9_.:-]{1,${MAX_IDENTIFIER}}$`);
const TIME =
  /^[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z$/;

/** Whether a value is a JSON object, not an array. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Whether a value is a SHA-256 sum in lower-case hex. */
export function isHash(value: unknown): value is string {
  return typeof value === "string" && HASH.test(value);
}

/** Whether a value can name a tenant, an event or a subject: 1 to 128 letters, digits and `_ . : -`. */
export function isIdentifier(value: unknown): value is string {
  return typeof value === "string" && IDENTIFIER.test(value);
}

let lastDate = "";

/** Whether a value is a time that exists, in the one form that events use: `2026-01-31T23:59:59.123Z`. */
export function isTimestamp(value: unknown): value is string {
  if (typeof value !== "string" || !TIME.test(value)) return false;
  const date = value.slice(0, 10);
  if (date === lastDate) return true;
  // The pattern lets the 31st of every month through: the calendar decides.
  if (new Date(`${date}T00:00:00Z`).toISOString().slice(0, 10) !== date) return false;
  lastDate = date;
  return true;
}

/**
 * `value` as an object that has exactly the members `required`, and perhaps some of `optional`.
 * Throws `verification_failed`, naming what is missing or too much.
 */
export function requireMembers(
  value: Json,
  required: readonly string[],
  what: string,
  optional: readonly string[] = [],
): JsonObject {
  if (!isJsonObject(value)) throw new WritError("verification_failed", `${what} is not an object`);
  const keys = Object.keys(value);
  for (const name of required) {
    if (!Object.hasOwn(value, name)) throw new WritError("verification_failed", `${what} has no \`${name}\``);
  }
  if (keys.length > required.length) {
    const extra = keys.find((key) => !required.includes(key) && !optional.includes(key));
    if (extra !== undefined) {
      throw new WritError(
        "verification_failed",
        `${what} has a member \`${extra.slice(0, 100)}\` that it must not have`,
      );
    }
  }
  return value;
}
