import type { PasskeyId, PersonId, SessionId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** A signed-in browser as stored: everything but the cookie's secret. */
export interface SessionRow {
  readonly sessionId: SessionId;
  readonly personId: PersonId;
  readonly passkeyId: PasskeyId;
  readonly hash: Uint8Array;
  /** Browser and address, sealed under the subject's key. */
  readonly sealedClient: Uint8Array;
  /** Hash of the device that the cookie was given to; null where the cookie is bound to a secure origin. */
  readonly device: Uint8Array | null;
  readonly createdAt: number;
  readonly lastSeenAt: number;
  readonly expiresAt: number;
  readonly endedAt: number | null;
}

const COLUMNS = `session_id AS sessionId, person_id AS personId, passkey_id AS passkeyId, hash,
  sealed_client AS sealedClient, device, created_at AS createdAt, last_seen_at AS lastSeenAt, expires_at AS expiresAt,
  ended_at AS endedAt`;

export function insertSession(tenant: TenantId, row: SessionRow): Statement {
  return {
    sql: `INSERT INTO sessions (tenant_id, session_id, person_id, passkey_id, hash, sealed_client, device, created_at,
      last_seen_at, expires_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)`,
    params: [
      tenant,
      row.sessionId,
      row.personId,
      row.passkeyId,
      row.hash,
      row.sealedClient,
      row.device,
      row.createdAt,
      row.lastSeenAt,
      row.expiresAt,
    ],
    expectRows: 1,
  };
}

export function endSession(tenant: TenantId, session: SessionId, at: number): Statement {
  return {
    sql: "UPDATE sessions SET ended_at = ? WHERE tenant_id = ? AND session_id = ? AND ended_at IS NULL",
    params: [at, tenant, session],
    expectRows: 1,
  };
}

/** All of a person at once. */
export function endSessionsOf(tenant: TenantId, person: PersonId, at: number): Statement {
  return {
    sql: "UPDATE sessions SET ended_at = ? WHERE tenant_id = ? AND person_id = ? AND ended_at IS NULL",
    params: [at, tenant, person],
  };
}

/** All that were opened with a passkey. */
export function endSessionsWith(tenant: TenantId, passkey: PasskeyId, at: number): Statement {
  return {
    sql: "UPDATE sessions SET ended_at = ? WHERE tenant_id = ? AND passkey_id = ? AND ended_at IS NULL",
    params: [at, tenant, passkey],
  };
}

/** Bookkeeping without an event. */
export function touchSession(tenant: TenantId, session: SessionId, at: number): Statement {
  return {
    sql: "UPDATE sessions SET last_seen_at = ? WHERE tenant_id = ? AND session_id = ? AND ended_at IS NULL",
    params: [at, tenant, session],
  };
}

/** Bookkeeping: rows that ended before a time, whose events tell what is worth knowing. */
export function forgetEndedSessions(tenant: TenantId, before: number): Statement {
  return {
    sql: "DELETE FROM sessions WHERE tenant_id = ? AND (expires_at < ? OR ended_at < ?)",
    params: [tenant, before, before],
  };
}

export function readSession(reader: Reader, tenant: TenantId, session: SessionId): Promise<SessionRow | undefined> {
  return reader.get(`SELECT ${COLUMNS} FROM sessions WHERE tenant_id = ? AND session_id = ?`, [tenant, session]);
}

/** Those that have not ended, of one person where one is given, newest first. */
export function readOpenSessions(
  reader: Reader,
  tenant: TenantId,
  person: PersonId | undefined,
  now: number,
  limit: number,
): Promise<SessionRow[]> {
  const whose = person === undefined ? "" : "AND person_id = ?";
  return reader.all(
    `SELECT ${COLUMNS} FROM sessions WHERE tenant_id = ? ${whose} AND ended_at IS NULL AND expires_at > ?
      ORDER BY session_id DESC LIMIT ?`,
    [tenant, ...(person === undefined ? [] : [person]), now, limit],
  );
}
