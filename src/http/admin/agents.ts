import { toRfc3339 } from "#src/base/clock.ts";
import type { Agent } from "#src/identity/agents.ts";
import { nextOf, PAGE_QUERY, toPage } from "../page.ts";
import { type Route, route } from "../route.ts";
import { flag, list, object, optional, text } from "../shape.ts";
import { changeAgent } from "./change.ts";

const NAME = text({ max: 63 });
const GROUPS = list(NAME, 32);

/** Agents of a tenant, their groups, and what stops them. */
export const AGENT_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/agents",
    summary: "List agents",
    who: ["admin", "operator"],
    query: PAGE_QUERY,
    answers: { 200: "A page of agents, and `next` where more may follow" },
    handle: async (exchange, _body, query) => {
      const { tenant } = await exchange.manager();
      const page = toPage(query);
      const agents = await exchange.services.agents.list(tenant, page);
      return { json: { agents: agents.map(renderAgent), ...nextOf(agents, page) } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/agents",
    summary: "Make an agent",
    who: ["admin", "operator"],
    body: object({
      name: NAME,
      groups: optional(GROUPS),
      did: optional(text({ max: 200, description: "`did:key` of an Ed25519 key that the agent holds itself" })),
      require_proof: optional(flag("whether its writs need an invocation signed with that key")),
      owner: optional(text({ max: 63, description: "id of the person behind it, who vouches for none of its calls" })),
    }),
    answers: { 201: "The agent" },
    errors: ["name_taken"],
    handle: async (exchange, { name, groups, did, require_proof: requireProof, owner }) => {
      const { tenant, subject } = await exchange.manager();
      const agent = await exchange.services.agents.create(tenant, subject, {
        name,
        ...(groups === undefined ? {} : { groups }),
        ...(did === undefined ? {} : { did }),
        ...(requireProof === undefined ? {} : { requireProof }),
        ...(owner === undefined ? {} : { owner }),
      });
      return { status: 201, json: renderAgent(agent) };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/agents/{agent}",
    summary: "Show an agent by name or id",
    who: ["admin", "operator"],
    answers: { 200: "The agent" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      return { json: renderAgent(await exchange.services.agents.show(tenant, exchange.param("agent"))) };
    },
  }),
  route({
    method: "PUT",
    path: "/v1/admin/agents/{agent}/groups",
    summary: "Say which groups an agent is in",
    who: ["admin", "operator"],
    body: object({ groups: GROUPS }),
    answers: { 200: "The agent" },
    handle: async (exchange, { groups }) =>
      changeAgent(exchange, renderAgent, ({ tenant, subject }, { id }) =>
        exchange.services.agents.setGroups(tenant, subject, id, groups),
      ),
  }),
  route({
    method: "PUT",
    path: "/v1/admin/agents/{agent}/owner",
    summary: "Say which person is behind an agent, who then vouches for none of its calls",
    who: ["admin", "operator", "person"],
    permission: "agents.write",
    body: object({ owner: text({ max: 63, description: "the person's id" }) }),
    answers: { 200: "The agent" },
    handle: async (exchange, { owner }) =>
      changeAgent(exchange, renderAgent, ({ tenant, subject }, { id }) =>
        exchange.services.agents.setOwner(tenant, subject, id, owner),
      ),
  }),
  route({
    method: "DELETE",
    path: "/v1/admin/agents/{agent}/owner",
    summary: "Say that no person is behind an agent",
    who: ["admin", "operator", "person"],
    permission: "agents.write",
    answers: { 200: "The agent" },
    handle: async (exchange) =>
      changeAgent(exchange, renderAgent, ({ tenant, subject }, { id }) =>
        exchange.services.agents.setOwner(tenant, subject, id, null),
      ),
  }),
  route({
    method: "POST",
    path: "/v1/admin/agents/{agent}/disablement",
    summary: "Refuse everything of an agent from now on, and cut what runs",
    who: ["admin", "operator"],
    answers: { 200: "The agent" },
    handle: async (exchange) =>
      changeAgent(exchange, renderAgent, ({ tenant, subject }, { id }) =>
        exchange.services.agents.disable(tenant, subject, id),
      ),
  }),
  route({
    method: "DELETE",
    path: "/v1/admin/agents/{agent}/disablement",
    summary: "Let a disabled agent work again",
    who: ["admin", "operator"],
    answers: { 200: "The agent" },
    handle: async (exchange) =>
      changeAgent(exchange, renderAgent, ({ tenant, subject }, { id }) =>
        exchange.services.agents.enable(tenant, subject, id),
      ),
  }),
  route({
    method: "POST",
    path: "/v1/admin/agents/{agent}/revocation",
    summary: "The same as its disablement: nothing that the agent was given holds from now on",
    who: ["admin", "operator"],
    answers: { 200: "The agent" },
    handle: async (exchange) =>
      changeAgent(exchange, renderAgent, ({ tenant, subject }, { id }) =>
        exchange.services.agents.disable(tenant, subject, id),
      ),
  }),
];

function renderAgent(agent: Agent): Readonly<Record<string, unknown>> {
  return {
    id: agent.id,
    name: agent.name,
    subject: agent.subject,
    did: agent.did,
    custody: agent.custody,
    require_proof: agent.requireProof,
    groups: agent.groups,
    status: agent.status,
    owner: agent.owner,
    created_at: toRfc3339(agent.createdAt),
  };
}
