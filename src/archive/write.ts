import { rm } from "node:fs/promises";
import { join } from "node:path";
import { utf8 } from "#src/base/bytes.ts";
import { canonicalize } from "#src/base/canonical-json.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import type { SubjectId, TenantId } from "#src/base/ids.ts";
import { ensureFolder } from "#src/io/durable-file.ts";
import { bodyOfBytes, bodyOfFile, type ObjectLock, PART_BYTES } from "#src/io/object-store.ts";
import { checkpointOrigin, signCheckpoint } from "#src/ledger/checkpoint.ts";
import { GENESIS_HASH, parseEvent } from "#src/ledger/event.ts";
import {
  insertSegment,
  readNewestSegment,
  readSegmentOf,
  type SegmentRecord,
  setSegmentWritten,
} from "#src/store/archive.ts";
import { readEventBySeq } from "#src/store/events.ts";
import { blobsPath, eventsPath, type LocalSegment } from "#src/store/jobs/archive-segment.ts";
import { type ArchiveDependencies, SEGMENT_BOUNDS } from "./dependencies.ts";
import { segmentKeys } from "./layout.ts";
import { putVerified } from "./upload.ts";

/** Who has it done. */
export type Actor = SubjectId | "system";

/** Version of a manifest. */
const MANIFEST_VERSION = 1;

/**
 * Writes the next segment of a tenant's chain: of events before `until` (milliseconds) alone. Undefined where there is none.
 *
 * First the file, then the record of what it will be, then the upload, and last the record that it is there: whatever a
 * crash leaves, the next run makes exactly the same segment of it.
 */
export async function writeNextSegment(
  archive: ArchiveDependencies,
  tenant: TenantId,
  actor: Actor,
  until: number,
  signal?: AbortSignal,
): Promise<SegmentRecord | undefined> {
  const newest = await readNewestSegment(archive.reader, tenant);
  return withStaging(archive, tenant, (newest?.lastSeq ?? 0) + 1, async (path, from) => {
    const local = await makeFiles(archive, tenant, { from, before: newest, path, until, signal });
    if (local === undefined) return undefined;
    const row = toRecord(local);
    await archive.recorder.record({
      tenant,
      type: "archive.segment_begun",
      actor,
      statements: [insertSegment(tenant, row)],
      data: describe(row),
    });
    return upload(archive, tenant, actor, row, local, signal);
  });
}

/** Writes a segment again that is begun, or that the store lost. */
export async function rewriteSegment(
  archive: ArchiveDependencies,
  tenant: TenantId,
  actor: Actor,
  row: SegmentRecord,
  signal?: AbortSignal,
): Promise<SegmentRecord> {
  const before = await readSegmentOf(archive.reader, tenant, row.firstSeq - 1);
  return withStaging(archive, tenant, row.firstSeq, async (path, from) => {
    const local = await makeFiles(archive, tenant, { from, through: row.lastSeq, before, path, until: 0, signal });
    return local === undefined ? row : upload(archive, tenant, actor, row, local, signal);
  });
}

async function withStaging<Result>(
  { stagingFolder, checkCapacity }: ArchiveDependencies,
  tenant: TenantId,
  from: number,
  work: (path: string, from: number) => Promise<Result>,
): Promise<Result> {
  checkCapacity();
  await ensureFolder(stagingFolder);
  const path = join(stagingFolder, `${tenant}-${from}`);
  try {
    return await work(path, from);
  } finally {
    for (const file of [eventsPath(path), blobsPath(path)]) await rm(file, { force: true });
  }
}

interface FilesWanted {
  readonly from: number;
  readonly through?: number;
  readonly before: SegmentRecord | undefined;
  readonly path: string;
  readonly until: number;
  readonly signal: AbortSignal | undefined;
}

async function makeFiles(
  { pool, bounds = SEGMENT_BOUNDS }: ArchiveDependencies,
  tenant: TenantId,
  { before, signal, ...wanted }: FilesWanted,
): Promise<LocalSegment | undefined> {
  const start = { prev: before?.head ?? GENESIS_HASH, frontier: before?.frontier ?? new Uint8Array() };
  const input = { tenant, ...wanted, ...start, ...bounds, partBytes: PART_BYTES };
  const { result } = await pool.run("archive", input, signal === undefined ? {} : { signal });
  return result.kind === "nothing" ? undefined : result;
}

