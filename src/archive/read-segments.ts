import { isWritError, WritError } from "#src/base/errors.ts";
import { type ObjectStore, readObject } from "#src/io/object-store.ts";
import { type OpenSegment, openSegment, type SegmentSource } from "#src/store/jobs/archive-read.ts";
import { parseEventsKey } from "./layout.ts";

/** A segment as it is found in a store: by the name of its events alone. */
export interface FoundSegment {
  /** Key of its events. */
  readonly key: string;
  /** What the keys beside it begin with: empty, or ends with `/`. */
  readonly folder: string;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/**
 * The segments in a store by tenant, in the order of their chains: of a whole archive, of one tenant's part of it, or of one
 * day. Whose a segment is says its path, or else the segment itself. Throws what the store throws.
 */
export async function findSegments(store: ObjectStore): Promise<ReadonlyMap<string, readonly FoundSegment[]>> {
  const found = new Map<string, FoundSegment[]>();
  for await (const { key, bytes } of store.list("")) {
    const named = parseEventsKey(key);
    if (named === undefined) continue;
    const segment = { key, bytes, folder: named.folder, first: named.first, last: named.last };
    const tenant = named.tenant ?? (await readTenant(store, segment));
    const segments = found.get(tenant);
    if (segments === undefined) found.set(tenant, [segment]);
    else segments.push(segment);
  }
  const sorted = [...found].sort(([a], [b]) => (a < b ? -1 : 1));
  return new Map(
    sorted.map(([tenant, list]) => [tenant, list.toSorted((a, b) => a.first - b.first || a.last - b.last)]),
  );
}

/** Opens a segment where it lies. */
export function openFound(store: ObjectStore, { key, bytes }: FoundSegment): Promise<OpenSegment> {
  return openSegment(sourceOf(store, key, bytes));
}

/** An object as a reader of Parquet asks for it. */
export function sourceOf(store: ObjectStore, key: string, bytes: number): SegmentSource {
  return {
    bytes,
    read: async (start, end) => {
      const download = await store.get(key, { start, end });
      const read = download === undefined ? undefined : await readObject(download, end - start);
      if (read?.length === end - start) return read;
      throw new WritError("verification_failed", `\`${key}\` is shorter than it was when it was listed`);
    },
  };
}

async function readTenant(store: ObjectStore, segment: FoundSegment): Promise<string> {
  try {
    return (await openFound(store, segment)).statement.tenant;
  } catch (error) {
    if (isWritError(error, "verification_failed")) return "";
    throw error;
  }
}
