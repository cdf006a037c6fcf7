import type { ApprovalId, DecisionId, EventId, RunId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** What was done in a run, as stored. */
export interface ReceiptRow {
  /** Its event's. */
  readonly receiptId: EventId;
  readonly runId: RunId;
  readonly decisionId: DecisionId | null;
  readonly approvalId: ApprovalId | null;
  readonly tier: "read" | "write" | "danger" | "unknown";
  readonly success: 0 | 1;
  readonly durationMs: number;
  /** Sealed under the key of the agent's subject. */
  readonly sealedDetails: Uint8Array;
  readonly at: number;
}

const COLUMNS = `receipt_id AS receiptId, run_id AS runId, decision_id AS decisionId, approval_id AS approvalId, tier, success,
  duration_ms AS durationMs, sealed_details AS sealedDetails, at`;

/** The receipt, counted in its run: expects that this has not ended and has fewer than `most`. */
export function insertReceipt(tenant: TenantId, row: ReceiptRow, most: number): Statement[] {
  return [
    {
      sql: `UPDATE runs SET receipts = receipts + 1
        WHERE tenant_id = ? AND run_id = ? AND state IN ('active', 'paused') AND receipts < ?`,
      params: [tenant, row.runId, most],
      expectRows: 1,
    },
    {
      sql: `INSERT INTO receipts (tenant_id, run_id, receipt_id, decision_id, approval_id, tier, success, duration_ms,
        sealed_details, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      params: [
        tenant,
        row.runId,
        row.receiptId,
        row.decisionId,
        row.approvalId,
        row.tier,
        row.success,
        row.durationMs,
        row.sealedDetails,
        row.at,
      ],
      expectRows: 1,
    },
  ];
}

/** In order of making, after `after`, at most `limit`. */
export function readReceipts(
  reader: Reader,
  tenant: TenantId,
  run: RunId,
  after: string,
  limit: number,
): Promise<ReceiptRow[]> {
  return reader.all(
    `SELECT ${COLUMNS} FROM receipts WHERE tenant_id = ? AND run_id = ? AND receipt_id > ? ORDER BY receipt_id LIMIT ?`,
    [tenant, run, after, limit],
  );
}

/** Whether the decision has its receipt. */
export async function hasReceipt(reader: Reader, tenant: TenantId, decision: DecisionId): Promise<boolean> {
  const row = await reader.get("SELECT 1 AS one FROM receipts WHERE tenant_id = ? AND decision_id = ?", [
    tenant,
    decision,
  ]);
  return row !== undefined;
}
