import { createReadStream, statSync } from "node:fs";
import { isWritError, messageOf, WritError } from "#src/base/errors.ts";
import type { SignedCheckpoint } from "#src/ledger/checkpoint.ts";
import type { EventCheck } from "#src/ledger/event-check.ts";
import { readLines } from "#src/ledger/lines.ts";
import { type BundleReport, type VerifyBundleOptions, verifyBundle } from "#src/ledger/verify-bundle.ts";
import { databasePath, openForVerifying } from "#src/store/database.ts";
import { type FolderReport, verifyChains } from "#src/store/jobs/verify-chains.ts";

/** How a data folder is verified. */
export interface VerifyFolderOptions {
  /** Key ids or public keys (base64 or hex) that are known from elsewhere. */
  readonly pinned?: readonly string[];
  /** Checkpoints that somebody kept: the chains must have been so, and not have been cut back since. */
  readonly expectCheckpoints?: readonly SignedCheckpoint[];
  /** Further checks of each event, such as of the signatures that approvals hold. */
  readonly checks?: readonly EventCheck[];
  /** Called now and then with the number of events of a chain that were gone through. */
  readonly onProgress?: (events: number) => void;
}

/**
 * Verifies every chain in a data folder, with a server on it or without; needs no keys and writes nothing to the database.
 *
 * Throws `invalid_argument` when there is no data folder, `store_failed` when its database cannot be read. What does not
 * verify is in the report.
 */
export async function verifyDataFolder(folder: string, options: VerifyFolderOptions = {}): Promise<FolderReport> {
  const path = databasePath(folder);
  if (statSync(path, { throwIfNoEntry: false }) === undefined) {
    throw new WritError("invalid_argument", `there is no data folder at \`${folder}\``);
  }
  try {
    return (await tryVerify(path, options)) ?? (await tryVerify(path, options)) ?? unsettled();
  } catch (error) {
    if (isWritError(error)) throw error;
    throw new WritError("store_failed", `the database cannot be read: ${messageOf(error)}`, { cause: error });
  }
}

/** Verifies an evidence bundle in a file. Throws `invalid_argument` when the file cannot be read. */
export function verifyBundleFile(path: string, options: VerifyBundleOptions = {}): Promise<BundleReport> {
  return verifyBundleStream(createReadStream(path, { highWaterMark: 256 * 1024 }), path, options);
}

/** The same of a stream of its bytes, which an error names by `path`. */
export async function verifyBundleStream(
  chunks: AsyncIterable<Uint8Array>,
  path: string,
  options: VerifyBundleOptions = {},
): Promise<BundleReport> {
  try {
    return await verifyBundle(readLines(chunks), options);
  } catch (error) {
    if (isWritError(error)) throw error;
    throw new WritError("invalid_argument", `cannot read \`${path}\`: ${messageOf(error)}`, { cause: error });
  }
}

/** Undefined when a server began to write while a database at rest was read. */
async function tryVerify(path: string, options: VerifyFolderOptions): Promise<FolderReport | undefined> {
  const { db, isSettled } = openForVerifying(path);
  try {
    const context = { db, breathe: async () => undefined, progress: options.onProgress ?? (() => undefined) };
    const report = await verifyChains(context, options);
    return isSettled() ? report : undefined;
  } catch (error) {
    if (isSettled()) throw error;
    return undefined;
  } finally {
    db.close();
  }
}

function unsettled(): never {
  throw new WritError("store_failed", "the database kept changing while it was read");
}
