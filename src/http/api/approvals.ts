import { toRfc3339 } from "#src/base/clock.ts";
import type { Approval } from "#src/consent/approval.ts";
import { route } from "../route.ts";
import { integerText, object, optional } from "../shape.ts";

/** The longest wait for a person in one request. */
export const MAX_WAIT_SECONDS = 60;
/** A connection on which somebody waits may be silent for so much longer. */
export const WAIT_MARGIN_SECONDS = 15;

/** `GET /v1/approvals/{id}`: where an approval stands; an agent sees its own alone. */
export const SHOW_APPROVAL = route({
  method: "GET",
  path: "/v1/approvals/{approval}",
  summary: "Show where an approval stands, waiting for a person's word where asked to",
  who: ["agent", "admin", "operator", "person"],
  permission: "approvals.read",
  query: object({ wait: optional(integerText(0, MAX_WAIT_SECONDS, "seconds to wait while it is pending")) }),
  answers: { 200: "The approval" },
  handle: async (exchange, _body, { wait = 0 }) => {
    const { approvals } = exchange.services;
    const tenant = await exchange.tenant();
    const agent = exchange.caller.kind === "agent" ? exchange.caller.principal.agent.id : undefined;
    let approval = await approvals.show(tenant, exchange.param("approval"), agent);
    if (wait > 0 && approval.state === "pending") {
      exchange.allowSilence(wait + WAIT_MARGIN_SECONDS);
      await approvals.wait(tenant, approval.id, wait * 1000, exchange.waitSignal());
      await exchange.requireStillProven();
      approval = await approvals.show(tenant, approval.id, agent);
    }
    return { json: renderApproval(approval) };
  },
});

/** An approval as it is answered; `remaining` is null where any number of uses is left. */
export function renderApproval(approval: Approval): Readonly<Record<string, unknown>> {
  return {
    id: approval.id,
    agent: approval.agent,
    state: approval.state,
    remaining: approval.remaining,
    used: approval.used,
    command: approval.command,
    tier: approval.tier,
    bound_to: approval.boundTo,
    call_digest: approval.callDigest,
    ...(approval.grant === null ? {} : { grant: { ...approval.grant } }),
    ...(approval.cosigner === null ? {} : { cosigner: approval.cosigner }),
    requested_at: toRfc3339(approval.requestedAt),
    expires_at: toRfc3339(approval.expiresAt),
    ...(approval.decidedAt === null ? {} : { decided_at: toRfc3339(approval.decidedAt) }),
  };
}
