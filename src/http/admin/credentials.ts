import { WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { NewToken, TokenInfo, Tokens } from "#src/identity/tokens.ts";
import type { Exchange } from "../exchange.ts";
import { nextOf, type Page } from "../page.ts";
import type { Reply } from "../reply.ts";
import { integer, list, optional, text } from "../shape.ts";
import { renderToken } from "./token-view.ts";

/** Members that every new credential may have. */
export const CREDENTIAL_FIELDS = {
  name: optional(text({ max: 63 })),
  sources: optional(list(text({ max: 60, description: "an address or range: 10.0.0.0/8" }), 64)),
  expires_in_seconds: optional(integer(1, 316_224_000)),
} as const;

/** What of a request those fields are. */
export interface CredentialFields {
  readonly name?: string;
  readonly sources?: readonly string[];
  readonly expires_in_seconds?: number;
}

/** Those members as the service takes them. */
export function toNewToken(fields: CredentialFields): Omit<NewToken, "kind"> {
  const { name, sources, expires_in_seconds: expiresInSeconds } = fields;
  return {
    ...(name === undefined ? {} : { name }),
    ...(sources === undefined ? {} : { sources }),
    ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
  };
}

/** Issues a credential; the answer, in its member `key` or `token`, is the only place where its text ever stands. */
export async function issue(exchange: Exchange, token: NewToken): Promise<Reply> {
  const { tenant, subject } = await exchange.manager();
  const { info, text: secret } = await exchange.services.tokens.issue(tenant, subject, token);
  const member = token.kind === "agent" ? "key" : "token";
  return { status: 201, json: { ...renderToken(info), [member]: secret } };
}

/** Shows one credential of these kinds, with its last call. */
export async function show(exchange: Exchange, id: string, isKind: (token: TokenInfo) => boolean): Promise<Reply> {
  const { tenant } = await exchange.manager();
  const { info, lastUse } = await exchange.services.tokens.show(tenant, id);
  if (!isKind(info)) throw new WritError("not_found");
  return { json: renderToken(info, lastUse) };
}

/** Revokes one credential of these kinds. */
export async function revoke(exchange: Exchange, id: string, isKind: (token: TokenInfo) => boolean): Promise<Reply> {
  const { tenant, subject } = await exchange.manager();
  const { tokens } = exchange.services;
  const { info } = await tokens.show(tenant, id);
  if (!isKind(info)) throw new WritError("not_found");
  await tokens.revoke(tenant, subject, info.id);
  return { json: renderToken((await tokens.show(tenant, info.id)).info) };
}

/** A page of the credentials that `wants` takes; others that lie between are passed over. */
export async function listTokens(
  tokens: Tokens,
  tenant: TenantId,
  page: Page,
  wants: (token: TokenInfo) => boolean,
): Promise<{ readonly entries: readonly TokenInfo[]; readonly next?: string }> {
  const entries: TokenInfo[] = [];
  let { after = "" } = page;
  for (;;) {
    const batch = await tokens.list(tenant, { after, limit: page.limit });
    for (const token of batch) {
      if (entries.length === page.limit) return { entries, ...nextOf(entries, page) };
      if (wants(token)) entries.push(token);
    }
    const last = batch.at(-1);
    if (last === undefined || batch.length < page.limit) return { entries };
    after = last.id;
  }
}
