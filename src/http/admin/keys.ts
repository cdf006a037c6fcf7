import type { TokenInfo } from "#src/identity/tokens.ts";
import { toPage } from "../page.ts";
import { type Route, route } from "../route.ts";
import { integerText, object, optional, text } from "../shape.ts";
import { CREDENTIAL_FIELDS, issue, listTokens, revoke, show, toNewToken } from "./credentials.ts";
import { renderToken } from "./token-view.ts";

const isAgentKey = (token: TokenInfo): boolean => token.kind === "agent";

/** Keys of agents. */
export const KEY_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/keys",
    summary: "List agents' keys",
    who: ["admin", "operator"],
    query: object({
      after: optional(text({ max: 100 })),
      limit: optional(integerText(1, 500)),
      agent: optional(text({ max: 100, description: "of this agent alone, by name or id" })),
    }),
    answers: { 200: "A page of keys, and `next` where more may follow" },
    handle: async (exchange, _body, { agent, ...query }) => {
      const { tenant } = await exchange.manager();
      const { agents, tokens } = exchange.services;
      const owner = agent === undefined ? undefined : (await agents.show(tenant, agent)).id;
      const wants = (token: TokenInfo): boolean => isAgentKey(token) && (owner === undefined || token.agent === owner);
      const { entries, ...rest } = await listTokens(tokens, tenant, toPage(query), wants);
      return { json: { keys: entries.map((token) => renderToken(token)), ...rest } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/keys",
    summary: "Issue a key to an agent",
    who: ["admin", "operator"],
    body: object({
      agent: text({ max: 100, description: "the agent's name or id" }),
      environment: optional(text({ max: 63 })),
      ...CREDENTIAL_FIELDS,
    }),
    answers: { 201: "The key; `key` is its text, shown this once" },
    handle: async (exchange, { agent, environment, ...fields }) => {
      const { tenant } = await exchange.manager();
      const { id } = await exchange.services.agents.show(tenant, agent);
      return issue(exchange, {
        kind: "agent",
        agent: id,
        ...toNewToken(fields),
        ...(environment === undefined ? {} : { environment }),
      });
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/keys/{key}",
    summary: "Show a key with its last call",
    who: ["admin", "operator"],
    answers: { 200: "The key" },
    handle: (exchange) => show(exchange, exchange.param("key"), isAgentKey),
  }),
  route({
    method: "POST",
    path: "/v1/admin/keys/{key}/revocation",
    summary: "Refuse a key from the very next request on, and cut what runs under it",
    who: ["admin", "operator"],
    answers: { 200: "The key" },
    handle: (exchange) => revoke(exchange, exchange.param("key"), isAgentKey),
  }),
];
