import { type Recorder, refusedError } from "#src/audit/recorder.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { SubjectId, TenantId } from "#src/base/ids.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import { setPolicyVersion } from "#src/store/instance.ts";
import {
  insertPolicySchema,
  type PolicySchemaRow,
  readPolicySchema,
  readPolicySchemas,
} from "#src/store/policy-schemas.ts";
import type { Reader } from "#src/store/reader.ts";
import type { PolicyValidator } from "./policy-validator.ts";
import { readStanding } from "./policy-versions.ts";

/** A version of a tenant's extension, and whether it is the one that is validated against. */
export type PolicySchema = Omit<PolicySchemaRow, "rules"> & { readonly active: boolean };

/** A tenant's schema: what its connectors declare, and its own extension, in immutable versions. */
export interface PolicySchemas {
  /** The active extension, or one by number; version 0 is none, with an empty source. `not_found`. */
  show(tenant: TenantId, version?: number): Promise<PolicySchema>;
  list(tenant: TenantId, limit?: number): Promise<readonly PolicySchema[]>;
  /** The whole schema as it is now, in Cedar's syntax. */
  whole(tenant: TenantId): Promise<{ readonly version: number; readonly hash: string; readonly text: string }>;
  /**
   * Makes a new version, and policies are validated against it from now on. Throws `policy_invalid` where it does not parse,
   * contradicts what is there, or the deciding policies would not be valid under it; `conflict` as `expectedVersion` says.
   */
  put(
    tenant: TenantId,
    actor: SubjectId,
    schema: { readonly source: string; readonly message: string; readonly expectedVersion?: number },
  ): Promise<PolicySchema>;
}

/** What {@link createPolicySchemas} needs. */
export interface PolicySchemasDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly validator: PolicyValidator;
  readonly clock: Clock;
}

const MAX_MESSAGE = 1000;

/** Makes the service. */
export function createPolicySchemas({ recorder, reader, validator, clock }: PolicySchemasDependencies): PolicySchemas {
  return {
    show: async (tenant, version) => {
      const active = (await readStanding(reader, tenant)).schemaVersion;
      const wanted = version ?? active;
      if (wanted === 0) return { ...NONE, active: active === 0 };
      const row = await readPolicySchema(reader, tenant, wanted);
      if (row === undefined) throw new WritError("not_found");
      return withoutRules(row, active);
    },
    list: async (tenant, limit = 100) => {
      const active = (await readStanding(reader, tenant)).schemaVersion;
      return (await readPolicySchemas(reader, tenant, limit)).map((row) => withoutRules(row, active));
    },
    whole: async (tenant) => {
      const { schemaVersion } = await readStanding(reader, tenant);
      const source = schemaVersion === 0 ? "" : (await readPolicySchema(reader, tenant, schemaVersion))?.source;
      const { hash, text } = await validator.checkSchema(tenant, source ?? "", 0);
      return { version: schemaVersion, hash, text };
    },
    put: async (tenant, actor, { source, message, expectedVersion }) => {
      const seen = await readStanding(reader, tenant);
      if (expectedVersion !== undefined && expectedVersion !== seen.schemaVersion)
        throw otherSchema(seen.schemaVersion);
      const { rules, hash } = await validator.checkSchema(tenant, source, seen.version);
      const [newest] = await readPolicySchemas(reader, tenant, 1);
      const row: PolicySchemaRow = {
        version: (newest?.version ?? 0) + 1,
        source,
        rules: JSON.stringify(rules),
        sha256: sha256Hex(source),
        author: actor,
        message: message.slice(0, MAX_MESSAGE),
        createdAt: clock.now(),
      };
      const result = await recorder.tryRecord({
        tenant,
        type: "policy.schema_changed",
        actor,
        statements: [
          insertPolicySchema(tenant, row),
          setPolicyVersion(tenant, { version: seen.version, schemaVersion: row.version }, seen),
        ],
        data: {
          version: row.version,
          previous: seen.schemaVersion,
          policies: seen.version,
          schema: hash,
          source: { ref: `sha256:${row.sha256}` },
        },
        blobs: [{ sha256: row.sha256, bytes: source }],
        raisesEpoch: true,
      });
      if (result.kind === "committed") return withoutRules(row, row.version);
      if (result.reason !== "conflict") throw refusedError(result.reason);
      throw otherSchema((await readStanding(reader, tenant)).schemaVersion);
    },
  };
}

const NONE = { version: 0, source: "", sha256: sha256Hex(""), author: "", message: "", createdAt: 0 } as const;

function withoutRules({ rules: _, ...row }: PolicySchemaRow, active: number): PolicySchema {
  return { ...row, active: row.version === active };
}

function otherSchema(version: number): WritError {
  return new WritError("conflict", `schema version ${version} holds now, or the policies changed meanwhile`, {
    details: { active: version },
  });
}
