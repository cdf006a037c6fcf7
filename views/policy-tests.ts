import { type FormState, formError, select, submit, textArea } from "./form.ts";
import { attribute, type Content, type Html, html } from "./html.ts";
import { badge, card, code, empty, facts, fold, notice, table } from "./parts.ts";
import { policyHead } from "./policies.ts";

/** What came of a test file, as the route answers it. */
export interface PolicyTestsResult {
  readonly passed: number;
  readonly failed: number;
  readonly tests: readonly {
    readonly line: number;
    readonly name: string;
    readonly ok: boolean;
    readonly decision: string;
    readonly failures: readonly string[];
  }[];
  readonly coverage: readonly {
    readonly policy: string;
    readonly matched: number;
    readonly determined: number;
    readonly clauses: readonly {
      readonly kind: string;
      readonly seenTrue: boolean;
      readonly seenFalse: boolean;
      readonly seenError: boolean;
    }[];
  }[];
  readonly covered: { readonly policies: readonly [number, number]; readonly conditions: readonly [number, number] };
}

/** Something wrong with the test file or the policies, where it is. */
export interface PolicyTestsProblem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
  readonly path?: string;
  readonly help?: string;
  readonly policy?: string;
}

/** What the page of tests shows. */
export interface PolicyTestsModel {
  readonly mayWrite: boolean;
  /** Newest first. */
  readonly versions: readonly { readonly version: number; readonly active: boolean }[];
  /** `draft`, or a version's number. */
  readonly against: string;
  readonly source: string;
  readonly tests: string;
  readonly form: FormState;
  readonly problems: readonly PolicyTestsProblem[];
  /** Whose lines the problems are in. */
  readonly problemsIn: string;
  readonly result: PolicyTestsResult | undefined;
}

/** A first file, to be changed. */
export const EXAMPLE_TESTS = `{
  "defaults": {"agent": "builder", "groups": ["ci"]},
  "tests": [
    {
      "name": "reading is free",
      "ask": {"command": "/github/issues/list", "resource": {"type": "GitHub::Repository", "id": "acme/app"}},
      "expect": {"decision": "allow"}
    },
    {
      "name": "a write needs a person",
      "ask": {"command": "/github/issues/create", "resource": {"type": "GitHub::Repository", "id": "acme/app"}},
      "expect": {"decision": "step_up"}
    }
  ]
}
`;

/** The page of tests. */
export function policyTestsPage(model: PolicyTestsModel): Html {
  return html`${policyHead("/policies/tests", model.mayWrite)}${policyTestsBody(model)}`;
}

/** The test file beside the policies that it is run against; running draws it anew. */
export function policyTestsBody(model: PolicyTestsModel): Html {
  const { versions, against, source, tests, form, result } = model;
  const choices = [
    ["draft", "the draft"] as const,
    ...versions.map(
      ({ version, active }) => [`${version}`, `version ${version}${active ? ", which decides" : ""}`] as const,
    ),
  ];
  return html`<div id="tests" class="stack-5"><section class="card"><header class="card-head"><h2>Tests</h2></header><p class="muted">Requests and what must come of them, as <code>writ policy test</code> takes them. Nothing is stored: keep the file beside your policies.</p><form hx-post="/policies/tests" hx-target="#tests" hx-swap="outerHTML">${formError(form)}${problemList(model)}<div class="grid-2">${textArea(
    "tests",
    { name: "tests", label: "Test file", required: true, rows: 18, isCode: true, value: tests, hint: "JSON" },
  )}${textArea("tests", { name: "source", label: "Draft", rows: 18, isCode: true, value: source, hint: "begins as the policies that decide" })}</div>${select(
    "tests",
    { name: "against", label: "Run against", required: true, value: against },
    choices,
  )}<div class="form-end">${submit("Run the tests")}</div></form></section>${result === undefined ? undefined : resultCards(result)}</div>`;
}

function problemList({ problems, problemsIn }: PolicyTestsModel): Content {
  if (problems.length === 0) return undefined;
  return html`<div class="stack" role="alert" tabindex="-1" data-focus><p class="notice-title">The ${problemsIn} cannot be used.</p>${problems.map(
    ({ line, column, message, path, help, policy }) =>
      html`<div class="problem"><span class="where">line ${line}, column ${column}</span><span>${message}${
        path === undefined || path === "" ? undefined : html` <span class="muted">at ${code(path)}</span>`
      }${policy === undefined ? undefined : html` <span class="muted">in ${code(policy)}</span>`}${help === undefined ? undefined : html`<span class="sub">${help}</span>`}</span></div>`,
  )}</div>`;
}

function resultCards({ passed, failed, tests, coverage, covered }: PolicyTestsResult): Html {
  const verdict =
    tests.length === 0
      ? empty("policies", "The file has no tests", "Add one under `tests`.")
      : failed === 0
        ? notice("ok", `All ${passed} came out as expected`)
        : notice("bad", `${failed} of ${passed + failed} came out differently`);
  return html`<div id="outcome" class="stack-5"${attribute("tabindex", "-1")}>${card(
    "Outcome",
    html`${verdict}${
      tests.length === 0
        ? undefined
        : table(
            "Tests",
            ["Test", "Result", "Decision", "Line"],
            // What failed stands first.
            [...tests]
              .sort((left, right) => Number(left.ok) - Number(right.ok))
              .map(({ line, name, ok, decision, failures }) => [
                html`${name}${failures.map((failure) => html`<span class="sub">${failure}</span>`)}`,
                ok ? badge("passed", "ok") : badge("failed", "bad"),
                decision === "step_up" ? "step-up" : decision,
                line,
              ]),
          )
    }`,
  )}${card(
    "What the tests covered",
    html`${facts([
      ["Policies that determined something", `${covered.policies[0]} of ${covered.policies[1]}`],
      ["Conditions seen true and false", `${covered.conditions[0]} of ${covered.conditions[1]}`],
    ])}${
      coverage.length === 0
        ? undefined
        : fold(
            "Policy by policy",
            table(
              "Coverage",
              ["Policy", "Matched", "Determined", "Not seen"],
              coverage.map((policy) => [
                code(policy.policy),
                policy.matched,
                policy.determined,
                unseen(policy.clauses),
              ]),
            ),
            coverage.length <= 10,
          )
    }`,
  )}</div>`;
}

function unseen(clauses: PolicyTestsResult["coverage"][number]["clauses"]): string {
  const missing = clauses.flatMap(({ kind, seenTrue, seenFalse }, place) => {
    const never = [...(seenTrue ? [] : ["true"]), ...(seenFalse ? [] : ["false"])];
    return never.length === 0 ? [] : [`${kind} ${place + 1} never ${never.join(" or ")}`];
  });
  return missing.length === 0 ? "nothing" : missing.join(", ");
}
