import type { SecretId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** A publisher whose bundles a tenant takes. */
export interface PublisherRow {
  readonly keyId: string;
  readonly publicKey: Uint8Array;
  readonly channel: string;
  readonly trustedAt: number;
}

/** The newest bundle that a tenant imported. */
export interface BundleRow {
  readonly keyId: string;
  readonly channel: string;
  readonly bundleVersion: number;
  /** Of the whole file. */
  readonly sha256: string;
  readonly madeAt: number;
  /** Null: it does not age. */
  readonly maxAgeSeconds: number | null;
  /** The policy version that it became. */
  readonly policyVersion: number;
  readonly importedAt: number;
}

/** Where a tenant looks for new bundles. */
export interface SourceRow {
  readonly kind: "folder" | "s3";
  /** JSON. */
  readonly location: string;
  /** Of a bucket's secret key. */
  readonly secretId: SecretId | null;
  readonly everySeconds: number;
  readonly followedAt: number;
}

/** How the last look at a source ended. */
export interface PollRow {
  readonly at: number;
  readonly outcome: "imported" | "unchanged" | "failed";
  readonly code: string | null;
  readonly detail: string | null;
  readonly succeededAt: number | null;
}

const PUBLISHER_COLUMNS = "key_id AS keyId, public_key AS publicKey, channel, trusted_at AS trustedAt";
const BUNDLE_COLUMNS = `key_id AS keyId, channel, bundle_version AS bundleVersion, sha256, made_at AS madeAt,
  max_age_seconds AS maxAgeSeconds, policy_version AS policyVersion, imported_at AS importedAt`;

export function insertPublisher(tenant: TenantId, row: PublisherRow): Statement {
  return {
    sql: `INSERT OR IGNORE INTO policy_publishers (tenant_id, key_id, public_key, channel, trusted_at)
      VALUES (?, ?, ?, ?, ?)`,
    params: [tenant, row.keyId, row.publicKey, row.channel, row.trustedAt],
    expectRows: 1,
  };
}

export function deletePublisher(tenant: TenantId, keyId: string): Statement {
  return {
    sql: "DELETE FROM policy_publishers WHERE tenant_id = ? AND key_id = ?",
    params: [tenant, keyId],
    expectRows: 1,
  };
}

/** Meets a row only while the key is pinned for this channel: nobody imports under a trust that has just ended. */
export function expectPublisher(tenant: TenantId, keyId: string, channel: string): Statement {
  return {
    sql: "UPDATE policy_publishers SET channel = channel WHERE tenant_id = ? AND key_id = ? AND channel = ?",
    params: [tenant, keyId, channel],
    expectRows: 1,
  };
}

export function readPublishers(reader: Reader, tenant: TenantId): Promise<PublisherRow[]> {
  return reader.all(`SELECT ${PUBLISHER_COLUMNS} FROM policy_publishers WHERE tenant_id = ? ORDER BY key_id`, [tenant]);
}

/** Compare and swap: of two imports that saw the same bundle before them, one is a conflict. */
export function putBundle(tenant: TenantId, row: BundleRow, previous: BundleRow | undefined): Statement {
  const values = [
    row.keyId,
    row.channel,
    row.bundleVersion,
    row.sha256,
    row.madeAt,
    row.maxAgeSeconds,
    row.policyVersion,
    row.importedAt,
  ];
  if (previous === undefined) {
    return {
      sql: `INSERT OR IGNORE INTO policy_bundles (tenant_id, key_id, channel, bundle_version, sha256, made_at,
        max_age_seconds, policy_version, imported_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      params: [tenant, ...values],
      expectRows: 1,
    };
  }
  return {
    sql: `UPDATE policy_bundles SET key_id = ?, channel = ?, bundle_version = ?, sha256 = ?, made_at = ?,
      max_age_seconds = ?, policy_version = ?, imported_at = ? WHERE tenant_id = ? AND sha256 = ? AND imported_at = ?`,
    params: [...values, tenant, previous.sha256, previous.importedAt],
    expectRows: 1,
  };
}

export function readBundle(reader: Reader, tenant: TenantId): Promise<BundleRow | undefined> {
  return reader.get(`SELECT ${BUNDLE_COLUMNS} FROM policy_bundles WHERE tenant_id = ?`, [tenant]);
}

/**
 * When the tenant's policies are too old to decide, in milliseconds; undefined where they do not age: none came in a
 * bundle, the bundle has no age, or its key is trusted no more, which ends its hold.
 */
export async function readStaleAt(reader: Reader, tenant: TenantId): Promise<number | undefined> {
  const row = await reader.get<{ staleAt: number | null }>(
    `SELECT bundle.made_at + bundle.max_age_seconds * 1000 AS staleAt FROM policy_bundles AS bundle
      JOIN policy_publishers AS publisher ON publisher.tenant_id = bundle.tenant_id AND publisher.key_id = bundle.key_id
      WHERE bundle.tenant_id = ?`,
    [tenant],
  );
  return row?.staleAt ?? undefined;
}

export function putSource(tenant: TenantId, row: SourceRow): Statement {
  return {
    sql: `INSERT INTO policy_sources (tenant_id, kind, location, secret_id, every_seconds, followed_at)
      VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant_id) DO UPDATE SET kind = excluded.kind,
      location = excluded.location, secret_id = excluded.secret_id, every_seconds = excluded.every_seconds, followed_at = excluded.followed_at`,
    params: [tenant, row.kind, row.location, row.secretId, row.everySeconds, row.followedAt],
    expectRows: 1,
  };
}

export function deleteSource(tenant: TenantId): Statement {
  return { sql: "DELETE FROM policy_sources WHERE tenant_id = ?", params: [tenant], expectRows: 1 };
}

export function readSource(reader: Reader, tenant: TenantId): Promise<SourceRow | undefined> {
  return reader.get(
    `SELECT kind, location, secret_id AS secretId, every_seconds AS everySeconds,
      followed_at AS followedAt FROM policy_sources WHERE tenant_id = ?`,
    [tenant],
  );
}

/** Bookkeeping without an event. */
export function touchPoll(tenant: TenantId, row: PollRow): Statement {
  return {
    sql: `INSERT INTO policy_polls (tenant_id, at, outcome, code, detail, succeeded_at) VALUES (?, ?, ?, ?, ?, ?)
      ON CONFLICT (tenant_id) DO UPDATE SET at = excluded.at, outcome = excluded.outcome, code = excluded.code,
      detail = excluded.detail, succeeded_at = coalesce(excluded.succeeded_at, succeeded_at)`,
    params: [tenant, row.at, row.outcome, row.code, row.detail, row.succeededAt],
  };
}

export function readPoll(reader: Reader, tenant: TenantId): Promise<PollRow | undefined> {
  return reader.get(
    "SELECT at, outcome, code, detail, succeeded_at AS succeededAt FROM policy_polls WHERE tenant_id = ?",
    [tenant],
  );
}

/** What a bundle takes back, as the statements that a revocation here would be; what is not known here is passed over. */
export function applyRevocations(
  tenant: TenantId,
  { writs, keys, agents }: RevokedNames,
  now: number,
): readonly Statement[] {
  const named = JSON.stringify;
  return [
    ...(writs.length === 0
      ? []
      : [
          {
            sql: "INSERT OR IGNORE INTO revocations (tenant_id, cid, at) SELECT ?, value, ? FROM json_each(?)",
            params: [tenant, now, named(writs)],
          },
        ]),
    ...(keys.length === 0
      ? []
      : [
          {
            sql: `UPDATE tokens SET revoked_at = ? WHERE tenant_id = ? AND revoked_at IS NULL
              AND token_id IN (SELECT value FROM json_each(?))`,
            params: [now, tenant, named(keys)],
          },
        ]),
    ...(agents.length === 0
      ? []
      : [
          {
            sql: `UPDATE agents SET status = 'disabled' WHERE tenant_id = ?1 AND status = 'active'
              AND (agent_id IN (SELECT value FROM json_each(?2)) OR did IN (SELECT value FROM json_each(?2)))`,
            params: [tenant, named(agents)],
          },
        ]),
  ];
}

/** CIDs, ids of credentials, and agents by id or DID. */
export interface RevokedNames {
  readonly writs: readonly string[];
  readonly keys: readonly string[];
  readonly agents: readonly string[];
}

/** What is revoked here, to be told elsewhere: the newest `limit` of each; agents by their DID. */
export async function readRevoked(reader: Reader, tenant: TenantId, limit: number): Promise<RevokedNames> {
  const names = async (sql: string): Promise<readonly string[]> =>
    (await reader.all<{ name: string }>(sql, [tenant, limit])).map(({ name }) => name);
  const [writs, keys, agents] = await Promise.all([
    names("SELECT cid AS name FROM revocations WHERE tenant_id = ? ORDER BY at DESC, cid LIMIT ?"),
    names(
      "SELECT token_id AS name FROM tokens WHERE tenant_id = ? AND revoked_at IS NOT NULL ORDER BY token_id DESC LIMIT ?",
    ),
    names("SELECT did AS name FROM agents WHERE tenant_id = ? AND status = 'disabled' ORDER BY agent_id DESC LIMIT ?"),
  ]);
  return { writs, keys, agents };
}

/** Active tenants that follow a source: of the whole instance, for the one job that looks for all of them. */
export function readFollowers(reader: Reader): Promise<(SourceRow & { readonly tenantId: TenantId })[]> {
  return reader.all(
    `SELECT source.tenant_id AS tenantId, source.kind, source.location, source.secret_id AS secretId,
      source.every_seconds AS everySeconds, source.followed_at AS followedAt FROM policy_sources AS source
      JOIN tenants ON tenants.tenant_id = source.tenant_id WHERE tenants.status = 'active' ORDER BY source.tenant_id`,
    [],
  );
}

/** Active tenants whose policies are too old to decide, and since when: for whoever runs the instance. */
export function readStaleTenants(
  reader: Reader,
  now: number,
): Promise<{ readonly name: string; readonly staleAt: number }[]> {
  return reader.all(
    `SELECT tenants.name, bundle.made_at + bundle.max_age_seconds * 1000 AS staleAt FROM policy_bundles AS bundle
      JOIN policy_publishers AS publisher ON publisher.tenant_id = bundle.tenant_id AND publisher.key_id = bundle.key_id
      JOIN tenants ON tenants.tenant_id = bundle.tenant_id
      WHERE tenants.status = 'active' AND bundle.made_at + bundle.max_age_seconds * 1000 <= ? ORDER BY tenants.name`,
    [now],
  );
}
