import { type Recorder, refusedError } from "#src/audit/recorder.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { SubjectId, TenantId } from "#src/base/ids.ts";
import type { PolicyProblem } from "#src/policy/policy-set.ts";
import { readTenant, setPolicyVersion } from "#src/store/instance.ts";
import type { PolicyDiff } from "#src/store/jobs/policy-diff.ts";
import {
  type ActivationRow,
  insertActivation,
  insertPolicyVersion,
  type PolicyVersionRow,
  type PolicyVersionSummary,
  readActivations,
  readPolicySummary,
  readPolicyVersion,
  readPolicyVersions,
} from "#src/store/policies.ts";
import type { Reader } from "#src/store/reader.ts";
import type { ReaderPool } from "#src/store/reader-pool.ts";
import type { Statement, UnitResult } from "#src/store/unit.ts";
import type { Authority } from "./authority.ts";
import type { PolicyValidator, ValidatedPolicies } from "./policy-validator.ts";

/** A version, and whether it is the one that decides. */
export type PolicyVersion = PolicyVersionRow & { readonly active: boolean };
/** The same without its text. */
export type ListedVersion = PolicyVersionSummary & { readonly active: boolean };

/** A source on its way to being a version. */
export interface NewVersion {
  readonly source: string;
  readonly message: string;
  /** Whether it is to decide at once; else it is a draft. */
  readonly activate: boolean;
  /** The version that the author saw deciding; another one now is `conflict`. */
  readonly expectedVersion?: number;
}

/** A tenant's policies over time: immutable versions, one of them active. */
export interface PolicyVersions {
  /** What is wrong with a source under the tenant's schema; nothing is stored. */
  check(tenant: TenantId, source: string): Promise<PolicyCheck>;
  /**
   * Makes a new version, and lets it decide where that is asked. Throws `policy_invalid` with the problems,
   * `policy_slice_too_large`, `conflict` where another version came to decide meanwhile: `details.active` says which.
   */
  put(tenant: TenantId, actor: SubjectId, version: NewVersion): Promise<ListedVersion>;
  /** By number, or the active one; `not_found`. */
  show(tenant: TenantId, version?: number): Promise<PolicyVersion>;
  /** Newest first, below `before`. */
  list(tenant: TenantId, limit?: number, before?: number): Promise<readonly ListedVersion[]>;
  /** When versions began to decide, and by whom; newest first; of one version where it is given. */
  activations(tenant: TenantId, limit: number, version?: number): Promise<readonly ActivationRow[]>;
  /** What differs, policy by policy, from `before` to `after`; 0 is the empty set. `not_found`. */
  diff(tenant: TenantId, before: number, after: number): Promise<PolicyDiff>;
  /** Lets a stored version decide, under the schema that it was validated against. `not_found`, `conflict`. */
  activate(tenant: TenantId, actor: SubjectId, version: number, how?: Activation): Promise<void>;
}

/** How a version comes to decide. */
export interface Activation {
  /** Back to one that had decided before. */
  readonly isRollback?: boolean;
  /** The version that must be the active one. */
  readonly expectedVersion?: number;
}

/** What is wrong with a source, and what is merely doubtful. */
export interface PolicyCheck {
  readonly policies: number;
  readonly problems: readonly PolicyProblem[];
  readonly warnings: readonly PolicyProblem[];
}

/** What {@link createPolicyVersions} needs. */
export interface PolicyVersionsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly pool: ReaderPool;
  readonly validator: PolicyValidator;
  readonly authority: Pick<Authority, "prepare">;
  readonly clock: Clock;
}

/** Which policies decide, and under which extension of the schema. */
export interface Standing {
  readonly version: number;
  readonly schemaVersion: number;
}

const MAX_MESSAGE = 1000;
/** Drafts of two authors take different numbers. */
const MAX_ATTEMPTS = 8;

