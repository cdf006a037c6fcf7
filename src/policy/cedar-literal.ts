import { WritError } from "#src/base/errors.ts";

/** What a slot of a template can hold. An entity is given by its id alone: the template fixes its type. */
export const SLOT_KINDS = [
  "entity",
  "entities",
  "command",
  "commands",
  "string",
  "strings",
  "pattern",
  "long",
  "count",
  "duration",
  "datetime",
] as const;
export type SlotKind = (typeof SLOT_KINDS)[number];

/** What a slot is filled with: lists for the kinds in the plural, a whole number for `long` and `count`, else a string. */
export type SlotValue = string | number | readonly string[];

const MAX_CHARACTERS = 16_384;
const MAX_LIST = 1000;
const COMMAND = /^(?:(?:\/[a-z0-9][a-z0-9._-]*)+|tier:(?:read|write|danger))$/;
const DURATION = /^(?=.)(?:\d{1,9}d)?(?:\d{1,9}h)?(?:\d{1,9}m)?(?:\d{1,9}s)?(?:\d{1,9}ms)?$/;
const DATETIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d{3})?Z)?$/;
/** Everything but letters, digits, punctuation and the plain space: invisible or able to turn text around. */
const UNSEEN = /[^\p{L}\p{N}\p{P}\p{S} ]/gu;

/**
 * The Cedar literals that a slot's value stands for, one for each of a list. Every value of every template passes through
 * here: whatever text it is, the result is one complete literal. Throws `invalid_argument` for a value that is not of the
 * kind; the message does not name the slot.
 */
export function renderLiterals(kind: SlotKind, value: SlotValue): readonly string[] {
  switch (kind) {
    case "entity":
    case "string":
      return [quote(text(value))];
    case "entities":
    case "strings":
      return texts(value).map(quote);
    case "command":
      return [quote(matching(value, COMMAND, "a command such as `/github/issues/create`, or a tier"))];
    case "commands":
      return texts(value).map((each) => quote(matching(each, COMMAND, "commands such as `/github/issues/create`")));
    case "pattern":
      return [`"${text(value).split("*").map(escapeText).join("*")}"`];
    case "long":
      return [String(integer(value))];
    case "count":
      return [quote(String(positive(value)))];
    case "duration":
      return [quote(matching(value, DURATION, "a duration such as `8h30m`"))];
    case "datetime":
      return [quote(datetime(value))];
  }
}

/** A string as a Cedar literal. */
export function quote(value: string): string {
  return `"${escapeText(value)}"`;
}

function escapeText(value: string): string {
  return value
    .replace(/[\\"]/g, (character) => `\\${character}`)
    .replace(UNSEEN, (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`);
}

function text(value: SlotValue): string {
  if (typeof value !== "string") throw new WritError("invalid_argument", "a string was expected");
  if (value.length > MAX_CHARACTERS) throw new WritError("invalid_argument", `more than ${MAX_CHARACTERS} characters`);
  if (!value.isWellFormed()) throw new WritError("invalid_argument", "half of a surrogate pair");
  return value;
}

function texts(value: SlotValue): readonly string[] {
  if (!Array.isArray(value)) throw new WritError("invalid_argument", "a list of strings was expected");
  if (value.length === 0 || value.length > MAX_LIST)
    throw new WritError("invalid_argument", `a list of 1 to ${MAX_LIST} was expected`);
  return (value as readonly SlotValue[]).map(text);
}

function matching(value: SlotValue, pattern: RegExp, what: string): string {
  if (typeof value !== "string" || value.length > 200 || !pattern.test(value)) {
    throw new WritError("invalid_argument", `${what} was expected`);
  }
  return value;
}

function datetime(value: SlotValue): string {
  const stated = matching(value, DATETIME, "a time such as `2026-01-31` or `2026-01-31T09:00:00Z`");
  const time = new Date(stated);
  // A day that a month does not have is one that a lenient reader moves.
  if (Number.isNaN(time.getTime()) || time.toISOString().slice(0, 10) !== stated.slice(0, 10)) {
    throw new WritError("invalid_argument", "a day or time that does not exist");
  }
  return stated;
}

function integer(value: SlotValue): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) {
    throw new WritError("invalid_argument", "a whole number was expected");
  }
  return value === 0 ? 0 : value;
}

function positive(value: SlotValue): number {
  const number = integer(value);
  if (number < 1 || number > 1000) throw new WritError("invalid_argument", "a number from 1 to 1000 was expected");
  return number;
}
