import { Personal, type Recorder } from "#src/audit/recorder.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import {
  type AgentId,
  type IdSource,
  newId,
  parseId,
  type SubjectId,
  type TenantId,
  type TokenId,
} from "#src/base/ids.ts";
import { parseName } from "#src/base/names.ts";
import { parseAddressRange } from "#src/config/address-range.ts";
import { issueToken, type TokenKind } from "#src/crypto/tokens.ts";
import { readAgent } from "#src/store/agents.ts";
import type { Reader } from "#src/store/reader.ts";
import {
  insertToken,
  readToken,
  readTokens,
  readTokenUse,
  revokeToken,
  type TokenRow,
  type TokenUseRow,
} from "#src/store/tokens.ts";
import type { Statement } from "#src/store/unit.ts";
import type { TenantKeys } from "#src/vault/tenant-keys.ts";

/** A credential, without its hash. */
export interface TokenInfo {
  readonly id: TokenId;
  readonly kind: TokenKind;
  readonly agent: AgentId | null;
  readonly name: string;
  readonly environment: string;
  /** Addresses and ranges that it may be used from; empty: any. */
  readonly sources: readonly string[];
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
}

/** What a new credential is made of. */
export interface NewToken {
  readonly kind: TokenKind;
  /** Exactly for kind `agent`. */
  readonly agent?: AgentId;
  readonly name?: string;
  /** `live` unless given. */
  readonly environment?: string;
  readonly sources?: readonly string[];
  readonly expiresInSeconds?: number;
}

/** Credentials of a tenant. */
export interface Tokens {
  /** The text is in the answer and nowhere else, ever. */
  issue(
    tenant: TenantId,
    actor: SubjectId,
    token: NewToken,
  ): Promise<{ readonly info: TokenInfo; readonly text: string }>;
  list(tenant: TenantId, page: { readonly after?: string; readonly limit?: number }): Promise<TokenInfo[]>;
  /** With its last call; `not_found`. */
  show(tenant: TenantId, token: string): Promise<{ readonly info: TokenInfo; readonly lastUse: TokenUseRow | null }>;
  /** Refused from the very next request on. */
  revoke(tenant: TenantId, actor: SubjectId, token: string): Promise<void>;
}

/** What {@link createTokens} needs. */
export interface TokensDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly keys: TenantKeys;
  readonly ids: IdSource;
  readonly clock: Clock;
}

const MAX_SOURCES = 64;
const MAX_LIFETIME_SECONDS = 10 * 366 * 86_400;

/** Makes the service of credentials. */
export function createTokens({ recorder, reader, keys, ids, clock }: TokensDependencies): Tokens {
  const show = async (tenant: TenantId, token: string): Promise<TokenRow> => {
    const row = await readToken(reader, tenant, parseId("token", token));
    if (row === undefined) throw new WritError("not_found");
    return row;
  };

  /** An agent's key acts as the agent; any other credential is a subject of its own, with a key of its own. */
  const subjectOf = async (
    tenant: TenantId,
    token: NewToken,
  ): Promise<{ readonly subject: SubjectId; readonly statements: readonly Statement[] }> => {
    if (token.agent === undefined) {
      const subject = newId("subject", ids);
      return { subject, statements: [keys.createSubjectKey(tenant, subject)] };
    }
    const agent = await readAgent(reader, tenant, token.agent);
    if (agent === undefined) throw new WritError("not_found");
    return { subject: agent.subjectId, statements: [] };
  };

  return {
    issue: async (tenant, actor, token) => {
      if ((token.kind === "agent") !== (token.agent !== undefined)) {
        throw new WritError("invalid_argument", "an agent's key, and no other credential, names an agent");
      }
      const now = clock.now();
      const issued = issueToken(token.kind, ids);
      const { subject, statements } = await subjectOf(tenant, token);
      const row: TokenRow = {
        tokenId: issued.id,
        kind: token.kind,
        subjectId: subject,
        agentId: token.agent ?? null,
        name: parseName(token.name ?? token.kind, "name"),
        environment: parseName(token.environment ?? "live", "environment"),
        hash: issued.hash,
        sources: JSON.stringify(parseSources(token.sources ?? [])),
        createdAt: now,
        expiresAt: token.expiresInSeconds === undefined ? null : now + parseLifetime(token.expiresInSeconds) * 1000,
        revokedAt: null,
      };
      await recorder.record({
        tenant,
        type: "key.issued",
        actor,
        statements: [...statements, ...insertToken(tenant, row)],
        data: {
          key: row.tokenId,
          key_kind: row.kind,
          agent: row.agentId,
          environment: row.environment,
          expires_at: row.expiresAt,
          subject,
          name: new Personal(subject, row.name),
          sources: new Personal(subject, JSON.parse(row.sources)),
        },
        raisesEpoch: true,
      });
      return { info: toTokenInfo(row), text: issued.text };
    },
    list: async (tenant, { after = "", limit = 100 }) =>
      (await readTokens(reader, tenant, after, limit)).map(toTokenInfo),
    show: async (tenant, token) => {
      const row = await show(tenant, token);
      return { info: toTokenInfo(row), lastUse: (await readTokenUse(reader, tenant, row.tokenId)) ?? null };
    },
    revoke: async (tenant, actor, token) => {
      const row = await show(tenant, token);
      if (row.revokedAt !== null) return;
      await recorder.record({
        tenant,
        type: "key.revoked",
        actor,
        statements: [revokeToken(tenant, row.tokenId, clock.now())],
        data: { key: row.tokenId, key_kind: row.kind, agent: row.agentId },
        raisesEpoch: true,
        ignoresClock: true,
      });
    },
  };
}

/** A row as the rest of Writ sees it. */
export function toTokenInfo(row: TokenRow): TokenInfo {
  return {
    id: row.tokenId,
    kind: row.kind,
    agent: row.agentId,
    name: row.name,
    environment: row.environment,
    sources: JSON.parse(row.sources) as string[],
    createdAt: row.createdAt,
    expiresAt: row.expiresAt,
    revokedAt: row.revokedAt,
  };
}

function parseSources(sources: readonly string[]): string[] {
  if (sources.length > MAX_SOURCES) throw new WritError("invalid_argument", `at most ${MAX_SOURCES} sources`);
  return sources.map((source) => {
    parseAddressRange(source);
    return source;
  });
}

function parseLifetime(seconds: number): number {
  if (Number.isSafeInteger(seconds) && seconds > 0 && seconds <= MAX_LIFETIME_SECONDS) return seconds;
  throw new WritError("invalid_argument", "a lifetime is a whole number of seconds, from 1 to ten years");
}
