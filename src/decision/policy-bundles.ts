import { type Recorder, refusedError } from "#src/audit/recorder.ts";
import { equalBytes, fromUtf8 } from "#src/base/bytes.ts";
import type { JsonObject } from "#src/base/canonical-json.ts";
import { type Clock, toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { SubjectId, TenantId } from "#src/base/ids.ts";
import { parseName } from "#src/base/names.ts";
import { MAX_REVOCATIONS, type ReadBundle } from "#src/policy/bundle.ts";
import type { PublisherKey } from "#src/policy/publisher-key.ts";
import { putTypeMap, readTypeMap } from "#src/store/entities.ts";
import { readPolicyVersion } from "#src/store/policies.ts";
import {
  applyRevocations,
  type BundleRow,
  deletePublisher,
  expectPublisher,
  insertPublisher,
  type PublisherRow,
  putBundle,
  readBundle,
  readPublishers,
  readRevoked,
  readStaleAt,
} from "#src/store/policy-bundles.ts";
import type { Reader } from "#src/store/reader.ts";
import type { ReaderPool } from "#src/store/reader-pool.ts";
import type { Blob, Statement } from "#src/store/unit.ts";
import { isEntityType } from "./cedar-value.ts";
import { type PolicyMaker, preparePolicies } from "./policy-delivery.ts";
import { extensionOf, type PolicyValidator } from "./policy-validator.ts";
import { readStanding } from "./policy-versions.ts";

/** What became of an import. */
export interface ImportedBundle {
  readonly outcome: "imported" | "unchanged";
  readonly bundle: BundleRow;
}

/** What holds for a tenant's bundles. */
export interface BundleStatus {
  readonly publishers: readonly PublisherRow[];
  /** The newest that was imported. */
  readonly bundle: BundleRow | undefined;
  /** Milliseconds; undefined where its policies do not age. */
  readonly staleAt: number | undefined;
  readonly isStale: boolean;
}

/** What a bundle of the tenant as it is now would hold, in the bundle's own form. */
export type BundleContent = Pick<ReadBundle, "policies" | "schema" | "typeMap" | "revocations">;

/** Policies that a publisher signs, and tenants that take them. */
export interface PolicyBundles {
  status(tenant: TenantId): Promise<BundleStatus>;
  /** Takes bundles of this key and channel from now on; `conflict` where the key is trusted already. */
  trust(tenant: TenantId, actor: SubjectId, key: PublisherKey, channel: string): Promise<PublisherRow>;
  /** Takes none any more, and ends the hold that the age of a bundle of this key has; `not_found`. */
  untrust(tenant: TenantId, actor: SubjectId, keyId: string): Promise<void>;
  /**
   * Imports a bundle, whole or not at all: policies, schema, type map and revocations hold from the next request on. One
   * that was imported last is `unchanged`.
   *
   * Throws `bundle_invalid`, `bundle_untrusted`, `bundle_rollback` for one that is not newer, `policy_invalid` and
   * `policy_slice_too_large` for its policies, `conflict` where the ground keeps moving.
   *
   * @param allowRollback takes an older one too, and records that it was
   */
  import(
    tenant: TenantId,
    actor: SubjectId | "system",
    file: Uint8Array,
    options?: { readonly allowRollback?: boolean },
  ): Promise<ImportedBundle>;
  /** For a publisher to sign. */
  content(tenant: TenantId): Promise<BundleContent>;
}

/** What {@link createPolicyBundles} needs. */
export interface PolicyBundlesDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly pool: ReaderPool;
  readonly validator: PolicyValidator;
  readonly clock: Clock;
}

const MAX_ATTEMPTS = 4;
/** How far the publisher's clock may be ahead. */
const CLOCK_TOLERANCE_MS = 300_000;

