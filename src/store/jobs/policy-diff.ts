import type { TenantId } from "#src/base/ids.ts";
import type { JobContext } from "./job.ts";
import { readVersion } from "./policy-index.ts";

/** Two stored versions; 0 is the empty set. */
export interface PolicyDiffInput {
  readonly tenant: TenantId;
  readonly before: number;
  readonly after: number;
}

/** What differs between two versions, policy by policy, in the order of the texts. */
export interface PolicyDiff {
  readonly added: readonly PolicyText[];
  readonly removed: readonly PolicyText[];
  readonly changed: readonly { readonly id: string; readonly before: string; readonly after: string }[];
  readonly unchanged: number;
}

/** One policy. */
export interface PolicyText {
  readonly id: string;
  readonly text: string;
}

/** Compares versions. A policy is known by its id; one without an `@id` by its place. Throws `not_found`. */
export async function diffPolicies(
  { db, breathe }: JobContext,
  { tenant, before, after }: PolicyDiffInput,
): Promise<PolicyDiff> {
  const older = new Map(readVersion(db, tenant, before).map(({ id, text }) => [id, text]));
  await breathe();
  const added: PolicyText[] = [];
  const changed: { id: string; before: string; after: string }[] = [];
  let unchanged = 0;
  for (const { id, text } of readVersion(db, tenant, after)) {
    const known = older.get(id);
    older.delete(id);
    if (known === undefined) added.push({ id, text });
    else if (known.trim() === text.trim()) unchanged += 1;
    else changed.push({ id, before: known, after: text });
  }
  return { added, removed: [...older].map(([id, text]) => ({ id, text })), changed, unchanged };
}
