import { fromBase64Url, toBase64Url } from "#src/base/bytes.ts";
import { isIdentifier, isJsonObject } from "./shape.ts";

/**
 * A personal value in an event: sealed under a key of its subject. Destroying that key erases the value everywhere, and
 * the chain still verifies, because it hashes the sealed bytes.
 */
export type PersonalValue = {
  /** Base64url of the ciphertext. */
  readonly sealed: string;
  /** The random id of the one whose key opens it. */
  readonly subject: string;
};

/** The JSON of a personal value, from its ciphertext. */
export function personalValue(subject: string, ciphertext: Uint8Array): PersonalValue {
  return { sealed: toBase64Url(ciphertext), subject };
}

/** The place in an event that a personal value is sealed for. */
export function personalPlace(eventId: string, member: string): string {
  return `event ${eventId} ${member}`;
}

/** What a personal value's ciphertext is bound to: it opens for this tenant, subject and place alone. */
export function personalBinding(tenant: string, subject: string, place: string): readonly string[] {
  return ["personal", tenant, subject, place];
}

/** Whether a JSON value has exactly the shape of a personal value. */
export function isPersonalValue(value: unknown): value is PersonalValue {
  if (!isJsonObject(value) || Object.keys(value).length !== 2) return false;
  return isIdentifier(value["subject"]) && typeof value["sealed"] === "string" && isBase64Url(value["sealed"]);
}

/** The ciphertext of a personal value. */
export function personalCiphertext(value: PersonalValue): Uint8Array {
  return fromBase64Url(value.sealed);
}

/** Every personal value in a JSON value, at any depth, in the order of the text. */
export function collectPersonalValues(value: unknown): PersonalValue[] {
  if (isPersonalValue(value)) return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.values(value).flatMap(collectPersonalValues);
}

function isBase64Url(text: string): boolean {
  try {
    return fromBase64Url(text).length > 0;
  } catch {
    return false;
  }
}
