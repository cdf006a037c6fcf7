import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import type { EntityUid } from "#src/policy/scope.ts";

/** How deep values may nest. */
const MAX_DEPTH = 16;
const MAX_SHOWN = 200;
const MAX_TYPE_CHARACTERS = 200;
const TYPE_NAME = /^[A-Za-z_][A-Za-z0-9_]*(?:::[A-Za-z_][A-Za-z0-9_]*)*$/;
/** What Cedar's grammar keeps for itself. */
const RESERVED_WORDS: ReadonlySet<string> = new Set([
  "true",
  "false",
  "if",
  "then",
  "else",
  "in",
  "is",
  "like",
  "has",
  "__cedar",
]);

/** Whether a name can be an entity type in Cedar. Types of actions are not for entities. */
export function isEntityType(name: string): boolean {
  if (name.length > MAX_TYPE_CHARACTERS || !TYPE_NAME.test(name)) return false;
  const segments = name.split("::");
  return segments.at(-1) !== "Action" && !segments.some((segment) => RESERVED_WORDS.has(segment));
}

/** Whether a name is a type of actions: `Action`, or one in a namespace. */
export function isActionType(name: string): boolean {
  return name === "Action" || (name.endsWith("::Action") && isEntityType(name.slice(0, -"::Action".length)));
}

/** Whether values may use Cedar's escapes `__entity` and `__extn`: not in what nobody vouches for. */
export type EscapeRule = "escapes" | "plain";

/**
 * Why a value cannot stand in Cedar: it has no null and no fractions, and its escapes have one form. Undefined where it
 * can; entities that it refers to are added to `references`.
 */
export function whyNotCedar(
  value: Json,
  place: string,
  rule: EscapeRule,
  references: EntityUid[] = [],
  depth = 0,
): string | undefined {
  if (value === null) return `\`${place.slice(0, MAX_SHOWN)}\` is null, which policies cannot see`;
  if (typeof value === "number") {
    return Number.isSafeInteger(value)
      ? undefined
      : `\`${place.slice(0, MAX_SHOWN)}\` is not a whole number that policies can see`;
  }
  if (typeof value !== "object") return undefined;
  if (depth > MAX_DEPTH) return `\`${place.slice(0, MAX_SHOWN)}\` is nested too deep`;
  const escaped = Array.isArray(value) ? undefined : escapeOf(value as JsonObject);
  if (escaped !== undefined) return whyNotEscape(value as JsonObject, escaped, place, rule, references);
  for (const [name, member] of Object.entries(value)) {
    const why = whyNotCedar(member, `${place}.${name}`, rule, references, depth + 1);
    if (why !== undefined) return why;
  }
  return undefined;
}

/** The first name that Cedar may take for an escape. */
function escapeOf(value: JsonObject): string | undefined {
  return Object.keys(value).find((name) => name.startsWith("__"));
}

function whyNotEscape(
  value: JsonObject,
  name: string,
  place: string,
  rule: EscapeRule,
  references: EntityUid[],
): string | undefined {
  const shown = place.slice(0, MAX_SHOWN);
  if (rule === "plain") return `\`${shown}\` has a key that begins with two underscores`;
  const inner = value[name];
  const only = Object.keys(value).length === 1;
  if (only && name === "__entity" && isUid(inner)) {
    references.push({ type: inner.type, id: inner.id });
    return undefined;
  }
  if (only && name === "__extn" && isExtension(inner)) return undefined;
  return `\`${shown}\` is neither an \`__entity\` of a type and an id nor an \`__extn\` of a function and its argument`;
}

function isUid(value: Json | undefined): value is JsonObject & { readonly type: string; readonly id: string } {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { type, id } = value as JsonObject;
  return (
    Object.keys(value).length === 2 &&
    typeof type === "string" &&
    typeof id === "string" &&
    (isEntityType(type) || isActionType(type))
  );
}

function isExtension(value: Json | undefined): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const { fn, arg } = value as JsonObject;
  return Object.keys(value).length === 2 && typeof fn === "string" && typeof arg === "string";
}
