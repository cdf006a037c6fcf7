import type { ArchiveStatus } from "#src/archive/archive.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import type { SegmentRecord } from "#src/store/archive.ts";
import { type Route, route } from "../route.ts";
import { flag, integer, integerText, object, optional, text } from "../shape.ts";

const MAX_SEQ = Number.MAX_SAFE_INTEGER;
const MAX_LIST = 500;
/** A run answers after so long; whoever wants more asks again. */
const RUN_MS = 60_000;
const SILENCE_SECONDS = 255;

/**
 * The archive of a tenant's chain: what lies in the store, and what is done about it. What was begun goes on though whoever
 * asked for it leaves: it can take longer than anybody waits.
 */
export const ARCHIVE_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/archive",
    summary: "Show how a tenant's archive stands",
    who: ["admin", "operator"],
    includesInstance: true,
    answers: { 200: "State, totals, and how far events are archived and pruned" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      return { json: renderStatus(await exchange.services.archive.status(tenant)) };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/archive/segments",
    summary: "List the segments of a tenant's chain",
    who: ["admin", "operator"],
    includesInstance: true,
    query: object({
      after: optional(integerText(0, MAX_SEQ, "first event of the last segment of the page before")),
      limit: optional(integerText(1, MAX_LIST)),
    }),
    answers: { 200: "A page of segments, and `next` where more may follow" },
    handle: async (exchange, _body, { after, limit = 100 }) => {
      const { tenant } = await exchange.manager();
      const page = { limit, ...(after === undefined ? {} : { after }) };
      const segments = await exchange.services.archive.list(tenant, page);
      const last = segments.length === limit ? segments.at(-1) : undefined;
      return {
        json: { segments: segments.map(renderSegment), ...(last === undefined ? {} : { next: String(last.firstSeq) }) },
      };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/archive/runs",
    summary: "Write what is due: the days that have ended, or all events so far",
    who: ["admin", "operator"],
    includesInstance: true,
    body: object({ today: optional(flag("whether the day that has not ended is written as far as it is")) }),
    answers: { 200: "The segments that were written; `more` where the time was not enough for all" },
    errors: ["archive_not_configured", "archive_lock_ignored", "object_store_failed", "verification_failed"],
    handle: async (exchange, { today }) => {
      const { tenant, subject } = await exchange.manager();
      exchange.allowSilence(SILENCE_SECONDS);
      const options = { ...(today === undefined ? {} : { today }), budgetMs: RUN_MS };
      const { segments, more } = await exchange.services.archive.run(tenant, subject, options);
      return { json: { segments: segments.map(renderSegment), more } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/archive/verifications",
    summary: "Read every segment from the store and compare it with what was written",
    who: ["admin", "operator"],
    includesInstance: true,
    answers: { 200: "How many were compared, and what is wrong" },
    errors: ["archive_not_configured", "object_store_failed"],
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      exchange.allowSilence(SILENCE_SECONDS);
      const found = await exchange.services.archive.check(tenant, subject);
      return { json: { ok: found.problems.length === 0, ...found } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/archive/prunings",
    summary: "Give up the local rows of segments that the store has held for the grace period",
    who: ["operator"],
    includesInstance: true,
    body: object({
      grace_seconds: optional(integer(0, 400 * 366 * 86_400, "instead of the grace period of the settings")),
    }),
    answers: { 200: "How much was pruned, and why the next segment stays" },
    errors: ["archive_not_configured", "object_store_failed"],
    handle: async (exchange, { grace_seconds: graceSeconds }) => {
      const { tenant, subject } = await exchange.manager();
      exchange.allowSilence(SILENCE_SECONDS);
      const options = graceSeconds === undefined ? {} : { graceSeconds };
      const { stopped, ...pruned } = await exchange.services.archive.prune(tenant, subject, options);
      return { json: { ...pruned, ...(stopped === undefined ? {} : { stopped }) } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/archive/restorations",
    summary: "Bring pruned rows back from the store, the newest first",
    who: ["operator"],
    includesInstance: true,
    body: object({ from: optional(integer(1, MAX_SEQ, "the oldest event that is wanted; all unless given")) }),
    answers: { 200: "How much was restored" },
    errors: ["archive_not_configured", "object_store_failed", "verification_failed"],
    handle: async (exchange, { from }) => {
      const { tenant, subject } = await exchange.manager();
      exchange.allowSilence(SILENCE_SECONDS);
      const options = from === undefined ? {} : { from };
      return { json: { ...(await exchange.services.archive.restore(tenant, subject, options)) } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/instance/backups",
    summary: "Copy the instance, sealed, while it runs",
    who: ["operator"],
    body: object({
      to: optional(text({ max: 4096, description: "a folder of this machine; where the settings say unless given" })),
      passphrase: optional(text({ min: 12, max: 1024, description: "opens it too, besides the master key" })),
      with_keys: optional(flag("whether the key files go with it, under the passphrase")),
    }),
    answers: { 201: "The backup" },
    errors: ["disk_full", "object_store_failed"],
    handle: async (exchange, { to, passphrase, with_keys: withKeys }) => {
      exchange.allowSilence(SILENCE_SECONDS);
      const made = await exchange.services.backups.create(exchange.operator().subject, {
        ...(to === undefined ? {} : { to }),
        ...(passphrase === undefined ? {} : { passphrase }),
        ...(withKeys === undefined ? {} : { withKeys }),
      });
      const { madeAt, ...backup } = made;
      return { status: 201, json: { ...backup, made_at: madeAt } };
    },
  }),
];

function renderStatus(status: ArchiveStatus): Readonly<Record<string, unknown>> {
  const { lastRun } = status;
  return {
    state: status.state,
    store: status.store,
    last_seq: status.lastSeq,
    archived_through: status.archivedThrough,
    pruned_through: status.prunedThrough,
    segments: Object.fromEntries(status.totals.map(({ state, segments }) => [state, segments])),
    bytes: status.totals.reduce((sum, { bytes }) => sum + bytes, 0),
    last_run_at: timeText(lastRun?.lastRunAt),
    last_ok_at: timeText(lastRun?.lastOkAt),
    error: lastRun?.errorCode == null ? undefined : { code: lastRun.errorCode, message: lastRun.errorMessage },
  };
}

function renderSegment(row: SegmentRecord): Readonly<Record<string, unknown>> {
  return {
    first: row.firstSeq,
    last: row.lastSeq,
    date: row.date,
    state: row.state,
    head: row.head,
    root: row.root,
    bytes: row.eventsBytes + (row.blobsBytes ?? 0),
    sha256: row.eventsSha256,
    locked_until: timeText(row.lockedUntil),
    written_at: timeText(row.writtenAt),
    verified_at: timeText(row.verifiedAt),
  };
}

function timeText(milliseconds: number | null | undefined): string | undefined {
  return milliseconds === null || milliseconds === undefined ? undefined : toRfc3339(milliseconds);
}
