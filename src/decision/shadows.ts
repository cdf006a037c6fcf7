import type { Recorder } from "#src/audit/recorder.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { SubjectId, TenantId } from "#src/base/ids.ts";
import type { ShadowCounts } from "#src/store/jobs/shadow-differences.ts";
import { readPolicyVersion } from "#src/store/policies.ts";
import type { Reader } from "#src/store/reader.ts";
import type { JobOptions, ReaderPool } from "#src/store/reader-pool.ts";
import { deleteShadow, putShadow, readShadow, type ShadowRow } from "#src/store/shadow.ts";

/** A version that is tried, and what it would have decided differently since it is. */
export interface ShadowReport extends ShadowRow {
  readonly counts: ShadowCounts;
}

/** Tries a policy version beside the active one: on every decision, recorded and never enforced. */
export interface Shadows {
  /** Shadows a version from the next decision on, in place of the one that is. `not_found` for a version. */
  start(tenant: TenantId, actor: SubjectId, version: number): Promise<ShadowRow>;
  /** `not_found` where none is shadowed. */
  stop(tenant: TenantId, actor: SubjectId): Promise<void>;
  /** What it has shown, counted from the chain; `not_found` where none is shadowed. */
  show(tenant: TenantId, options?: JobOptions): Promise<ShadowReport>;
}

/** What {@link createShadows} needs. */
export interface ShadowsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly pool: ReaderPool;
  readonly clock: Clock;
}

/** Makes the service. */
export function createShadows({ recorder, reader, pool, clock }: ShadowsDependencies): Shadows {
  const requireShadow = async (tenant: TenantId): Promise<ShadowRow> => {
    const row = await readShadow(reader, tenant);
    if (row === undefined) throw new WritError("not_found", "no policy version is shadowed");
    return row;
  };
  return {
    start: async (tenant, actor, version) => {
      if ((await readPolicyVersion(reader, tenant, version)) === undefined) {
        throw new WritError("not_found", "there is no such policy version");
      }
      const previous = await readShadow(reader, tenant);
      const row: ShadowRow = { version, startedAt: clock.now(), startedBy: actor };
      await recorder.record({
        tenant,
        type: "policy.shadow_started",
        actor,
        statements: [putShadow(tenant, row)],
        data: { version, ...(previous === undefined ? {} : { previous: previous.version }) },
        raisesEpoch: true,
      });
      return row;
    },
    stop: async (tenant, actor) => {
      const { version } = await requireShadow(tenant);
      await recorder.record({
        tenant,
        type: "policy.shadow_stopped",
        actor,
        statements: [deleteShadow(tenant, version)],
        data: { version },
        raisesEpoch: true,
      });
    },
    show: async (tenant, options) => {
      const row = await requireShadow(tenant);
      const input = { tenant, version: row.version, since: row.startedAt };
      return { ...row, counts: (await pool.run("shadow", input, options)).result };
    },
  };
}
