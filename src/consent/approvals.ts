import type { Recorder } from "#src/audit/recorder.ts";
import { fromUtf8, utf8 } from "#src/base/bytes.ts";
import { canonicalize, type Json } from "#src/base/canonical-json.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import {
  type AgentId,
  type ApprovalId,
  type IdSource,
  newId,
  type PersonId,
  parseId,
  type RunId,
  type SubjectId,
  type TenantId,
} from "#src/base/ids.ts";
import type { ApprovalTerms } from "#src/policy/approval-terms.ts";
import {
  type ApprovalRow,
  type ApprovalScope,
  type ApprovalState,
  closeApproval,
  escalateApproval,
  insertApproval,
  readApproval,
  readApprovals,
  readGrants,
  readHistory,
  readOverdueApprovals,
  readPendingApproval,
  readSpooledBytes,
  readUnescalatedApprovals,
  readVoters,
  useApproval,
} from "#src/store/approvals.ts";
import { enqueueNotice } from "#src/store/notifications.ts";
import type { Reader } from "#src/store/reader.ts";
import type { Statement } from "#src/store/unit.ts";
import { ensureRevoked } from "#src/store/writs.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";
import {
  type Approval,
  type ApprovalDetails,
  type ApprovalRequest,
  type CallDigests,
  termsOf,
  toApproval,
} from "./approval.ts";
import type { Cosigner } from "./cosigner.ts";
import type { ApprovalFeed } from "./feed.ts";
import { isStillGranted, readGranted } from "./grants.ts";
import { SPOOL_LIMITS, type Spool } from "./spool.ts";
import type { Waiters } from "./waiters.ts";

/** What an allow needs that rests on a person's word. */
export interface GrantedUse {
  readonly tenant: TenantId;
  readonly agent: AgentId;
  readonly command: string;
  readonly digests: CallDigests;
  /** What the policies of now bind an approval to, and what they ask of it. */
  readonly boundTo: ApprovalScope;
  readonly terms: ApprovalTerms;
  /** The people behind the agent now: a yes of theirs covers nothing. */
  readonly behind: readonly PersonId[];
  /** The run that it is in and those that one is part of; none outside of any. */
  readonly runs: readonly RunId[];
  readonly now: number;
}

/** Approvals of a tenant: asked for by decisions, given by people, used by exactly the call that they were given for. */
export interface Approvals {
  /**
   * Prepares the request that a step-up's unit commits. The body is in the spool when it resolves. Undefined where too
   * much of this agent or tenant waits already.
   */
  prepare(
    request: ApprovalRequest,
  ): Promise<{ readonly approval: Approval; readonly statements: readonly Statement[] } | undefined>;
  /** To be called once the unit with what {@link prepare} gave has committed, or may have. */
  noteRequest(approval: ApprovalId): void;
  /** Undoes what {@link prepare} spooled, when its unit did not commit. */
  discard(tenant: TenantId, approval: ApprovalId): Promise<void>;
  /** The pending one for this agent and digest that has not expired. */
  findPending(tenant: TenantId, agent: AgentId, callDigest: string): Promise<Approval | undefined>;
  /** What was granted and covers this use under the policies of now: the cosigner's token stands and says so. */
  findGranted(use: GrantedUse): Promise<Approval | undefined>;
  /** Takes one use, when the unit that holds the statement commits. */
  use(tenant: TenantId, approval: ApprovalId, now: number): Statement;
  /** To be called once that unit has committed. */
  noteUse(tenant: TenantId, approval: ApprovalId): Promise<void>;
  /** `not_found` for one that is not there, or not this agent's where one is given. */
  show(tenant: TenantId, approval: string, agent?: AgentId): Promise<Approval>;
  /** What the approver is shown, but for the body. */
  summary(tenant: TenantId, approval: string): Promise<ApprovalDetails>;
  /** What the approver is shown, the body included. */
  details(tenant: TenantId, approval: string): Promise<ApprovalDetails & { readonly body: Uint8Array | undefined }>;
  /** How what this agent asked for ended so far: a count for each state. */
  history(tenant: TenantId, agent: AgentId): Promise<ReadonlyMap<ApprovalState, number>>;
  /** The people who said yes, first to last. */
  voters(tenant: TenantId, approval: ApprovalId): Promise<readonly string[]>;
  list(tenant: TenantId, state: ApprovalState, limit?: number): Promise<Approval[]>;
  /** Takes a request or what is left of a grant back, writs that rest on it included; `approval_decided` where nothing is. */
  revoke(tenant: TenantId, actor: SubjectId, approval: string): Promise<void>;
  /** Resolves when the approval leaves `pending`, or after so many milliseconds. */
  wait(tenant: TenantId, approval: string, milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Closes what is past its time, a bounded number at once, and removes bodies that no open approval needs. */
  expireOverdue(tenant: TenantId): Promise<number>;
  /** Widens who may decide where a request has waited for longer than a policy says. */
  escalateOverdue(tenant: TenantId): Promise<number>;
}

/** What {@link createApprovals} needs. */
export interface ApprovalsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly keys: TenantKeys;
  readonly spool: Spool;
  readonly cosigner: Cosigner;
  readonly waiters: Waiters;
  readonly feed: ApprovalFeed;
  readonly ids: IdSource;
  readonly clock: Clock;
  readonly ttlSeconds: number;
}

