import { WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { PolicyProblem } from "#src/policy/policy-set.ts";
import type { SchemaOutcome, ValidateOutcome } from "#src/store/jobs/validate-policies.ts";
import type { PackedPolicies } from "#src/store/policies.ts";
import { readPolicySchema } from "#src/store/policy-schemas.ts";
import type { Reader } from "#src/store/reader.ts";
import type { ReaderPool } from "#src/store/reader-pool.ts";
import type { SchemaGround } from "./tenant-schema.ts";

/** Policies that may decide, in the form that they are stored in. */
export interface ValidatedPolicies {
  readonly policies: number;
  readonly warnings: readonly PolicyProblem[];
  /** Of the source. */
  readonly sha256: string;
  /** SHA-256, hex, of the whole schema. */
  readonly schemaHash: string;
  readonly packed: PackedPolicies;
}

/** Validates strictly, on the reader's thread, against what a tenant's connectors and its extension declare. */
export interface PolicyValidator {
  check(tenant: TenantId, source: string, schemaVersion: number): Promise<ValidateOutcome>;
  /**
   * Throws `policy_invalid` with every problem, `policy_slice_too_large`.
   *
   * @param extension a version of the tenant's extension of the schema, or a text instead of one
   */
  validate(tenant: TenantId, source: string, extension: number | string): Promise<ValidatedPolicies>;
  /** An extension, under which the stored version `version` must be valid too. Throws `policy_invalid`. */
  checkSchema(
    tenant: TenantId,
    extension: string,
    version: number,
  ): Promise<Extract<SchemaOutcome, { readonly kind: "valid" }>>;
}

/** What {@link createPolicyValidator} needs. */
export interface PolicyValidatorDependencies {
  readonly ground: SchemaGround;
  readonly reader: Reader;
  readonly pool: ReaderPool;
}

/** How many policies may match one request: what a decision may cost. */
export const MAX_SLICE_POLICIES = 500;
const MAX_SOURCE_CHARACTERS = 16 * 2 ** 20;
/** Of the problems that an answer lists. */
const MAX_PROBLEMS = 100;

/** Makes it. */
export function createPolicyValidator({ ground, reader, pool }: PolicyValidatorDependencies): PolicyValidator {
  const inputOf = async (tenant: TenantId, source: string, extension: number | string, compile: boolean) => {
    if (source.length > MAX_SOURCE_CHARACTERS) throw new WritError("policy_invalid", "the source is too large");
    const [connectors, text] = await Promise.all([
      ground.connectors(tenant),
      typeof extension === "string" ? extension : extensionOf(reader, tenant, extension),
    ]);
    return { schema: { connectors, extension: text }, source, maxSlice: MAX_SLICE_POLICIES, compile };
  };

  return {
    check: async (tenant, source, schemaVersion) =>
      (await pool.run("validate", await inputOf(tenant, source, schemaVersion, false))).result,
    validate: async (tenant, source, extension) => {
      const { items, result } = await pool.run("validate", await inputOf(tenant, source, extension, true));
      if (result.kind !== "valid") throw refusalOf(result);
      const { policies, warnings, sha256, schemaHash, packed } = result;
      return { policies, warnings, sha256, schemaHash, packed: { source: packed, pieces: items } };
    },
    checkSchema: async (tenant, extension, version) => {
      const connectors = await ground.connectors(tenant);
      const { result } = await pool.run("schema", { connectors, extension, tenant, version });
      if (result.kind !== "valid") throw refusalOf(result);
      return result;
    },
  };
}

/** The text of a stored extension; empty for none. */
export async function extensionOf(reader: Reader, tenant: TenantId, version: number): Promise<string> {
  if (version === 0) return "";
  const row = await readPolicySchema(reader, tenant, version);
  if (row === undefined) throw new WritError("not_found", "there is no such version of the schema");
  return row.source;
}

/** Why policies were refused. */
export function refusalOf(outcome: Exclude<ValidateOutcome, { readonly kind: "valid" }>): WritError {
  if (outcome.kind === "slice_too_large") {
    return new WritError("policy_slice_too_large", outcome.message, {
      details: { bound: outcome.bound, limit: MAX_SLICE_POLICIES },
    });
  }
  const { problems } = outcome;
  const [first] = problems;
  const place = outcome.in === "schema" ? "the schema's extension, " : "";
  return new WritError("policy_invalid", `${place}${describeProblem(first)}`, {
    details: { in: outcome.in, problems: problems.slice(0, MAX_PROBLEMS), count: problems.length },
  });
}

/** One problem in a line: where, what, and what helps. */
export function describeProblem(problem: PolicyProblem | undefined): string {
  if (problem === undefined) return "the policies are not valid";
  const { line, column, message, help, policy } = problem;
  const about = policy === undefined ? "" : `policy \`${policy.slice(0, 100)}\`: `;
  return `line ${line}, column ${column}: ${about}${message}${help === undefined ? "" : ` (${help})`}`;
}
