import type { JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import { MAX_ENTITY_ID_CHARACTERS, MAX_IMPORTED } from "#src/decision/entities.ts";
import type { EntityJson } from "#src/policy/closure.ts";
import { type EntityUid, readEntityUid } from "#src/policy/scope.ts";
import type { Exchange } from "../exchange.ts";
import { MAX_PAGE_ENTRIES, toPage } from "../page.ts";
import { type Route, route } from "../route.ts";
import { anyObject, integerText, list, object, optional, type Shape, text } from "../shape.ts";

const MAX_BODY_BYTES = 20 * 2 ** 20;
const ROLES = ["admin", "operator"] as const;
const TYPE = text({ max: 200, description: "a Cedar entity type" });
const ID = text({ min: 0, max: MAX_ENTITY_ID_CHARACTERS });
const MEMBERS = {
  attrs: optional(anyObject('Cedar\'s JSON; entities as `{"__entity": {"type": …, "id": …}}`')),
  parents: optional(list(anyObject('`{"type": …, "id": …}`'), 200)),
  tags: optional(anyObject()),
};
/** Entities by name in the query: an id can hold anything, slashes and dots too. */
const NAMED = object({ type: TYPE, id: ID });
const ENTITY: Shape<JsonObject> = anyObject("an entity of Cedar's JSON: `uid`, `attrs`, `parents`, `tags`");

/** What the tenant says of the world: for decisions, and for searches. */
export const ENTITY_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/entities",
    summary: "List stored entities by type and id",
    who: ROLES,
    query: object({
      type: optional(TYPE),
      after: optional(text({ max: 16_384, description: "the `next` of the page before" })),
      limit: optional(integerText(1, MAX_PAGE_ENTRIES)),
    }),
    answers: { 200: "A page of entities, and `next` where more may follow" },
    handle: async (exchange, _body, { type, after, limit }) => {
      const { tenant } = await exchange.manager();
      const page = toPage(limit === undefined ? {} : { limit });
      const entities = await exchange.services.entities.list(tenant, {
        limit: page.limit,
        ...(type === undefined ? {} : { type }),
        ...(after === undefined ? {} : { after: readCursor(after) }),
      });
      const last = entities.at(-1);
      const next = last === undefined || entities.length < page.limit ? {} : { next: writeCursor(last) };
      return { json: { entities, ...next } };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/entities/one",
    summary: "Show a stored entity by its type and id",
    who: ROLES,
    query: NAMED,
    answers: { 200: "The entity" },
    handle: async (exchange, _body, uid) => {
      const { tenant } = await exchange.manager();
      return { json: await exchange.services.entities.show(tenant, uid) };
    },
  }),
  route({
    method: "PUT",
    path: "/v1/admin/entities/one",
    summary: "Store an entity in place of the one of its type and id",
    who: ROLES,
    query: NAMED,
    body: object(MEMBERS),
    answers: { 200: "The entity" },
    errors: ["conflict"],
    handle: async (exchange, { attrs = {}, parents = [], tags }, { type, id }) => {
      const entity = { uid: { type, id }, attrs, parents, ...(tags === undefined ? {} : { tags }) };
      const [stored] = await put(exchange, [entity]);
      return { json: stored };
    },
  }),
  route({
    method: "DELETE",
    path: "/v1/admin/entities/one",
    summary: "Remove a stored entity",
    who: ROLES,
    query: NAMED,
    answers: { 204: "It is gone" },
    errors: ["conflict"],
    handle: async (exchange, _body, uid) => {
      const { tenant, subject } = await exchange.manager();
      await exchange.services.entities.remove(tenant, subject, uid);
      return { status: 204 };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/entities/import",
    summary: "Store many entities of Cedar's JSON, all or none",
    who: ROLES,
    maxBodyBytes: MAX_BODY_BYTES,
    body: object({ entities: list(ENTITY, MAX_IMPORTED) }),
    answers: { 200: "How many" },
    errors: ["conflict"],
    handle: async (exchange, { entities }) => ({ json: { count: (await put(exchange, entities)).length } }),
  }),
];

async function put(exchange: Exchange, entities: readonly JsonObject[]): Promise<readonly EntityJson[]> {
  const { tenant, subject } = await exchange.manager();
  return exchange.services.entities.put(tenant, subject, entities);
}

function writeCursor({ uid }: EntityJson): string {
  const { type, id } = readEntityUid(uid);
  return Buffer.from(JSON.stringify([type, id])).toString("base64url");
}

function readCursor(text: string): EntityUid {
  try {
    const [type, id] = JSON.parse(Buffer.from(text, "base64url").toString("utf8")) as readonly unknown[];
    return readEntityUid({ type, id });
  } catch (cause) {
    throw new WritError("invalid_argument", "`after` is no page's `next`", { cause });
  }
}
