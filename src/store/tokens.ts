import type { AgentId, SubjectId, TenantId, TokenId } from "#src/base/ids.ts";
import type { TokenKind } from "#src/crypto/tokens.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** A credential as stored: everything but its secret. */
export interface TokenRow {
  readonly tokenId: TokenId;
  readonly kind: TokenKind;
  readonly subjectId: SubjectId;
  readonly agentId: AgentId | null;
  readonly name: string;
  /** `live`, `test`, … */
  readonly environment: string;
  readonly hash: Uint8Array;
  /** JSON array of addresses and ranges; empty: any. */
  readonly sources: string;
  readonly createdAt: number;
  readonly expiresAt: number | null;
  readonly revokedAt: number | null;
}

/** What is known of a credential's last call. */
export interface TokenUseRow {
  readonly lastAt: number;
  readonly lastCommand: string | null;
  readonly lastOutcome: string | null;
  readonly lastSource: string | null;
}

const COLUMNS = `token_id AS tokenId, kind, subject_id AS subjectId, agent_id AS agentId, name, environment, hash, sources,
  created_at AS createdAt, expires_at AS expiresAt, revoked_at AS revokedAt`;

/** The credential and the way to find its tenant. */
export function insertToken(tenant: TenantId, row: TokenRow): Statement[] {
  return [
    {
      sql: `INSERT INTO tokens (tenant_id, token_id, kind, subject_id, agent_id, name, environment, hash, sources, created_at,
        expires_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      params: [
        tenant,
        row.tokenId,
        row.kind,
        row.subjectId,
        row.agentId,
        row.name,
        row.environment,
        row.hash,
        row.sources,
        row.createdAt,
        row.expiresAt,
        row.revokedAt,
      ],
      expectRows: 1,
    },
    {
      sql: "INSERT INTO token_directory (token_id, tenant_id) VALUES (?, ?)",
      params: [row.tokenId, tenant],
      expectRows: 1,
    },
  ];
}

export function revokeToken(tenant: TenantId, token: TokenId, at: number): Statement {
  return {
    sql: "UPDATE tokens SET revoked_at = ? WHERE tenant_id = ? AND token_id = ? AND revoked_at IS NULL",
    params: [at, tenant, token],
    expectRows: 1,
  };
}

export async function readTokenTenant(reader: Reader, token: TokenId): Promise<TenantId | undefined> {
  const row = await reader.get<{ tenantId: TenantId }>(
    "SELECT tenant_id AS tenantId FROM token_directory WHERE token_id = ?",
    [token],
  );
  return row?.tenantId;
}

export function readToken(reader: Reader, tenant: TenantId, token: TokenId): Promise<TokenRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM tokens WHERE tenant_id = ? AND token_id = ?`, [tenant, token]);
}

/** In order of making, after `after`, at most `limit`. */
export function readTokens(reader: Reader, tenant: TenantId, after: string, limit: number): Promise<TokenRow[]> {
  return reader.all(`SELECT ${COLUMNS} FROM tokens WHERE tenant_id = ? AND token_id > ? ORDER BY token_id LIMIT ?`, [
    tenant,
    after,
    limit,
  ]);
}

/** Bookkeeping without an event. */
export function touchToken(tenant: TenantId, token: TokenId, use: TokenUseRow): Statement {
  return {
    sql: `INSERT INTO token_uses (tenant_id, token_id, last_at, last_command, last_outcome, last_source)
      VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (tenant_id, token_id) DO UPDATE SET last_at = excluded.last_at,
      last_command = excluded.last_command, last_outcome = excluded.last_outcome, last_source = excluded.last_source`,
    params: [tenant, token, use.lastAt, use.lastCommand, use.lastOutcome, use.lastSource],
  };
}

export function readTokenUse(reader: Reader, tenant: TenantId, token: TokenId): Promise<TokenUseRow | undefined> {
  return reader.get(
    `SELECT last_at AS lastAt, last_command AS lastCommand, last_outcome AS lastOutcome, last_source AS lastSource
      FROM token_uses WHERE tenant_id = ? AND token_id = ?`,
    [tenant, token],
  );
}
