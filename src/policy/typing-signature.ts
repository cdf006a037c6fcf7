import type { PolicyJson } from "./cedar.ts";

/**
 * What the validity of a policy depends on: two policies with the same signature are both valid under a schema, or neither
 * is, and for the same reasons.
 *
 * Cedar looks at the text of a literal in few places: whether two literals of one policy are equal, the ids of actions and
 * of enumerated types, arguments of extension functions, patterns, and characters that look like others. There the text
 * stays; any other string is told by its place among the policy's strings.
 *
 * @param enumerated names of entity types whose ids the schema lists
 */
export function typingSignature(policy: PolicyJson, enumerated: ReadonlySet<string>): string {
  const { effect, principal, action, resource, conditions } = policy;
  const places = new Map<string, number>();
  const abstract = (text: string) => {
    if (!PLAIN.test(text)) return text;
    const place = places.get(text) ?? places.size;
    places.set(text, place);
    return place;
  };
  return JSON.stringify(
    [effect, principal, action, resource, conditions],
    function (this: unknown, key: string, value: unknown) {
      if (key === "id" && typeof value === "string") {
        const { type } = this as { type?: unknown };
        const isKept = typeof type !== "string" || ACTION.test(type) || enumerated.has(type);
        return isKept ? value : abstract(value);
      }
      if (key === "Value" && typeof value === "string") return { text: abstract(value) };
      return Array.isArray(value) && EXTENSION_ARGUMENTS.has(key) ? { verbatim: JSON.stringify(value) } : value;
    },
  );
}

/** Letters of one script: nothing in them can be taken for something else. */
const PLAIN = /^[\x20-\x7e]*$/;
const ACTION = /(?:^|::)Action$/;

/** Names of Cedar's functions whose literal arguments are read when a policy is validated. */
const EXTENSION_ARGUMENTS: ReadonlySet<string> = new Set(["datetime", "duration", "ip", "decimal"]);
