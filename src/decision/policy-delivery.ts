import type { JsonObject } from "#src/base/canonical-json.ts";
import type { Clock } from "#src/base/clock.ts";
import type { SubjectId, TenantId } from "#src/base/ids.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { insertPolicyVersion, readPolicySummary } from "#src/store/policies.ts";
import { insertPolicySchema, type PolicySchemaRow, readPolicySchemas } from "#src/store/policy-schemas.ts";
import type { Reader } from "#src/store/reader.ts";
import type { Blob, Statement } from "#src/store/unit.ts";
import { extensionOf, type PolicyValidator } from "./policy-validator.ts";
import { activationOf, nextVersion, readStanding, type Standing } from "./policy-versions.ts";

/** Policies that somebody else made, and who brings them. */
export interface PolicyMaker {
  readonly actor: SubjectId | "system";
  readonly source: string;
  /** The extension of the schema that goes with them; null leaves the tenant's own. */
  readonly schema: string | null;
  readonly message: string;
}

/** What makes them the deciding ones, for a unit with whatever else belongs to it. */
export interface PreparedPolicies {
  /** The version that decides then. */
  readonly version: number;
  readonly statements: readonly Statement[];
  readonly data: JsonObject;
  readonly blobs: readonly Blob[];
}

/** What {@link preparePolicies} needs. */
export interface PolicyDeliveryGround {
  readonly reader: Reader;
  readonly validator: PolicyValidator;
  readonly clock: Clock;
}

/**
 * Validates policies with the schema that goes with them and prepares the unit that lets them decide; where they decide
 * already there is nothing to write. Throws `policy_invalid`, `policy_slice_too_large`.
 */
export async function preparePolicies(
  { reader, validator, clock }: PolicyDeliveryGround,
  tenant: TenantId,
  { actor, source, schema, message }: PolicyMaker,
): Promise<PreparedPolicies> {
  const seen = await readStanding(reader, tenant);
  const now = clock.now();
  const sealedBy = actor as SubjectId;
  const extension = await extensionOf(reader, tenant, seen.schemaVersion);
  const isSameSchema = schema === null || schema === extension;
  const validated = await validator.validate(tenant, source, isSameSchema ? seen.schemaVersion : schema);
  const known = seen.version === 0 ? undefined : await readPolicySummary(reader, tenant, seen.version);
  if (isSameSchema && known?.sha256 === validated.sha256) {
    return {
      version: seen.version,
      statements: [],
      data: { version: seen.version, previous: seen.version },
      blobs: [],
    };
  }
  const added = isSameSchema
    ? undefined
    : await nextSchema(reader, tenant, schema, JSON.stringify((await validator.checkSchema(tenant, schema, 0)).rules), {
        author: actor,
        message,
        createdAt: now,
      });
  const row = await nextVersion(reader, tenant, {
    sha256: validated.sha256,
    author: actor,
    message,
    createdAt: now,
    schemaVersion: added?.version ?? seen.schemaVersion,
    policies: validated.policies,
  });
  return {
    version: row.version,
    statements: [
      ...(added === undefined ? [] : [insertPolicySchema(tenant, added)]),
      ...insertPolicyVersion(tenant, row, validated.packed),
      ...(await activationOf(reader, tenant, sealedBy, seen, row, "activated", now)),
    ],
    data: describeVersion(seen, row, validated.schemaHash),
    blobs: [
      { sha256: row.sha256, bytes: source },
      ...(added === undefined ? [] : [{ sha256: added.sha256, bytes: added.source }]),
    ],
  };
}

async function nextSchema(
  reader: Reader,
  tenant: TenantId,
  source: string,
  rules: string,
  about: Pick<PolicySchemaRow, "author" | "message" | "createdAt">,
): Promise<PolicySchemaRow> {
  const [newest] = await readPolicySchemas(reader, tenant, 1);
  return { version: (newest?.version ?? 0) + 1, source, rules, sha256: sha256Hex(source), ...about };
}

function describeVersion(
  seen: Standing,
  row: Standing & { readonly sha256: string; readonly policies: number | null },
  schemaHash: string,
): JsonObject {
  return {
    version: row.version,
    previous: seen.version,
    schema_version: row.schemaVersion,
    schema: schemaHash,
    source: { ref: `sha256:${row.sha256}` },
    policies: row.policies,
  };
}
