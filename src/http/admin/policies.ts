import { toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { PolicyVersionSummary } from "#src/store/policies.ts";
import { type Route, route } from "../route.ts";
import { integer, integerText, object, optional, text } from "../shape.ts";

const MAX_SOURCE_CHARACTERS = 16 * 2 ** 20;
/** Ten thousand policies with room to spare. */
const MAX_BODY_BYTES = 20 * 2 ** 20;
const MAX_VERSION = Number.MAX_SAFE_INTEGER;
const SOURCE = text({ min: 0, max: MAX_SOURCE_CHARACTERS, description: "Cedar policies" });
const VERSION = /^[1-9][0-9]{0,15}$/;

/** A tenant's policies over time. */
export const POLICY_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/policies",
    summary: "List policy versions, newest first",
    who: ["admin", "operator"],
    query: object({ limit: optional(integerText(1, 500)) }),
    answers: { 200: "The versions, without their sources" },
    handle: async (exchange, _body, { limit }) => {
      const { tenant } = await exchange.manager();
      const versions = await exchange.services.policies.list(tenant, limit);
      return { json: { versions: versions.map((version) => ({ ...renderVersion(version), active: version.active })) } };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/policies/{version}",
    summary: "Show a policy version with its source, by number or as `active`",
    who: ["admin", "operator"],
    answers: { 200: "The version" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      const name = exchange.param("version");
      if (name !== "active" && !VERSION.test(name)) throw new WritError("not_found");
      const version = await exchange.services.policies.show(tenant, name === "active" ? undefined : Number(name));
      return { json: { ...renderVersion(version), active: version.active, source: version.source } };
    },
  }),
  route({
    method: "PUT",
    path: "/v1/admin/policies",
    summary: "Make a new policy version and let it decide from now on",
    who: ["admin", "operator"],
    maxBodyBytes: MAX_BODY_BYTES,
    body: object({ source: SOURCE, message: optional(text({ min: 0, max: 1000 })) }),
    answers: { 200: "The version" },
    errors: ["policy_invalid", "policy_slice_too_large"],
    handle: async (exchange, { source, message = "" }) => {
      const { tenant, subject } = await exchange.manager();
      const version = await exchange.services.policies.put(tenant, subject, source, message);
      return { json: { ...renderVersion(version), active: true } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/policies/check",
    summary: "Say what is wrong with policies, and store nothing",
    who: ["admin", "operator"],
    maxBodyBytes: MAX_BODY_BYTES,
    body: object({ source: SOURCE }),
    answers: { 200: "The problems; none for policies that are valid" },
    handle: async (exchange, { source }) => {
      await exchange.manager();
      const problems = await exchange.services.policies.check(source);
      return { json: { ok: problems.length === 0, problems } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/policies/rollback",
    summary: "Let an older policy version decide again",
    who: ["admin", "operator"],
    body: object({ version: integer(1, MAX_VERSION) }),
    answers: { 200: "The version" },
    handle: async (exchange, { version }) => {
      const { tenant, subject } = await exchange.manager();
      const { policies } = exchange.services;
      await policies.rollback(tenant, subject, version);
      const { source: _source, ...active } = await policies.show(tenant, version);
      return { json: { ...renderVersion(active), active: active.active } };
    },
  }),
];

function renderVersion(version: PolicyVersionSummary): Readonly<Record<string, unknown>> {
  return {
    version: version.version,
    sha256: version.sha256,
    author: version.author,
    message: version.message,
    created_at: toRfc3339(version.createdAt),
  };
}
