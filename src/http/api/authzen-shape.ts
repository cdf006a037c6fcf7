import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import type { AccessEntity, AccessRequest } from "#src/decision/pdp-request.ts";
import { anyObject, choice, integer, isObject, type ObjectOf, object, optional, type Shape, text } from "../shape.ts";

/** Longest type, id and action name, in UTF-16 code units. */
const MAX_NAME = 4096;

/** An object with at least these members: AuthZEN 1.0 section 10.1.1 has receivers ignore fields that they do not know. */
function open<const F extends Readonly<Record<string, Shape<unknown>>>>(fields: F): Shape<ObjectOf<F>> {
  const strict = object(fields);
  const names = Object.keys(fields);
  return {
    schema: { ...strict.schema, additionalProperties: true },
    parse: (json, place) => {
      if (!isObject(json)) return strict.parse(json, place);
      const known: Record<string, Json> = Object.create(null);
      for (const name of names) if (Object.hasOwn(json, name)) known[name] = json[name] as Json;
      return strict.parse(known, place);
    },
  };
}

const NAME = text({ min: 0, max: MAX_NAME });
const PROPERTIES = optional(anyObject("attributes; stored ones win over them"));
const ENTITY = open({ type: NAME, id: NAME, properties: PROPERTIES });
/** What is looked for: its id is ignored, whatever it is. */
const SOUGHT = open({ type: NAME, properties: PROPERTIES });
const ACTION = open({ name: NAME, properties: PROPERTIES });
const CONTEXT = optional(anyObject("any members but `writ`"));
const PAGE = optional(
  open({ token: optional(NAME), limit: optional(integer(0, Number.MAX_SAFE_INTEGER)), properties: PROPERTIES }),
);
const OPTIONS = optional(
  open({
    evaluations_semantic: optional(choice(["execute_all", "deny_on_first_deny", "permit_on_first_permit"])),
    reasons: optional({
      schema: { type: "boolean", description: "whether every answer says which policies decided" },
      parse: (json: Json) => json === true,
    }),
  }),
);

/** One question. */
export const EVALUATION = open({
  subject: ENTITY,
  action: ACTION,
  resource: ENTITY,
  context: CONTEXT,
  options: OPTIONS,
});

/** Many, or one; what an entry leaves out is the default beside the list. */
export const EVALUATIONS = open({
  subject: optional(ENTITY),
  action: optional(ACTION),
  resource: optional(ENTITY),
  context: CONTEXT,
  options: OPTIONS,
  evaluations: optional({
    schema: { type: "array", items: { type: "object" } },
    parse: (json: Json, place: string): readonly JsonObject[] => {
      if (Array.isArray(json) && json.every((entry) => isObject(entry))) return json as readonly JsonObject[];
      throw new WritError("invalid_argument", `\`${place}\` must be a list of objects`, { details: { field: place } });
    },
  }),
});

/** A search for subjects. */
export const SEARCH_SUBJECT = open({ subject: SOUGHT, action: ACTION, resource: ENTITY, context: CONTEXT, page: PAGE });
/** A search for resources. */
export const SEARCH_RESOURCE = open({
  subject: ENTITY,
  action: ACTION,
  resource: SOUGHT,
  context: CONTEXT,
  page: PAGE,
});
/** A search for actions. */
export const SEARCH_ACTION = open({ subject: ENTITY, resource: ENTITY, context: CONTEXT, page: PAGE });

/** A batch's entries, each with the defaults for what it leaves out. A default that no entry uses need not be whole. */
export function withDefaults(
  defaults: Partial<AccessRequest>,
  entries: readonly JsonObject[],
): readonly AccessRequest[] {
  return entries.map((entry, i) => {
    const place = `evaluations[${i}]`;
    const own = PARTIAL.parse(entry, place);
    const subject = own.subject ?? defaults.subject ?? missing(place, "subject");
    const action = own.action ?? defaults.action ?? missing(place, "action");
    const resource = own.resource ?? defaults.resource ?? missing(place, "resource");
    const context = own.context ?? defaults.context;
    return { subject, action, resource, ...(context === undefined ? {} : { context }) };
  });
}

const PARTIAL = open({
  subject: optional(ENTITY),
  action: optional(ACTION),
  resource: optional(ENTITY),
  context: CONTEXT,
});

function missing(place: string, name: string): never {
  const field = `${place}.${name}`;
  throw new WritError("invalid_argument", `\`${field}\` is missing`, { details: { field } });
}

/** What is looked for, as an entity without a name. */
export function unnamed(sought: Omit<AccessEntity, "id">): AccessEntity {
  return { ...sought, id: "" };
}
