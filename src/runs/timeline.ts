import { WritError } from "#src/base/errors.ts";
import type { ConnectionId, DecisionId, TenantId } from "#src/base/ids.ts";
import { readAgent } from "#src/store/agents.ts";
import { readApproval } from "#src/store/approvals.ts";
import { readConnection } from "#src/store/connections.ts";
import { type EventRow, readEventById } from "#src/store/events.ts";
import type { Reader } from "#src/store/reader.ts";
import { type ReceiptRow, readReceipts } from "#src/store/receipts.ts";
import { type RunDecisionRow, readRunDecision, readRunDecisions } from "#src/store/runs.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";
import { openReceipt, type Receipt } from "./receipts.ts";
import type { Run } from "./run.ts";
import type { Runs } from "./runs.ts";

/** A decision as a timeline shows it. */
export interface TimelineDecision {
  readonly id: DecisionId;
  readonly decision: RunDecisionRow["decision"];
  readonly command: string;
  readonly tier: string;
  /** Name of the connection; null for a decision without one. */
  readonly connection: string | null;
  readonly approval: string | null;
  /** Who said yes: the person's id, or a subject's; null where nobody was asked or answered. */
  readonly approvedBy: string | null;
}

/** One step of a run: a decision, or what was done, with the decision that it was done under. */
export interface TimelineEntry {
  readonly at: number;
  readonly decision: TimelineDecision | null;
  readonly receipt: Receipt | null;
}

/** A run with its steps. */
export interface Timeline {
  readonly run: Run;
  readonly children: readonly Run[];
  /** In order of time. */
  readonly entries: readonly TimelineEntry[];
  /** Where the next page begins; undefined on the last. */
  readonly next: string | undefined;
}

/** A receipt and the event that it is. */
export interface ReceiptEvidence {
  readonly receipt: Receipt;
  readonly decision: TimelineDecision | null;
  /** Undefined where it stands in the archive alone. */
  readonly event: Pick<EventRow, "seq" | "hash"> | undefined;
}

/** What happened in runs. */
export interface Timelines {
  /** Throws `not_found`. @param page `after` is the `next` of the page before */
  show(tenant: TenantId, run: string, page: TimelinePage): Promise<Timeline>;
  /** The run's receipts, each with its event, in order. */
  evidence(
    tenant: TenantId,
    run: string,
    page: TimelinePage,
  ): Promise<{ readonly run: Run; readonly items: readonly ReceiptEvidence[]; readonly next: string | undefined }>;
}

/** A part of a run. */
export interface TimelinePage {
  readonly after?: string;
  readonly limit: number;
}

/** What {@link createTimelines} needs. */
export interface TimelinesDependencies {
  readonly reader: Reader;
  readonly runs: Pick<Runs, "show" | "children">;
  readonly keys: Pick<TenantKeys, "openPersonal">;
}

/** What ids of every kind have in common, and are ordered by: when they were made. */
const CURSOR = /^[0-9a-hjkmnp-tv-z]{26}$/;

/** Makes the service. */
export function createTimelines({ reader, runs, keys }: TimelinesDependencies): Timelines {
  const subjectOf = async (tenant: TenantId, run: Run) => {
    const agent = await readAgent(reader, tenant, run.agent);
    if (agent === undefined) throw new WritError("not_found");
    return agent.subjectId;
  };

  const describe = async (tenant: TenantId, row: RunDecisionRow): Promise<TimelineDecision> => {
    const approval = row.approvalId === null ? undefined : await readApproval(reader, tenant, row.approvalId);
    return {
      id: row.decisionId,
      decision: row.decision,
      command: row.command,
      tier: row.tier,
      connection: await nameOf(tenant, row.connectionId),
      approval: row.approvalId,
      approvedBy: approval?.decidedBy ?? null,
    };
  };

  const nameOf = async (tenant: TenantId, connection: ConnectionId | null): Promise<string | null> =>
    connection === null ? null : ((await readConnection(reader, tenant, connection))?.name ?? connection);

  const decisionOf = async (tenant: TenantId, { decisionId }: ReceiptRow): Promise<TimelineDecision | null> => {
    const row = decisionId === null ? undefined : await readRunDecision(reader, tenant, decisionId);
    return row === undefined ? null : describe(tenant, row);
  };

  return {
    show: async (tenant, runId, { after, limit }) => {
      const run = await runs.show(tenant, runId);
      const from = cursorOf(after);
      const subject = await subjectOf(tenant, run);
      const [decisions, receipts] = await Promise.all([
        readRunDecisions(reader, tenant, run.id, `dec_${from}`, limit + 1),
        readReceipts(reader, tenant, run.id, `evt_${from}`, limit + 1),
      ]);
      const steps = [
        ...decisions.map((row) => ({ made: row.decisionId.slice(4), row, receipt: undefined })),
        ...receipts.map((receipt) => ({ made: receipt.receiptId.slice(4), row: undefined, receipt })),
      ].sort((a, b) => (a.made < b.made ? -1 : 1));
      const entries = steps.slice(0, limit).map(
        async ({ row, receipt }): Promise<TimelineEntry> =>
          receipt === undefined
            ? { at: row.at, decision: await describe(tenant, row), receipt: null }
            : {
                at: receipt.at,
                decision: await decisionOf(tenant, receipt),
                receipt: await openReceipt(keys, tenant, subject, receipt),
              },
      );
      return {
        run,
        children: await runs.children(tenant, run.id),
        entries: await Promise.all(entries),
        next: steps.length > limit ? steps[limit - 1]?.made : undefined,
      };
    },
    evidence: async (tenant, runId, { after, limit }) => {
      const run = await runs.show(tenant, runId);
      const subject = await subjectOf(tenant, run);
      const rows = await readReceipts(reader, tenant, run.id, `evt_${cursorOf(after)}`, limit + 1);
      const items = rows.slice(0, limit).map(async (row) => ({
        receipt: await openReceipt(keys, tenant, subject, row),
        decision: await decisionOf(tenant, row),
        event: await readEventById(reader, tenant, row.receiptId),
      }));
      return {
        run,
        items: await Promise.all(items),
        next: rows.length > limit ? rows[limit - 1]?.receiptId.slice(4) : undefined,
      };
    },
  };
}

function cursorOf(after: string | undefined): string {
  if (after === undefined) return "";
  if (!CURSOR.test(after)) throw new WritError("invalid_argument", "`after` is the `next` of a page");
  return after;
}
