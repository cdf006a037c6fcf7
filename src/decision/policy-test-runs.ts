import { WritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { PolicyTestReport } from "#src/policy/policy-tests.ts";
import type { PolicyTestOutcome } from "#src/store/jobs/test-policies.ts";
import type { Reader } from "#src/store/reader.ts";
import type { JobOptions, ReaderPool } from "#src/store/reader-pool.ts";
import { extensionOf, refusalOf } from "./policy-validator.ts";
import { type PolicyVersions, readStanding } from "./policy-versions.ts";
import type { SchemaGround } from "./tenant-schema.ts";

/** Which policies a test file is run against: a draft, a stored version, or those that decide. */
export type TestedPolicies = { readonly source: string } | { readonly version: number } | "active";

/** What came of a test file, or what is wrong with it. */
export type TestRun = Exclude<PolicyTestOutcome, { readonly kind: "policies_invalid" }>;

/** Tries policies against a file of requests and expected decisions, under the tenant's own schema. Stores nothing. */
export interface PolicyTestRuns {
  /**
   * Throws `policy_invalid` for policies that could not be saved, `not_found` for a version, `invalid_argument` for a request
   * that Cedar cannot read.
   *
   * @param tests JSON, as `writ policy test` takes it
   */
  run(tenant: TenantId, against: TestedPolicies, tests: string, options?: JobOptions): Promise<TestRun>;
}

/** What {@link createPolicyTestRuns} needs. */
export interface PolicyTestRunsDependencies {
  readonly ground: SchemaGround;
  readonly versions: Pick<PolicyVersions, "show">;
  readonly reader: Reader;
  readonly pool: ReaderPool;
}

/** Makes the service. */
export function createPolicyTestRuns({ ground, versions, reader, pool }: PolicyTestRunsDependencies): PolicyTestRuns {
  const read = async (tenant: TenantId, against: TestedPolicies) => {
    if (against !== "active" && "source" in against) {
      return { source: against.source, schemaVersion: (await readStanding(reader, tenant)).schemaVersion };
    }
    return versions.show(tenant, against === "active" ? undefined : against.version);
  };
  return {
    run: async (tenant, against, tests, options) => {
      const [{ source, schemaVersion }, connectors] = await Promise.all([
        read(tenant, against),
        ground.connectors(tenant),
      ]);
      const schema = { connectors, extension: await extensionOf(reader, tenant, schemaVersion) };
      const { result } = await pool.run("test", { schema, source, tests }, options);
      if (result.kind !== "policies_invalid") return result;
      throw refusalOf({ kind: "invalid", problems: result.problems, in: result.in });
    },
  };
}

/** The report of a run. Throws `invalid_argument` for a test file that cannot be read, with every problem. */
export function requireReport(run: TestRun): PolicyTestReport {
  if (run.kind === "ran") return run.report;
  const [first] = run.problems;
  const place = first === undefined ? "" : `line ${first.line}, column ${first.column}: `;
  const member = first === undefined || first.path === "" ? "" : `${first.path}: `;
  throw new WritError("invalid_argument", `the tests: ${place}${member}${first?.message ?? "nothing is there"}`, {
    details: { in: "tests", problems: run.problems },
  });
}