/** A request on its way to its commit: it counts although no row says so yet. */
interface Requested {
  readonly tenant: TenantId;
  readonly agent: AgentId;
  readonly bytes: number;
}

/** Makes the service of approvals. */
export function createApprovals(dependencies: ApprovalsDependencies): Approvals {
  const { recorder, reader, keys, spool, cosigner, waiters, feed, ids, clock, ttlSeconds } = dependencies;
  const requested = new Map<ApprovalId, Requested>();

  const find = async (tenant: TenantId, approval: string, agent?: AgentId): Promise<ApprovalRow> => {
    const row = await readApproval(reader, tenant, parseId("approval", approval));
    if (row === undefined || (agent !== undefined && row.agentId !== agent)) throw new WritError("not_found");
    return row;
  };

  const openDetails = async (tenant: TenantId, row: ApprovalRow): Promise<ApprovalDetails> => {
    const value = { dataKeyId: row.dataKeyId, sealed: row.sealedDetails };
    const opened = await keys.openValue(tenant, `approval ${row.approvalId}`, 1, value);
    return JSON.parse(fromUtf8(opened)) as ApprovalDetails;
  };

  const close = async (tenant: TenantId, row: ApprovalRow, to: "expired" | "revoked", actor: SubjectId | "system") => {
    const dead =
      to === "revoked" && row.cosignerCid !== null ? [ensureRevoked(tenant, row.cosignerCid, clock.now())] : [];
    await recorder.record({
      tenant,
      type: `approval.${to}`,
      actor,
      statements: [closeApproval(tenant, row.approvalId, row.state, to), ...dead],
      data: { approval: row.approvalId, was: row.state, used: row.used, cosigner: row.cosignerCid ?? undefined },
      raisesEpoch: to === "revoked",
      ignoresClock: true,
    });
    await spool.remove(tenant, row.approvalId);
    waiters.wake(row.approvalId);
    feed.tell(tenant, { approval: row.approvalId, state: to, isEscalated: false });
  };

  /** Such as one whose unit never committed, because the process or its disk failed in between. */
  const removeUnneeded = async (tenant: TenantId, approval: ApprovalId): Promise<void> => {
    if (requested.has(approval)) return;
    const state = (await readApproval(reader, tenant, approval))?.state;
    if (state !== "pending" && state !== "approved") await spool.remove(tenant, approval);
  };

  const isVouchedBy = async (tenant: TenantId, approval: ApprovalId, people: readonly PersonId[]): Promise<boolean> => {
    const voters = await readVoters(reader, tenant, approval);
    return people.some((person) => voters.includes(person));
  };

  const sealDetails = async (approval: ApprovalId, { tenant, details }: ApprovalRequest) =>
    keys.sealValue(tenant, `approval ${approval}`, 1, utf8(canonicalize(details)));

  /** Must be followed by the request's entry at once: what waits in between would not be counted. */
  const hasRoom = (
    { tenant, agent }: ApprovalRequest,
    bytes: number,
    used: Awaited<ReturnType<typeof readSpooledBytes>>,
  ): boolean => {
    const others = [...requested.values()].filter((other) => other.tenant === tenant);
    const own = others.filter((other) => other.agent === agent);
    return (
      used.agentPending + own.length < SPOOL_LIMITS.maxAgentApprovals &&
      used.agentBytes + bytesOf(own) + bytes <= SPOOL_LIMITS.maxAgentBytes &&
      used.tenantBytes + bytesOf(others) + bytes <= SPOOL_LIMITS.maxTenantBytes
    );
  };

  return {
    prepare: async (request) => {
      const { tenant, agent, body, now } = request;
      const bytes = body?.length ?? 0;
      if (!hasRoom(request, bytes, await readSpooledBytes(reader, tenant, agent))) return undefined;
      const approvalId = newId("approval", ids);
      requested.set(approvalId, { tenant, agent, bytes });
      try {
        const row = newRow(approvalId, request, await sealDetails(approvalId, request), ttlSeconds);
        if (body !== undefined && bytes > 0) await spool.put(tenant, approvalId, body);
        return {
          approval: toApproval(row, now),
          statements: [insertApproval(tenant, row), enqueueNotice(tenant, approvalId, "asked", now)],
        };
      } catch (error) {
        requested.delete(approvalId);
        throw error;
      }
    },
    noteRequest: (approval) => {
      const tenant = requested.get(approval)?.tenant;
      requested.delete(approval);
      if (tenant !== undefined) feed.tell(tenant, { approval, state: "pending", isEscalated: false });
    },
    discard: async (tenant, approval) => {
      requested.delete(approval);
      await spool.remove(tenant, approval);
    },
    findPending: async (tenant, agent, callDigest) => {
      const row = await readPendingApproval(reader, tenant, agent, callDigest);
      if (row === undefined) return undefined;
      if (row.expiresAt > clock.now()) return toApproval(row, clock.now());
      // It stands in the way of a new one: at most one is pending for a digest.
      await close(tenant, row, "expired", "system").catch(ignoreConflict);
      return undefined;
    },
    findGranted: async ({ tenant, agent, command, digests, boundTo, terms, behind, runs, now }) => {
      for (const row of await readGrants(reader, tenant, agent, digests, now)) {
        if (row.cosigner === null || row.granted === null) continue;
        if (!isStillGranted(row, boundTo, terms, ttlSeconds)) continue;
        if (behind.length > 0 && (await isVouchedBy(tenant, row.approvalId, behind))) continue;
        const { grant } = readGranted(row.granted);
        const vouched = { kind: "approval", approval: row.approvalId, command: row.command, grant } as const;
        const use = { command, agent, digests, runs };
        if (await cosigner.covers(tenant, row.cosigner, vouched, use, now)) return toApproval(row, now);
      }
      return undefined;
    },
    use: useApproval,
    noteUse: async (tenant, approval) => {
      waiters.wake(approval);
      const row = await readApproval(reader, tenant, approval);
      if (row === undefined) return;
      if (row.state === "used") await spool.remove(tenant, approval);
      feed.tell(tenant, { approval, state: row.state, isEscalated: false });
    },
    show: async (tenant, approval, agent) => toApproval(await find(tenant, approval, agent), clock.now()),
    summary: async (tenant, approval) => openDetails(tenant, await find(tenant, approval)),
    details: async (tenant, approval) => {
      const row = await find(tenant, approval);
      return { ...(await openDetails(tenant, row)), body: await spool.get(tenant, row.approvalId) };
    },
    history: async (tenant, agent) =>
      new Map((await readHistory(reader, tenant, agent)).map(({ state, count }) => [state, count])),
    voters: (tenant, approval) => readVoters(reader, tenant, approval),
    list: async (tenant, state, limit = 100) =>
      (await readApprovals(reader, tenant, state, limit)).map((row) => toApproval(row, clock.now())),
    revoke: async (tenant, actor, approval) => {
      const row = await find(tenant, approval);
      if (row.state !== "pending" && row.state !== "approved") {
        throw new WritError("approval_decided", `it is \`${row.state}\` already`);
      }
      await close(tenant, row, "revoked", actor);
    },
    wait: async (tenant, approval, milliseconds, signal) => {
      const id = parseId("approval", approval);
      // Listening begins before the look, so that what changes in between is not missed.
      const woken = waiters.wait(id, milliseconds, signal);
      try {
        const row = await readApproval(reader, tenant, id);
        if (row?.state === "pending" && row.expiresAt > clock.now()) await woken.promise;
      } finally {
        woken.cancel();
      }
    },
    expireOverdue: async (tenant) => {
      const rows = await readOverdueApprovals(reader, tenant, clock.now(), 100);
      for (const row of rows) await close(tenant, row, "expired", "system").catch(ignoreConflict);
      for (const approval of await spool.list(tenant)) await removeUnneeded(tenant, approval);
      return rows.length;
    },
    escalateOverdue: async (tenant) => {
      const now = clock.now();
      const rows = await readUnescalatedApprovals(reader, tenant, now, 100);
      for (const { approvalId, terms } of rows) {
        const { escalation } = termsOf({ terms });
        await recorder
          .record({
            tenant,
            type: "approval.escalated",
            actor: "system",
            statements: [
              escalateApproval(tenant, approvalId, now),
              enqueueNotice(tenant, approvalId, "escalated", now),
            ],
            data: { approval: approvalId, group: escalation?.group ?? null },
          })
          .then(() => feed.tell(tenant, { approval: approvalId, state: "pending", isEscalated: true }))
          .catch(ignoreConflict);
      }
      return rows.length;
    },
  };
}

