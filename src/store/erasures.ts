import type { AgentId, PersonId, SubjectId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** What a subject is. */
export type SubjectKind = "person" | "agent";

/** A subject whose key was destroyed. */
export interface ErasureRow {
  readonly subjectId: SubjectId;
  readonly kind: SubjectKind;
  /** Id of the person or agent. */
  readonly named: string;
  readonly erasedAt: number;
}

/** Whom a subject id stands for. */
export interface SubjectRow {
  readonly subjectId: SubjectId;
  readonly kind: SubjectKind;
  readonly named: string;
  /** Of the person or agent. */
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

/** By subject id, or by the id of a person or agent. */
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
    ) AS named LIMIT 1`,
    [tenant, id],
  );
}

/** The rows that stand for a person or agent, without what is no word about them: hashes, and values that are sealed. */
export async function readSubjectRows(
  reader: Reader,
  tenant: TenantId,
  { kind, named }: Pick<SubjectRow, "kind" | "named">,
): Promise<readonly { readonly table: string; readonly row: Readonly<Record<string, unknown>> }[]> {
  const queries = kind === "person" ? PERSON_ROWS : AGENT_ROWS;
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
