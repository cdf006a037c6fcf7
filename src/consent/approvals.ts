import { Personal, type Recorder } from "#src/audit/recorder.ts";
import { fromUtf8, utf8 } from "#src/base/bytes.ts";
import { canonicalize, type Json } from "#src/base/canonical-json.ts";
import type { Clock } from "#src/base/clock.ts";
import { invariant, WritError } from "#src/base/errors.ts";
import {
  type AgentId,
  type ApprovalId,
  type ConnectionId,
  type IdSource,
  newId,
  parseId,
  type SubjectId,
  type TenantId,
} from "#src/base/ids.ts";
import { readAgent } from "#src/store/agents.ts";
import {
  type ApprovalRow,
  type ApprovalState,
  closeApproval,
  decideApproval,
  insertApproval,
  readApproval,
  readApprovals,
  readOpenApproval,
  readOverdueApprovals,
  readSpooledBytes,
  useApproval,
} from "#src/store/approvals.ts";
import type { Reader } from "#src/store/reader.ts";
import type { Statement } from "#src/store/unit.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";
import { SPOOL_LIMITS, type Spool } from "./spool.ts";
import { createWaiters } from "./waiters.ts";

/** What an approver is shown of a call. */
export interface ApprovalDetails {
  readonly agentName: string;
  readonly resource: { readonly type: string; readonly id: string };
  readonly attributes: Readonly<Record<string, string>>;
  readonly connection: { readonly name: string; readonly origin: string } | null;
  readonly call: {
    readonly method: string;
    readonly path: string;
    readonly query: string;
    readonly headers: readonly (readonly [string, string])[];
    readonly bodySha256: string;
    readonly bodyBytes: number;
  } | null;
  /** What the agent says. */
  readonly claimed: Json;
  /** The policies that ask for a person. */
  readonly askedBy: readonly string[];
}

/** A request for a person's word, before it is committed. */
export interface ApprovalRequest {
  readonly tenant: TenantId;
  readonly agent: AgentId;
  readonly callDigest: string;
  readonly boundTo: ApprovalRow["boundTo"];
  readonly command: string;
  readonly tier: string;
  readonly connection: ConnectionId | null;
  readonly policyVersion: number;
  readonly details: ApprovalDetails;
  readonly body: Uint8Array | undefined;
  readonly now: number;
}

/** An approval as it is answered. */
export interface Approval {
  readonly id: ApprovalId;
  readonly agent: AgentId;
  readonly state: ApprovalState;
  readonly command: string;
  readonly tier: string;
  readonly boundTo: ApprovalRow["boundTo"];
  readonly callDigest: string;
  readonly remaining: number;
  readonly requestedAt: number;
  readonly expiresAt: number;
  readonly decidedAt: number | null;
}

/** Approvals of a tenant: asked for by decisions, given by people, used by exactly the call that they were given for. */
export interface Approvals {
  /**
   * Prepares the request that a step-up's unit commits. The body is in the spool when it resolves. Undefined where too
   * much of this agent or tenant waits already.
   */
  prepare(
    request: ApprovalRequest,
  ): Promise<{ readonly approval: Approval; readonly statement: Statement } | undefined>;
  /** To be called once the unit with what {@link prepare} gave has committed. */
  noteRequest(approval: ApprovalId): void;
  /** Undoes what {@link prepare} spooled, when its unit did not commit. */
  discard(tenant: TenantId, approval: ApprovalId): Promise<void>;
  /** The pending or approved one for this agent and digest that has not expired. */
  findOpen(tenant: TenantId, agent: AgentId, callDigest: string): Promise<Approval | undefined>;
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
  list(tenant: TenantId, state: ApprovalState, limit?: number): Promise<Approval[]>;
  /** Yes or no; one decision wins a race, the other is `approval_decided`. */
  decide(tenant: TenantId, actor: SubjectId, approval: string, decision: ApprovalDecision): Promise<Approval>;
  revoke(tenant: TenantId, actor: SubjectId, approval: string): Promise<void>;
  /** Resolves when the approval leaves `pending`, or after so many milliseconds. */
  wait(tenant: TenantId, approval: string, milliseconds: number, signal?: AbortSignal): Promise<void>;
  /** Closes what is past its time, a bounded number at once, and removes bodies that no open approval needs. */
  expireOverdue(tenant: TenantId): Promise<number>;
}

/** A person's word, and how it was given. */
export interface ApprovalDecision {
  readonly verdict: "approved" | "denied";
  /** `host`: by whoever holds the operator's socket. */
  readonly method: "host";
  readonly comment?: string;
}

