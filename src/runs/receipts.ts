import { Personal, type Recorder } from "#src/audit/recorder.ts";
import { fromUtf8, utf8 } from "#src/base/bytes.ts";
import { canonicalize, type JsonObject } from "#src/base/canonical-json.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import {
  type ApprovalId,
  type DecisionId,
  type EventId,
  type IdSource,
  newId,
  parseId,
  type RunId,
  type SubjectId,
  type TenantId,
} from "#src/base/ids.ts";
import type { AgentPrincipal } from "#src/identity/authenticate.ts";
import { readApproval } from "#src/store/approvals.ts";
import type { Reader } from "#src/store/reader.ts";
import { hasReceipt, insertReceipt, type ReceiptRow } from "#src/store/receipts.ts";
import { type RunDecisionRow, type RunRow, readRun, readRunDecision } from "#src/store/runs.ts";
import type { Scrubber } from "#src/vault/scrubber.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";
import { type RunLevel, type RunRoute, renderRoute } from "./run.ts";
import type { Runs } from "./runs.ts";
import { scrubJson } from "./scrub-json.ts";

/** Something that an action made. */
export interface Artifact {
  readonly name: string;
  /** RFC 6838: `text/plain`. */
  readonly mediaType: string;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** What was done, as the agent's side says it. */
export interface NewReceipt {
  readonly tool: string;
  /** What it thought it was; the decision's own, where there was one, counts instead. */
  readonly tier?: "read" | "write" | "danger";
  readonly inputs?: JsonObject;
  readonly output?: { readonly summary?: string; readonly sha256?: string; readonly bytes?: number };
  readonly error?: string;
  readonly durationMs: number;
  readonly success: boolean;
  readonly route?: RunRoute;
  readonly level?: RunLevel;
  /** Made in the same run, and without a receipt yet. */
  readonly decision?: string;
  readonly approval?: string;
  readonly artifacts?: readonly Artifact[];
}

/** A receipt as it is kept. */
export interface Receipt {
  /** Its event's. */
  readonly id: EventId;
  readonly run: RunId;
  readonly tier: ReceiptRow["tier"];
  readonly success: boolean;
  readonly durationMs: number;
  readonly decision: DecisionId | null;
  readonly approval: ApprovalId | null;
  readonly at: number;
  /** `tool`, `inputs`, `output`, `error`, `route`, `level`, `artifacts`; undefined where its subject was erased. */
  readonly details: JsonObject | undefined;
}

/** Receipts of what was done in runs. */
export interface Receipts {
  /**
   * Scrubs and records one. Throws `not_found` for another's run, `run_ended`, `run_not_active` in one that has not begun,
   * `invalid_argument` for a decision or approval that is not this agent's, `conflict` for a decision that has its receipt.
   */
  add(principal: AgentPrincipal, run: string, receipt: NewReceipt): Promise<Receipt>;
}

/** What {@link createReceipts} needs. */
export interface ReceiptsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly runs: Pick<Runs, "requireOwn">;
  readonly keys: TenantKeys;
  readonly scrubber: Scrubber;
  readonly ids: IdSource;
  readonly clock: Clock;
}

