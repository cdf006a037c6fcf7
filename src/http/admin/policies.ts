import { toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { ActivationRow, PolicyVersionSummary } from "#src/store/policies.ts";
import type { Exchange } from "../exchange.ts";
import type { Reply } from "../reply.ts";
import { type Route, route } from "../route.ts";
import { flag, integer, integerText, object, optional, text } from "../shape.ts";

const MAX_SOURCE_CHARACTERS = 16 * 2 ** 20;
/** Ten thousand policies with room to spare. */
const MAX_BODY_BYTES = 20 * 2 ** 20;
const MAX_VERSION = Number.MAX_SAFE_INTEGER;
const MAX_ACTIVATIONS = 100;
const SOURCE = text({ min: 0, max: MAX_SOURCE_CHARACTERS, description: "Cedar policies" });
const VERSION = /^[1-9][0-9]{0,15}$/;
const EXPECTED = optional(integer(0, MAX_VERSION, "the version that must be deciding; 0 for none"));
const LISTED = object({ limit: optional(integerText(1, 500)), before: optional(integerText(1, MAX_VERSION)) });

/** A tenant's policies over time. */
export const POLICY_ROUTES: readonly Route[] = [
  ...["/v1/admin/policies", "/v1/admin/policies/versions"].map((path) =>
    route({
      method: "GET",
      path,
      summary: "List policy versions, newest first",
      who: ["admin", "operator"],
      query: LISTED,
      answers: { 200: "The versions, without their sources" },
      handle: async (exchange, _body, { limit, before }) => {
        const { tenant } = await exchange.manager();
        const versions = await exchange.services.policies.list(tenant, limit, before);
        return { json: { versions: versions.map(renderListed) } };
      },
    }),
  ),
  ...["/v1/admin/policies/{version}", "/v1/admin/policies/versions/{version}"].map((path) =>
    route({
      method: "GET",
      path,
      summary: "Show a policy version with its source, by number or as `active`",
      who: ["admin", "operator"],
      answers: { 200: "The version, and when it began to decide" },
      handle: (exchange) => showVersion(exchange, readVersion(exchange.param("version"))),
    }),
  ),
  route({
    method: "GET",
    path: "/v1/admin/policies/versions/{version}/diff",
    summary: "Say what differs between two policy versions",
    who: ["admin", "operator"],
    query: object({
      against: optional(integerText(0, MAX_VERSION, "the older version; the one before unless stated, 0 for none")),
    }),
    answers: { 200: "Policies added, removed and changed, by their ids" },
    handle: async (exchange, _body, { against }) => {
      const { tenant } = await exchange.manager();
      const { policies } = exchange.services;
      const asked = readVersion(exchange.param("version"));
      const version = asked ?? (await policies.show(tenant)).version;
      const before = against ?? version - 1;
      return { json: { version, against: before, ...(await policies.diff(tenant, before, version)) } };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/policies/activations",
    summary: "List when policy versions began to decide, and by whom, newest first",
    who: ["admin", "operator"],
    query: object({ limit: optional(integerText(1, 500)) }),
    answers: { 200: "The activations" },
    handle: async (exchange, _body, { limit = MAX_ACTIVATIONS }) => {
      const { tenant } = await exchange.manager();
      const rows = await exchange.services.policies.activations(tenant, limit);
      return { json: { activations: rows.map(renderActivation) } };
    },
  }),
  route({
    method: "PUT",
    path: "/v1/admin/policies",
    summary: "Make a new policy version, which decides from now on unless it is a draft",
    who: ["admin", "operator"],
    maxBodyBytes: MAX_BODY_BYTES,
    body: object({
      source: SOURCE,
      message: optional(text({ min: 0, max: 1000 })),
      activate: optional(flag("false makes a draft, which decides nothing; true unless stated")),
      expected_version: EXPECTED,
    }),
    answers: { 200: "The version" },
    errors: ["policy_invalid", "policy_slice_too_large", "conflict"],
    handle: async (exchange, { source, message = "", activate = true, expected_version: expected }) => {
      const { tenant, subject } = await exchange.manager();
      const version = await exchange.services.policies.put(tenant, subject, {
        source,
        message,
        activate,
        ...(expected === undefined ? {} : { expectedVersion: expected }),
      });
      return { json: renderListed(version) };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/policies/versions/{version}/activation",
    summary: "Let a stored policy version decide",
    who: ["admin", "operator"],
    body: object({ expected_version: EXPECTED }),
    answers: { 200: "The version" },
    errors: ["conflict"],
    handle: (exchange, { expected_version: expected }) => {
      const version = readVersion(exchange.param("version"));
      if (version === undefined) throw new WritError("not_found");
      return activate(exchange, version, expected, false);
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/policies/check",
    summary: "Say what is wrong with policies under the tenant's schema, and store nothing",
    who: ["admin", "operator"],
    maxBodyBytes: MAX_BODY_BYTES,
    body: object({ source: SOURCE }),
    answers: { 200: "The problems; none for policies that are valid" },
    handle: async (exchange, { source }) => {
      const { tenant } = await exchange.manager();
      const { policies, problems, warnings } = await exchange.services.policies.check(tenant, source);
      return { json: { ok: problems.length === 0, policies, problems, warnings } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/policies/rollback",
    summary: "Let an older policy version decide again",
    who: ["admin", "operator"],
    body: object({ version: integer(1, MAX_VERSION), expected_version: EXPECTED }),
    answers: { 200: "The version" },
    errors: ["conflict"],
    handle: (exchange, { version, expected_version: expected }) => activate(exchange, version, expected, true),
  }),
];

/** A number, or undefined for the active one. Throws `not_found` for what is neither. */
function readVersion(name: string): number | undefined {
  if (name === "active") return undefined;
  if (!VERSION.test(name)) throw new WritError("not_found");
  return Number(name);
}

async function showVersion(exchange: Exchange, asked: number | undefined): Promise<Reply> {
  const { tenant } = await exchange.manager();
  const { policies } = exchange.services;
  const { source, ...version } = await policies.show(tenant, asked);
  const activations = await policies.activations(tenant, MAX_ACTIVATIONS, version.version);
  return { json: { ...renderListed(version), activations: activations.map(renderActivation), source } };
}

async function activate(
  exchange: Exchange,
  version: number,
  expected: number | undefined,
  isRollback: boolean,
): Promise<Reply> {
  const { tenant, subject } = await exchange.manager();
  const { policies } = exchange.services;
  await policies.activate(tenant, subject, version, {
    isRollback,
    ...(expected === undefined ? {} : { expectedVersion: expected }),
  });
  const { source: _source, ...active } = await policies.show(tenant, version);
  return { json: renderListed(active) };
}

function renderListed(version: PolicyVersionSummary & { readonly active: boolean }): object {
  return {
    version: version.version,
    sha256: version.sha256,
    author: version.author,
    message: version.message,
    created_at: toRfc3339(version.createdAt),
    policies: version.policies,
    schema_version: version.schemaVersion,
    active: version.active,
  };
}

function renderActivation({ version, schemaVersion, previous, kind, actor, at }: ActivationRow): object {
  return { version, schema_version: schemaVersion, previous, kind, by: actor, at: toRfc3339(at) };
}