/** What {@link createApprovals} needs. */
export interface ApprovalsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly keys: TenantKeys;
  readonly spool: Spool;
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
  const { recorder, reader, keys, spool, ids, clock, ttlSeconds } = dependencies;
  const waiters = createWaiters();
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
    await recorder.record({
      tenant,
      type: `approval.${to}`,
      actor,
      statements: [closeApproval(tenant, row.approvalId, row.state, to)],
      data: { approval: row.approvalId, was: row.state },
      raisesEpoch: to === "revoked",
      ignoresClock: true,
    });
    await spool.remove(tenant, row.approvalId);
    waiters.wake(row.approvalId);
  };

  /** Such as one whose unit never committed, because the process or its disk failed in between. */
  const removeUnneeded = async (tenant: TenantId, approval: ApprovalId): Promise<void> => {
    if (requested.has(approval)) return;
    const state = (await readApproval(reader, tenant, approval))?.state;
    if (state !== "pending" && state !== "approved") await spool.remove(tenant, approval);
  };

  const sealDetails = async (approval: ApprovalId, { tenant, details }: ApprovalRequest) =>
    keys.sealValue(tenant, `approval ${approval}`, 1, utf8(canonicalize(details)));

  return {
    prepare: async (request) => {
      const { tenant, agent, body, now } = request;
      const bytes = body?.length ?? 0;
      const used = await readSpooledBytes(reader, tenant, agent);
      const others = [...requested.values()].filter((other) => other.tenant === tenant);
      const own = others.filter((other) => other.agent === agent);
      if (used.agentPending + own.length >= SPOOL_LIMITS.maxAgentApprovals) return undefined;
      if (used.agentBytes + bytesOf(own) + bytes > SPOOL_LIMITS.maxAgentBytes) return undefined;
      if (used.tenantBytes + bytesOf(others) + bytes > SPOOL_LIMITS.maxTenantBytes) return undefined;
      const approvalId = newId("approval", ids);
      requested.set(approvalId, { tenant, agent, bytes });
      const { dataKeyId, sealed } = await sealDetails(approvalId, request).catch((error: unknown) => {
        requested.delete(approvalId);
        throw error;
      });
      const row: ApprovalRow = {
        approvalId,
        agentId: agent,
        state: "pending",
        callDigest: request.callDigest,
        boundTo: request.boundTo,
        command: request.command,
        tier: request.tier,
        connectionId: request.connection,
        sealedDetails: sealed,
        dataKeyId,
        policyVersion: request.policyVersion,
        spooledBytes: bytes,
        remaining: 0,
        requestedAt: now,
        expiresAt: now + ttlSeconds * 1000,
        decidedAt: null,
        decidedBy: null,
      };
      if (body !== undefined && bytes > 0) {
        await spool.put(tenant, approvalId, body).catch((error: unknown) => {
          requested.delete(approvalId);
          throw error;
        });
      }
      return { approval: toApproval(row, now), statement: insertApproval(tenant, row) };
    },
    noteRequest: (approval) => void requested.delete(approval),
    discard: async (tenant, approval) => {
      requested.delete(approval);
      await spool.remove(tenant, approval);
    },
    findOpen: async (tenant, agent, callDigest) => {
      const row = await readOpenApproval(reader, tenant, agent, callDigest);
      if (row === undefined) return undefined;
      if (row.expiresAt > clock.now()) return toApproval(row, clock.now());
      // It stands in the way of a new one: at most one is open for a digest.
      await close(tenant, row, "expired", "system").catch(ignoreConflict);
      return undefined;
    },
    use: useApproval,
    noteUse: async (tenant, approval) => {
      waiters.wake(approval);
      const row = await readApproval(reader, tenant, approval);
      if (row?.state === "used") await spool.remove(tenant, approval);
    },
    show: async (tenant, approval, agent) => toApproval(await find(tenant, approval, agent), clock.now()),
    summary: async (tenant, approval) => openDetails(tenant, await find(tenant, approval)),
    details: async (tenant, approval) => {
      const row = await find(tenant, approval);
      return { ...(await openDetails(tenant, row)), body: await spool.get(tenant, row.approvalId) };
    },
    list: async (tenant, state, limit = 100) =>
      (await readApprovals(reader, tenant, state, limit)).map((row) => toApproval(row, clock.now())),
    decide: async (tenant, actor, approval, { verdict, method, comment }) => {
      const row = await find(tenant, approval);
      const now = clock.now();
      if (row.state !== "pending") throw new WritError("approval_decided", `it is \`${row.state}\` already`);
      if (row.expiresAt <= now) throw new WritError("approval_expired");
      const remaining = verdict === "approved" ? 1 : 0;
      const subjectOfAgent = (await readAgent(reader, tenant, row.agentId))?.subjectId;
      invariant(subjectOfAgent !== undefined, "an approval's agent exists");
      await recorder
        .record({
          tenant,
          type: `approval.${verdict}`,
          actor,
          statements: [decideApproval(tenant, row.approvalId, verdict, { at: now, by: actor, remaining })],
          data: {
            approval: row.approvalId,
            agent: row.agentId,
            call_digest: row.callDigest,
            bound_to: row.boundTo,
            command: row.command,
            policy_version: row.policyVersion,
            method,
            grant: { uses: remaining },
            expires_at: row.expiresAt,
            comment: comment === undefined ? undefined : new Personal(subjectOfAgent, comment.slice(0, 2000)),
          },
          raisesEpoch: true,
          ignoresClock: verdict === "denied",
        })
        .catch((error: unknown) => {
          if (error instanceof WritError && error.code === "conflict") throw new WritError("approval_decided");
          throw error;
        });
      if (verdict === "denied") await spool.remove(tenant, row.approvalId);
      waiters.wake(row.approvalId);
      return toApproval(await find(tenant, approval), now);
    },
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
  };
}

function bytesOf(requests: readonly Requested[]): number {
  return requests.reduce((sum, { bytes }) => sum + bytes, 0);
}

function toApproval(row: ApprovalRow, now: number): Approval {
  const open = row.state === "pending" || row.state === "approved";
  return {
    id: row.approvalId,
    agent: row.agentId,
    state: open && row.expiresAt <= now ? "expired" : row.state,
    command: row.command,
    tier: row.tier,
    boundTo: row.boundTo,
    callDigest: row.callDigest,
    remaining: row.remaining,
    requestedAt: row.requestedAt,
    expiresAt: row.expiresAt,
    decidedAt: row.decidedAt,
  };
}

function ignoreConflict(error: unknown): void {
  if (!(error instanceof WritError && error.code === "conflict")) throw error;
}
