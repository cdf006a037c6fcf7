import type { ApprovalVerdict, DecisionChoice } from "#src/consent/decisions.ts";
import { renderApproval } from "../api/approvals.ts";
import type { Exchange } from "../exchange.ts";
import type { Reply } from "../reply.ts";
import { type Route, route } from "../route.ts";
import { ASSERTION_RESPONSE } from "../session/credential-shape.ts";
import { choice, flag, integer, integerText, list, object, optional, text } from "../shape.ts";
import { renderForApprover, renderWithSubject } from "./approval-view.ts";

const STATES = ["pending", "approved", "denied", "expired", "used", "revoked"] as const;
const COMMENT = text({ min: 0, max: 2000 });
const DECISION = object({ comment: optional(COMMENT) });
const GRANT = object({
  uses: optional(integer(1, 1000, "how many uses; with `seconds` alone any number")),
  seconds: optional(integer(1, 30 * 86_400, "for how long")),
  scope: optional(choice(["call", "resource"])),
  run: optional(flag("for the run that asked and all below it, and for nothing outside")),
});

/** Approvals as approvers see and decide them. */
export const APPROVAL_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/approvals",
    summary: "List approvals in one state, those that expire first before the others",
    who: ["admin", "operator", "person"],
    permission: "approvals.read",
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
    who: ["admin", "operator", "person"],
    permission: "approvals.read",
    answers: { 200: "The approval with its details" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      return { json: await renderForApprover(exchange.services.approvals, tenant, exchange.param("approval")) };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/approvals/{approval}/challenge",
    summary: "Fix what is decided, grant included, and give the challenge that a passkey signs it with",
    who: ["person"],
    permission: "approvals.decide",
    body: object({
      verdict: choice(["approved", "denied"]),
      grant: optional(GRANT),
      comment: optional(COMMENT),
    }),
    answers: { 200: "`preimage`, whose digest is the challenge, and `publicKey` for `navigator.credentials.get`" },
    errors: [
      "approval_decided",
      "approval_expired",
      "approvals_held",
      "approver_needed",
      "comment_required",
      "grant_refused",
      "self_approval",
    ],
    handle: async (exchange, { verdict, grant, comment }) => {
      const { tenant, person } = exchange.person();
      const decision: DecisionChoice = {
        verdict,
        ...(grant === undefined ? {} : { grant }),
        ...(comment === undefined ? {} : { comment }),
      };
      const { approvalDecisions } = exchange.services;
      const { preimage, options } = await approvalDecisions.challenge(
        tenant,
        person.id,
        exchange.param("approval"),
        decision,
      );
      return { json: { preimage, publicKey: options } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/approvals/{approval}/decision",
    summary: "Decide an approval with the passkey's signature over its challenge",
    who: ["person"],
    permission: "approvals.decide",
    body: object({ credential: ASSERTION_RESPONSE }),
    answers: { 200: "The approval" },
    errors: [
      "approval_decided",
      "approval_expired",
      "approvals_held",
      "approver_needed",
      "challenge_unknown",
      "passkey_refused",
      "self_approval",
    ],
    handle: async (exchange, { credential }) => {
      const { tenant, person } = exchange.person();
      const { approvalDecisions } = exchange.services;
      const id = exchange.param("approval");
      return { json: renderApproval(await approvalDecisions.decide(tenant, person.id, id, credential)) };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/approvals/{approval}/approval",
    summary: "Approve one use of what was asked for, as whoever holds the host, while nobody has had a passkey",
    who: ["operator"],
    body: DECISION,
    answers: { 200: "The approval" },
    errors: ["approval_decided", "approval_expired", "approver_needed", "comment_required", "passkey_required"],
    handle: (exchange, body) => decideOnHost(exchange, "approved", body),
  }),
  route({
    method: "POST",
    path: "/v1/admin/approvals/{approval}/denial",
    summary: "Deny this call, as whoever holds the host, while nobody has had a passkey",
    who: ["operator"],
    body: DECISION,
    answers: { 200: "The approval" },
    errors: ["approval_decided", "approval_expired", "passkey_required"],
    handle: (exchange, body) => decideOnHost(exchange, "denied", body),
  }),
  route({
    method: "POST",
    path: "/v1/admin/approvals/{approval}/revocation",
    summary: "Take an approval, or the request for it, back, with every writ that rests on it",
    who: ["admin", "operator", "person"],
    permission: "approvals.revoke",
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
  route({
    method: "GET",
    path: "/v1/admin/approver-groups",
    summary: "List the named groups of people that policies ask for an approval",
    who: ["admin", "operator", "person"],
    permission: "people.read",
    answers: { 200: "The groups with their people" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      const groups = await exchange.services.approverGroups.list(tenant);
      return { json: { groups: [...groups].map(([name, people]) => ({ name, people })) } };
    },
  }),
  route({
    method: "PUT",
    path: "/v1/admin/approver-groups/{group}",
    summary: "Say who is in a group of approvers; nobody ends it",
    who: ["admin", "operator", "person"],
    permission: "people.write",
    body: object({ people: list(text({ max: 63 }), 200) }),
    answers: { 200: "The group" },
    handle: async (exchange, { people }) => {
      const { tenant, subject } = await exchange.manager();
      const name = exchange.param("group");
      const { approverGroups } = exchange.services;
      await approverGroups.set(tenant, subject, name, people);
      return { json: { name, people: (await approverGroups.list(tenant)).get(name) ?? [] } };
    },
  }),
];

async function decideOnHost(
  exchange: Exchange,
  verdict: ApprovalVerdict,
  { comment }: { readonly comment?: string },
): Promise<Reply> {
  const { tenant, subject } = await exchange.manager();
  const { approvalDecisions } = exchange.services;
  const approval = await approvalDecisions.decideOnHost(tenant, subject, exchange.param("approval"), {
    verdict,
    ...(comment === undefined ? {} : { comment }),
  });
  return { json: renderApproval(approval) };
}
