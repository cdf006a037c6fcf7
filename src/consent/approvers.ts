import { isWritError, WritError } from "#src/base/errors.ts";
import type { PersonId, SubjectId, TenantId } from "#src/base/ids.ts";
import { may, type Permission, type PersonRole } from "#src/identity/roles.ts";
import type { ApprovalTerms } from "#src/policy/approval-terms.ts";
import { readApproverGroups } from "#src/store/approver-groups.ts";
import { readPeopleWithPasskey } from "#src/store/passkeys.ts";
import { readPeopleState, readPerson } from "#src/store/people.ts";
import type { Reader } from "#src/store/reader.ts";

/** A person as of now, whatever was true when they signed in. */
export interface Standing {
  readonly person: PersonId;
  readonly subject: SubjectId;
  readonly roles: readonly PersonRole[];
  /** Roles and named groups. */
  readonly groups: ReadonlySet<string>;
}

/** What a decision of this person is about. */
export interface AskedOfPerson {
  readonly terms: ApprovalTerms;
  readonly isEscalated: boolean;
  /** The people behind the agent, when it asked and now. */
  readonly behind: readonly string[];
  /** Who said yes already. */
  readonly voters: readonly string[];
}

/** The person as of now; `forbidden` where they are gone or may not do this any more. */
export async function requireStanding(
  reader: Reader,
  tenant: TenantId,
  person: PersonId,
  permission: Permission,
): Promise<Standing> {
  const row = await readPerson(reader, tenant, person);
  const roles = row === undefined ? [] : (JSON.parse(row.roles) as PersonRole[]);
  if (row?.status !== "active" || !may(roles, permission)) {
    throw new WritError("forbidden", "your roles do not allow this");
  }
  const named = (await readApproverGroups(reader, tenant)).filter((member) => member.person === person);
  return { person, subject: row.subjectId, roles, groups: new Set([...roles, ...named.map(({ name }) => name)]) };
}

/** After a recovery from the host nobody says yes for a while: `approvals_held`. @param now milliseconds */
export async function requireNotHeld(reader: Reader, tenant: TenantId, now: number): Promise<void> {
  const state = await readPeopleState(reader, tenant);
  if ((state?.approvalsHeldUntil ?? 0) > now) throw new WritError("approvals_held");
}

/** Whether this person may say yes: throws `self_approval`, `approver_needed`, `approval_decided` for a second yes. */
export function requireApprover({ person, groups }: Standing, asked: AskedOfPerson): void {
  const { terms, isEscalated, behind, voters } = asked;
  if (behind.includes(person)) throw new WritError("self_approval");
  if (voters.includes(person)) throw new WritError("approval_decided", "you said yes already: somebody else is needed");
  const isEscalatedTo = isEscalated && terms.escalation !== null && groups.has(terms.escalation.group);
  const missing = terms.approvers.find((list) => !list.some((group) => groups.has(group)));
  if (missing === undefined || isEscalatedTo) return;
  throw new WritError("approver_needed", `the policies ask for somebody of \`${missing.join(", ")}\``);
}

/** Those who said yes and may not say it any more: they left, lost the role or the group, or are behind the agent now. */
export async function findGoneVoters(
  reader: Reader,
  tenant: TenantId,
  asked: AskedOfPerson,
): Promise<readonly string[]> {
  const gone: string[] = [];
  for (const voter of asked.voters) {
    try {
      const standing = await requireStanding(reader, tenant, voter as PersonId, "approvals.decide");
      requireApprover(standing, { ...asked, voters: [] });
    } catch (error) {
      if (!isWritError(error)) throw error;
      gone.push(voter);
    }
  }
  return gone;
}

/** Whether somebody else than this person could do it: is active, has a role for it and a passkey. */
export async function canAnother(
  reader: Reader,
  tenant: TenantId,
  subject: string,
  permission: Permission,
): Promise<boolean> {
  const others = (await readPeopleWithPasskey(reader, tenant)).filter((row) => row.subjectId !== subject);
  return others.some(({ roles }) => may(JSON.parse(roles) as PersonRole[], permission));
}
