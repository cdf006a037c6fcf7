import { fromUtf8, utf8 } from "#src/base/bytes.ts";
import { canonicalize, type Json } from "#src/base/canonical-json.ts";
import type { Clock } from "#src/base/clock.ts";
import { messageOf, WritError } from "#src/base/errors.ts";
import { type IdSource, newId, type StreamId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import { parseName } from "#src/base/names.ts";
import type { Dialer } from "#src/io/dial.ts";
import { type EventRow, readEventsAfter, readHead } from "#src/store/events.ts";
import type { Reader } from "#src/store/reader.ts";
import {
  advanceStream,
  deleteStream,
  insertStream,
  postponeStream,
  readStreamByName,
  readStreams,
  type StreamKind,
  type StreamRow,
  setStreamStatus,
} from "#src/store/streams.ts";
import type { Recorder } from "./recorder.ts";
import { type StreamSender, sendEvents } from "./stream-send.ts";
import { checkStreamSettings, type StreamSettings, streamDestination } from "./stream-settings.ts";
import type { ValueSealer } from "./value-sealer.ts";

/** A stream of a tenant's events to a collector, and how far it is. */
export interface Stream {
  readonly name: string;
  readonly kind: StreamKind;
  /** Without anything secret. */
  readonly destination: string;
  readonly status: StreamRow["status"];
  /** Seq of the last event that was taken. */
  readonly cursor: number;
  /** Events that were not taken yet. */
  readonly lagEvents: number;
  /** How long the oldest of them has waited, in milliseconds. */
  readonly lagMs: number;
  readonly failures: number;
  readonly lastError: string | null;
  readonly lastTakenAt: number | null;
  readonly createdAt: number;
}

/** Where a new stream begins: with the first event of the chain, or with the next. */
export type StreamStart = "beginning" | "now";

/**
 * Events as they come, to collectors outside: at least once, in the order of the chain, resumed where it was. A collector
 * that hangs or fails holds up nothing but its own stream.
 */
export interface Streams {
  list(tenant: TenantId): Promise<Stream[]>;
  /** `not_found`. */
  show(tenant: TenantId, name: string): Promise<Stream>;
  /** Throws `invalid_argument`, `name_taken`. */
  add(tenant: TenantId, actor: SubjectId, name: string, settings: StreamSettings, start: StreamStart): Promise<Stream>;
  setStatus(tenant: TenantId, actor: SubjectId, name: string, status: StreamRow["status"]): Promise<Stream>;
  /** Sends nothing more. Files stay where they are. */
  remove(tenant: TenantId, actor: SubjectId, name: string): Promise<void>;
  /** Sends what is due, each stream by itself; resolves when none of them sends any more. Never rejects for a collector. */
  sendDue(tenant: TenantId): Promise<void>;
  /** Ends what is being sent. */
  stop(): Promise<void>;
}

/** What {@link createStreams} needs. */
export interface StreamsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly keys: ValueSealer;
  readonly dialer: Dialer;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly hostname: string;
  /** Where streams to files put them. */
  readonly folder: string;
  /** Told how many events a stream has not sent, for metrics. */
  readonly observe: (tenant: TenantId, stream: string, lagEvents: number) => void;
}

const MAX_STREAMS = 20;
/** Events that are sent together: read on the main thread in some 3 ms. */
const BATCH_EVENTS = 500;
const BATCH_CHARACTERS = 1024 * 1024;
/** How long a stream sends before it lets the next turn of the scheduler see to it, in milliseconds. */
const TURN_MS = 5000;
/** After each failure in a row, in milliseconds; then always the last. A stream never gives up. */
const BACKOFF_MS: readonly number[] = [2000, 5000, 15_000, 60_000, 300_000];