/** Puts a segment's objects, the manifest last, and records that they are there. */
async function upload(
  archive: ArchiveDependencies,
  tenant: TenantId,
  actor: Actor,
  row: SegmentRecord,
  local: LocalSegment,
  signal: AbortSignal | undefined,
): Promise<SegmentRecord> {
  const { store, recorder, clock, config } = archive;
  const keys = segmentKeys({ tenant, date: local.date, first: local.first, last: local.last });
  const lock: ObjectLock | undefined =
    config.lock === undefined
      ? undefined
      : { mode: config.lock, until: clock.now() + config.retentionSeconds * 1000, legalHold: config.legalHold };
  const put = (key: string, body: ReturnType<typeof bodyOfBytes>, contentType: string) =>
    putVerified(store, key, body, { contentType, lock, signal });
  const lockedUntil = await put(keys.events, bodyOfFile(local.events.path, local.events), PARQUET);
  if (local.blobs !== undefined) await put(keys.blobs, bodyOfFile(local.blobs.path, local.blobs), PARQUET);
  const checkpoint = await composeCheckpoint(archive, tenant, local);
  await put(keys.checkpoint, bodyOfBytes(utf8(checkpoint)), "text/plain; charset=utf-8");
  const manifest = utf8(`${canonicalize(composeManifest(archive.instanceId, tenant, local))}\n`);
  await put(keys.manifest, bodyOfBytes(manifest), "application/json");
  const written: SegmentRecord = { ...row, ...filesOf(local), lockedUntil };
  await recorder.record({
    tenant,
    type: "archive.segment_written",
    actor,
    statements: [setSegmentWritten(tenant, written, clock.now())],
    data: {
      ...describe(written),
      store: store.kind,
      locked_until: lockedUntil === null ? undefined : toRfc3339(lockedUntil),
    },
    ignoresClock: true,
  });
  return { ...written, state: "written" };
}

const PARQUET = "application/vnd.apache.parquet";

/**
 * A checkpoint of exactly the segment's last event, stated at that event's time: the same for the same segment. It is one
 * more signature over a root that a seal has vouched for already.
 */
async function composeCheckpoint(
  { signer, reader, instanceId }: ArchiveDependencies,
  tenant: TenantId,
  { last, head, root }: LocalSegment,
): Promise<string> {
  const event = await readEventBySeq(reader, tenant, last);
  const at = parseEvent(event?.bytes ?? "").at;
  return signCheckpoint({ origin: checkpointOrigin(instanceId, tenant), size: last, root, head, at }, await signer());
}

function composeManifest(instance: string, tenant: TenantId, local: LocalSegment) {
  const keys = segmentKeys({ tenant, date: local.date, first: local.first, last: local.last });
  const file = (key: string, { bytes, sha256 }: { readonly bytes: number; readonly sha256: string }) => ({
    name: key.slice(key.lastIndexOf("/") + 1),
    bytes,
    sha256,
  });
  return {
    v: MANIFEST_VERSION,
    instance,
    tenant,
    date: local.date,
    first: local.first,
    last: local.last,
    head: local.head,
    root: local.root,
    files: [file(keys.events, local.events), ...(local.blobs === undefined ? [] : [file(keys.blobs, local.blobs)])],
  };
}

function toRecord(local: LocalSegment): SegmentRecord {
  return {
    firstSeq: local.first,
    lastSeq: local.last,
    state: "writing",
    date: local.date,
    head: local.head,
    root: local.root,
    frontier: local.frontier,
    jsonBytes: local.jsonBytes,
    ...filesOf(local),
    lockedUntil: null,
    writtenAt: null,
    verifiedAt: null,
  };
}

function filesOf({ events, blobs }: LocalSegment) {
  return {
    eventsBytes: events.bytes,
    eventsSha256: events.sha256,
    blobsBytes: blobs?.bytes ?? null,
    blobsSha256: blobs?.sha256 ?? null,
  };
}

/** What every event about a segment says of it. */
export function describe(row: SegmentRecord) {
  return {
    first: row.firstSeq,
    last: row.lastSeq,
    date: row.date,
    head: row.head,
    root: row.root,
    events_sha256: row.eventsSha256,
    blobs_sha256: row.blobsSha256 ?? undefined,
  };
}
