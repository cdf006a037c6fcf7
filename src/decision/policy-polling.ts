import type { Recorder } from "#src/audit/recorder.ts";
import { fromUtf8, utf8 } from "#src/base/bytes.ts";
import type { Clock } from "#src/base/clock.ts";
import { isWritError, messageOf, WritError } from "#src/base/errors.ts";
import { type IdSource, newId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import { readObject } from "#src/io/object-store.ts";
import { MAX_BUNDLE_BYTES } from "#src/policy/bundle.ts";
import {
  deleteSource,
  type PollRow,
  putSource,
  readFollowers,
  readPoll,
  readSource,
  type SourceRow,
  touchPoll,
} from "#src/store/policy-bundles.ts";
import type { Reader } from "#src/store/reader.ts";
import { deleteSecretsBefore, insertSecret, readSecret, type SecretRow } from "#src/store/secrets.ts";
import type { Statement } from "#src/store/unit.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";
import type { BundleSource, OpenBundleSource } from "./bundle-source.ts";
import type { PolicyBundles } from "./policy-bundles.ts";

/** What a tenant follows, and how the last look ended. */
export interface Following {
  readonly source: BundleSource;
  readonly everySeconds: number;
  readonly followedAt: number;
  readonly lastPoll: PollRow | undefined;
}

/** Looks for new bundles where a tenant was told to. */
export interface PolicyPolling {
  /**
   * Looks there from now on, in place of where it looked before. Nothing is imported that an import would refuse, and
   * nothing is ever rolled back.
   *
   * @param secret of a bucket
   */
  follow(
    tenant: TenantId,
    actor: SubjectId,
    source: BundleSource,
    everySeconds: number,
    secret?: string,
  ): Promise<void>;
  /** `not_found` where it follows nothing. */
  unfollow(tenant: TenantId, actor: SubjectId): Promise<void>;
  show(tenant: TenantId): Promise<Following | undefined>;
  /** Looks once, now. What fails is in the answer: the last known good goes on deciding. `not_found` as above. */
  poll(tenant: TenantId): Promise<PollRow>;
  /** Looks for every tenant whose time has come. */
  pollDue(): Promise<void>;
}

/** What {@link createPolicyPolling} needs. */
export interface PolicyPollingDependencies {
  readonly bundles: Pick<PolicyBundles, "import">;
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly keys: Pick<TenantKeys, "sealValue" | "openValue">;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly openStore: OpenBundleSource;
}

/** The one object that a source holds: a publisher replaces it. */
export const BUNDLE_OBJECT = "policies.bundle";
const SECRET_VERSION = 1;
const MAX_DETAIL = 500;
/** Sources that are slow keep few others waiting, and bundles are large. */
const AT_ONCE = 4;

/** Makes it. */
export function createPolicyPolling(dependencies: PolicyPollingDependencies): PolicyPolling {
  const { bundles, recorder, reader, keys, ids, clock, openStore } = dependencies;

  const look = async (tenant: TenantId, row: SourceRow): Promise<PollRow["outcome"]> => {
    const store = openStore(locationOf(row), await openSecret(tenant, row));
    const object = await store.get(BUNDLE_OBJECT);
    if (object === undefined) {
      throw new WritError("not_found", `there is no \`${BUNDLE_OBJECT}\` in ${store.description}`);
    }
    return (await bundles.import(tenant, "system", await readObject(object, MAX_BUNDLE_BYTES))).outcome;
  };

  /** What is written waits for the next commit: until then it is only here. */
  const polls = new Map<TenantId, PollRow>();

  const lastPollOf = async (tenant: TenantId): Promise<PollRow | undefined> =>
    polls.get(tenant) ?? readPoll(reader, tenant);

  const sealSecret = async (tenant: TenantId, secret: string): Promise<SecretRow> => {
    const secretId = newId("secret", ids);
    const sealed = await keys.sealValue(tenant, secretId, SECRET_VERSION, utf8(secret));
    return { secretId, version: SECRET_VERSION, ...sealed, createdAt: clock.now() };
  };

  const openSecret = async (tenant: TenantId, { secretId }: SourceRow): Promise<string | undefined> => {
    if (secretId === null) return undefined;
    const row = await readSecret(reader, tenant, secretId, SECRET_VERSION);
    if (row === undefined) throw new WritError("key_material_missing", "the secret of the bucket is not there");
    return fromUtf8(await keys.openValue(tenant, secretId, SECRET_VERSION, row));
  };

  const poll = async (tenant: TenantId): Promise<PollRow> => {
    const row = await readSource(reader, tenant);
    if (row === undefined) throw new WritError("not_found", "the tenant follows no source of policy bundles");
    const polled = await look(tenant, row).then(
      (outcome): PollRow => ({ at: clock.now(), outcome, code: null, detail: null, succeededAt: clock.now() }),
      (error: unknown): PollRow => ({
        at: clock.now(),
        outcome: "failed",
        code: isWritError(error) ? error.code : "internal",
        detail: messageOf(error).slice(0, MAX_DETAIL),
        succeededAt: null,
      }),
    );
    const noted = { ...polled, succeededAt: polled.succeededAt ?? (await lastPollOf(tenant))?.succeededAt ?? null };
    polls.set(tenant, noted);
    recorder.touch([touchPoll(tenant, noted)]);
    return noted;
  };

  return {
    follow: async (tenant, actor, source, everySeconds, secret) => {
      // What cannot be opened at all is refused here, not found out by the first look.
      openStore(source, secret);
      const former = await readSource(reader, tenant);
      const sealed = secret === undefined ? undefined : await sealSecret(tenant, secret);
      const { kind, ...location } = source;
      const row: SourceRow = {
        kind,
        location: JSON.stringify(location),
        secretId: sealed?.secretId ?? null,
        everySeconds,
        followedAt: clock.now(),
      };
      await recorder.record({
        tenant,
        type: "policy.source_followed",
        actor,
        statements: [
          ...(sealed === undefined ? [] : [insertSecret(tenant, sealed)]),
          putSource(tenant, row),
          ...forgetSecret(tenant, former),
        ],
        data: { kind, ...location, every_seconds: everySeconds },
      });
    },
    unfollow: async (tenant, actor) => {
      const row = await readSource(reader, tenant);
      if (row === undefined) throw new WritError("not_found");
      await recorder.record({
        tenant,
        type: "policy.source_unfollowed",
        actor,
        statements: [deleteSource(tenant), ...forgetSecret(tenant, row)],
        data: { kind: row.kind },
      });
    },
    show: async (tenant) => {
      const row = await readSource(reader, tenant);
      if (row === undefined) return undefined;
      const { everySeconds, followedAt } = row;
      return { source: locationOf(row), everySeconds, followedAt, lastPoll: await lastPollOf(tenant) };
    },
    poll,
    pollDue: async () => {
      const due: TenantId[] = [];
      for (const row of await readFollowers(reader)) {
        if (isDue(row, await lastPollOf(row.tenantId), clock.now())) due.push(row.tenantId);
      }
      for (let at = 0; at < due.length; at += AT_ONCE) await Promise.all(due.slice(at, at + AT_ONCE).map(poll));
    },
  };
}

/** A look that is later than the clock is none: the clock was set back. */
function isDue({ everySeconds, followedAt }: SourceRow, last: PollRow | undefined, now: number): boolean {
  if (last === undefined || last.at < followedAt || last.at > now) return true;
  return now >= last.at + everySeconds * 1000;
}

function locationOf({ kind, location }: SourceRow): BundleSource {
  return { kind, ...(JSON.parse(location) as object) } as BundleSource;
}

/** The secret of a source that is followed no more is gone for good. */
function forgetSecret(tenant: TenantId, row: SourceRow | undefined): readonly Statement[] {
  return row === undefined || row.secretId === null
    ? []
    : [deleteSecretsBefore(tenant, row.secretId, SECRET_VERSION + 1)];
}
