import type { Recorder } from "#src/audit/recorder.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { SubjectId, TenantId } from "#src/base/ids.ts";
import { revokeWrit } from "#src/store/writs.ts";
import { parseTokenCid } from "#src/ucan/envelope.ts";

/** Takes back what was granted before it ends by itself. */
export interface Revocations {
  /** Refuses the writ or delegation of this CID, and all below it, from now on. `conflict` where it is revoked already. */
  revokeCid(tenant: TenantId, actor: SubjectId, cid: string): Promise<void>;
}

/** Makes the service of revocations. */
export function createRevocations(recorder: Recorder, clock: Clock): Revocations {
  return {
    revokeCid: async (tenant, actor, cid) => {
      const canonical = parseCid(cid);
      await recorder.record({
        tenant,
        type: "writ.revoked",
        actor,
        statements: [revokeWrit(tenant, canonical, clock.now())],
        data: { cid: canonical },
        raisesEpoch: true,
        ignoresClock: true,
      });
    },
  };
}

function parseCid(cid: string): string {
  try {
    return parseTokenCid(cid).toString();
  } catch (cause) {
    throw new WritError("invalid_argument", "`cid` is the CID of a writ: bafyrei…", { cause });
  }
}
