import { WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { ReplayReport } from "#src/policy/replay.ts";
import { ReplayTotal } from "#src/policy/replay-total.ts";
import type { ReplayAgainst, ReplayOutcome } from "#src/store/jobs/replay-chain.ts";
import { readPolicySummary } from "#src/store/policies.ts";
import type { Reader } from "#src/store/reader.ts";
import type { JobOptions, ReaderPool } from "#src/store/reader-pool.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";
import { type PolicyValidator, refusalOf } from "./policy-validator.ts";
import { readStanding } from "./policy-versions.ts";

/** Makes recorded decisions again and counts what comes out differently. */
export interface PolicyReplays {
  /**
   * All decisions of the tenant and all answers to AuthZEN's questions since a time, in milliseconds, newest first.
   * Against `recorded` nothing may differ: what does was not decided as it is written.
   *
   * A draft is validated as a new version is. Throws `policy_invalid` and `policy_slice_too_large` for it, `not_found` for a version, `verification_failed` for
   * a record that does not open.
   */
  replay(tenant: TenantId, against: ReplayAgainst, since: number, options?: JobOptions): Promise<ReplayReport>;
}

/** What {@link createPolicyReplays} needs. */
export interface PolicyReplaysDependencies {
  readonly keys: Pick<TenantKeys, "subjectKeys">;
  readonly reader: Reader;
  readonly pool: ReaderPool;
  readonly validator: Pick<PolicyValidator, "check">;
}

/** Subjects whose keys one part of a replay is given. */
const MAX_KEYS = 10_000;

/**
 * Makes the service. Records are opened where they are decided, on the reader's thread, with the keys of those who are in
 * them: the thread asks for the ones that it meets, holds them for one part of the work, and nothing else of it crosses.
 */
export function createPolicyReplays({ keys, reader, pool, validator }: PolicyReplaysDependencies): PolicyReplays {
  const requireDecidable = async (tenant: TenantId, against: ReplayAgainst): Promise<void> => {
    if (against === "recorded") return;
    if ("source" in against) {
      const { schemaVersion } = await readStanding(reader, tenant);
      const outcome = await validator.check(tenant, against.source, schemaVersion);
      if (outcome.kind !== "valid") throw refusalOf(outcome);
    } else if (against.version !== 0 && (await readPolicySummary(reader, tenant, against.version)) === undefined) {
      throw new WritError("not_found", "there is no such policy version");
    }
  };

  return {
    replay: async (tenant, against, since, options) => {
      await requireDecidable(tenant, against);
      const total = new ReplayTotal();
      let held: ReadonlyMap<string, Uint8Array | null> = new Map();
      let before = Number.MAX_SAFE_INTEGER;
      for (;;) {
        const input = { tenant, against, since, before, keys: held };
        const { report, rest }: ReplayOutcome = (await pool.run("replay", input, options)).result;
        total.add(report);
        if (rest === undefined) return total.report();
        before = rest.before;
        // Where it holds too many, it is told all anew: only those of the next page then.
        if (held.size > MAX_KEYS) held = new Map();
        else held = new Map([...held, ...(await keys.subjectKeys(tenant, rest.missing))]);
      }
    },
  };
}
