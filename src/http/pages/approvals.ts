import { fromUtf8, toBase64 } from "#src/base/bytes.ts";
import { isWritError } from "#src/base/errors.ts";
import type { Approval } from "#src/consent/approval.ts";
import { redactText } from "#src/redact/redact.ts";
import {
  APPROVAL_STATES,
  type ApprovalEntry,
  type ApprovalModel,
  approvalBody,
  approvalPage,
  approvalQueue,
  approvalsPage,
} from "#views/approvals.ts";
import type { Route } from "../route.ts";
import { choice, object, optional } from "../shape.ts";
import type { PageContext } from "./context.ts";
import { namesOf } from "./frame.ts";
import { type AdminRoutes, action, fragment, page } from "./page.ts";

const STATE = object({ state: optional(choice(APPROVAL_STATES)) });
const MAX_SHOWN = 100;

/** The queue of approvals, and each of them. */
export function approvalPages(admin: AdminRoutes): readonly Route[] {
  const revoke = admin("POST /v1/admin/approvals/{approval}/revocation");
  return [
    page({
      path: "/approvals",
      section: "/approvals",
      summary: "Show the approvals in one state, as a page",
      permission: "approvals.read",
      query: STATE,
      draw: async (context, { state = "pending" }) => ({
        title: "Approvals",
        body: approvalsPage(await entriesIn(context, state), state, context.now),
      }),
    }),
    fragment({
      path: "/approvals/queue",
      summary: "Draw the list of approvals",
      permission: "approvals.read",
      query: STATE,
      draw: async (context, { state = "pending" }) =>
        approvalQueue(await entriesIn(context, state), state, context.now),
    }),
    page({
      path: "/approvals/{approval}",
      section: "/approvals",
      summary: "Show an approval with the exact call that it is for, as a page",
      permission: "approvals.read",
      draw: async (context) => {
        const model = await modelOf(context);
        return { title: `Approval for ${model.details.agentName}`, body: approvalPage(model) };
      },
    }),
    fragment({
      path: "/approvals/{approval}/body",
      summary: "Draw an approval",
      permission: "approvals.read",
      draw: async (context) => approvalBody(await modelOf(context)),
    }),
    action({
      path: "/approvals/{approval}/revocation",
      summary: "Take an approval, or the request for it, back, from its page",
      by: [revoke],
      perform: (ask) => ask(revoke),
      draw: async (context) => approvalBody(await modelOf(context)),
      said: "Taken back.",
    }),
  ];
}

async function entriesIn(context: PageContext, state: (typeof APPROVAL_STATES)[number]) {
  const rows = await context.exchange.services.approvals.list(context.tenant, state, MAX_SHOWN);
  return approvalEntries(context, rows);
}

/** Approvals with what tells one from another. */
export function approvalEntries(
  { exchange, tenant }: PageContext,
  rows: readonly Approval[],
): Promise<ApprovalEntry[]> {
  return Promise.all(
    rows.map(async (approval) => {
      const { agentName, resource, connection } = await exchange.services.approvals.summary(tenant, approval.id);
      return { approval, agentName, resource, connection: connection?.name };
    }),
  );
}

async function modelOf(context: PageContext): Promise<ApprovalModel> {
  const { exchange, tenant, now, may } = context;
  const { approvals } = exchange.services;
  const approval = await approvals.show(tenant, exchange.param("approval"));
  const [details, history, agent] = await Promise.all([
    approvals.details(tenant, approval.id),
    approvals.history(tenant, approval.agent),
    may("agents.read") ? exchange.services.agents.show(tenant, approval.agent) : undefined,
  ]);
  const { decidedBy } = approval;
  const names = decidedBy === null ? undefined : await namesOf(context, [decidedBy]);
  return {
    approval,
    details,
    body: details.body === undefined ? undefined : shownBody(details.body),
    history: [...history].filter(([state, count]) => count > 0 && state !== "pending"),
    agent,
    decidedBy: decidedBy === null ? undefined : (names?.get(decidedBy) ?? decidedBy),
    now,
    mayDecide: may("approvals.decide"),
    mayRevoke: may("approvals.revoke"),
  };
}

/** The whole body as an approver may see it: secrets that agents put into texts are not theirs to read. */
function shownBody(body: Uint8Array): ApprovalModel["body"] {
  const plain = textOf(body);
  if (plain === undefined) return { text: toBase64(body), isText: false, redactions: 0 };
  const { text, findings } = redactText(plain);
  let redactions = 0;
  for (const count of findings.values()) redactions += count;
  return { text, isText: true, redactions };
}

function textOf(body: Uint8Array): string | undefined {
  try {
    return fromUtf8(body);
  } catch (error) {
    if (isWritError(error)) return undefined;
    throw error;
  }
}