/** Of one run. */
const MAX_RECEIPTS = 20_000;
const MAX_DETAIL_CHARACTERS = 64 * 1024;
const HASH = /^[0-9a-f]{64}$/;
const MEDIA_TYPE = /^[a-z0-9][a-z0-9!#$&^_.+-]{0,63}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,63}$/;

/** Makes the service of receipts. */
export function createReceipts(dependencies: ReceiptsDependencies): Receipts {
  const { recorder, runs, keys, scrubber, ids, clock } = dependencies;
  return {
    add: async (principal, run, asked) => {
      const { tenant, subject } = principal;
      const row = await runs.requireOwn(principal, run);
      requireTaking(row);
      const decision = await findDecision(dependencies, tenant, row.runId, asked.decision);
      const approval = await findApproval(dependencies.reader, principal, asked.approval, decision);
      const details = await scrubDetails(scrubber, tenant, asked);
      const receiptId = newId("event", ids);
      const receipt: ReceiptRow = {
        receiptId,
        runId: row.runId,
        decisionId: decision?.decisionId ?? null,
        approvalId: approval,
        tier: (decision?.tier as ReceiptRow["tier"] | undefined) ?? asked.tier ?? "unknown",
        success: asked.success ? 1 : 0,
        durationMs: asked.durationMs,
        sealedDetails: await keys.sealPersonal(tenant, subject, receiptBinding(receiptId), utf8(canonicalize(details))),
        at: clock.now(),
      };
      const result = await recorder.tryRecord({
        tenant,
        id: receiptId,
        type: "run.receipt",
        actor: subject,
        statements: insertReceipt(tenant, receipt, MAX_RECEIPTS),
        countsAgainstQuota: true,
        data: {
          run: row.runId,
          agent: row.agentId,
          device: row.deviceId,
          tier: receipt.tier,
          success: asked.success,
          duration_ms: asked.durationMs,
          level: asked.level ?? row.level,
          decision: receipt.decisionId,
          approval: receipt.approvalId,
          output_sha256: asked.output?.sha256,
          artifacts: asked.artifacts?.map(({ sha256 }) => sha256),
          receipt: new Personal(subject, details),
        },
      });
      if (result.kind === "committed") return openReceipt(keys, tenant, subject, receipt);
      if (result.reason === "conflict") throw await explainConflict(dependencies.reader, tenant, receipt);
      throw new WritError(result.reason === "quota" ? "disk_quota_exceeded" : "store_failed");
    },
  };
}

/** A row as the rest of Writ sees it. @param subject of the agent */
export async function openReceipt(
  keys: Pick<TenantKeys, "openPersonal">,
  tenant: TenantId,
  subject: SubjectId,
  row: ReceiptRow,
): Promise<Receipt> {
  const opened = await keys.openPersonal(tenant, subject, receiptBinding(row.receiptId), row.sealedDetails);
  return {
    id: row.receiptId,
    run: row.runId,
    tier: row.tier,
    success: row.success === 1,
    durationMs: row.durationMs,
    decision: row.decisionId,
    approval: row.approvalId,
    at: row.at,
    details: opened === undefined ? undefined : (JSON.parse(fromUtf8(opened)) as JsonObject),
  };
}

function receiptBinding(receipt: EventId): string {
  return `receipt ${receipt}`;
}

/** What was done is told while a run is paused, too. */
function requireTaking({ state, endedAt }: RunRow): void {
  if (endedAt !== null) throw new WritError("run_ended");
  if (state === "pending") throw new WritError("run_not_active", "the run has not begun");
}

async function findDecision(
  { reader }: ReceiptsDependencies,
  tenant: TenantId,
  run: RunId,
  decision: string | undefined,
): Promise<RunDecisionRow | undefined> {
  if (decision === undefined) return undefined;
  const row = await readRunDecision(reader, tenant, parseId("decision", decision));
  if (row?.runId !== run) throw new WritError("invalid_argument", "`decision` is none that was made in this run");
  if (await hasReceipt(reader, tenant, row.decisionId)) throw alreadyThere();
  return row;
}

async function findApproval(
  reader: Reader,
  { tenant, agent }: AgentPrincipal,
  approval: string | undefined,
  decision: RunDecisionRow | undefined,
): Promise<ApprovalId | null> {
  const used = decision?.approvalId ?? null;
  if (approval === undefined) return used;
  const row = await readApproval(reader, tenant, parseId("approval", approval));
  if (row?.agentId !== agent.id || (used !== null && used !== row.approvalId)) {
    throw new WritError("invalid_argument", "`approval` is none of this agent's for this");
  }
  return row.approvalId;
}

/** Everything that the agent's side wrote, without secrets in any member. */
async function scrubDetails(scrubber: Scrubber, tenant: TenantId, asked: NewReceipt): Promise<JsonObject> {
  for (const { mediaType } of asked.artifacts ?? []) {
    if (!MEDIA_TYPE.test(mediaType)) throw new WritError("invalid_argument", "`media_type` is malformed");
  }
  const told = {
    tool: asked.tool,
    inputs: asked.inputs ?? {},
    ...(asked.output === undefined ? {} : { output: { ...asked.output } }),
    ...(asked.error === undefined ? {} : { error: asked.error }),
    route: renderRoute(asked.route ?? {}),
    ...(asked.level === undefined ? {} : { level: asked.level }),
    artifacts: (asked.artifacts ?? []).map(({ name, mediaType, sha256 }) => ({ name, media_type: mediaType, sha256 })),
  };
  const details = await scrubJson(scrubber, tenant, told);
  const hashes = hashesIn(told);
  // A credential that looks like a hash is one all the same.
  if (!hashes.every((hash) => HASH.test(hash)) || hashesIn(details).join() !== hashes.join()) {
    throw new WritError("invalid_argument", "`sha256` is 64 digits of lower-case hex, and of a hash");
  }
  if (canonicalize(details).length > MAX_DETAIL_CHARACTERS) {
    throw new WritError(
      "invalid_argument",
      `a receipt has at most ${MAX_DETAIL_CHARACTERS} characters: send a summary`,
    );
  }
  return details;
}

/** The hashes that stand outside of the inputs. */
function hashesIn(details: JsonObject): readonly string[] {
  const { output, artifacts = [] } = details as {
    readonly output?: { readonly sha256?: string };
    readonly artifacts?: readonly { readonly sha256: string }[];
  };
  return [...artifacts.map(({ sha256 }) => sha256), ...(output?.sha256 === undefined ? [] : [output.sha256])];
}

async function explainConflict(reader: Reader, tenant: TenantId, receipt: ReceiptRow): Promise<WritError> {
  const { decisionId, runId } = receipt;
  if (decisionId !== null && (await hasReceipt(reader, tenant, decisionId))) return alreadyThere();
  const row = await readRun(reader, tenant, runId);
  if (row !== undefined && row.receipts >= MAX_RECEIPTS) {
    return new WritError("invalid_argument", `a run has at most ${MAX_RECEIPTS} receipts`);
  }
  return new WritError("run_ended");
}

function alreadyThere(): WritError {
  return new WritError("conflict", "the decision has its receipt already");
}
