import { type Clock, toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import { type AgentId, parseId, type TenantId } from "#src/base/ids.ts";
import { readAgent } from "#src/store/agents.ts";
import { type EventFilter, readEventById, readEventBySeq } from "#src/store/events.ts";
import type { FolderReport } from "#src/store/jobs/verify-chains.ts";
import type { Reader } from "#src/store/reader.ts";
import type { JobOptions, ReaderPool } from "#src/store/reader-pool.ts";
import { type EventView, type PersonalOpener, viewEvent } from "./event-view.ts";

/** Which events a list holds: all that is given must hold. */
export interface AuditFilter extends EventFilter {
  /** Events that this agent caused or that are about it. */
  readonly agent?: AgentId;
}

/** A part of a list. */
export interface AuditPage {
  /** Events below this seq: the `next` of the page before. */
  readonly before?: number;
  /** 1 to {@link MAX_PAGE}; 50 unless stated. */
  readonly limit?: number;
}

/** Whether personal members are opened: for whoever may see them. */
export interface ViewOptions {
  readonly openPersonal: boolean;
}

/** Reads the chains: for people, for auditors, for the operator. */
export interface Audit {
  /** Events, newest first; `next` where more may follow. */
  list(
    tenant: TenantId,
    filter: AuditFilter,
    page: AuditPage,
    options: ViewOptions & JobOptions,
  ): Promise<{ readonly events: readonly EventView[]; readonly next?: number }>;
  /** One event, by its place or id; `not_found`. */
  show(tenant: TenantId, seqOrId: number | string, options: ViewOptions): Promise<EventView>;
  /**
   * The lines of an evidence bundle, without line feeds, as they are asked for. `through` is rounded up to the next seal;
   * with `isProof` it is the event `from` alone, with proofs up to the checkpoint that covers it.
   * Throws `not_found` for a tenant without events, `invalid_argument` for a range without any, both before the first line.
   */
  exportBundle(
    tenant: TenantId,
    range: { readonly from?: number; readonly through?: number; readonly isProof?: boolean },
    options?: JobOptions,
  ): AsyncGenerator<string, void, void>;
  /** Verifies every chain in the database that the server is running on. */
  verify(options?: JobOptions & { readonly pinned?: readonly string[] }): Promise<FolderReport>;
}

/** What {@link createAudit} needs. */
export interface AuditDependencies {
  readonly pool: ReaderPool;
  readonly reader: Reader;
  readonly opener: PersonalOpener;
  readonly clock: Clock;
}

/** The most events that a page holds. */
export const MAX_PAGE = 500;
const DEFAULT_PAGE = 50;
/** How long a page is opened before the main thread's other work has its turn, in milliseconds. */
const TURN_MS = 4;

/** Makes the service. */
export function createAudit({ pool, reader, opener, clock }: AuditDependencies): Audit {
  const openerFor = ({ openPersonal }: ViewOptions): PersonalOpener | undefined => (openPersonal ? opener : undefined);
  return {
    list: async (tenant, { agent, ...filter }, { before = Number.MAX_SAFE_INTEGER, limit = DEFAULT_PAGE }, options) => {
      if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_PAGE) {
        throw new WritError("invalid_argument", `\`limit\` is 1 to ${MAX_PAGE}`);
      }
      if (!Number.isSafeInteger(before) || before < 1) {
        throw new WritError("invalid_argument", "`before` is a positive integer");
      }
      const subject = agent === undefined ? null : ((await readAgent(reader, tenant, agent))?.subjectId ?? null);
      const { items, result } = await pool.run(
        "search",
        { tenant, filter: agent === undefined ? filter : { ...filter, agent: { id: agent, subject } }, before, limit },
        options,
      );
      const events: EventView[] = [];
      let turnEnds = performance.now() + TURN_MS;
      for (const row of items) {
        events.push(await viewEvent(tenant, row, openerFor(options)));
        if (performance.now() < turnEnds) continue;
        await new Promise<void>((resolve) => setImmediate(resolve));
        turnEnds = performance.now() + TURN_MS;
      }
      return { events, ...result };
    },
    show: async (tenant, seqOrId, options) => {
      const row =
        typeof seqOrId === "number"
          ? await readEventBySeq(reader, tenant, seqOrId)
          : await readEventById(reader, tenant, parseEventId(seqOrId));
      if (row === undefined) throw new WritError("not_found");
      return viewEvent(tenant, row, openerFor(options));
    },
    exportBundle: async function* (tenant, range, options) {
      const input = { tenant, ...range, madeAt: toRfc3339(clock.now()) };
      for await (const lines of pool.stream("export", input, options)) yield* lines;
    },
    verify: async ({ pinned, ...options } = {}) =>
      (await pool.run("verify", pinned === undefined ? {} : { pinned }, options)).result,
  };
}

/** A decision's event has the decision's id. */
function parseEventId(text: string): string {
  return text.startsWith("dec_") ? parseId("decision", text) : parseId("event", text);
}
