import type { Recorder } from "#src/audit/recorder.ts";
import type { Clock } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { SubjectId, TenantId } from "#src/base/ids.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import type { CompiledPolicy, PolicyProblem } from "#src/policy/policy-set.ts";
import { readTenant, setPolicyVersion } from "#src/store/instance.ts";
import { type CompileOutcome, compileSource } from "#src/store/jobs/compile-policies.ts";
import {
  insertPolicyVersion,
  type PolicyVersionRow,
  type PolicyVersionSummary,
  readPolicyVersion,
  readPolicyVersions,
} from "#src/store/policies.ts";
import type { Reader } from "#src/store/reader.ts";
import type { ReaderPool } from "#src/store/reader-pool.ts";

/** A version, and whether it is the one that decides. */
export type PolicyVersion = Omit<PolicyVersionRow, "compiled"> & { readonly active: boolean };

/** A tenant's policies over time: immutable versions, one of them active. */
export interface PolicyVersions {
  /** What is wrong with a source; empty for nothing. */
  check(source: string): Promise<readonly PolicyProblem[]>;
  /** Makes a new version and activates it. `policy_invalid` with the problems, `policy_slice_too_large`, `conflict`. */
  put(tenant: TenantId, actor: SubjectId, source: string, message: string): Promise<PolicyVersionSummary>;
  /** By number, or the active one; `not_found`. */
  show(tenant: TenantId, version?: number): Promise<PolicyVersion>;
  list(tenant: TenantId, limit?: number): Promise<readonly (PolicyVersionSummary & { readonly active: boolean })[]>;
  /** Makes an older version decide again. */
  rollback(tenant: TenantId, actor: SubjectId, version: number): Promise<void>;
}

/** What {@link createPolicyVersions} needs. */
export interface PolicyVersionsDependencies {
  readonly recorder: Recorder;
  readonly reader: Reader;
  readonly pool: ReaderPool;
  readonly clock: Clock;
}

/** How many policies may match one request: what a decision may cost. */
export const MAX_SLICE_POLICIES = 500;
const INLINE_CHARACTERS = 4096;
const MAX_SOURCE_CHARACTERS = 16 * 2 ** 20;

/** Makes the service of policy versions. */
export function createPolicyVersions({ recorder, reader, pool, clock }: PolicyVersionsDependencies): PolicyVersions {
  const activeVersion = async (tenant: TenantId): Promise<number> => {
    const row = await readTenant(reader, tenant);
    if (row === undefined) throw new WritError("not_found");
    return row.policyVersion;
  };

  /** Small sources at once, larger ones on the reader's thread: nothing long runs on the main one. */
  const compile = async (source: string): Promise<CompileOutcome> => {
    if (source.length > MAX_SOURCE_CHARACTERS) throw new WritError("policy_invalid", "the source is too large");
    const input = { source, maxSlice: MAX_SLICE_POLICIES };
    return source.length <= INLINE_CHARACTERS ? compileSource(input) : (await pool.run("compile", input)).result;
  };

  return {
    check: async (source) => {
      const outcome = await compile(source);
      return outcome.kind === "invalid" ? outcome.problems : [];
    },
    put: async (tenant, actor, source, message) => {
      const policies = requireCompiled(await compile(source));
      const active = await activeVersion(tenant);
      const [newest] = await readPolicyVersions(reader, tenant, Number.MAX_SAFE_INTEGER, 1);
      const row: PolicyVersionRow = {
        version: (newest?.version ?? 0) + 1,
        source,
        compiled: JSON.stringify(policies),
        sha256: sha256Hex(source),
        author: actor,
        message: message.slice(0, 1000),
        createdAt: clock.now(),
      };
      await recorder.record({
        tenant,
        type: "policy.activated",
        actor,
        statements: [insertPolicyVersion(tenant, row), setPolicyVersion(tenant, row.version, active)],
        data: {
          version: row.version,
          previous: active,
          source: { ref: `sha256:${row.sha256}` },
          policies: policies.length,
        },
        blobs: [{ sha256: row.sha256, bytes: source }],
        raisesEpoch: true,
      });
      const { source: _source, compiled: _compiled, ...summary } = row;
      return summary;
    },
    show: async (tenant, version) => {
      const active = await activeVersion(tenant);
      const row = await readPolicyVersion(reader, tenant, version ?? active);
      if (row === undefined) throw new WritError("not_found");
      const { compiled: _compiled, ...rest } = row;
      return { ...rest, active: row.version === active };
    },
    list: async (tenant, limit = 100) => {
      const active = await activeVersion(tenant);
      const rows = await readPolicyVersions(reader, tenant, Number.MAX_SAFE_INTEGER, limit);
      return rows.map((row) => ({ ...row, active: row.version === active }));
    },
    rollback: async (tenant, actor, version) => {
      const active = await activeVersion(tenant);
      if ((await readPolicyVersion(reader, tenant, version)) === undefined) throw new WritError("not_found");
      if (version === active) return;
      await recorder.record({
        tenant,
        type: "policy.activated",
        actor,
        statements: [setPolicyVersion(tenant, version, active)],
        data: { version, previous: active, rolled_back: true },
        raisesEpoch: true,
      });
    },
  };
}

/** The policies of a source that was compiled. Throws `policy_invalid` with the problems, `policy_slice_too_large`. */
export function requireCompiled(outcome: CompileOutcome): readonly CompiledPolicy[] {
  switch (outcome.kind) {
    case "compiled":
      return outcome.policies;
    case "invalid": {
      const [first] = outcome.problems;
      throw new WritError("policy_invalid", describeProblem(first), { details: { problems: outcome.problems } });
    }
    case "slice_too_large":
      throw new WritError("policy_slice_too_large", outcome.message, {
        details: { bound: outcome.bound, limit: MAX_SLICE_POLICIES },
      });
  }
}

/** One problem in a line: where, what, and what helps. */
export function describeProblem(problem: PolicyProblem | undefined): string {
  if (problem === undefined) return "the policies are not valid";
  const { line, column, message, help } = problem;
  return `line ${line}, column ${column}: ${message}${help === undefined ? "" : ` (${help})`}`;
}
