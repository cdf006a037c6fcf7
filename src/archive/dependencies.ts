import type { Recorder } from "#src/audit/recorder.ts";
import type { Clock } from "#src/base/clock.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { Log } from "#src/base/log.ts";
import type { ArchiveConfig } from "#src/config/archive-config.ts";
import type { Signer } from "#src/crypto/ed25519.ts";
import type { ObjectStore } from "#src/io/object-store.ts";
import type { Reader } from "#src/store/reader.ts";
import type { ReaderPool } from "#src/store/reader-pool.ts";

/** Bounds of a segment; a day's events beyond one are the next one's. */
export interface SegmentBounds {
  readonly maxEvents: number;
  readonly maxBytes: number;
}

/** What the archive is made of. */
export interface ArchiveDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly pool: ReaderPool;
  readonly clock: Clock;
  readonly log: Log;
  readonly instanceId: string;
  /** The newest seal key that is published: it signs the checkpoints beside segments. */
  readonly signer: () => Promise<Signer>;
  /** Throws `disk_full` at the emergency reserve. */
  readonly checkCapacity: () => void;
  readonly listTenants: () => Promise<readonly TenantId[]>;
  readonly store: ObjectStore;
  readonly config: Omit<ArchiveConfig, "location">;
  /** A folder for files on their way; what it holds is worth nothing. */
  readonly stagingFolder: string;
  readonly bounds?: SegmentBounds;
}

/** What a segment has at most: files of some 100 MiB, which engines read in parallel. */
export const SEGMENT_BOUNDS: SegmentBounds = { maxEvents: 500_000, maxBytes: 512 * 2 ** 20 };
