import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { DeviceId, PersonId, SubjectId, TenantId, TokenId } from "#src/base/ids.ts";
import { type AddressRange, isInRanges, parseAddressRange } from "#src/config/address-range.ts";
import { matchesTokenHash, parseToken, type TokenKind } from "#src/crypto/tokens.ts";
import { readAgent } from "#src/store/agents.ts";
import { readTenant } from "#src/store/instance.ts";
import type { Reader } from "#src/store/reader.ts";
import { readToken, readTokenTenant } from "#src/store/tokens.ts";
import { type Agent, toAgent } from "./agents.ts";

/** Who asks, once proven. */
export type Principal =
  | {
      readonly kind: "agent";
      readonly tenant: TenantId;
      readonly subject: SubjectId;
      readonly token: TokenId;
      /** The key's: `live`, `test`, … */
      readonly environment: string;
      readonly agent: Agent;
      /** The machine that acts for it, where one does, and who confirmed that. */
      readonly device?: { readonly id: DeviceId; readonly person: PersonId | null };
    }
  | {
      readonly kind: Exclude<TokenKind, "agent">;
      readonly tenant: TenantId;
      readonly subject: SubjectId;
      readonly token: TokenId;
      readonly environment: string;
    };

/** An agent, proven by its key, or by a device that acts for it. */
export type AgentPrincipal = Extract<Principal, { kind: "agent" }>;

/** Proves who a credential belongs to. */
export interface Authenticator {
  /**
   * Whoever presents `credential` from `source`. The newest state counts: a revocation that is committed holds for the
   * very next request.
   *
   * Throws `unauthenticated` for anything unknown, malformed, expired or revoked, alike; `unauthorized_source` for a
   * credential that may not be used from there; `agent_disabled` for a disabled agent's.
   */
  authenticate(credential: string, source: string): Promise<Principal>;
}

/** What {@link createAuthenticator} needs. */
export interface AuthenticatorDependencies {
  readonly reader: Reader;
  readonly clock: Clock;
  readonly epochOf: (tenant: TenantId) => number;
}

interface Known {
  readonly epoch: number;
  readonly hash: Uint8Array;
  readonly expiresAt: number | null;
  readonly sources: readonly AddressRange[];
  readonly agentDisabled: boolean;
  readonly principal: Principal;
}

/** Credentials kept in memory; more are read again. */
const MAX_KNOWN = 10_000;
/** What a secret is compared with when its credential is unknown, so that both answers cost the same. */
const NO_HASH = new Uint8Array(32);

/** Makes the authenticator. What it keeps in memory is valid for one authority epoch of its tenant. */
export function createAuthenticator({ reader, clock, epochOf }: AuthenticatorDependencies): Authenticator {
  const known = new Map<TokenId, Known>();

  const look = async (token: TokenId, kind: TokenKind): Promise<Known | undefined> => {
    const cached = known.get(token);
    if (cached !== undefined && cached.epoch === epochOf(cached.principal.tenant)) return cached;
    const loaded = await load(reader, token, kind, epochOf);
    if (known.size >= MAX_KNOWN) known.clear();
    if (loaded === undefined) known.delete(token);
    else known.set(token, loaded);
    return loaded;
  };

  return {
    authenticate: async (credential, source) => {
      const parsed = parseToken(credential);
      if (parsed === undefined) throw new WritError("unauthenticated");
      const found = await look(parsed.id, parsed.kind);
      const matches = matchesTokenHash(parsed.secret, found?.hash ?? NO_HASH);
      if (found === undefined || !matches || found.principal.kind !== parsed.kind) {
        throw new WritError("unauthenticated");
      }
      if (found.expiresAt !== null && found.expiresAt <= clock.now()) throw new WritError("unauthenticated");
      if (found.sources.length > 0 && !isInRanges(source, found.sources)) throw new WritError("unauthorized_source");
      if (found.agentDisabled) throw new WritError("agent_disabled");
      return found.principal;
    },
  };
}

async function load(
  reader: Reader,
  token: TokenId,
  kind: TokenKind,
  epochOf: (tenant: TenantId) => number,
): Promise<Known | undefined> {
  const tenantId = await readTokenTenant(reader, token);
  if (tenantId === undefined) return undefined;
  // Taken before the rows are read: if they change in between, the entry is stale at once instead of wrong for good.
  const epoch = epochOf(tenantId);
  const [row, tenant] = await Promise.all([readToken(reader, tenantId, token), readTenant(reader, tenantId)]);
  if (row === undefined || row.revokedAt !== null || row.kind !== kind || tenant?.status !== "active") return undefined;
  const shared = { tenant: tenantId, subject: row.subjectId, token, environment: row.environment };
  const known = {
    epoch,
    hash: row.hash,
    expiresAt: row.expiresAt,
    sources: (JSON.parse(row.sources) as string[]).map(parseAddressRange),
  };
  if (row.kind !== "agent") return { ...known, agentDisabled: false, principal: { kind: row.kind, ...shared } };
  const agentRow = row.agentId === null ? undefined : await readAgent(reader, tenantId, row.agentId);
  if (agentRow === undefined) return undefined;
  const agent = toAgent(agentRow);
  return { ...known, agentDisabled: agent.status !== "active", principal: { kind: "agent", ...shared, agent } };
}
