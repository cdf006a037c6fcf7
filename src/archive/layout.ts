/** Where the parts of the archive lie below its prefix: the one place that knows. */

/** The names of a segment's objects. */
export interface SegmentKeys {
  readonly events: string;
  /** The documents that the events refer to; there is none where they refer to nothing. */
  readonly blobs: string;
  /** What the segment consists of; put last. */
  readonly manifest: string;
  /** The newest checkpoint of the day: it covers every segment of the day and all before. */
  readonly checkpoint: string;
}

/** Which events a segment holds. */
export interface SegmentPlace {
  readonly tenant: string;
  /** `yyyy-mm-dd`, UTC. */
  readonly date: string;
  readonly first: number;
  readonly last: number;
}

/** The names of a segment's objects. */
export function segmentKeys({ tenant, date, first, last }: SegmentPlace): SegmentKeys {
  const folder = `tenant=${tenant}/date=${date}`;
  return {
    events: `${folder}/events-${first}-${last}.parquet`,
    blobs: `${folder}/blobs-${first}-${last}.parquet`,
    manifest: `${folder}/manifest-${first}-${last}.json`,
    checkpoint: `${folder}/checkpoint.txt`,
  };
}

/** What the name of a segment's events says. */
export interface NamedSegment {
  /** What the keys beside it begin with: empty, or ends with `/`. */
  readonly folder: string;
  /** Where the path names it: a part of an archive may have been copied elsewhere. */
  readonly tenant: string | undefined;
  readonly first: number;
  readonly last: number;
}

const EVENTS = /^(|.*\/)events-([1-9]\d{0,15})-([1-9]\d{0,15})\.parquet$/;
const TENANT = /(?:^|\/)tenant=([a-z0-9_]{1,64})\//;

/** Reads the name of a segment's events, wherever it lies; undefined for the name of anything else. */
export function parseEventsKey(key: string): NamedSegment | undefined {
  const [, folder, first, last] = EVENTS.exec(key) ?? [];
  if (folder === undefined || Number(last) < Number(first)) return undefined;
  return { folder, tenant: TENANT.exec(folder)?.[1], first: Number(first), last: Number(last) };
}

/** The documents beside a segment's events. */
export function blobsKeyBeside({ folder, first, last }: Pick<NamedSegment, "folder" | "first" | "last">): string {
  return `${folder}blobs-${first}-${last}.parquet`;
}

/** The checkpoint beside a segment's events. */
export function checkpointKeyBeside(folder: string): string {
  return `${folder}checkpoint.txt`;
}

/** The start of the day of a time, in milliseconds, UTC. */
export function startOfDay(milliseconds: number): number {
  return Math.floor(milliseconds / DAY_MS) * DAY_MS;
}

/** Milliseconds of a day. */
export const DAY_MS = 86_400_000;
