import type { PersonId, TenantId } from "#src/base/ids.ts";
import type { Reader } from "./reader.ts";
import type { Statement } from "./unit.ts";

/** Replaces who is in a group; none is no group. */
export function replaceApproverGroup(
  tenant: TenantId,
  name: string,
  people: readonly PersonId[],
): readonly Statement[] {
  return [
    { sql: "DELETE FROM approver_groups WHERE tenant_id = ? AND name = ?", params: [tenant, name] },
    ...people.map((person) => ({
      sql: "INSERT INTO approver_groups (tenant_id, name, person_id) VALUES (?, ?, ?)",
      params: [tenant, name, person],
      expectRows: 1,
    })),
  ];
}

/** All groups and who is in them, by name. */
export function readApproverGroups(
  reader: Reader,
  tenant: TenantId,
): Promise<{ readonly name: string; readonly person: PersonId }[]> {
  return reader.all(
    "SELECT name, person_id AS person FROM approver_groups WHERE tenant_id = ? ORDER BY name, person_id",
    [tenant],
  );
}