function newRow(
  approvalId: ApprovalId,
  request: ApprovalRequest,
  { dataKeyId, sealed }: { readonly dataKeyId: string; readonly sealed: Uint8Array },
  ttlSeconds: number,
): ApprovalRow {
  const { now, terms } = request;
  return {
    approvalId,
    agentId: request.agent,
    state: "pending",
    callDigest: request.boundTo === "call" ? request.digests.call : request.digests.resource,
    resourceDigest: request.digests.resource,
    boundTo: request.boundTo,
    command: request.command,
    tier: request.tier,
    connectionId: request.connection,
    sealedDetails: sealed,
    dataKeyId,
    policyVersion: request.policyVersion,
    terms: canonicalize(terms as unknown as Json),
    spooledBytes: request.body?.length ?? 0,
    votes: 0,
    granted: null,
    grantDigest: null,
    remaining: 0,
    used: 0,
    cosigner: null,
    cosignerCid: null,
    requestedAt: now,
    expiresAt: now + ttlSeconds * 1000,
    escalatesAt: terms.escalation === null ? null : now + terms.escalation.seconds * 1000,
    escalatedAt: null,
    decidedAt: null,
    decidedBy: null,
  };
}

function bytesOf(requests: readonly Requested[]): number {
  return requests.reduce((sum, { bytes }) => sum + bytes, 0);
}

function ignoreConflict(error: unknown): void {
  if (!(error instanceof WritError && error.code === "conflict")) throw error;
}
