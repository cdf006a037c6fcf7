import { fromUtf8, toBase64, utf8 } from "#src/base/bytes.ts";
import { isWritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { Approval, ApprovalDecision, ApprovalDetails, Approvals } from "#src/consent/approvals.ts";
import { redactText } from "#src/redact/redact.ts";
import { renderApproval } from "../api/approvals.ts";
import type { Exchange } from "../exchange.ts";
import type { Reply } from "../reply.ts";
import { type Route, route } from "../route.ts";
import { choice, integerText, object, optional, text } from "../shape.ts";

const STATES = ["pending", "approved", "denied", "expired", "used", "revoked"] as const;
const DECISION = object({ comment: optional(text({ min: 0, max: 2000 })) });

/** Approvals as approvers see them. */
export const APPROVAL_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/approvals",
    summary: "List approvals in one state, those that expire first before the others",
    who: ["admin", "operator"],
    query: object({ state: optional(choice(STATES)), limit: optional(integerText(1, 500)) }),
    answers: { 200: "The approvals" },
    handle: async (exchange, _body, { state = "pending", limit }) => {
      const { tenant } = await exchange.manager();
      const { approvals } = exchange.services;
      const rows = await approvals.list(tenant, state, limit);
      return { json: { approvals: await Promise.all(rows.map((row) => renderWithSubject(approvals, tenant, row))) } };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/approvals/{approval}",
    summary: "Show an approval with the exact call that it is for",
    who: ["admin", "operator"],
    answers: { 200: "The approval with its details" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      const { approvals } = exchange.services;
      const approval = await approvals.show(tenant, exchange.param("approval"));
      const details = await approvals.details(tenant, approval.id);
      return { json: { ...renderApproval(approval), details: renderDetails(details) } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/approvals/{approval}/approval",
    summary: "Approve one use of exactly this call, as whoever holds the host",
    who: ["operator"],
    body: DECISION,
    answers: { 200: "The approval" },
    errors: ["approval_decided", "approval_expired"],
    handle: (exchange, body) => decide(exchange, "approved", body),
  }),
  route({
    method: "POST",
    path: "/v1/admin/approvals/{approval}/denial",
    summary: "Deny this call, as whoever holds the host",
    who: ["operator"],
    body: DECISION,
    answers: { 200: "The approval" },
    errors: ["approval_decided", "approval_expired"],
    handle: (exchange, body) => decide(exchange, "denied", body),
  }),
  route({
    method: "POST",
    path: "/v1/admin/approvals/{approval}/revocation",
    summary: "Take an approval, or the request for it, back",
    who: ["admin", "operator"],
    answers: { 200: "The approval" },
    errors: ["approval_decided"],
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      const { approvals } = exchange.services;
      const { id } = await approvals.show(tenant, exchange.param("approval"));
      await approvals.revoke(tenant, subject, id);
      return { json: renderApproval(await approvals.show(tenant, id)) };
    },
  }),
];

async function decide(
  exchange: Exchange,
  verdict: ApprovalDecision["verdict"],
  { comment }: { readonly comment?: string },
): Promise<Reply> {
  const { tenant, subject } = await exchange.manager();
  const approval = await exchange.services.approvals.decide(tenant, subject, exchange.param("approval"), {
    verdict,
    method: "host",
    ...(comment === undefined ? {} : { comment }),
  });
  return { json: renderApproval(approval) };
}

function renderDetails(
  details: ApprovalDetails & { readonly body: Uint8Array | undefined },
): Readonly<Record<string, unknown>> {
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

/** The body as an approver may see it: secrets that agents put into texts are not theirs to read. */
function renderBody(body: Uint8Array): Readonly<Record<string, unknown>> {
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

/** With who asks for what: enough to tell one from another in a list. */
async function renderWithSubject(
  approvals: Approvals,
  tenant: TenantId,
  approval: Approval,
): Promise<Readonly<Record<string, unknown>>> {
  const { agentName, resource, connection } = await approvals.summary(tenant, approval.id);
  return { ...renderApproval(approval), agent_name: agentName, resource, connection: connection?.name };
}
