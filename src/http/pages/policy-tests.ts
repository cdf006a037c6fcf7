import { isWritError } from "#src/base/errors.ts";
import { EMPTY_FORM } from "#views/form.ts";
import {
  EXAMPLE_TESTS,
  type PolicyTestsModel,
  type PolicyTestsProblem,
  type PolicyTestsResult,
  policyTestsBody,
  policyTestsPage,
} from "#views/policy-tests.ts";
import type { Route } from "../route.ts";
import { integerText, object, optional } from "../shape.ts";
import type { PageContext } from "./context.ts";
import { failedForm } from "./failed-form.ts";
import type { Form } from "./form.ts";
import { type AdminRoutes, action, page } from "./page.ts";
import { activeVersion } from "./policies.ts";

const MAX_VERSIONS = 50;
const QUERY = object({ version: optional(integerText(1, Number.MAX_SAFE_INTEGER)) });

/** Policies held against a file of requests and what must come of them. */
export function policyTestPages(admin: AdminRoutes): readonly Route[] {
  const run = admin("POST /v1/admin/policies/tests");
  return [
    page({
      path: "/policies/tests",
      section: "/policies",
      summary: "Show the tests of policies, as a page",
      permission: "policies.read",
      query: QUERY,
      draw: async (context, { version }) => {
        const source = (await sourceOf(context, version)) ?? "";
        return {
          title: "Policy tests",
          body: policyTestsPage({
            ...(await baseOf(context)),
            source,
            tests: EXAMPLE_TESTS,
            against: version === undefined ? "draft" : String(version),
          }),
        };
      },
    }),
    action({
      path: "/policies/tests",
      summary: "Run a test file against policies, on its page",
      by: [run],
      perform: async (ask, form) => {
        const against = form.text("against") ?? "draft";
        const answer = await ask(run, {
          tests: form.raw("tests"),
          ...(against === "draft" ? { source: form.raw("source") } : { version: form.integer("against") ?? 0 }),
        });
        return { form, result: answer as unknown as PolicyTestsResult };
      },
      drawsFailure: true,
      draw: async (context, outcome) => {
        const form = outcome.ok ? outcome.result.form : outcome.form;
        const model = { ...(await baseOf(context)), ...givenIn(form) };
        if (outcome.ok) return policyTestsBody({ ...model, result: outcome.result.result });
        const { error } = outcome;
        const problems = error.details?.["problems"] as readonly PolicyTestsProblem[] | undefined;
        if (problems === undefined) return policyTestsBody({ ...model, form: failedForm(outcome) });
        return policyTestsBody({ ...model, problems, problemsIn: String(error.details?.["in"]) });
      },
    }),
  ];
}

async function baseOf({ exchange, tenant, may }: PageContext): Promise<PolicyTestsModel> {
  const versions = await exchange.services.policies.list(tenant, MAX_VERSIONS);
  return {
    mayWrite: may("policies.write"),
    versions,
    against: "draft",
    source: "",
    tests: "",
    form: EMPTY_FORM,
    problems: [],
    problemsIn: "",
    result: undefined,
  };
}

/** The texts as somebody left them. */
function givenIn(form: Form): Pick<PolicyTestsModel, "against" | "source" | "tests"> {
  return { against: form.text("against") ?? "draft", source: form.raw("source"), tests: form.raw("tests") };
}

async function sourceOf(context: PageContext, version: number | undefined): Promise<string | undefined> {
  if (version === undefined) return (await activeVersion(context))?.source;
  const { exchange, tenant } = context;
  try {
    return (await exchange.services.policies.show(tenant, version)).source;
  } catch (error) {
    if (isWritError(error, "not_found")) return undefined;
    throw error;
  }
}
