import { WritError } from "./errors.ts";

const NAME = /^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$/;

/**
 * A name that stands in URLs, policies and command lines: 1 to 63 of `a-z 0-9 . _ -`, beginning and ending with a letter or
 * digit. Throws `invalid_argument` with the field's name.
 */
export function parseName(value: unknown, field: string): string {
  if (typeof value === "string" && NAME.test(value) && !value.includes("..")) return value;
  throw new WritError(
    "invalid_argument",
    `\`${field}\` must be 1 to 63 of a-z, 0-9, dot, dash or underscore, beginning and ending with a letter or digit`,
  );
}