/** Makes the service. */
export function createPolicyBundles(dependencies: PolicyBundlesDependencies): PolicyBundles {
  const { recorder, reader, pool, clock } = dependencies;

  const tryImport = async (
    tenant: TenantId,
    actor: SubjectId | "system",
    read: ReadBundle,
    text: string,
    allowRollback: boolean,
  ): Promise<ImportedBundle | undefined> => {
    await requireTrusted(reader, tenant, read);
    const previous = await readBundle(reader, tenant);
    if (previous?.sha256 === read.sha256) return { outcome: "unchanged", bundle: previous };
    const isRollback = previous !== undefined && read.version <= previous.bundleVersion;
    if (isRollback && !allowRollback) throw olderThan(previous, read);
    const prepared = await preparePolicies(dependencies, tenant, makerOf(actor, read));
    const bundle: BundleRow = {
      keyId: read.key,
      channel: read.channel,
      bundleVersion: read.version,
      sha256: read.sha256,
      madeAt: read.madeAt,
      maxAgeSeconds: read.maxAgeSeconds,
      policyVersion: prepared.version,
      importedAt: clock.now(),
    };
    const result = await recorder.tryRecord({
      tenant,
      type: "policy.bundle_imported",
      actor,
      statements: [
        expectPublisher(tenant, read.key, read.channel),
        putBundle(tenant, bundle, previous),
        ...prepared.statements,
        ...typeMapOf(tenant, read, clock.now()),
        ...applyRevocations(tenant, read.revocations, clock.now()),
      ],
      data: { ...describeBundle(read, previous, isRollback), ...prepared.data },
      blobs: [...prepared.blobs, blobOf(read, text)],
      raisesEpoch: true,
    });
    if (result.kind === "committed") return { outcome: "imported", bundle };
    if (result.reason !== "conflict") throw refusedError(result.reason);
    return undefined;
  };

  return {
    status: async (tenant) => {
      const [publishers, bundle, staleAt] = await Promise.all([
        readPublishers(reader, tenant),
        readBundle(reader, tenant),
        readStaleAt(reader, tenant),
      ]);
      return { publishers, bundle, staleAt, isStale: staleAt !== undefined && clock.now() >= staleAt };
    },
    trust: async (tenant, actor, { id, publicKey }, channel) => {
      const row = { keyId: id, publicKey, channel: parseName(channel, "channel"), trustedAt: clock.now() };
      await recorder.record({
        tenant,
        type: "policy.publisher_trusted",
        actor,
        statements: [insertPublisher(tenant, row)],
        data: { key: id, channel: row.channel },
        raisesEpoch: true,
      });
      return row;
    },
    untrust: async (tenant, actor, keyId) => {
      const known = (await readPublishers(reader, tenant)).find((row) => row.keyId === keyId);
      if (known === undefined) throw new WritError("not_found");
      await recorder.record({
        tenant,
        type: "policy.publisher_untrusted",
        actor,
        statements: [deletePublisher(tenant, keyId)],
        data: { key: keyId, channel: known.channel },
        raisesEpoch: true,
      });
    },
    import: async (tenant, actor, file, { allowRollback = false } = {}) => {
      const { result: read } = await pool.run("bundle", { file });
      if (read.madeAt > clock.now() + CLOCK_TOLERANCE_MS) {
        const made = toRfc3339(read.madeAt);
        throw new WritError("bundle_invalid", `the policy bundle was made at ${made}, which is later than this clock`);
      }
      const text = fromUtf8(file);
      for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
        const imported = await tryImport(tenant, actor, read, text, allowRollback);
        if (imported !== undefined) return imported;
      }
      throw new WritError("conflict", "the policies keep changing at the same time");
    },
    content: async (tenant) => {
      const { version, schemaVersion } = await readStanding(reader, tenant);
      const [row, schema, map, revoked] = await Promise.all([
        version === 0 ? undefined : readPolicyVersion(reader, tenant, version),
        extensionOf(reader, tenant, schemaVersion),
        readTypeMap(reader, tenant),
        readRevoked(reader, tenant, MAX_REVOCATIONS),
      ]);
      return {
        policies: row?.source ?? "",
        schema: schemaVersion === 0 ? null : schema,
        typeMap: map === undefined ? null : (JSON.parse(map) as ReadBundle["typeMap"]),
        revocations: revoked,
      };
    },
  };
}

async function requireTrusted(reader: Reader, tenant: TenantId, read: ReadBundle): Promise<void> {
  const known = (await readPublishers(reader, tenant)).find(({ keyId }) => keyId === read.key);
  if (known === undefined || !equalBytes(known.publicKey, read.publicKey)) {
    throw new WritError("bundle_untrusted", `the tenant trusts no publisher with the key \`${read.key}\``);
  }
  if (known.channel !== read.channel) {
    throw new WritError(
      "bundle_untrusted",
      `the key \`${read.key}\` is trusted for the channel \`${known.channel}\`, the bundle is for \`${read.channel}\``,
    );
  }
}

function olderThan(previous: BundleRow, read: ReadBundle): WritError {
  const which = `bundle version ${read.version} is not newer than version ${previous.bundleVersion}, which was imported last`;
  return new WritError("bundle_rollback", which, {
    details: { imported: previous.bundleVersion, offered: read.version },
  });
}

function makerOf(actor: SubjectId | "system", read: ReadBundle): PolicyMaker {
  return {
    actor,
    source: read.policies,
    schema: read.schema,
    message: `bundle ${read.version} of ${read.channel}`,
  };
}

function typeMapOf(tenant: TenantId, { typeMap }: ReadBundle, now: number): readonly Statement[] {
  if (typeMap === null) return [];
  const { subject_types, resource_types, actions } = typeMap;
  for (const [, type] of [...subject_types, ...resource_types]) {
    if (!isEntityType(type)) {
      throw new WritError(
        "bundle_invalid",
        `the policy bundle maps to \`${type.slice(0, 100)}\`, which is no entity type`,
      );
    }
  }
  return [putTypeMap(tenant, JSON.stringify({ subject_types, resource_types, actions }), now)];
}

function describeBundle(read: ReadBundle, previous: BundleRow | undefined, isRollback: boolean): JsonObject {
  const { writs, keys, agents } = read.revocations;
  return {
    bundle: { ref: `sha256:${read.sha256}` },
    key: read.key,
    channel: read.channel,
    bundle_version: read.version,
    ...(previous === undefined ? {} : { previous_bundle: previous.bundleVersion }),
    ...(isRollback ? { rolled_back: true } : {}),
    made_at: toRfc3339(read.madeAt),
    max_age_seconds: read.maxAgeSeconds,
    revoked: { writs: writs.length, keys: keys.length, agents: agents.length },
  };
}

/** The file itself: whoever has the evidence can read what was imported and check who signed it. */
function blobOf({ sha256 }: ReadBundle, text: string): Blob {
  return { sha256, bytes: text };
}
