import { fromUtf8 } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { readRange } from "#src/io/object-store.ts";
import { digestEvent, parseEvent } from "#src/ledger/event.ts";
import type { RestoredEvent } from "../archive.ts";
import type { SegmentStatement } from "./archive-columns.ts";
import { openSegment, type SegmentRow } from "./archive-read.ts";
import type { JobContext } from "./job.ts";

/** A file of a segment's events, and what its first event stands on. */
export interface RestoreInput {
  readonly path: string;
  readonly bytes: number;
}

/** What a segment states, and what its rows came to. */
export interface RestoreResult {
  readonly statement: SegmentStatement;
  /** Hash of its last event. */
  readonly head: string;
  readonly events: number;
}

const CHUNK_ROWS = 256;

/**
 * Gives back the rows of a segment's file, each checked: its hash, the one before it, and the columns that the events'
 * table has. Throws `verification_failed`.
 */
export async function* readRestored(
  { breathe, progress }: JobContext,
  { path, bytes }: RestoreInput,
): AsyncGenerator<readonly RestoredEvent[], RestoreResult, void> {
  const segment = await openSegment({ bytes, read: (start, end) => readRange(path, start, end) });
  let head = segment.statement.prev;
  let events = 0;
  for await (const group of segment.rows()) {
    for (let at = 0; at < group.length; at += CHUNK_ROWS) {
      const rows = group.slice(at, at + CHUNK_ROWS).map((row): RestoredEvent => {
        const event = restore(row, head, segment.statement.first + events);
        head = event.hash;
        events += 1;
        return event;
      });
      yield rows;
      progress(events);
      await breathe();
    }
  }
  return { statement: segment.statement, head, events };
}

function restore(row: SegmentRow, prev: string, seq: number): RestoredEvent {
  const bytes = fromUtf8(row.bytes);
  const { hash } = digestEvent(row.bytes);
  const event = parseEvent(bytes);
  const isRight =
    hash === row.hash &&
    event.prev === prev &&
    event.seq === seq &&
    row.seq === seq &&
    event.id === row.id &&
    event.type === row.type &&
    event.actor === row.actor &&
    Date.parse(event.at) === row.at;
  if (!isRight) throw new WritError("verification_failed", `event ${seq} of the segment is not what its file says`);
  return { seq, id: row.id, at: row.at, type: row.type, actor: row.actor, bytes, hash };
}
