import { WritError } from "#src/base/errors.ts";
import { createSha256 } from "#src/crypto/hash.ts";
import type { ObjectBody, ObjectLock, ObjectStore } from "#src/io/object-store.ts";

/** How objects of the archive are put. */
export interface UploadOptions {
  readonly contentType: string;
  readonly lock: ObjectLock | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Stores cut milliseconds off, and clocks differ. */
const LOCK_TOLERANCE_MS = 60_000;
/** What an attempt of the same day locked is not put again for a few hours more. */
const EARLIER_LOCK_TOLERANCE_MS = 86_400_000;

/**
 * Puts an object, reads it back and compares it, byte for byte by its sum; then reads back what holds it. An object that is
 * there already as it should be is left as it is, so that doing it again costs no second version.
 *
 * @returns until when the store holds it, in milliseconds; null where nothing was asked for
 *
 * Throws `object_store_failed` where the store gives back something else than it was given, `archive_lock_ignored` where it
 * took a retention and does not hold it, and what the store throws.
 */
export async function putVerified(
  store: ObjectStore,
  key: string,
  body: ObjectBody,
  { contentType, lock, signal }: UploadOptions,
): Promise<number | null> {
  if (
    (await holds(store, key, body, signal)) === "same" &&
    (await isLocked(store, key, lock, EARLIER_LOCK_TOLERANCE_MS))
  ) {
    return lock?.until ?? null;
  }
  const locked = lock === undefined ? {} : { lock };
  await store.put(key, body, { contentType, ...locked, ...(signal === undefined ? {} : { signal }) });
  const found = await holds(store, key, body, signal);
  if (found !== "same") {
    const what = found === "absent" ? "does not have it" : "gives back other bytes";
    throw new WritError("object_store_failed", `the store took \`${key}\` and ${what}`);
  }
  if (!(await isLocked(store, key, lock, LOCK_TOLERANCE_MS))) {
    throw new WritError("archive_lock_ignored", `the store took a retention for \`${key}\` and does not hold it`);
  }
  return lock?.until ?? null;
}

/** What a store has under a key, compared with what it should. */
export async function holds(
  store: ObjectStore,
  key: string,
  wanted: { readonly bytes: number; readonly sha256: string },
  signal?: AbortSignal,
): Promise<"same" | "other" | "absent"> {
  const head = await store.head(key);
  if (head === undefined) return "absent";
  if (head.bytes !== wanted.bytes) return "other";
  const download = await store.get(key);
  if (download === undefined) return "absent";
  const sum = createSha256();
  let length = 0;
  for await (const chunk of download.stream) {
    signal?.throwIfAborted();
    sum.update(chunk);
    length += chunk.length;
  }
  return length === wanted.bytes && sum.digestHex() === wanted.sha256 ? "same" : "other";
}

async function isLocked(
  store: ObjectStore,
  key: string,
  lock: ObjectLock | undefined,
  toleranceMs: number,
): Promise<boolean> {
  if (lock === undefined) return true;
  const held = await store.readLock(key);
  // Compliance holds against more people than governance does.
  const isMode = held?.mode === lock.mode || held?.mode === "COMPLIANCE";
  return isMode && (held.until ?? 0) >= lock.until - toleranceMs && (held.legalHold || !lock.legalHold);
}
