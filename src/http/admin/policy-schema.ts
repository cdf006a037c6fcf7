import { toRfc3339 } from "#src/base/clock.ts";
import type { PolicySchema } from "#src/decision/policy-schemas.ts";
import { type Route, route } from "../route.ts";
import { choice, integer, integerText, object, optional, text } from "../shape.ts";

const MAX_SOURCE_CHARACTERS = 2 ** 20;
const MAX_BODY_BYTES = 4 * 2 ** 20;
const MAX_VERSION = Number.MAX_SAFE_INTEGER;

/** What policies are validated against: what connectors declare, and the tenant's own extension. */
export const POLICY_SCHEMA_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/policies/schema",
    summary: "Show the tenant's extension of the schema, or the whole schema",
    who: ["admin", "operator"],
    query: object({
      part: optional(choice(["extension", "whole"])),
      version: optional(integerText(0, MAX_VERSION, "of the extension; the active one unless stated")),
    }),
    answers: { 200: "The extension; version 0 is none" },
    handle: async (exchange, _body, { part = "extension", version }) => {
      const { tenant } = await exchange.manager();
      const { policySchemas } = exchange.services;
      if (part === "whole") {
        const { version: extension, hash, text: schema } = await policySchemas.whole(tenant);
        return { json: { version: extension, sha256: hash, schema } };
      }
      const shown = await policySchemas.show(tenant, version);
      return { json: { ...renderSchema(shown), source: shown.source } };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/policies/schema/versions",
    summary: "List versions of the tenant's extension of the schema, newest first",
    who: ["admin", "operator"],
    query: object({ limit: optional(integerText(1, 500)) }),
    answers: { 200: "The versions, without their sources" },
    handle: async (exchange, _body, { limit }) => {
      const { tenant } = await exchange.manager();
      return { json: { versions: (await exchange.services.policySchemas.list(tenant, limit)).map(renderSchema) } };
    },
  }),
  route({
    method: "PUT",
    path: "/v1/admin/policies/schema",
    summary: "Declare types and actions of the tenant's own; the deciding policies must stay valid",
    who: ["admin", "operator"],
    maxBodyBytes: MAX_BODY_BYTES,
    body: object({
      source: text({ min: 0, max: MAX_SOURCE_CHARACTERS, description: "Cedar's schema syntax" }),
      message: optional(text({ min: 0, max: 1000 })),
      expected_version: optional(integer(0, MAX_VERSION, "the version that must be active; 0 for none")),
    }),
    answers: { 200: "The version" },
    errors: ["policy_invalid", "conflict"],
    handle: async (exchange, { source, message = "", expected_version: expected }) => {
      const { tenant, subject } = await exchange.manager();
      const version = await exchange.services.policySchemas.put(tenant, subject, {
        source,
        message,
        ...(expected === undefined ? {} : { expectedVersion: expected }),
      });
      return { json: renderSchema(version) };
    },
  }),
];

function renderSchema({ version, sha256, author, message, createdAt, active }: PolicySchema): object {
  return {
    version,
    active,
    sha256,
    ...(version === 0 ? {} : { author, message, created_at: toRfc3339(createdAt) }),
  };
}
