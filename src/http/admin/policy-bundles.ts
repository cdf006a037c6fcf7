import { toBase64, utf8 } from "#src/base/bytes.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { BundleSource } from "#src/decision/bundle-source.ts";
import type { BundleStatus } from "#src/decision/policy-bundles.ts";
import type { Following } from "#src/decision/policy-polling.ts";
import { MAX_BUNDLE_BYTES } from "#src/policy/bundle.ts";
import { parsePublisherKey } from "#src/policy/publisher-key.ts";
import type { BundleRow, PollRow, PublisherRow } from "#src/store/policy-bundles.ts";
import type { Manager } from "../caller.ts";
import type { Exchange } from "../exchange.ts";
import { type Route, route } from "../route.ts";
import { choice, flag, integer, object, optional, text, union, type ValueOf } from "../shape.ts";

const PATH = "/v1/admin/policies/bundles";
/** A bundle inside a JSON string, in which line feeds and quotes are escaped. */
const MAX_BODY_BYTES = 2 * MAX_BUNDLE_BYTES;
const DEFAULT_EVERY_SECONDS = 60;
const SECRET = text({ max: 1024, description: "sealed at once, never shown again" });

const SOURCE = union("kind", {
  folder: object({ kind: choice(["folder"]), path: text({ max: 1000 }), every_seconds: optional(integer(1, 86_400)) }),
  s3: object({
    kind: choice(["s3"]),
    endpoint: text({ max: 300 }),
    bucket: text({ max: 63 }),
    prefix: optional(text({ min: 0, max: 500 })),
    region: optional(text({ max: 60 })),
    access_key: text({ max: 200 }),
    secret_key: SECRET,
    every_seconds: optional(integer(1, 86_400)),
  }),
});

/** Policies that a publisher signs for tenants elsewhere. */
export const POLICY_BUNDLE_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: PATH,
    summary: "Show which publishers are trusted, the bundle in force, and what is followed",
    who: ["admin", "operator"],
    answers: { 200: "All of it" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      const { policyBundles, policyPolling } = exchange.services;
      const [status, following] = await Promise.all([policyBundles.status(tenant), policyPolling.show(tenant)]);
      return { json: renderStatus(status, following) };
    },
  }),
  route({
    method: "POST",
    path: PATH,
    summary: "Import a signed policy bundle, whole or not at all",
    who: ["admin", "operator"],
    maxBodyBytes: MAX_BODY_BYTES,
    body: object({
      bundle: text({ max: MAX_BUNDLE_BYTES, description: "the file, as it is" }),
      allow_rollback: optional(flag("takes one that is not newer too, and records that")),
    }),
    answers: { 200: "What became of it" },
    errors: [
      "bundle_invalid",
      "bundle_untrusted",
      "bundle_rollback",
      "policy_invalid",
      "policy_slice_too_large",
      "conflict",
    ],
    handle: async (exchange, { bundle, allow_rollback: allowRollback = false }) => {
      const { tenant, subject } = await exchange.manager();
      const imported = await exchange.services.policyBundles.import(tenant, subject, utf8(bundle), { allowRollback });
      return { json: { outcome: imported.outcome, bundle: renderBundle(imported.bundle) } };
    },
  }),
  route({
    method: "GET",
    path: `${PATH}/content`,
    summary: "Give what a bundle of this tenant would hold, for a publisher to sign",
    who: ["admin", "operator"],
    answers: { 200: "Policies, schema, type map and revocations" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      const { policies, schema, typeMap, revocations } = await exchange.services.policyBundles.content(tenant);
      return { json: { policies, schema, type_map: typeMap, revocations } };
    },
  }),
  route({
    method: "POST",
    path: `${PATH}/publishers`,
    summary: "Trust a publisher's key for a channel",
    who: ["admin", "operator"],
    body: object({ public_key: text({ max: 200 }), channel: optional(text({ max: 63 })) }),
    answers: { 201: "The publisher" },
    errors: ["conflict"],
    handle: async (exchange, { public_key: publicKey, channel = "default" }) => {
      const { tenant, subject } = await exchange.manager();
      const key = parsePublisherKey(publicKey);
      return {
        status: 201,
        json: renderPublisher(await exchange.services.policyBundles.trust(tenant, subject, key, channel)),
      };
    },
  }),
  route({
    method: "DELETE",
    path: `${PATH}/publishers/{key}`,
    summary: "Trust a publisher's key no more; the policies that it brought stay",
    who: ["admin", "operator"],
    answers: { 204: "It is trusted no more" },
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      await exchange.services.policyBundles.untrust(tenant, subject, exchange.param("key"));
      return { status: 204 };
    },
  }),
  route({
    method: "PUT",
    path: `${PATH}/source`,
    summary: "Look for new bundles in a folder of the host (the operator alone) or in a bucket",
    who: ["admin", "operator"],
    body: SOURCE,
    answers: { 200: "What is followed" },
    handle: async (exchange, body) => {
      const manager = await exchange.manager();
      const { source, secret, everySeconds } = readSource(manager, body);
      const { policyPolling } = exchange.services;
      await policyPolling.follow(manager.tenant, manager.subject, source, everySeconds, secret);
      return { json: renderFollowing(await policyPolling.show(manager.tenant)) ?? {} };
    },
  }),
  route({
    method: "DELETE",
    path: `${PATH}/source`,
    summary: "Look for new bundles no more",
    who: ["admin", "operator"],
    answers: { 204: "Nothing is followed" },
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      await exchange.services.policyPolling.unfollow(tenant, subject);
      return { status: 204 };
    },
  }),
  route({
    method: "POST",
    path: `${PATH}/source/poll`,
    summary: "Look for a new bundle now",
    who: ["admin", "operator"],
    answers: { 200: "How the look ended" },
    handle: async (exchange: Exchange) => {
      const { tenant } = await exchange.manager();
      return { json: renderPoll(await exchange.services.policyPolling.poll(tenant)) };
    },
  }),
];

