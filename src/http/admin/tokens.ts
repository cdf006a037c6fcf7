import type { TokenInfo } from "#src/identity/tokens.ts";
import { PAGE_QUERY, toPage } from "../page.ts";
import { type Route, route } from "../route.ts";
import { choice, object } from "../shape.ts";
import { CREDENTIAL_FIELDS, issue, listTokens, revoke, show, toNewToken } from "./credentials.ts";
import { renderToken } from "./token-view.ts";

const isToken = (token: TokenInfo): boolean => token.kind === "admin" || token.kind === "pdp";

/** Tokens for automation: administrators and enforcement points. */
export const TOKEN_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/tokens",
    summary: "List the tokens of administrators and enforcement points",
    who: ["admin", "operator"],
    query: PAGE_QUERY,
    answers: { 200: "A page of tokens, and `next` where more may follow" },
    handle: async (exchange, _body, query) => {
      const { tenant } = await exchange.manager();
      const { entries, ...rest } = await listTokens(exchange.services.tokens, tenant, toPage(query), isToken);
      return { json: { tokens: entries.map((token) => renderToken(token)), ...rest } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/tokens",
    summary: "Issue a token to an administrator or enforcement point",
    who: ["admin", "operator"],
    body: object({ kind: choice(["admin", "pdp"]), ...CREDENTIAL_FIELDS }),
    answers: { 201: "The token; `token` is its text, shown this once" },
    handle: (exchange, { kind, ...fields }) => issue(exchange, { kind, ...toNewToken(fields) }),
  }),
  route({
    method: "GET",
    path: "/v1/admin/tokens/{token}",
    summary: "Show a token with its last call",
    who: ["admin", "operator"],
    answers: { 200: "The token" },
    handle: (exchange) => show(exchange, exchange.param("token"), isToken),
  }),
  route({
    method: "POST",
    path: "/v1/admin/tokens/{token}/revocation",
    summary: "Refuse a token from the very next request on",
    who: ["admin", "operator"],
    answers: { 200: "The token" },
    handle: (exchange) => revoke(exchange, exchange.param("token"), isToken),
  }),
];
