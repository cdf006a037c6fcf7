import { toRfc3339 } from "#src/base/clock.ts";
import type { ShadowCounts } from "#src/store/jobs/shadow-differences.ts";
import type { ShadowRow } from "#src/store/shadow.ts";
import { type Route, route } from "../route.ts";
import { integer, object } from "../shape.ts";

const PATH = "/v1/admin/policies/shadow";
/** The longest that a connection may be silent before it is taken for gone, in seconds. */
const SILENCE_SECONDS = 255;

/** A policy version that is tried beside the active one. */
export const SHADOW_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: PATH,
    summary: "Show the shadowed policy version and what it would have decided differently, grouped",
    who: ["admin", "operator"],
    answers: { 200: "The version, since when, and the differences" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      exchange.allowSilence(SILENCE_SECONDS);
      const shown = await exchange.services.shadows.show(tenant, { signal: exchange.request.signal });
      return { json: { ...renderShadow(shown), ...renderCounts(shown.counts) } };
    },
  }),
  route({
    method: "PUT",
    path: PATH,
    summary: "Evaluate a policy version beside the active one on every decision, and never enforce it",
    who: ["admin", "operator"],
    body: object({ version: integer(1, Number.MAX_SAFE_INTEGER) }),
    answers: { 200: "The version" },
    handle: async (exchange, { version }) => {
      const { tenant, subject } = await exchange.manager();
      return { json: renderShadow(await exchange.services.shadows.start(tenant, subject, version)) };
    },
  }),
  route({
    method: "DELETE",
    path: PATH,
    summary: "Stop evaluating the shadowed policy version",
    who: ["admin", "operator"],
    answers: { 204: "Nothing is shadowed any more" },
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      await exchange.services.shadows.stop(tenant, subject);
      return { status: 204 };
    },
  }),
];

function renderShadow({ version, startedAt, startedBy }: ShadowRow): object {
  return { version, started_at: toRfc3339(startedAt), started_by: startedBy };
}

function renderCounts({ sameOutcome, groups, ...counts }: ShadowCounts): object {
  return {
    ...counts,
    same_outcome: sameOutcome,
    groups: groups.map(({ shadow, shadowPolicies, decision, ...group }) => ({
      decision,
      shadow_decision: shadow,
      ...group,
      shadow_policies: shadowPolicies,
    })),
  };
}