/** Files of the host are its operator's: a tenant's administrator must not have the server look around on it. */
function readSource(
  { isOperator }: Manager,
  body: ValueOf<typeof SOURCE>,
): { readonly source: BundleSource; readonly secret: string | undefined; readonly everySeconds: number } {
  const { every_seconds: everySeconds = DEFAULT_EVERY_SECONDS } = body;
  if (body.kind === "folder") {
    if (!isOperator) throw new WritError("forbidden", "a folder of the host is for the instance operator to follow");
    return { source: { kind: "folder", path: body.path }, secret: undefined, everySeconds };
  }
  const { endpoint, bucket, prefix = "", region = "us-east-1", access_key, secret_key: secret } = body;
  return { source: { kind: "s3", endpoint, bucket, prefix, region, access_key }, secret, everySeconds };
}

function renderStatus(
  { publishers, bundle, staleAt, isStale }: BundleStatus,
  following: Following | undefined,
): object {
  return {
    publishers: publishers.map(renderPublisher),
    bundle: bundle === undefined ? null : renderBundle(bundle),
    stale_at: staleAt === undefined ? null : toRfc3339(staleAt),
    stale: isStale,
    source: renderFollowing(following),
  };
}

function renderPublisher({ keyId, publicKey, channel, trustedAt }: PublisherRow): object {
  return { key: keyId, public_key: toBase64(publicKey), channel, trusted_at: toRfc3339(trustedAt) };
}

function renderBundle(row: BundleRow): object {
  return {
    version: row.bundleVersion,
    channel: row.channel,
    key: row.keyId,
    sha256: row.sha256,
    made_at: toRfc3339(row.madeAt),
    max_age_seconds: row.maxAgeSeconds,
    policy_version: row.policyVersion,
    imported_at: toRfc3339(row.importedAt),
  };
}

function renderFollowing(following: Following | undefined): object | null {
  if (following === undefined) return null;
  const { source, everySeconds, followedAt, lastPoll } = following;
  return {
    ...source,
    every_seconds: everySeconds,
    followed_at: toRfc3339(followedAt),
    last_poll: lastPoll === undefined ? null : renderPoll(lastPoll),
  };
}

function renderPoll({ at, outcome, code, detail, succeededAt }: PollRow): object {
  return {
    outcome,
    at: toRfc3339(at),
    code,
    detail,
    succeeded_at: succeededAt === null ? null : toRfc3339(succeededAt),
  };
}
