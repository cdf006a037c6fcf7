import type { Database } from "bun:sqlite";
import { type ChainStart, GENESIS_START } from "#src/ledger/chain-verifier.ts";
import type { EventCheck } from "#src/ledger/event-check.ts";
import type { VerifyProblem } from "#src/ledger/report.ts";

/** Where a chain begins in a database whose older events lie in the archive alone. */
export interface ArchiveCut {
  /** Seq of the last event that need not be here. */
  readonly through: number;
  /** Its hash. */
  readonly head: string;
  /** The tree's compact range up to it. */
  readonly frontier: Uint8Array;
  /** Day of the newest pruned segment, and the sum of its file. */
  readonly date: string;
  readonly sha256: string;
}

/** The cut of a chain; undefined where all of it is here. Reads databases of before there was an archive as well. */
export function readArchiveCut(db: Database, tenant: string): ArchiveCut | undefined {
  const table = db.query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'archive_segments'").get();
  if (table === null) return undefined;
  return (
    db
      .query<ArchiveCut, [string]>(
        `SELECT last_seq AS through, head, frontier, date, events_sha256 AS sha256 FROM archive_segments
          WHERE tenant_id = ? AND state IN ('pruned', 'lost') ORDER BY first_seq DESC LIMIT 1`,
      )
      .get(tenant) ?? undefined
  );
}

/** What the first event behind a cut stands on. The first seal behind it proves it or not. */
export function startBehind(cut: ArchiveCut | undefined): ChainStart {
  return cut === undefined ? GENESIS_START : { seq: cut.through + 1, prev: cut.head, frontier: cut.frontier };
}

/**
 * Holds a cut against the events behind it: the newest that speaks of pruning or restoring must have made exactly this one,
 * so that nobody hides events that they removed behind a row of a table.
 */
export function cutCheck(cut: ArchiveCut | undefined): EventCheck {
  return {
    name: "archive",
    begin: () => {
      const pruned: PrunedSegment[] = [];
      return {
        event: (event) => {
          // What the data holds is parsed when it is asked for: most events are of no interest here.
          const { type } = event;
          if (type === "archive.segment_pruned") {
            const { data } = event;
            pruned.push({
              first: Number(data["first"]),
              through: Number(data["last"]),
              head: String(data["head"]),
              sha256: String(data["events_sha256"]),
            });
          }
          if (type === "archive.segment_restored") {
            while ((pruned.at(-1)?.first ?? 0) >= Number(event.data["first"])) pruned.pop();
          }
          return [];
        },
        finish: () => checkCut(cut, pruned.at(-1)),
      };
    },
  };
}

/** A segment as the event says that gave its rows up. */
interface PrunedSegment {
  readonly first: number;
  readonly through: number;
  readonly head: string;
  readonly sha256: string;
}

function checkCut(cut: ArchiveCut | undefined, recorded: PrunedSegment | undefined): readonly VerifyProblem[] {
  if (cut === undefined) return [];
  const isRecorded = recorded?.through === cut.through && recorded.head === cut.head && recorded.sha256 === cut.sha256;
  if (isRecorded) return [];
  const message = `the events 1 to ${cut.through} are not here, and no event says that they were archived and pruned`;
  return [{ seq: cut.through, code: "cut_unrecorded", message }];
}
