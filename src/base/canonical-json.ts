import { WritError } from "./errors.ts";

/** A JSON value. Objects may have a null prototype: use `Object.keys`, never `hasOwnProperty` on them. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
/** A JSON object. */
export interface JsonObject {
  readonly [key: string]: Json;
}

/**
 * The RFC 8785 (JCS) form of a value: keys sorted by UTF-16 code units, ECMAScript numbers and strings, no white space.
 *
 * `undefined` members are left out, as in JSON. Throws `json_lone_surrogate` for half a surrogate pair (RFC 8785 section
 * 3.2.2.2), `invalid_argument` for NaN, infinities and anything that is not JSON.
 */
export function canonicalize(value: unknown): string {
  switch (typeof value) {
    case "string":
      return canonicalString(value);
    case "number":
      if (!Number.isFinite(value)) throw new WritError("invalid_argument", "not a JSON number");
      return Object.is(value, -0) ? "0" : String(value);
    case "boolean":
      return value ? "true" : "false";
    case "object":
      return value === null ? "null" : canonicalContainer(value);
    default:
      throw new WritError("invalid_argument", `a ${typeof value} is not JSON`);
  }
}

// Stands for itself between quotes: nearly every string does, and finding out costs a third of serialising it.
const PLAIN = /^[ !#-[\]-~]*$/;

function canonicalString(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  if (!text.isWellFormed()) throw new WritError("json_lone_surrogate");
  return JSON.stringify(text);
}

function canonicalContainer(value: object): string {
  if (Array.isArray(value)) {
    let text = "[";
    for (let i = 0; i < value.length; i += 1) text += (i === 0 ? "" : ",") + canonicalize(value[i]);
    return `${text}]`;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== null && prototype !== Object.prototype) {
    throw new WritError("invalid_argument", "only plain objects are JSON");
  }
  const record = value as Record<string, unknown>;
  let text = "{";
  for (const key of sortedKeys(record)) {
    const member = record[key];
    if (member === undefined) continue;
    text += `${text.length === 1 ? "" : ","}${canonicalString(key)}:${canonicalize(member)}`;
  }
  return `${text}}`;
}

/** Up to so many keys are sorted by insertion, which costs nothing where they are in order, and little where they are few. */
const FEW_KEYS = 32;

function sortedKeys(record: object): readonly string[] {
  const keys = Object.keys(record);
  if (keys.length > FEW_KEYS) return keys.sort();
  for (let i = 1; i < keys.length; i += 1) {
    const key = keys[i] as string;
    let at = i;
    for (; at > 0 && (keys[at - 1] as string) > key; at -= 1) keys[at] = keys[at - 1] as string;
    keys[at] = key;
  }
  return keys;
}
