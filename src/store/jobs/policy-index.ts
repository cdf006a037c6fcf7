import type { Database } from "bun:sqlite";
import { WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { type Authorizer, createAuthorizer } from "#src/policy/authorizer.ts";
import { type CompiledPolicy, compilePolicies } from "#src/policy/policy-set.ts";
import { PolicyIndex } from "#src/policy/slice.ts";
import { POLICY_PIECE, unpackText, WHOLE_COMPILED } from "../policies.ts";
import type { JobContext } from "./job.ts";

/** Policies to decide under: a stored version, 0 for none, or a draft that compiles. */
export type PolicyChoice = { readonly version: number } | { readonly source: string };

/** Indexes stay for the batches of one job after another. */
const MAX_INDEXES = 4;
const MAX_SETS = 128;

/** Of this thread, which reads one database. */
const indexes = new Map<string, PolicyIndex>();
let shared: Authorizer | undefined;

/** The thread's authorizer: what it parses does not take the place of what decisions need. */
export function threadAuthorizer(): Authorizer {
  shared ??= createAuthorizer({ maxSets: MAX_SETS });
  return shared;
}

/** The index of the chosen policies. Throws `policy_invalid` for a draft that does not compile, `not_found` for a version. */
export async function indexOf(
  { db, breathe }: JobContext,
  tenant: TenantId,
  choice: PolicyChoice,
): Promise<PolicyIndex> {
  const key = "version" in choice ? `${tenant} ${choice.version}` : sha256Hex(choice.source);
  const known = indexes.get(key);
  if (known !== undefined) return known;
  const policies = "version" in choice ? readVersion(db, tenant, choice.version) : compileDraft(choice.source);
  const index = await PolicyIndex.buildInSteps(policies, breathe);
  for (const old of [...indexes.keys()].slice(0, Math.max(0, indexes.size - MAX_INDEXES + 1))) indexes.delete(old);
  indexes.set(key, index);
  return index;
}

/** The compiled policies of a stored version; none of version 0. Throws `not_found`. */
export function readVersion(db: Database, tenant: TenantId, version: number): readonly CompiledPolicy[] {
  if (version === 0) return [];
  const row = db.query<{ compiled: string }, [string, number]>(WHOLE_COMPILED).get(tenant, version);
  if (row === null) throw new WritError("not_found", "there is no such policy version");
  const find = db.query<{ compiled: Uint8Array }, [string, number, number]>(POLICY_PIECE);
  const policies: CompiledPolicy[] = [];
  for (let place = 0; ; place += 1) {
    const piece = find.get(tenant, version, place);
    if (piece === null) return place === 0 ? (JSON.parse(row.compiled) as CompiledPolicy[]) : policies;
    for (const policy of JSON.parse(unpackText(piece.compiled)) as CompiledPolicy[]) policies.push(policy);
  }
}

function compileDraft(source: string): readonly CompiledPolicy[] {
  const result = compilePolicies(source);
  if ("policies" in result) return result.policies;
  throw new WritError("policy_invalid", result.errors[0]?.message ?? "the policies are not valid");
}
