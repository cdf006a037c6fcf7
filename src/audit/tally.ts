import type { SubjectId, TenantId } from "#src/base/ids.ts";
import type { Log } from "#src/base/log.ts";
import type { Recorder } from "./recorder.ts";

/** What is worth recording, but not once for each time it happens. */
export interface Occurrence {
  readonly tenant: TenantId;
  readonly type: string;
  readonly actor: SubjectId | "system";
  /** Small and the same for each occurrence: it is part of what is counted together. */
  readonly data: Readonly<Record<string, string>>;
}

/** Counts what floods and records it once a minute: refused credentials, requests beyond a rate, refused writs. */
export interface Tally {
  count(occurrence: Occurrence): void;
  /** Records what was counted since the last time. */
  flush(): Promise<void>;
}

/** Different things counted at a time; beyond it what is new is counted as `other`, so that memory stays bounded. */
const MAX_KINDS = 1000;

/** Makes a tally; whoever owns it calls `flush` once a minute and at the end. */
export function createTally(recorder: Recorder, log: Log): Tally {
  let counts = new Map<string, { readonly occurrence: Occurrence; count: number }>();
  return {
    count: (occurrence) => {
      const key = JSON.stringify([occurrence.tenant, occurrence.type, occurrence.actor, occurrence.data]);
      const known = counts.get(key);
      if (known !== undefined) known.count += 1;
      else if (counts.size < MAX_KINDS) counts.set(key, { occurrence, count: 1 });
      else countOther(counts, occurrence);
    },
    flush: async () => {
      const flushed = counts;
      counts = new Map();
      for (const { occurrence, count } of flushed.values()) {
        const { tenant, type, actor, data } = occurrence;
        await recorder
          .record({ tenant, type, actor, data: { ...data, count }, countsAgainstQuota: true })
          .catch((error: unknown) => log.warn("a tally was not recorded", { type, count, error: String(error) }));
      }
    },
  };
}

function countOther(
  counts: Map<string, { readonly occurrence: Occurrence; count: number }>,
  { tenant, type }: Occurrence,
): void {
  const key = `other ${tenant} ${type}`;
  const known = counts.get(key);
  if (known !== undefined) known.count += 1;
  else counts.set(key, { occurrence: { tenant, type, actor: "system", data: { of: "other" } }, count: 1 });
}
