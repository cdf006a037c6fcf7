import type { Recorder } from "#src/audit/recorder.ts";
import { WritError } from "#src/base/errors.ts";
import { type PersonId, parseId, type SubjectId, type TenantId } from "#src/base/ids.ts";
import { parseName } from "#src/base/names.ts";
import { PERSON_ROLES } from "#src/identity/roles.ts";
import { readApproverGroups, replaceApproverGroup } from "#src/store/approver-groups.ts";
import { readPerson } from "#src/store/people.ts";
import type { Reader } from "#src/store/reader.ts";

/** Named groups of people, which policies name in `@approvers` and `@escalate` beside roles. */
export interface ApproverGroups {
  /** By name. */
  list(tenant: TenantId): Promise<ReadonlyMap<string, readonly PersonId[]>>;
  /**
   * Says who is in a group, all at once; nobody ends it. Throws `invalid_argument` for a role's name or for more than
   * {@link MAX_MEMBERS}, `not_found` for a person that there is not.
   */
  set(tenant: TenantId, actor: SubjectId, name: string, people: readonly string[]): Promise<void>;
}

/** The most people in a group. */
export const MAX_MEMBERS = 200;

/** Makes the service of approver groups. */
export function createApproverGroups(recorder: Recorder, reader: Reader): ApproverGroups {
  return {
    list: async (tenant) => {
      const groups = new Map<string, PersonId[]>();
      for (const { name, person } of await readApproverGroups(reader, tenant)) {
        groups.set(name, [...(groups.get(name) ?? []), person]);
      }
      return groups;
    },
    set: async (tenant, actor, name, people) => {
      const group = parseName(name, "name");
      if (PERSON_ROLES.some((role) => role === group)) {
        throw new WritError("invalid_argument", `\`${group}\` is a role, and everybody who has it is in it`);
      }
      if (people.length > MAX_MEMBERS) throw new WritError("invalid_argument", `at most ${MAX_MEMBERS} people`);
      const members = [...new Set(people)].sort().map((person) => parseId("person", person));
      for (const person of members) {
        if ((await readPerson(reader, tenant, person)) === undefined) throw new WritError("not_found");
      }
      await recorder.record({
        tenant,
        type: "approver_group.set",
        actor,
        statements: replaceApproverGroup(tenant, group, members),
        data: { group, people: members },
        raisesEpoch: true,
      });
    },
  };
}
