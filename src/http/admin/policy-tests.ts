import { WritError } from "#src/base/errors.ts";
import { requireReport, type TestedPolicies } from "#src/decision/policy-test-runs.ts";
import type { PolicyTestReport } from "#src/policy/policy-tests.ts";
import { route } from "../route.ts";
import { integer, object, optional, text, type ValueOf } from "../shape.ts";

/** As much as a policy version takes, and as much again of tests. */
const MAX_BODY_BYTES = 20 * 2 ** 20;
const MAX_SOURCE_CHARACTERS = 16 * 2 ** 20;
const MAX_TEST_CHARACTERS = 2 ** 20;

const REQUEST = object({
  tests: text({ max: MAX_TEST_CHARACTERS, description: 'JSON: `{"tests": [{"name", "ask", "expect"}]}`' }),
  source: optional(text({ min: 0, max: MAX_SOURCE_CHARACTERS, description: "a draft: Cedar policies" })),
  version: optional(integer(1, Number.MAX_SAFE_INTEGER, "a version instead of a draft; the active one unless stated")),
});

/** `POST /v1/admin/policies/tests`: what `writ policy test` does, under the tenant's own schema. */
export const TEST_POLICIES = route({
  method: "POST",
  path: "/v1/admin/policies/tests",
  summary: "Run a test file against a draft, a version or the policies that decide; changes nothing",
  who: ["admin", "operator"],
  maxBodyBytes: MAX_BODY_BYTES,
  body: REQUEST,
  answers: { 200: "What came of each test, and what the tests covered" },
  errors: ["policy_invalid"],
  handle: async (exchange, body) => {
    const { tenant } = await exchange.manager();
    const options = { signal: exchange.request.signal };
    const run = await exchange.services.policyTests.run(tenant, readAgainst(body), body.tests, options);
    return { json: render(requireReport(run)) };
  },
});

function readAgainst({ source, version }: ValueOf<typeof REQUEST>): TestedPolicies {
  if (source !== undefined && version !== undefined) {
    throw new WritError("invalid_argument", "`source` and `version` exclude each other");
  }
  if (source !== undefined) return { source };
  return version === undefined ? "active" : { version };
}

function render({ passed, failed, results, coverage, covered }: PolicyTestReport): object {
  return {
    ok: failed === 0,
    passed,
    failed,
    tests: results.map(({ test, decision, failures }) => ({
      line: test.line,
      name: test.name,
      ok: failures.length === 0,
      decision: decision.decision,
      failures,
    })),
    coverage,
    covered,
  };
}
