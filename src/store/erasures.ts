import type { AgentId, DeviceId, PersonId, SubjectId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** What a subject is. */
export type SubjectKind = "person" | "agent" | "device";

/** A subject whose key was destroyed. */
export interface ErasureRow {
  readonly subjectId: SubjectId;
  readonly kind: SubjectKind;
  /** Id of the person, agent or device. */
  readonly named: string;
  readonly erasedAt: number;
}

/** Whom a subject id stands for. */
export interface SubjectRow {
  readonly subjectId: SubjectId;
  readonly kind: SubjectKind;
  readonly named: string;
  /** Of the person, agent or device. */
  readonly status: string;
  /** 1 where there is a key. */
  readonly hasKey: 0 | 1;
}

export function insertErasure(tenant: TenantId, row: ErasureRow): Statement {
  return {
    sql: "INSERT INTO erasures (tenant_id, subject_id, kind, named, erased_at) VALUES (?, ?, ?, ?, ?)",
    params: [tenant, row.subjectId, row.kind, row.named, row.erasedAt],
    expectRows: 1,
  };
}

/** Holds the unit to it that the person is revoked. */
export function expectRevoked(tenant: TenantId, person: PersonId): Statement {
  return {
    sql: "UPDATE people SET status = 'revoked' WHERE tenant_id = ? AND person_id = ? AND status = 'revoked'",
    params: [tenant, person],
    expectRows: 1,
  };
}

/** Holds the unit to it that the agent is disabled, and takes the name, the groups and the kept key away. */
export function anonymizeAgent(tenant: TenantId, agent: AgentId, name: string): Statement {
  return {
    sql: `UPDATE agents SET name = ?, groups = '[]', sealed_seed = NULL, data_key_id = NULL
      WHERE tenant_id = ? AND agent_id = ? AND status = 'disabled'`,
    params: [name, tenant, agent],
    expectRows: 1,
  };
}

/** Holds the unit to it that the device is revoked, and takes its name away. */
export function anonymizeDevice(tenant: TenantId, device: DeviceId, name: string): Statement {
  return {
    sql: "UPDATE devices SET name = ? WHERE tenant_id = ? AND device_id = ? AND revoked_at IS NOT NULL",
    params: [name, tenant, device],
    expectRows: 1,
  };
}

/** Names of credentials are chosen by people, often after whose they are. */
export function anonymizeTokens(tenant: TenantId, subject: SubjectId, named: string): Statement {
  return {
    sql: "UPDATE tokens SET name = 'erased' WHERE tenant_id = ? AND (subject_id = ? OR agent_id = ?)",
    params: [tenant, subject, named],
  };
}

/** What approvers were shown of an agent's calls, sealed under the tenant's data key. */
export interface ApprovalDetailsRow {
  readonly approvalId: string;
  readonly sealedDetails: Uint8Array;
  readonly dataKeyId: string;
}

export function readApprovalDetails(reader: Reader, tenant: TenantId, agent: string): Promise<ApprovalDetailsRow[]> {
  return reader.all(
    `SELECT approval_id AS approvalId, sealed_details AS sealedDetails, data_key_id AS dataKeyId FROM approvals
      WHERE tenant_id = ? AND agent_id = ?`,
    [tenant, agent],
  );
}

export function replaceApprovalDetails(tenant: TenantId, row: ApprovalDetailsRow): Statement {
  return {
    sql: "UPDATE approvals SET sealed_details = ?, data_key_id = ? WHERE tenant_id = ? AND approval_id = ?",
    params: [row.sealedDetails, row.dataKeyId, tenant, row.approvalId],
    expectRows: 1,
  };
}

/** Newest first. */
export function readErasures(reader: Reader, tenant: TenantId): Promise<ErasureRow[]> {
  return reader.all(
    `SELECT subject_id AS subjectId, kind, named, erased_at AS erasedAt FROM erasures WHERE tenant_id = ?
      ORDER BY erased_at DESC, subject_id`,
    [tenant],
  );
}

export function readErasure(reader: Reader, tenant: TenantId, subject: SubjectId): Promise<ErasureRow | undefined> {
  return reader.get(
    `SELECT subject_id AS subjectId, kind, named, erased_at AS erasedAt FROM erasures
      WHERE tenant_id = ? AND subject_id = ?`,
    [tenant, subject],
  );
}

/** By subject id, or by the id of a person, agent or device. */
export function readSubject(reader: Reader, tenant: TenantId, id: string): Promise<SubjectRow | undefined> {
  const hasKey = `EXISTS (SELECT 1 FROM subject_keys
    WHERE subject_keys.tenant_id = named.tenant_id AND subject_keys.subject_id = named.subject_id) AS hasKey`;
  return reader.get(
    `SELECT subject_id AS subjectId, kind, id AS named, status, ${hasKey} FROM (
      SELECT tenant_id, subject_id, 'person' AS kind, person_id AS id, status FROM people
        WHERE tenant_id = ?1 AND (person_id = ?2 OR subject_id = ?2)
      UNION ALL
      SELECT tenant_id, subject_id, 'agent', agent_id, status FROM agents
        WHERE tenant_id = ?1 AND (agent_id = ?2 OR subject_id = ?2)
      UNION ALL
      SELECT tenant_id, subject_id, 'device', device_id, iif(revoked_at IS NULL, 'active', 'revoked') FROM devices
        WHERE tenant_id = ?1 AND (device_id = ?2 OR subject_id = ?2)
    ) AS named LIMIT 1`,
    [tenant, id],
  );
}

/** The rows that stand for a person, agent or device, without what is no word about them: hashes, and values that are sealed. */
export async function readSubjectRows(
  reader: Reader,
  tenant: TenantId,
  { kind, named }: Pick<SubjectRow, "kind" | "named">,
): Promise<readonly { readonly table: string; readonly row: Readonly<Record<string, unknown>> }[]> {
  const queries = { person: PERSON_ROWS, agent: AGENT_ROWS, device: DEVICE_ROWS }[kind];
  const found: { table: string; row: Readonly<Record<string, unknown>> }[] = [];
  for (const [table, sql] of queries) {
    for (const row of await reader.all<Readonly<Record<string, unknown>>>(sql, [tenant, named])) {
      found.push({ table, row });
    }
  }
  return found;
}

const PERSON_ROWS: readonly (readonly [table: string, sql: string])[] = [
  [
    "people",
    "SELECT person_id, subject_id, roles, status, created_at FROM people WHERE tenant_id = ? AND person_id = ?",
  ],
  [
    "passkeys",
    `SELECT passkey_id, credential_id, transports, aaguid, created_at, last_used_at, revoked_at FROM passkeys
      WHERE tenant_id = ? AND person_id = ?`,
  ],
  [
    "sessions",
    `SELECT session_id, passkey_id, created_at, last_seen_at, expires_at, ended_at FROM sessions
      WHERE tenant_id = ? AND person_id = ?`,
  ],
  [
    "enrolment_links",
    `SELECT link_id, kind, created_at, expires_at, used_at, revoked_at FROM enrolment_links
      WHERE tenant_id = ? AND person_id = ?`,
  ],
  [
    "agents",
    "SELECT agent_id, name, status, created_at FROM agents WHERE tenant_id = ? AND owner = ? ORDER BY agent_id",
  ],
  [
    "devices",
    `SELECT device_id, subject_id, name, agents, paired_at, revoked_at FROM devices
      WHERE tenant_id = ? AND person_id = ? ORDER BY device_id`,
  ],
];

const AGENT_ROWS: readonly (readonly [table: string, sql: string])[] = [
  [
    "agents",
    `SELECT agent_id, subject_id, name, did, groups, status, owner, created_at FROM agents
      WHERE tenant_id = ? AND agent_id = ?`,
  ],
  [
    "tokens",
    `SELECT token_id, kind, name, environment, sources, created_at, expires_at, revoked_at FROM tokens
      WHERE tenant_id = ? AND agent_id = ?`,
  ],
];

const DEVICE_ROWS: readonly (readonly [table: string, sql: string])[] = [
  [
    "devices",
    `SELECT device_id, subject_id, name, agents, person_id, paired_at, revoked_at FROM devices
      WHERE tenant_id = ? AND device_id = ?`,
  ],
];
