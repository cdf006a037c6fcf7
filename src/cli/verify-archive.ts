import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { type LakeReport, type VerifySegmentsOptions, verifySegments } from "#src/archive/verify-segments.ts";
import { systemClock } from "#src/base/clock.ts";
import { parseStoreLocation, type StoreLocation } from "#src/config/archive-config.ts";
import { parseConfig } from "#src/config/config.ts";
import { systemIdSource } from "#src/crypto/random.ts";
import { createAddressPolicy } from "#src/io/addresses.ts";
import { createDialer, type Dialer } from "#src/io/dial.ts";
import type { ObjectStore } from "#src/io/object-store.ts";
import { createFolderStore } from "#src/io/object-store-folder.ts";
import { openObjectStore } from "#src/io/object-store-open.ts";
import { databasePath } from "#src/store/database.ts";
import type { CommandContext } from "./command.ts";

const BUCKET = "s3://";
const SEGMENT = /(?:^|\/)events-\d+-\d+\.parquet$/;

/** Whether a path of the command line is an archive: an address of a bucket, or a folder with segments and no database. */
export function isArchivePath(path: string): boolean {
  if (path.startsWith(BUCKET)) return true;
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() !== true) return false;
  if (statSync(databasePath(path), { throwIfNoEntry: false }) !== undefined) return false;
  return hasSegments(path, 3);
}

/** Verifies an archive where it lies. */
export async function verifyArchivePath(
  { environment }: Pick<CommandContext, "environment">,
  path: string,
  options: VerifySegmentsOptions,
): Promise<LakeReport> {
  const opened = openStoreAt({ environment }, path);
  try {
    return await verifySegments(opened.store, options);
  } finally {
    opened.close();
  }
}

/** A store that a command line names, reached from this process, and how to give it up. */
export function openStoreAt(
  { environment }: Pick<CommandContext, "environment">,
  path: string,
): { readonly store: ObjectStore; close(): void } {
  if (!path.startsWith(BUCKET)) return { store: createFolderStore(path), close: () => undefined };
  const raw = environment();
  const location = parseStoreLocation("WRIT_ARCHIVE_URL", path, raw);
  const { allowRanges, upstreamProxy, upstreamCaFile } = parseConfig(raw);
  const dialer = createDialer({
    addressPolicy: createAddressPolicy({
      grantedRanges: allowRanges.map((range) => range.text),
      ownAddresses: [],
    }),
    ...(upstreamProxy === undefined ? {} : { proxy: new URL(upstreamProxy) }),
    ...(upstreamCaFile === undefined ? {} : { caCertificates: [readFileSync(upstreamCaFile, "utf8")] }),
  });
  return { store: openBucket(location, dialer), close: () => dialer.close() };
}

function openBucket(location: StoreLocation, dialer: Dialer): ObjectStore {
  const random = (): number => new DataView(Uint8Array.from(systemIdSource.random(4)).buffer).getUint32(0) / 2 ** 32;
  return openObjectStore(location, { dialer, now: systemClock.now, random });
}

/** Looks some folders deep, as the layout has it. */
function hasSegments(folder: string, depth: number): boolean {
  const entries = readdirSync(folder, { withFileTypes: true });
  if (entries.some((entry) => entry.isFile() && SEGMENT.test(entry.name))) return true;
  if (depth === 0) return false;
  return entries.some((entry) => entry.isDirectory() && hasSegments(join(folder, entry.name), depth - 1));
}
