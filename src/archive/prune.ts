import type { TenantId } from "#src/base/ids.ts";
import { TILE_LEAVES } from "#src/ledger/tree.ts";
import {
  deleteArchivedRows,
  readCut,
  readFirstSeq,
  readSegments,
  type SegmentRecord,
  setSegmentState,
} from "#src/store/archive.ts";
import { checkSegment } from "./check.ts";
import type { ArchiveDependencies } from "./dependencies.ts";
import { type Actor, describe } from "./write.ts";

/** What was pruned. */
export interface PruneResult {
  readonly segments: number;
  readonly events: number;
  /** Nothing up to this event has to be here; 0 where nothing is pruned. */
  readonly through: number;
  /** Why the next segment stays, where there is one. */
  readonly stopped: "grace" | "not_written" | "damaged" | undefined;
}

/** Rows that one commit deletes: some milliseconds. */
const ROWS_PER_STEP = 512;
const STEP_PAUSE_MS = 5;

/**
 * Gives up the local rows of segments, from the beginning of the chain on, as far as each was in the archive for the grace
 * period and is there now: every one is read from the store and compared first. Then deletes what is given up, little by
 * little.
 */
export async function pruneSegments(
  archive: ArchiveDependencies,
  tenant: TenantId,
  actor: Actor,
  options: { readonly graceSeconds?: number; readonly signal?: AbortSignal } = {},
): Promise<PruneResult> {
  const { reader, clock, config } = archive;
  const graceMs = (options.graceSeconds ?? config.graceSeconds) * 1000;
  let cut = await readCut(reader, tenant);
  const before = cut?.lastSeq ?? 0;
  let segments = 0;
  let stopped: PruneResult["stopped"];
  for (;;) {
    const [next] = await readSegments(reader, tenant, cut?.firstSeq ?? 0, 1);
    if (next === undefined) break;
    stopped = await whyItStays(archive, tenant, actor, next, clock.now() - graceMs, options.signal);
    if (stopped !== undefined) break;
    await giveUp(archive, tenant, actor, next);
    cut = next;
    segments += 1;
  }
  await deleteGivenUp(archive, tenant, options.signal);
  return { segments, events: (cut?.lastSeq ?? 0) - before, through: cut?.lastSeq ?? 0, stopped };
}

/** Deletes the rows of pruned segments that are still here: what an earlier run began, or a crash left. */
export async function deleteGivenUp(
  { reader, recorder }: ArchiveDependencies,
  tenant: TenantId,
  signal?: AbortSignal,
): Promise<void> {
  const cut = await readCut(reader, tenant);
  if (cut === undefined) return;
  const end = Math.floor(cut.lastSeq / TILE_LEAVES) * TILE_LEAVES;
  const first = await readFirstSeq(reader, tenant);
  for (let from = first ?? end + 1; from <= end; from += ROWS_PER_STEP) {
    signal?.throwIfAborted();
    recorder.touch(deleteArchivedRows(tenant, from, Math.min(from + ROWS_PER_STEP - 1, end)));
    // Decisions come first: between two steps others commit.
    await new Promise<void>((resolve) => setTimeout(resolve, STEP_PAUSE_MS));
  }
}

async function whyItStays(
  archive: ArchiveDependencies,
  tenant: TenantId,
  actor: Actor,
  row: SegmentRecord,
  writtenBefore: number,
  signal: AbortSignal | undefined,
): Promise<PruneResult["stopped"]> {
  if (row.state === "damaged") return "damaged";
  if (row.state !== "written" || row.writtenAt === null) return "not_written";
  if (row.writtenAt > writtenBefore) return "grace";
  return (await checkSegment(archive, tenant, actor, row, signal)) === undefined ? undefined : "damaged";
}

async function giveUp(
  { recorder }: ArchiveDependencies,
  tenant: TenantId,
  actor: Actor,
  row: SegmentRecord,
): Promise<void> {
  await recorder.record({
    tenant,
    type: "archive.segment_pruned",
    actor,
    statements: [setSegmentState(tenant, row.firstSeq, "written", "pruned")],
    data: describe(row),
    freesBytes: row.jsonBytes,
  });
}
