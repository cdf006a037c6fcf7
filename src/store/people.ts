import type { LinkId, PersonId, SubjectId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** A person as stored. */
export interface PersonRow {
  readonly personId: PersonId;
  readonly subjectId: SubjectId;
  /** Name and e-mail, sealed under the subject's key. */
  readonly sealedProfile: Uint8Array;
  /** JSON array. */
  readonly roles: string;
  readonly status: "invited" | "active" | "revoked";
  readonly createdAt: number;
}

/** A one-time link to enrol a passkey, as stored. */
export interface LinkRow {
  readonly linkId: LinkId;
  readonly kind: "setup" | "invitation" | "recovery";
  readonly personId: PersonId | null;
  readonly hash: Uint8Array;
  readonly createdAt: number;
  readonly expiresAt: number;
  readonly usedAt: number | null;
  readonly revokedAt: number | null;
}

/** Since when people decide in a tenant, and until when none of them approves. */
export interface PeopleStateRow {
  readonly firstPasskeyAt: number;
  readonly approvalsHeldUntil: number | null;
}

const PERSON_COLUMNS = `person_id AS personId, subject_id AS subjectId, sealed_profile AS sealedProfile, roles, status,
  created_at AS createdAt`;
const LINK_COLUMNS = `link_id AS linkId, kind, person_id AS personId, hash, created_at AS createdAt,
  expires_at AS expiresAt, used_at AS usedAt, revoked_at AS revokedAt`;

export function insertPerson(tenant: TenantId, row: PersonRow): Statement {
  return {
    sql: `INSERT INTO people (tenant_id, person_id, subject_id, sealed_profile, roles, status, created_at)
      VALUES (?, ?, ?, ?, ?, ?, ?)`,
    params: [tenant, row.personId, row.subjectId, row.sealedProfile, row.roles, row.status, row.createdAt],
    expectRows: 1,
  };
}

/** Makes an invited person active; one that is active stays so. */
export function activatePerson(tenant: TenantId, person: PersonId): Statement {
  return {
    sql: "UPDATE people SET status = 'active' WHERE tenant_id = ? AND person_id = ? AND status IN ('invited', 'active')",
    params: [tenant, person],
    expectRows: 1,
  };
}

export function revokePerson(tenant: TenantId, person: PersonId): Statement {
  return {
    sql: "UPDATE people SET status = 'revoked' WHERE tenant_id = ? AND person_id = ? AND status <> 'revoked'",
    params: [tenant, person],
    expectRows: 1,
  };
}

export function setPersonRoles(tenant: TenantId, person: PersonId, from: string, to: string): Statement {
  return {
    sql: "UPDATE people SET roles = ? WHERE tenant_id = ? AND person_id = ? AND roles = ? AND status <> 'revoked'",
    params: [to, tenant, person, from],
    expectRows: 1,
  };
}

export function readPerson(reader: Reader, tenant: TenantId, person: PersonId): Promise<PersonRow | undefined> {
  return reader.get(`SELECT ${PERSON_COLUMNS} FROM people WHERE tenant_id = ? AND person_id = ?`, [tenant, person]);
}

export function readPersonBySubject(
  reader: Reader,
  tenant: TenantId,
  subject: SubjectId,
): Promise<PersonRow | undefined> {
  return reader.get(`SELECT ${PERSON_COLUMNS} FROM people WHERE tenant_id = ? AND subject_id = ?`, [tenant, subject]);
}

/** In order of making, after `after`, at most `limit`. */
export function readPeople(reader: Reader, tenant: TenantId, after: string, limit: number): Promise<PersonRow[]> {
  return reader.all(
    `SELECT ${PERSON_COLUMNS} FROM people WHERE tenant_id = ? AND person_id > ? ORDER BY person_id LIMIT ?`,
    [tenant, after, limit],
  );
}

/**
 * Holds the unit to what must be true once its other statements have run: somebody active is an owner and has a passkey.
 * Stands last in every unit that takes an owner, a role or a passkey away.
 */
export function expectOwnerLeft(tenant: TenantId, now: number): Statement {
  return {
    sql: `UPDATE people_states SET checked_at = ? WHERE tenant_id = ? AND EXISTS (
      SELECT 1 FROM people JOIN passkeys USING (tenant_id, person_id)
        WHERE people.tenant_id = people_states.tenant_id AND people.status = 'active' AND passkeys.revoked_at IS NULL
          AND EXISTS (SELECT 1 FROM json_each(people.roles) WHERE value = 'owner'))`,
    params: [now, tenant],
    expectRows: 1,
  };
}

/** Notes that the tenant has had a passkey; the first time counts. */
export function noteFirstPasskey(tenant: TenantId, now: number): Statement {
  return {
    sql: `INSERT INTO people_states (tenant_id, first_passkey_at, approvals_held_until, checked_at) VALUES (?, ?, NULL, ?)
      ON CONFLICT (tenant_id) DO UPDATE SET checked_at = excluded.checked_at`,
    params: [tenant, now, now],
    expectRows: 1,
  };
}

export function holdApprovals(tenant: TenantId, until: number): Statement {
  return {
    sql: "UPDATE people_states SET approvals_held_until = ? WHERE tenant_id = ?",
    params: [until, tenant],
    expectRows: 1,
  };
}

export function readPeopleState(reader: Reader, tenant: TenantId): Promise<PeopleStateRow | undefined> {
  return reader.get(
    `SELECT first_passkey_at AS firstPasskeyAt, approvals_held_until AS approvalsHeldUntil FROM people_states
      WHERE tenant_id = ?`,
    [tenant],
  );
}

export function insertLink(tenant: TenantId, row: LinkRow): Statement {
  return {
    sql: `INSERT INTO enrolment_links (tenant_id, link_id, kind, person_id, hash, created_at, expires_at, used_at, revoked_at)
      VALUES (?, ?, ?, ?, ?, ?, ?, NULL, NULL)`,
    params: [tenant, row.linkId, row.kind, row.personId, row.hash, row.createdAt, row.expiresAt],
    expectRows: 1,
  };
}

/** Uses a link; whoever comes second, or late, is a `conflict`. */
export function useLink(tenant: TenantId, link: LinkId, now: number): Statement {
  return {
    sql: `UPDATE enrolment_links SET used_at = ? WHERE tenant_id = ? AND link_id = ? AND used_at IS NULL
      AND revoked_at IS NULL AND expires_at > ?`,
    params: [now, tenant, link, now],
    expectRows: 1,
  };
}

/** Takes back every link of a person that is still good; without one those of a tenant's first owner. */
export function revokeLinks(tenant: TenantId, person: PersonId | null, now: number): Statement {
  return {
    sql: `UPDATE enrolment_links SET revoked_at = ? WHERE tenant_id = ? AND person_id IS ? AND used_at IS NULL
      AND revoked_at IS NULL`,
    params: [now, tenant, person],
  };
}

/** Takes back every link of the tenant that is still good. */
export function revokeOtherLinks(tenant: TenantId, now: number): Statement {
  return {
    sql: `UPDATE enrolment_links SET revoked_at = ? WHERE tenant_id = ? AND used_at IS NULL AND revoked_at IS NULL`,
    params: [now, tenant],
  };
}

export function readLink(reader: Reader, tenant: TenantId, link: LinkId): Promise<LinkRow | undefined> {
  return reader.get(`SELECT ${LINK_COLUMNS} FROM enrolment_links WHERE tenant_id = ? AND link_id = ?`, [tenant, link]);
}
