import { toRfc3339 } from "#src/base/clock.ts";
import { type Emergency, MAX_EMERGENCY_SECONDS } from "#src/consent/emergencies.ts";
import { type Route, route } from "../route.ts";
import { ASSERTION_RESPONSE } from "../session/credential-shape.ts";
import { integer, integerText, object, optional, text } from "../shape.ts";

const REASON = text({ max: 2000, description: "why; kept sealed" });

/** Emergency grants: opened and reviewed by passkey. */
export const BREAK_GLASS_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/break-glass",
    summary: "List emergency grants, newest first",
    who: ["admin", "operator", "person"],
    permission: "approvals.read",
    query: object({ limit: optional(integerText(1, 500)) }),
    answers: { 200: "The emergency grants" },
    handle: async (exchange, _body, { limit }) => {
      const { tenant } = await exchange.manager();
      const emergencies = await exchange.services.emergencies.list(tenant, limit);
      return { json: { emergencies: emergencies.map(renderEmergency) } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/break-glass/challenge",
    summary: "Fix an emergency grant and give the challenge that an owner's passkey opens it with",
    who: ["person"],
    permission: "emergency.open",
    body: object({
      agent: text({ max: 63, description: "name or id" }),
      command: optional(text({ max: 512, description: "all commands at or below it; `/` unless given" })),
      reason: REASON,
      seconds: integer(60, MAX_EMERGENCY_SECONDS, "for how long"),
    }),
    answers: { 200: "`preimage`, whose digest is the challenge, and `publicKey` for `navigator.credentials.get`" },
    errors: ["approvals_held"],
    handle: async (exchange, { agent, command = "/", reason, seconds }) => {
      const { tenant, person } = exchange.person();
      const asked = { agent, command, reason, seconds };
      const { preimage, options } = await exchange.services.emergencies.openingChallenge(tenant, person.id, asked);
      return { json: { preimage, publicKey: options } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/break-glass",
    summary: "Open the emergency grant that the passkey signed",
    who: ["person"],
    permission: "emergency.open",
    body: object({ credential: ASSERTION_RESPONSE }),
    answers: { 201: "The emergency grant" },
    errors: ["approvals_held", "challenge_unknown", "passkey_refused"],
    handle: async (exchange, { credential }) => {
      const { tenant, person } = exchange.person();
      return {
        status: 201,
        json: renderEmergency(await exchange.services.emergencies.open(tenant, person.id, credential)),
      };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/break-glass/{emergency}",
    summary: "Show an emergency grant",
    who: ["admin", "operator", "person"],
    permission: "approvals.read",
    answers: { 200: "The emergency grant" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      return { json: renderEmergency(await exchange.services.emergencies.show(tenant, exchange.param("emergency"))) };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/break-glass/{emergency}/closure",
    summary: "End an emergency grant before its time, with every writ that rests on it",
    who: ["admin", "operator", "person"],
    permission: "approvals.revoke",
    answers: { 200: "The emergency grant, its review due" },
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      const { emergencies } = exchange.services;
      return { json: renderEmergency(await emergencies.close(tenant, subject, exchange.param("emergency"))) };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/break-glass/{emergency}/review/challenge",
    summary: "Fix what the review says and give the challenge that a passkey signs it with",
    who: ["person"],
    permission: "emergency.review",
    body: object({ comment: text({ max: 2000, description: "what was found; kept sealed" }) }),
    answers: { 200: "`preimage`, whose digest is the challenge, and `publicKey` for `navigator.credentials.get`" },
    handle: async (exchange, { comment }) => {
      const { tenant, person } = exchange.person();
      const { emergencies } = exchange.services;
      const id = exchange.param("emergency");
      const { preimage, options } = await emergencies.reviewChallenge(tenant, person.id, id, comment);
      return { json: { preimage, publicKey: options } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/break-glass/{emergency}/review",
    summary: "Sign the review of an emergency grant",
    who: ["person"],
    permission: "emergency.review",
    body: object({ credential: ASSERTION_RESPONSE }),
    answers: { 200: "The emergency grant" },
    errors: ["challenge_unknown", "passkey_refused"],
    handle: async (exchange, { credential }) => {
      const { tenant, person } = exchange.person();
      const { emergencies } = exchange.services;
      return {
        json: renderEmergency(await emergencies.review(tenant, person.id, exchange.param("emergency"), credential)),
      };
    },
  }),
];

function renderEmergency(emergency: Emergency): Readonly<Record<string, unknown>> {
  return {
    id: emergency.id,
    agent: emergency.agent,
    command: emergency.command,
    state: emergency.state,
    reason: emergency.reason,
    opened_by: emergency.openedBy,
    opened_at: toRfc3339(emergency.openedAt),
    expires_at: toRfc3339(emergency.expiresAt),
    used: emergency.used,
    cosigner: emergency.cosigner,
    ...(emergency.closedAt === null ? {} : { closed_at: toRfc3339(emergency.closedAt) }),
    ...(emergency.reviewedBy === null ? {} : { reviewed_by: emergency.reviewedBy }),
    ...(emergency.reviewedAt === null ? {} : { reviewed_at: toRfc3339(emergency.reviewedAt) }),
  };
}
