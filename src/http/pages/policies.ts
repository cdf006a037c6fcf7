import { isWritError } from "#src/base/errors.ts";
import type { PolicyVersion } from "#src/decision/policy-versions.ts";
import { shippedTemplates } from "#src/policy/template-library.ts";
import { EMPTY_FORM } from "#views/form.ts";
import { html } from "#views/html.ts";
import { notice } from "#views/parts.ts";
import {
  type DiffLine,
  type EditorModel,
  editorBody,
  editorPage,
  type Problem,
  policiesPage,
  templatesPage,
  type VersionEntry,
  versionBody,
  versionPage,
} from "#views/policies.ts";
import type { Route } from "../route.ts";
import type { PageContext } from "./context.ts";
import { failedForm } from "./failed-form.ts";
import type { Form } from "./form.ts";
import { namesOf } from "./frame.ts";
import { lineDiff } from "./line-diff.ts";
import { type AdminRoutes, action, type Outcome, page } from "./page.ts";

const MAX_VERSIONS = 50;

/** Policy versions, the editor and templates. */
export function policyPages(admin: AdminRoutes): readonly Route[] {
  const put = admin("PUT /v1/admin/policies");
  const check = admin("POST /v1/admin/policies/check");
  const activate = admin("POST /v1/admin/policies/versions/{version}/activation");
  return [
    page({
      path: "/policies",
      section: "/policies",
      summary: "Show the policies and their versions, as a page",
      permission: "policies.read",
      draw: async (context) => {
        const { exchange, tenant, may, now } = context;
        const [active, versions] = await Promise.all([
          activeVersion(context),
          exchange.services.policies.list(tenant, MAX_VERSIONS),
        ]);
        const names = await namesOf(
          context,
          versions.map(({ author }) => author),
        );
        return {
          title: "Policies",
          body: policiesPage({
            versions: versions.map((version) => ({ ...version, author: names.get(version.author) ?? version.author })),
            mayWrite: may("policies.write"),
            now,
            source: active?.source,
          }),
        };
      },
    }),
    page({
      path: "/policies/versions/{version}",
      section: "/policies",
      summary: "Show a policy version and what it changed, as a page",
      permission: "policies.read",
      draw: async (context) => {
        const model = await versionModel(context);
        return { title: `Policies, version ${model.version.version}`, body: versionPage(model) };
      },
    }),
    action({
      path: "/policies/versions/{version}/activation",
      summary: "Let a policy version decide, from its page",
      by: [activate],
      perform: (ask) => ask(activate, {}),
      draw: async (context) =>
        versionBody({ ...(await versionModel(context)), said: notice("ok", "This version decides from now on") }),
    }),
    page({
      path: "/policies/edit",
      section: "/policies",
      summary: "Show the editor of policies, as a page",
      permission: "policies.write",
      draw: async (context) => {
        const active = await activeVersion(context);
        return {
          title: "Edit policies",
          body: editorPage({ ...EDITOR, source: active?.source ?? "", expected: active?.version ?? 0 }),
        };
      },
    }),
    page({
      path: "/policies/templates",
      section: "/policies",
      summary: "Show the shipped policy templates, as a page",
      permission: "policies.read",
      draw: async () => ({
        title: "Policy templates",
        body: templatesPage(
          [...shippedTemplates().values()].map(({ title, about, text }) => ({
            name: title,
            summary: about,
            source: text,
          })),
        ),
      }),
    }),
    action({
      path: "/policies/check",
      summary: "Say what is wrong with policies, in the editor",
      by: [check],
      perform: async (ask, form) => {
        const { problems } = await ask(check, { source: form.raw("source") });
        return { form, problems: problems as readonly Problem[] };
      },
      drawsFailure: true,
      draw: async (context, outcome) => {
        if (!outcome.ok) return failedEditor(outcome);
        const { form, problems } = outcome.result;
        return editorBody({ ...editorOf(form), problems, diff: await diffAgainstActive(context, form.raw("source")) });
      },
    }),
    action({
      path: "/policies",
      summary: "Save policies and let them decide, from the editor",
      by: [put],
      perform: async (ask, form) => {
        const message = form.text("message");
        const expected = form.integer("expected");
        const made = await ask(put, {
          source: form.raw("source"),
          ...(message === undefined ? {} : { message }),
          ...(expected === undefined ? {} : { expected_version: expected }),
        });
        return { form, version: Number(made["version"]) };
      },
      drawsFailure: true,
      draw: async (_context, outcome) => {
        if (!outcome.ok) return failedEditor(outcome);
        const { form, version } = outcome.result;
        return editorBody({
          ...EDITOR,
          source: form.raw("source"),
          expected: version,
          said: notice(
            "ok",
            `Version ${version} decides from now on`,
            html`<a href="/policies/versions/${version}">See what it changed</a>`,
          ),
        });
      },
    }),
  ];
}

const EDITOR: EditorModel = {
  source: "",
  message: "",
  expected: undefined,
  problems: undefined,
  diff: undefined,
  form: EMPTY_FORM,
  said: undefined,
};

/** The editor as somebody left it. */
function editorOf(form: Form): EditorModel {
  const expected = Number(form.text("expected"));
  return {
    ...EDITOR,
    source: form.raw("source"),
    message: form.text("message") ?? "",
    expected: Number.isSafeInteger(expected) ? expected : undefined,
  };
}

/** What is wrong with the source shows in place; anything else above the form. */
function failedEditor(outcome: Extract<Outcome<never>, { ok: false }>) {
  const { error, form } = outcome;
  const problems = error.details?.["problems"] as readonly Problem[] | undefined;
  if (problems !== undefined) return editorBody({ ...editorOf(form), problems });
  return editorBody({ ...editorOf(form), form: failedForm(outcome) });
}

/** Undefined while the tenant has no policies. */
export async function activeVersion({ exchange, tenant }: PageContext): Promise<PolicyVersion | undefined> {
  try {
    return await exchange.services.policies.show(tenant);
  } catch (error) {
    if (isWritError(error, "not_found")) return undefined;
    throw error;
  }
}

async function versionModel(context: PageContext): Promise<Parameters<typeof versionPage>[0]> {
  const { exchange, tenant, may } = context;
  const { policies } = exchange.services;
  const asked = exchange.param("version");
  const shown = await policies.show(tenant, /^[1-9][0-9]{0,14}$/.test(asked) ? Number(asked) : 0);
  const before = (await policies.list(tenant, 1, shown.version))[0]?.version;
  const older = before === undefined ? undefined : await policies.show(tenant, before);
  const names = await namesOf(context, [shown.author]);
  const { source, ...entry } = shown;
  return {
    version: { ...entry, author: names.get(shown.author) ?? shown.author } satisfies VersionEntry,
    source,
    against: before,
    diff: older === undefined ? undefined : lineDiff(older.source, source),
    mayWrite: may("policies.write"),
    said: undefined,
  };
}

async function diffAgainstActive(context: PageContext, source: string): Promise<readonly DiffLine[] | undefined> {
  return lineDiff((await activeVersion(context))?.source ?? "", source);
}
