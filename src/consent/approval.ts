import type { Json } from "#src/base/canonical-json.ts";
import type { AgentId, ApprovalId, ConnectionId, PersonId, RunId, TenantId } from "#src/base/ids.ts";
import type { ApprovalTerms } from "#src/policy/approval-terms.ts";
import type { ApprovalRow, ApprovalScope, ApprovalState } from "#src/store/approvals.ts";
import { type Grant, readGranted } from "./grants.ts";

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
  /** The people behind the agent when it asked: none of them vouches, whoever is behind it later. */
  readonly behind?: readonly PersonId[];
  /** The run that it was asked for in. */
  readonly run?: RunId;
}

/** What a call goes by: its own digest, and that of command and resource over the connection; hex. */
export interface CallDigests {
  /** The same as `resource` where no call was given. */
  readonly call: string;
  readonly resource: string;
}

/** A request for a person's word, before it is committed. */
export interface ApprovalRequest {
  readonly tenant: TenantId;
  readonly agent: AgentId;
  readonly digests: CallDigests;
  readonly boundTo: ApprovalScope;
  readonly command: string;
  readonly tier: string;
  readonly connection: ConnectionId | null;
  readonly policyVersion: number;
  readonly terms: ApprovalTerms;
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
  readonly boundTo: ApprovalScope;
  readonly callDigest: string;
  readonly policyVersion: number;
  readonly terms: ApprovalTerms;
  /** People who said yes. */
  readonly votes: number;
  /** What they said yes to; null until somebody did. */
  readonly grant: Grant | null;
  /** Until when that holds, in milliseconds. */
  readonly grantEndsAt: number | null;
  /** Uses that are left; null any number. */
  readonly remaining: number | null;
  readonly used: number;
  /** The CID of the token that releases the call; null until approved. */
  readonly cosigner: string | null;
  readonly requestedAt: number;
  /** Of the request, and from the approval on of the grant. */
  readonly expiresAt: number;
  readonly escalatedAt: number | null;
  readonly decidedAt: number | null;
  /** Subject id. */
  readonly decidedBy: string | null;
}

/** A row as the rest of Writ sees it at `now`. */
export function toApproval(row: ApprovalRow, now: number): Approval {
  const open = row.state === "pending" || row.state === "approved";
  return {
    id: row.approvalId,
    agent: row.agentId,
    state: open && row.expiresAt <= now ? "expired" : row.state,
    command: row.command,
    tier: row.tier,
    boundTo: row.boundTo,
    callDigest: row.callDigest,
    policyVersion: row.policyVersion,
    terms: termsOf(row),
    votes: row.votes,
    grant: row.granted === null ? null : readGranted(row.granted).grant,
    grantEndsAt: row.granted === null ? null : readGranted(row.granted).expiresAt,
    remaining: row.remaining,
    used: row.used,
    cosigner: row.cosignerCid,
    requestedAt: row.requestedAt,
    expiresAt: row.expiresAt,
    escalatedAt: row.escalatedAt,
    decidedAt: row.decidedAt,
    decidedBy: row.decidedBy,
  };
}

/** What the policies asked of whoever decides it. */
export function termsOf(row: Pick<ApprovalRow, "terms">): ApprovalTerms {
  return JSON.parse(row.terms) as ApprovalTerms;
}
