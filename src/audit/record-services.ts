import { join } from "node:path";
import { toHex } from "#src/base/bytes.ts";
import type { Clock } from "#src/base/clock.ts";
import type { IdSource, TenantId } from "#src/base/ids.ts";
import type { Dialer } from "#src/io/dial.ts";
import type { Reader } from "#src/store/reader.ts";
import type { ReaderPool } from "#src/store/reader-pool.ts";
import { type Audit, createAudit } from "./audit.ts";
import { createSubjects, type Subjects, type SubjectsDependencies } from "./erasure.ts";
import type { PersonalOpener } from "./event-view.ts";
import { createEvidence, type Evidence, type SubjectKeySource } from "./evidence.ts";
import { createScheduledJobs, type ScheduledJobs } from "./jobs.ts";
import { createOverviews, type Overviews } from "./overview.ts";
import type { Recorder } from "./recorder.ts";
import { createStreams, type Streams, type StreamsDependencies } from "./streams.ts";
import type { ValueSealer } from "./value-sealer.ts";

/** What reads the chains, and what lets others read them. */
export interface RecordServices {
  readonly audit: Audit;
  readonly overviews: Overviews;
  readonly evidence: Evidence;
  readonly subjects: Subjects;
  readonly streams: Streams;
  readonly jobs: ScheduledJobs;
}

/** What {@link createRecordServices} needs. */
export interface RecordServicesDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly pool: ReaderPool;
  readonly keys: PersonalOpener & SubjectKeySource & ValueSealer & { forget(tenant: TenantId): void };
  readonly dialer: Dialer;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly publicUrl: string;
  readonly dataFolder: string;
  readonly instanceTenant: TenantId;
  readonly profileOf: SubjectsDependencies["profileOf"];
  readonly observeStream: StreamsDependencies["observe"];
}

/** Makes the services. */
export function createRecordServices(dependencies: RecordServicesDependencies): RecordServices {
  const { recorder, reader, pool, keys, ids, clock, instanceTenant, profileOf } = dependencies;
  const evidence = createEvidence({ recorder, reader, pool, keys, clock });
  return {
    audit: createAudit({ pool, reader, opener: keys, clock }),
    overviews: createOverviews({ pool, reader, clock }),
    evidence,
    subjects: createSubjects({
      recorder,
      reader,
      evidence,
      keys,
      clock,
      instanceTenant,
      profileOf,
      forgetKeys: keys.forget,
    }),
    streams: createStreams({
      recorder,
      reader,
      keys,
      dialer: dependencies.dialer,
      ids,
      clock,
      hostname: new URL(dependencies.publicUrl).hostname,
      folder: join(dependencies.dataFolder, "streams"),
      observe: dependencies.observeStream,
    }),
    jobs: createScheduledJobs({ recorder, reader, clock, instanceTenant, processId: toHex(ids.random(8)) }),
  };
}
