import { settingsOf } from "#src/identity/tenants.ts";
import type { Exchange } from "../exchange.ts";
import type { Reply } from "../reply.ts";
import { type Route, route } from "../route.ts";
import { flag, object, optional } from "../shape.ts";

/** What holds for all agents of a tenant. */
export const SETTINGS_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/settings",
    summary: "Show what holds for all of the tenant's agents",
    who: ["admin", "operator"],
    answers: { 200: "The settings" },
    handle: async (exchange) => showSettings(exchange),
  }),
  route({
    method: "PUT",
    path: "/v1/admin/settings",
    summary: "Change what holds for all of the tenant's agents, from the next request on",
    who: ["admin", "operator"],
    body: object({
      require_proof: optional(flag("whether every writ needs an invocation that the agent signed")),
      explain_to_agents: optional(flag("whether an agent may ask why, and see policies and the values that they saw")),
    }),
    answers: { 200: "The settings" },
    handle: async (exchange, { require_proof: requireProof, explain_to_agents: explainToAgents }) => {
      const { tenant, subject } = await exchange.manager();
      await exchange.services.tenants.configure(subject, tenant, {
        ...(requireProof === undefined ? {} : { requireProof }),
        ...(explainToAgents === undefined ? {} : { explainToAgents }),
      });
      return showSettings(exchange);
    },
  }),
];

async function showSettings(exchange: Exchange): Promise<Reply> {
  const { tenant } = await exchange.manager();
  const { requireProof, explainToAgents } = settingsOf(await exchange.services.tenants.show(tenant));
  return { json: { require_proof: requireProof, explain_to_agents: explainToAgents } };
}
