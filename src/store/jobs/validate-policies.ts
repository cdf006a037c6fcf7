import { isWritError, WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import type { CompiledPolicy, PolicyProblem } from "#src/policy/policy-set.ts";
import { type RequestRules, requestRulesOf } from "#src/policy/request-rules.ts";
import {
  buildSchema,
  type SchemaConnector,
  type SchemaResult,
  schemaText,
  type TenantSchema,
} from "#src/policy/schema.ts";
import { PolicyIndex } from "#src/policy/slice.ts";
import { validatePolicySetInSteps } from "#src/policy/validate-set.ts";
import { packText, unpackText } from "../policies.ts";
import type { JobContext } from "./job.ts";

/** What a tenant's schema is generated from. */
export interface SchemaInput {
  readonly connectors: readonly SchemaConnector[];
  /** The tenant's own declarations, in Cedar's schema syntax. */
  readonly extension: string;
}

/** A source to validate, and how many of its policies may match one request. */
export interface ValidateInput {
  readonly schema: SchemaInput;
  readonly source: string;
  readonly maxSlice: number;
  /** Whether the compiled policies are wanted, as items. */
  readonly compile: boolean;
}

/** What became of it. */
export type ValidateOutcome =
  | ValidPolicies
  | {
      readonly kind: "invalid";
      readonly problems: readonly PolicyProblem[];
      /** Where the problems are: lines of the policies, or of the extension. */
      readonly in: "policies" | "schema";
    }
  | { readonly kind: "slice_too_large"; readonly message: string; readonly bound: number };

/** Policies that may decide; the compiled ones came as items. */
export interface ValidPolicies {
  readonly kind: "valid";
  readonly policies: number;
  readonly warnings: readonly PolicyProblem[];
  /** SHA-256, hex, and zstd of the source. */
  readonly sha256: string;
  readonly packed: Uint8Array;
  /** SHA-256, hex, of the whole schema. */
  readonly schemaHash: string;
}

/** An extension to check, with the stored version of policies that goes on deciding under it. */
export interface SchemaCheckInput extends SchemaInput {
  readonly tenant: TenantId;
  /** 0: none. */
  readonly version: number;
}

/** What became of it. */
export type SchemaOutcome =
  | { readonly kind: "valid"; readonly rules: RequestRules; readonly hash: string; readonly text: string }
  | Extract<ValidateOutcome, { readonly kind: "invalid" }>;

/** Policies in one piece: some 100 KiB, half a millisecond to unpack. */
const PIECE_POLICIES = 200;
const MAX_SCHEMAS = 4;

/** Validates a source strictly against a tenant's schema, and measures its slices. */
export async function* validatePolicies(
  { breathe }: JobContext,
  { schema: input, source, maxSlice, compile }: ValidateInput,
): AsyncGenerator<readonly Uint8Array[], ValidateOutcome, void> {
  const schema = schemaOf(input);
  if ("errors" in schema) return { kind: "invalid", problems: schema.errors, in: "schema" };
  const result = await validatePolicySetInSteps(source, schema.schema, { yieldToLoop: breathe });
  if ("errors" in result) return { kind: "invalid", problems: result.errors, in: "policies" };
  const tooLarge = await measure(result.policies, maxSlice, breathe);
  if (tooLarge !== undefined) return tooLarge;
  const { policies, warnings } = result;
  if (compile) {
    for (let at = 0; at < policies.length; at += PIECE_POLICIES) {
      yield [packText(JSON.stringify(policies.slice(at, at + PIECE_POLICIES)))];
      await breathe();
    }
  }
  return {
    kind: "valid",
    policies: policies.length,
    warnings,
    sha256: sha256Hex(source),
    packed: packText(source),
    schemaHash: schema.schema.hash,
  };
}

/** Checks an extension, and that the policies that decide are valid under it as well. */
export async function checkSchemaExtension(
  { db, breathe }: JobContext,
  { connectors, extension, tenant, version }: SchemaCheckInput,
): Promise<SchemaOutcome> {
  const built = schemaOf({ connectors, extension });
  if ("errors" in built) return { kind: "invalid", problems: built.errors, in: "schema" };
  const { schema } = built;
  if (version > 0) {
    const source = readSource(db, tenant, version);
    const result = await validatePolicySetInSteps(source, schema, { yieldToLoop: breathe });
    if ("errors" in result) return { kind: "invalid", problems: result.errors, in: "policies" };
  }
  return { kind: "valid", rules: requestRulesOf(schema), hash: schema.hash, text: schemaText(schema) };
}

/** Of this thread: a schema costs a tenth of a second, and one tenant saves again and again. */
const schemas = new Map<string, TenantSchema>();

/** The schema, as this thread keeps it. */
export function schemaOf({ connectors, extension }: SchemaInput): SchemaResult {
  const key = sha256Hex(
    JSON.stringify([
      extension,
      connectors.map((each) => [each.routes, each.isUnused === true, [...each.commands], [...(each.within ?? [])]]),
    ]),
  );
  const known = schemas.get(key);
  if (known !== undefined) return { schema: known };
  const built = buildSchema(connectors, extension);
  if ("schema" in built) {
    for (const old of [...schemas.keys()].slice(0, Math.max(0, schemas.size - MAX_SCHEMAS + 1))) schemas.delete(old);
    schemas.set(key, built.schema);
  }
  return built;
}

async function measure(
  policies: readonly CompiledPolicy[],
  maxSlice: number,
  breathe: () => Promise<void>,
): Promise<Extract<ValidateOutcome, { kind: "slice_too_large" }> | undefined> {
  const index = await PolicyIndex.buildInSteps(policies, breathe);
  try {
    index.requireSlicesWithin(maxSlice);
    return undefined;
  } catch (error) {
    if (!isWritError(error, "policy_slice_too_large")) throw error;
    return { kind: "slice_too_large", message: error.message, bound: Number(error.details?.["bound"] ?? 0) };
  }
}

function readSource(db: JobContext["db"], tenant: TenantId, version: number): string {
  const row = db
    .query<{ source: string; packed: Uint8Array | null }, [string, number]>(
      "SELECT source, packed FROM policy_versions WHERE tenant_id = ? AND version = ?",
    )
    .get(tenant, version);
  if (row === null) throw new WritError("store_failed", "the active policy version is missing");
  return row.packed === null ? row.source : unpackText(row.packed);
}
