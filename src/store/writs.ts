import type { TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** Uses up a single-use writ: a second time meets its row and is a conflict. */
export function consumeWrit(tenant: TenantId, cid: string, expiresAt: number): Statement {
  return {
    sql: "INSERT OR IGNORE INTO consumed_writs (tenant_id, cid, expires_at) VALUES (?, ?, ?)",
    params: [tenant, cid, expiresAt],
    expectRows: 1,
  };
}

/** Forgets used writs that have expired: their own end refuses them. Bookkeeping without an event. */
export function forgetExpiredWrits(tenant: TenantId, before: number): Statement {
  return { sql: "DELETE FROM consumed_writs WHERE tenant_id = ? AND expires_at < ?", params: [tenant, before] };
}

export function revokeWrit(tenant: TenantId, cid: string, at: number): Statement {
  return {
    sql: "INSERT INTO revocations (tenant_id, cid, at) VALUES (?, ?, ?)",
    params: [tenant, cid, at],
    expectRows: 1,
  };
}

/** The same where it may be revoked already. */
export function ensureRevoked(tenant: TenantId, cid: string, at: number): Statement {
  return {
    sql: "INSERT OR IGNORE INTO revocations (tenant_id, cid, at) VALUES (?, ?, ?)",
    params: [tenant, cid, at],
  };
}

export async function isRevoked(reader: Reader, tenant: TenantId, cid: string): Promise<boolean> {
  return (await reader.get("SELECT 1 FROM revocations WHERE tenant_id = ? AND cid = ?", [tenant, cid])) !== undefined;
}

export async function isConsumed(reader: Reader, tenant: TenantId, cid: string): Promise<boolean> {
  return (
    (await reader.get("SELECT 1 FROM consumed_writs WHERE tenant_id = ? AND cid = ?", [tenant, cid])) !== undefined
  );
}