/** Makes the service. */
export function createStreams(dependencies: StreamsDependencies): Streams {
  const { recorder, reader, keys, dialer, ids, clock, observe } = dependencies;
  const ending = new AbortController();
  const sender: StreamSender = {
    dialer,
    hostname: dependencies.hostname,
    folder: dependencies.folder,
    now: clock.now,
    signal: ending.signal,
  };
  const running = new Map<StreamId, Promise<void>>();
  /** How far streams are: their bookkeeping may not be in the table yet when it is read again. */
  const cursors = new Map<StreamId, number>();

  const cursorOf = (row: StreamRow): number => Math.max(row.cursor, cursors.get(row.streamId) ?? 0);

  const find = async (tenant: TenantId, name: string): Promise<StreamRow> => {
    const row = await readStreamByName(reader, tenant, name);
    if (row === undefined) throw new WritError("not_found");
    return row;
  };

  const open = async (tenant: TenantId, row: StreamRow): Promise<StreamSettings> => {
    const value = { dataKeyId: row.dataKeyId, sealed: row.sealedSettings };
    return JSON.parse(fromUtf8(await keys.openValue(tenant, bindingOf(row.streamId), 1, value))) as StreamSettings;
  };

  const render = async (tenant: TenantId, row: StreamRow): Promise<Stream> => {
    const cursor = cursorOf(row);
    const head = (await readHead(reader, tenant))?.seq ?? 0;
    const [oldest] = cursor >= head ? [] : await readEventsAfter(reader, tenant, cursor, head, 1);
    return {
      name: row.name,
      kind: row.kind,
      destination: streamDestination(await open(tenant, row), row.streamId),
      status: row.status,
      cursor,
      lagEvents: Math.max(0, head - cursor),
      lagMs: oldest === undefined ? 0 : Math.max(0, clock.now() - oldest.at),
      failures: row.failures,
      lastError: row.lastError,
      lastTakenAt: row.lastTakenAt,
      createdAt: row.createdAt,
    };
  };

  /** What was pruned before it was sent is said in the chain, once, and left out. */
  const noteGap = async (tenant: TenantId, row: StreamRow, cursor: number, first: EventRow): Promise<void> => {
    if (first.seq === cursor + 1) return;
    await recorder.record({
      tenant,
      type: "stream.gap",
      actor: "system",
      data: { stream: row.streamId, from: cursor + 1, through: first.seq - 1 },
      ignoresClock: true,
    });
  };

  const sendOver = async (tenant: TenantId, row: StreamRow): Promise<void> => {
    const endsAt = performance.now() + TURN_MS;
    let { failures } = row;
    try {
      const settings = await open(tenant, row);
      while (!ending.signal.aborted && performance.now() < endsAt) {
        const cursor = cursorOf(row);
        const batch = bounded(await readEventsAfter(reader, tenant, cursor, Number.MAX_SAFE_INTEGER, BATCH_EVENTS));
        const [first] = batch;
        const last = batch.at(-1);
        if (first === undefined || last === undefined) break;
        await noteGap(tenant, row, cursor, first);
        await sendEvents(sender, row.streamId, settings, batch);
        cursors.set(row.streamId, last.seq);
        recorder.touch([advanceStream(tenant, row.streamId, last.seq, clock.now())]);
        if (failures > 0) await noteOutcome(tenant, row, "stream.recovered");
        failures = 0;
      }
    } catch (error) {
      if (ending.signal.aborted) return;
      const wait = BACKOFF_MS[Math.min(failures, BACKOFF_MS.length - 1)] ?? 0;
      const why = messageOf(error).slice(0, 300);
      recorder.touch([postponeStream(tenant, row.streamId, failures + 1, clock.now() + wait, why)]);
      if (failures === 0) await noteOutcome(tenant, row, "stream.failed");
    } finally {
      const head = (await readHead(reader, tenant))?.seq ?? 0;
      observe(tenant, row.name, Math.max(0, head - cursorOf(row)));
    }
  };

  /** The first failure after all was well and the first success after that: an outage is two events, however long it is. */
  const noteOutcome = async (
    tenant: TenantId,
    row: StreamRow,
    type: "stream.failed" | "stream.recovered",
  ): Promise<void> => {
    const data = { stream: row.streamId, cursor: cursorOf(row) };
    await recorder.record({ tenant, type, actor: "system", data, ignoresClock: true }).catch(() => undefined);
  };

  return {
    list: async (tenant) => Promise.all((await readStreams(reader, tenant)).map((row) => render(tenant, row))),
    show: async (tenant, name) => render(tenant, await find(tenant, name)),
    add: async (tenant, actor, given, settings, start) => {
      const name = parseName(given, "name");
      const checked = checkStreamSettings(settings);
      if ((await readStreamByName(reader, tenant, name)) !== undefined) throw new WritError("name_taken");
      if ((await readStreams(reader, tenant)).length >= MAX_STREAMS) {
        throw new WritError("invalid_argument", `at most ${MAX_STREAMS} streams`);
      }
      const streamId = newId("stream", ids);
      const plain = utf8(canonicalize(checked as unknown as Json));
      const { dataKeyId, sealed } = await keys.sealValue(tenant, bindingOf(streamId), 1, plain);
      const row: StreamRow = {
        streamId,
        name,
        kind: checked.kind,
        sealedSettings: sealed,
        dataKeyId,
        status: "active",
        cursor: start === "beginning" ? 0 : ((await readHead(reader, tenant))?.seq ?? 0),
        failures: 0,
        dueAt: clock.now(),
        lastError: null,
        lastTakenAt: null,
        createdAt: clock.now(),
      };
      await recorder.record({
        tenant,
        type: "stream.added",
        actor,
        statements: [insertStream(tenant, row)],
        data: { stream: streamId, name, stream_kind: checked.kind, cursor: row.cursor },
      });
      return render(tenant, row);
    },
    setStatus: async (tenant, actor, name, status) => {
      const row = await find(tenant, name);
      if (row.status !== status) {
        await recorder.record({
          tenant,
          type: status === "active" ? "stream.enabled" : "stream.disabled",
          actor,
          statements: [setStreamStatus(tenant, row.streamId, row.status, status, clock.now())],
          data: { stream: row.streamId },
        });
      }
      return render(tenant, await find(tenant, name));
    },
    remove: async (tenant, actor, name) => {
      const { streamId } = await find(tenant, name);
      await recorder.record({
        tenant,
        type: "stream.removed",
        actor,
        statements: [deleteStream(tenant, streamId)],
        data: { stream: streamId },
      });
      observe(tenant, name, 0);
    },
    sendDue: async (tenant) => {
      const started: Promise<void>[] = [];
      for (const row of await readStreams(reader, tenant)) {
        // A collector that hangs holds up no other stream, and is not asked again meanwhile.
        if (row.status !== "active" || running.has(row.streamId) || ending.signal.aborted) continue;
        // A clock that was set back makes nobody wait for longer than a failure does.
        if (row.dueAt > clock.now() && row.dueAt - clock.now() <= (BACKOFF_MS.at(-1) ?? 0)) continue;
        const run = sendOver(tenant, row).finally(() => running.delete(row.streamId));
        running.set(row.streamId, run);
        started.push(run);
      }
      await Promise.all(started);
    },
    stop: async () => {
      ending.abort();
      await Promise.allSettled(running.values());
    },
  };
}

function bounded(rows: readonly EventRow[]): readonly EventRow[] {
  let characters = 0;
  const end = rows.findIndex(({ bytes }, index) => {
    characters += bytes.length;
    return index > 0 && characters > BATCH_CHARACTERS;
  });
  return end === -1 ? rows : rows.slice(0, end);
}

function bindingOf(stream: StreamId): string {
  return `stream ${stream}`;
}
