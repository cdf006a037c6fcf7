import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { fromBase64 } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import { createSha256 } from "#src/crypto/hash.ts";
import { ensureFolder, PRIVATE_FILE_MODE, toStoreError } from "#src/io/durable-file.ts";
import {
  countEvents,
  readCut,
  restoreEvent,
  restoreSeal,
  restoreSegment,
  type SegmentRecord,
} from "#src/store/archive.ts";
import type { ArchiveDependencies } from "./dependencies.ts";
import { segmentKeys } from "./layout.ts";
import { type Actor, describe } from "./write.ts";

/** What was restored. */
export interface RestoreResult {
  readonly segments: number;
  readonly events: number;
  /** Everything behind this event is here; 0: everything. */
  readonly through: number;
}

const STEP_PAUSE_MS = 5;
/** How long rows that were handed to the writer may take to be there. */
const SETTLE_MS = 30_000;

/**
 * Brings the rows of pruned segments back from the store, the newest first, until the event `from` is here. Each segment is
 * compared with what was written, event by event, before it counts as here; the grace period then begins anew.
 *
 * Throws `verification_failed` for a segment that is not what was written, and what the store throws.
 */
export async function restoreSegments(
  archive: ArchiveDependencies,
  tenant: TenantId,
  actor: Actor,
  options: { readonly from?: number; readonly signal?: AbortSignal } = {},
): Promise<RestoreResult> {
  const { reader } = archive;
  let segments = 0;
  let events = 0;
  for (;;) {
    const cut = await readCut(reader, tenant);
    if (cut === undefined || cut.lastSeq < (options.from ?? 1)) {
      return { segments, events, through: cut?.lastSeq ?? 0 };
    }
    await restoreOne(archive, tenant, actor, cut, options.signal);
    segments += 1;
    events += cut.lastSeq - cut.firstSeq + 1;
  }
}

async function restoreOne(
  archive: ArchiveDependencies,
  tenant: TenantId,
  actor: Actor,
  row: SegmentRecord,
  signal: AbortSignal | undefined,
): Promise<void> {
  archive.checkCapacity();
  await ensureFolder(archive.stagingFolder);
  const path = join(archive.stagingFolder, `${tenant}-${row.firstSeq}.restore.parquet`);
  try {
    await download(archive, tenant, row, path, signal);
    await insertRows(archive, tenant, row, path, signal);
  } finally {
    await rm(path, { force: true });
  }
  await archive.recorder.record({
    tenant,
    type: "archive.segment_restored",
    actor,
    statements: [restoreSegment(tenant, row.firstSeq, row.state, archive.clock.now())],
    data: describe(row),
    freesBytes: -row.jsonBytes,
  });
}

async function download(
  { store }: ArchiveDependencies,
  tenant: TenantId,
  row: SegmentRecord,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { events: key } = segmentKeys({ tenant, date: row.date, first: row.firstSeq, last: row.lastSeq });
  const object = await store.get(key);
  if (object === undefined) throw new WritError("object_store_failed", `the store does not have \`${key}\``);
  const sum = createSha256();
  const file = await open(path, "w", PRIVATE_FILE_MODE);
  try {
    for await (const chunk of object.stream) {
      signal?.throwIfAborted();
      sum.update(chunk);
      await file.writeFile(chunk);
    }
  } catch (cause) {
    throw toStoreError(cause, "write", path);
  } finally {
    await file.close();
  }
  if (sum.digestHex() !== row.eventsSha256) {
    throw new WritError("verification_failed", `\`${key}\` is not the file that was archived`);
  }
}

async function insertRows(
  { pool, recorder, reader }: ArchiveDependencies,
  tenant: TenantId,
  row: SegmentRecord,
  path: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const input = { path, bytes: row.eventsBytes };
  const chunks = pool.stream("restore", input, signal === undefined ? {} : { signal });
  for (let step = await chunks.next(); ; step = await chunks.next()) {
    if (step.done === true) {
      const { statement, head, events } = step.value;
      if (head !== row.head || events !== row.lastSeq - row.firstSeq + 1 || statement.tenant !== tenant) {
        throw new WritError("verification_failed", `the segment of ${row.date} is not the one that was archived`);
      }
      const [sealed] = statement.seal.heads;
      if (sealed !== undefined && sealed.seq === row.lastSeq) {
        const seal = { ...sealed, keyId: statement.seal.key };
        recorder.touch([restoreSeal(tenant, seal, fromBase64(statement.seal.signature))]);
      }
      break;
    }
    recorder.touch(step.value.map((event) => restoreEvent(tenant, event)));
    // Decisions come first: between two steps others commit.
    await new Promise<void>((resolve) => setTimeout(resolve, STEP_PAUSE_MS));
  }
  await settle(reader, tenant, row);
}

/** Waits until all rows are committed: what cannot be counted is not here. */
async function settle(reader: ArchiveDependencies["reader"], tenant: TenantId, row: SegmentRecord): Promise<void> {
  const wanted = row.lastSeq - row.firstSeq + 1;
  const endsAt = performance.now() + SETTLE_MS;
  while ((await countEvents(reader, tenant, row.firstSeq, row.lastSeq)) < wanted) {
    if (performance.now() > endsAt) throw new WritError("store_failed", "the restored rows were not committed");
    await new Promise<void>((resolve) => setTimeout(resolve, STEP_PAUSE_MS));
  }
}