/** Makes the service of policy versions. */
export function createPolicyVersions(dependencies: PolicyVersionsDependencies): PolicyVersions {
  const { recorder, reader, pool, validator, authority, clock } = dependencies;

  const requireExpected = (standing: Standing, expected: number | undefined): void => {
    if (expected !== undefined && expected !== standing.version) throw otherActive(standing.version);
  };

  /** The error of a unit that was refused, once it is known what decides now. */
  const refusal = async (tenant: TenantId, seen: Standing, result: UnitResult): Promise<WritError | undefined> => {
    if (result.kind === "committed") return undefined;
    if (result.reason !== "conflict") return refusedError(result.reason);
    const now = await readStanding(reader, tenant);
    return now.version === seen.version && now.schemaVersion === seen.schemaVersion
      ? undefined
      : otherActive(now.version);
  };

  const save = async (
    tenant: TenantId,
    actor: SubjectId,
    seen: Standing,
    validated: ValidatedPolicies,
    { source, message, activate }: NewVersion,
  ): Promise<PolicyVersionSummary> => {
    if (activate) await authority.prepare(tenant, { sha256: validated.sha256, pieces: validated.packed.pieces });
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
      const row = await nextVersion(reader, tenant, {
        sha256: validated.sha256,
        author: actor,
        message: message.slice(0, MAX_MESSAGE),
        createdAt: clock.now(),
        schemaVersion: seen.schemaVersion,
        policies: validated.policies,
      });
      const { version, schemaVersion } = row;
      const activation = activate ? await activationOf(reader, tenant, actor, seen, row, "activated", clock.now()) : [];
      const result = await recorder.tryRecord({
        tenant,
        type: activate ? "policy.activated" : "policy.saved",
        actor,
        statements: [...insertPolicyVersion(tenant, row, validated.packed), ...activation],
        data: {
          version,
          ...(activate ? { previous: seen.version } : {}),
          schema_version: schemaVersion,
          schema: validated.schemaHash,
          source: { ref: `sha256:${row.sha256}` },
          policies: validated.policies,
        },
        blobs: [{ sha256: row.sha256, bytes: source }],
        raisesEpoch: activate,
      });
      if (result.kind === "committed") return row;
      const error = await refusal(tenant, seen, result);
      if (error !== undefined) throw error;
    }
    throw new WritError("conflict", "others keep saving at the same time");
  };

  return {
    check: async (tenant, source) => {
      const { schemaVersion } = await readStanding(reader, tenant);
      const outcome = await validator.check(tenant, source, schemaVersion);
      if (outcome.kind === "slice_too_large") {
        return { policies: 0, problems: [{ message: outcome.message, line: 1, column: 1 }], warnings: [] };
      }
      return outcome.kind === "invalid"
        ? { policies: 0, problems: outcome.problems, warnings: [] }
        : { policies: outcome.policies, problems: [], warnings: outcome.warnings };
    },
    put: async (tenant, actor, version) => {
      const seen = await readStanding(reader, tenant);
      requireExpected(seen, version.expectedVersion);
      const validated = await validator.validate(tenant, version.source, seen.schemaVersion);
      const row = await save(tenant, actor, seen, validated, version);
      return { ...row, active: version.activate };
    },
    show: async (tenant, version) => {
      const active = (await readStanding(reader, tenant)).version;
      const row = await readPolicyVersion(reader, tenant, version ?? active);
      if (row === undefined) throw noVersion(version ?? active);
      return { ...row, active: row.version === active };
    },
    list: async (tenant, limit = 100, before = Number.MAX_SAFE_INTEGER) => {
      const active = (await readStanding(reader, tenant)).version;
      const rows = await readPolicyVersions(reader, tenant, before, limit);
      return rows.map((row) => ({ ...row, active: row.version === active }));
    },
    activations: (tenant, limit, version) => readActivations(reader, tenant, limit, version),
    diff: async (tenant, before, after) => {
      for (const version of [before, after]) await requireVersion(reader, tenant, version);
      return (await pool.run("diff", { tenant, before, after })).result;
    },
    activate: async (tenant, actor, version, { isRollback = false, expectedVersion } = {}) => {
      const seen = await readStanding(reader, tenant);
      requireExpected(seen, expectedVersion);
      const row = await readPolicySummary(reader, tenant, version);
      if (row === undefined) throw noVersion(version);
      if (version === seen.version && row.schemaVersion === seen.schemaVersion) return;
      await authority.prepare(tenant, row);
      const kind = isRollback ? "rolled_back" : "activated";
      const result = await recorder.tryRecord({
        tenant,
        type: "policy.activated",
        actor,
        statements: await activationOf(reader, tenant, actor, seen, row, kind, clock.now()),
        data: {
          version,
          previous: seen.version,
          schema_version: row.schemaVersion,
          rolled_back: isRollback ? true : undefined,
        },
        raisesEpoch: true,
      });
      if (result.kind === "committed") return;
      throw (await refusal(tenant, seen, result)) ?? new WritError("conflict");
    },
  };
}

/** What decides now. Throws `not_found`. */
export async function readStanding(reader: Reader, tenant: TenantId): Promise<Standing> {
  const row = await readTenant(reader, tenant);
  if (row === undefined) throw new WritError("not_found");
  return { version: row.policyVersion, schemaVersion: row.schemaVersion };
}

/** A version with the next number. */
export async function nextVersion(
  reader: Reader,
  tenant: TenantId,
  row: Omit<PolicyVersionSummary, "version">,
): Promise<PolicyVersionSummary> {
  const [newest] = await readPolicyVersions(reader, tenant, Number.MAX_SAFE_INTEGER, 1);
  return { ...row, version: (newest?.version ?? 0) + 1 };
}

/** What lets a version decide in place of the one that was seen, in a unit with whatever else belongs to it. */
export async function activationOf(
  reader: Reader,
  tenant: TenantId,
  actor: SubjectId,
  seen: Standing,
  { version, schemaVersion }: Standing,
  kind: ActivationRow["kind"],
  at: number,
): Promise<readonly Statement[]> {
  const [newest] = await readActivations(reader, tenant, 1);
  const activation = (newest?.activation ?? 0) + 1;
  return [
    setPolicyVersion(tenant, { version, schemaVersion }, seen),
    insertActivation(tenant, { activation, version, schemaVersion, previous: seen.version, kind, actor, at }),
  ];
}

async function requireVersion(reader: Reader, tenant: TenantId, version: number): Promise<void> {
  if (version === 0 || (await readPolicySummary(reader, tenant, version)) !== undefined) return;
  throw noVersion(version);
}

function noVersion(version: number): WritError {
  return new WritError(
    "not_found",
    version === 0 ? "no policy version decides yet" : `there is no policy version ${version}`,
  );
}

function otherActive(version: number): WritError {
  const now = version === 0 ? "no policy version decides" : `policy version ${version} decides now`;
  return new WritError("conflict", `${now}: look at what it changed, then save again`, {
    details: { active: version },
  });
}
