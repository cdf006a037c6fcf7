import type { TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** A witness as stored. */
export interface WitnessRow {
  readonly name: string;
  readonly url: string;
  /** C2SP verifier key of its cosignatures. */
  readonly verifierKey: string;
  readonly createdAt: number;
  /** The size that the witness is known to have; 0 for none. */
  readonly seenSize: number;
  /** When it was asked last, in milliseconds; null before the first time. */
  readonly lastAt: number | null;
  /** Why that failed; null where it did not. */
  readonly lastError: string | null;
}

export function insertWitness(
  tenant: TenantId,
  row: Pick<WitnessRow, "name" | "url" | "verifierKey" | "createdAt">,
): Statement {
  return {
    sql: "INSERT INTO witnesses (tenant_id, name, url, verifier_key, created_at) VALUES (?, ?, ?, ?, ?)",
    params: [tenant, row.name, row.url, row.verifierKey, row.createdAt],
    expectRows: 1,
  };
}

export function deleteWitness(tenant: TenantId, name: string): Statement {
  return { sql: "DELETE FROM witnesses WHERE tenant_id = ? AND name = ?", params: [tenant, name], expectRows: 1 };
}

/** How asking it went. */
export function noteWitness(
  tenant: TenantId,
  name: string,
  { seenSize, lastAt, lastError }: Pick<WitnessRow, "seenSize" | "lastAt" | "lastError">,
): Statement {
  return {
    sql: "UPDATE witnesses SET seen_size = ?, last_at = ?, last_error = ? WHERE tenant_id = ? AND name = ?",
    params: [seenSize, lastAt, lastError, tenant, name],
  };
}

export function readWitnesses(reader: Reader, tenant: TenantId): Promise<WitnessRow[]> {
  return reader.all(
    `SELECT name, url, verifier_key AS verifierKey, created_at AS createdAt, seen_size AS seenSize, last_at AS lastAt,
      last_error AS lastError FROM witnesses WHERE tenant_id = ? ORDER BY name`,
    [tenant],
  );
}
