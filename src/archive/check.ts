import type { TenantId } from "#src/base/ids.ts";
import { readSegments, type SegmentRecord, setSegmentState, setSegmentVerified } from "#src/store/archive.ts";
import type { ArchiveDependencies } from "./dependencies.ts";
import { segmentKeys } from "./layout.ts";
import { holds } from "./upload.ts";
import { type Actor, describe } from "./write.ts";

/** A segment that the store does not hold as it should. */
export interface SegmentProblem {
  readonly first: number;
  readonly last: number;
  readonly date: string;
  /** The object, and what is wrong with it. */
  readonly key: string;
  readonly problem: "absent" | "other";
}

/** What a check of the store found. */
export interface CheckResult {
  readonly segments: number;
  readonly problems: readonly SegmentProblem[];
}

const PAGE = 100;

/**
 * Reads every segment of a tenant from the store and compares it with what was written. One that is not there as it should
 * be is marked, with an event, and is written again by the next run as long as its rows are here; one that is there again is
 * marked as that. Throws what the store throws: a store that does not answer says nothing about what it holds.
 */
export async function checkSegments(
  archive: ArchiveDependencies,
  tenant: TenantId,
  actor: Actor,
  signal?: AbortSignal,
): Promise<CheckResult> {
  const problems: SegmentProblem[] = [];
  let segments = 0;
  for (let page = await readSegments(archive.reader, tenant, 0, PAGE); page.length > 0; ) {
    for (const row of page) {
      if (row.state === "writing") continue;
      segments += 1;
      const problem = await checkSegment(archive, tenant, actor, row, signal);
      if (problem !== undefined) problems.push(problem);
    }
    page = await readSegments(archive.reader, tenant, page.at(-1)?.firstSeq ?? 0, PAGE);
  }
  return { segments, problems };
}

/** The same for one; gives what is wrong with it. */
export async function checkSegment(
  archive: ArchiveDependencies,
  tenant: TenantId,
  actor: Actor,
  row: SegmentRecord,
  signal?: AbortSignal,
): Promise<SegmentProblem | undefined> {
  const { recorder, clock } = archive;
  const problem = await findProblem(archive, tenant, row, signal);
  const isMarked = row.state === "damaged" || row.state === "lost";
  if (problem === undefined) recorder.touch([setSegmentVerified(tenant, row.firstSeq, clock.now())]);
  if ((problem !== undefined) === isMarked) return problem;
  const isHere = row.state === "written" || row.state === "damaged";
  const to = problem === undefined ? (isHere ? "written" : "pruned") : isHere ? "damaged" : "lost";
  await recorder.record({
    tenant,
    type: problem === undefined ? "archive.segment_found" : "archive.segment_damaged",
    actor,
    statements: [setSegmentState(tenant, row.firstSeq, row.state, to)],
    data: { ...describe(row), object: problem?.key, problem: problem?.problem, rows_here: isHere },
    ignoresClock: true,
  });
  return problem;
}

async function findProblem(
  { store }: ArchiveDependencies,
  tenant: TenantId,
  row: SegmentRecord,
  signal: AbortSignal | undefined,
): Promise<SegmentProblem | undefined> {
  const place = { tenant, date: row.date, first: row.firstSeq, last: row.lastSeq };
  const keys = segmentKeys(place);
  const files = [{ key: keys.events, bytes: row.eventsBytes, sha256: row.eventsSha256 }];
  if (row.blobsSha256 !== null) files.push({ key: keys.blobs, bytes: row.blobsBytes ?? 0, sha256: row.blobsSha256 });
  for (const file of files) {
    const found = await holds(store, file.key, file, signal);
    if (found !== "same") {
      return { first: row.firstSeq, last: row.lastSeq, date: row.date, key: file.key, problem: found };
    }
  }
  return undefined;
}
