import type { PolicyProblem } from "#src/policy/policy-set.ts";
import { parsePolicyTests, type TestFileProblem } from "#src/policy/policy-test-file.ts";
import { type PolicyTestReport, runPolicyTests } from "#src/policy/policy-tests.ts";
import { PolicyIndex } from "#src/policy/slice.ts";
import { validatePolicySetInSteps } from "#src/policy/validate-set.ts";
import type { JobContext } from "./job.ts";
import { threadAuthorizer } from "./policy-index.ts";
import { type SchemaInput, schemaOf } from "./validate-policies.ts";

/** Policies, and a file of what must come of requests under them. */
export interface PolicyTestInput {
  readonly schema: SchemaInput;
  readonly source: string;
  /** As `parsePolicyTests` reads it. */
  readonly tests: string;
}

/** What came of a test file, or why it was not run. */
export type PolicyTestOutcome =
  | { readonly kind: "ran"; readonly report: PolicyTestReport }
  | {
      readonly kind: "policies_invalid";
      readonly problems: readonly PolicyProblem[];
      /** Where the problems are: lines of the policies, or of the schema's extension. */
      readonly in: "policies" | "schema";
    }
  | { readonly kind: "tests_invalid"; readonly problems: readonly TestFileProblem[] };

/** A thousand take some 100 ms, for which other jobs of the thread wait. */
const MAX_TESTS = 1000;

/** Runs a test file against policies that need not be stored. Throws `invalid_argument` for a request that Cedar cannot read. */
export async function testPolicies(
  { breathe }: JobContext,
  { schema: input, source, tests }: PolicyTestInput,
): Promise<PolicyTestOutcome> {
  const parsed = parsePolicyTests(tests);
  if ("errors" in parsed) return { kind: "tests_invalid", problems: parsed.errors };
  const { file } = parsed;
  if (file.tests.length > MAX_TESTS) {
    const message = `a file of at most ${MAX_TESTS} tests is run at once`;
    return { kind: "tests_invalid", problems: [{ message, path: "tests", line: 1, column: 1 }] };
  }
  const built = schemaOf(input);
  if ("errors" in built) return { kind: "policies_invalid", problems: built.errors, in: "schema" };
  const { schema } = built;
  const valid = await validatePolicySetInSteps(source, schema, { yieldToLoop: breathe });
  if ("errors" in valid) return { kind: "policies_invalid", problems: valid.errors, in: "policies" };
  const { policies } = valid;
  const index = await PolicyIndex.buildInSteps(policies, breathe);
  return { kind: "ran", report: runPolicyTests(file, { authorizer: threadAuthorizer(), index, policies, schema }) };
}
