import { fromUtf8, toBase64, utf8 } from "#src/base/bytes.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { isWritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { Approval, ApprovalDetails } from "#src/consent/approval.ts";
import type { Approvals } from "#src/consent/approvals.ts";
import type { ApprovalTerms } from "#src/policy/approval-terms.ts";
import { redactText } from "#src/redact/redact.ts";
import { renderApproval } from "../api/approvals.ts";

type View = Readonly<Record<string, unknown>>;

/** An approval as whoever decides sees it: the call in full, why it was stopped, and who asks. */
export async function renderForApprover(approvals: Approvals, tenant: TenantId, id: string): Promise<View> {
  const approval = await approvals.show(tenant, id);
  const [details, history, voters] = await Promise.all([
    approvals.details(tenant, approval.id),
    approvals.history(tenant, approval.agent),
    approvals.voters(tenant, approval.id),
  ]);
  return {
    ...renderApproval(approval),
    policy_version: approval.policyVersion,
    terms: renderTerms(approval.terms),
    votes: approval.votes,
    voters,
    ...(approval.grantEndsAt === null ? {} : { grant_expires_at: toRfc3339(approval.grantEndsAt) }),
    ...(approval.escalatedAt === null ? {} : { escalated_at: toRfc3339(approval.escalatedAt) }),
    ...(approval.decidedBy === null ? {} : { decided_by: approval.decidedBy }),
    purpose: purposeOf(details),
    history: Object.fromEntries(history),
    details: renderDetails(details),
  };
}

/** With who asks for what: enough to tell one from another in a list. */
export async function renderWithSubject(approvals: Approvals, tenant: TenantId, approval: Approval): Promise<View> {
  const details = await approvals.summary(tenant, approval.id);
  return {
    ...renderApproval(approval),
    agent_name: details.agentName,
    resource: details.resource,
    connection: details.connection?.name,
    purpose: purposeOf(details),
    quorum: approval.terms.quorum,
    votes: approval.votes,
  };
}

/** What the agent says it is for: a claim. */
function purposeOf({ claimed }: ApprovalDetails): string | null {
  if (typeof claimed !== "object" || claimed === null || Array.isArray(claimed)) return null;
  const purpose = Object.hasOwn(claimed, "purpose") ? (claimed as Readonly<Record<string, unknown>>)["purpose"] : null;
  return typeof purpose === "string" ? purpose : null;
}

function renderTerms({ quorum, approvers, comment, escalation, grants }: ApprovalTerms): View {
  return {
    quorum,
    approvers,
    comment_required: comment,
    ...(escalation === null ? {} : { escalation: { after_seconds: escalation.seconds, group: escalation.group } }),
    grants: { max_uses: grants.uses, max_seconds: grants.seconds, resource: grants.resource, run: grants.run === true },
  };
}

function renderDetails(details: ApprovalDetails & { readonly body: Uint8Array | undefined }): View {
  const { call } = details;
  return {
    agent_name: details.agentName,
    resource: details.resource,
    attributes: details.attributes,
    connection: details.connection,
    call:
      call === null
        ? null
        : {
            method: call.method,
            path: call.path,
            query: call.query,
            headers: call.headers,
            body_sha256: call.bodySha256,
            body_bytes: call.bodyBytes,
          },
    claimed: details.claimed,
    asked_by: details.askedBy,
    ...(details.body === undefined ? {} : renderBody(details.body)),
  };
}

/** The whole body as an approver may see it: secrets that agents put into texts are not theirs to read. */
function renderBody(body: Uint8Array): View {
  const plain = textOf(body);
  if (plain === undefined) return { body_base64: toBase64(body), body_redactions: 0 };
  const { text: shown, findings } = redactText(plain);
  let redactions = 0;
  for (const count of findings.values()) redactions += count;
  return { body_base64: toBase64(utf8(shown)), body_redactions: redactions };
}

function textOf(body: Uint8Array): string | undefined {
  try {
    return fromUtf8(body);
  } catch (error) {
    if (isWritError(error)) return undefined;
    throw error;
  }
}
