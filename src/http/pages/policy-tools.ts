import type { JsonObject } from "#src/base/canonical-json.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { formToText, type PolicyForm } from "#src/policy/builder.ts";
import { EMPTY_FORM, type FormState } from "#views/form.ts";
import { html } from "#views/html.ts";
import { notice } from "#views/parts.ts";
import {
  type BuilderModel,
  builderBody,
  builderPage,
  explainBody,
  explainPage,
  type ReplayResult,
  replayBody,
  replayPage,
  type ShadowModel,
  shadowBody,
  shadowPage,
  type Why,
} from "#views/policy-tools.ts";
import type { Route } from "../route.ts";
import { object, optional, text } from "../shape.ts";
import type { PageContext } from "./context.ts";
import { failedForm } from "./failed-form.ts";
import type { Form } from "./form.ts";
import { type AdminRoutes, action, page } from "./page.ts";
import { activeVersion } from "./policies.ts";

const MAX_NAMES = 200;
const DAY_MS = 86_400_000;

/** What helps with policies: the builder, explanations, replay and the shadow. */
export function policyToolPages(admin: AdminRoutes): readonly Route[] {
  return [...builderPages(admin), ...explainPages(admin), ...replayPages(admin), ...shadowPages(admin)];
}

function builderPages(admin: AdminRoutes): readonly Route[] {
  const check = admin("POST /v1/admin/policies/check");
  const put = admin("PUT /v1/admin/policies");
  const model = async (context: PageContext, form: FormState, built: string | undefined): Promise<BuilderModel> => {
    const { exchange, tenant } = context;
    const [agents, connections] = await Promise.all([
      exchange.services.agents.list(tenant, { limit: MAX_NAMES }),
      exchange.services.connections.list(tenant, { limit: MAX_NAMES }),
    ]);
    return {
      form,
      text: built,
      agents: agents.map(({ name }) => name),
      connections: connections.map(({ name }) => name),
    };
  };
  return [
    page({
      path: "/policies/builder",
      section: "/policies",
      summary: "Show the form that makes a policy, as a page",
      permission: "policies.write",
      draw: async (context) => ({
        title: "Build a policy",
        body: builderPage(await model(context, EMPTY_FORM, undefined)),
      }),
    }),
    action({
      path: "/policies/builder",
      summary: "Draw what a form is as a policy; nothing is saved",
      by: [check],
      perform: async (ask, form) => {
        const built = formToText(policyFormOf(form));
        const { problems } = await ask(check, { source: built });
        const [problem] = problems as readonly { readonly message: string }[];
        if (problem !== undefined) throw new WritError("policy_invalid", problem.message);
        return { form, built };
      },
      drawsFailure: true,
      draw: async (context, outcome) =>
        outcome.ok
          ? builderBody(await model(context, { values: outcome.result.form.values() }, outcome.result.built))
          : builderBody(await model(context, failedForm(outcome), undefined)),
    }),
    action({
      path: "/policies/append",
      summary: "Add a policy to those that decide, from the builder",
      by: [put],
      perform: async (ask, form, context) => {
        const active = await activeVersion(context);
        const source = `${active?.source.trimEnd() ?? ""}\n\n${form.raw("text").trim()}\n`.trimStart();
        return ask(put, { source, message: "built from a form", expected_version: active?.version ?? 0 });
      },
      drawsFailure: true,
      draw: async (context, outcome) => {
        if (!outcome.ok) return builderBody(await model(context, failedForm(outcome), outcome.form.raw("text")));
        const version = Number(outcome.result["version"]);
        return html`<div id="builder" class="stack">${notice("ok", `Version ${version} decides from now on`, html`<a href="/policies/versions/${version}">See what it changed</a>`)}<div><a class="button" href="/policies/builder">Build another</a></div></div>`;
      },
    }),
  ];
}

/** The policy that the builder's fields say. */
function policyFormOf(form: Form): PolicyForm {
  const [agent, connection, tier] = [form.text("agent"), form.text("connection"), form.text("tier") ?? "read"];
  const command = form.text("command");
  if (tier === "command" && command === undefined) throw new WritError("invalid_argument", "name the command");
  const effect = form.text("effect") ?? "permit";
  return {
    id: form.text("id") ?? "",
    annotations: {},
    effect: effect === "forbid" ? "deny" : "allow",
    who: agent === undefined ? { op: "any" } : { op: "eq", entity: { type: "Agent", id: agent } },
    what:
      tier === "any"
        ? { op: "any" }
        : { op: "in", entities: [{ type: "Action", id: tier === "command" ? (command ?? "") : `tier:${tier}` }] },
    on: connection === undefined ? { op: "any" } : { op: "in", entities: [{ type: "Connection", id: connection }] },
    when: [],
    ...(effect === "cosign" ? { needs: {} } : {}),
    comments: [],
  };
}

function explainPages(admin: AdminRoutes): readonly Route[] {
  const explain = admin("POST /v1/admin/policies/explanation");
  return [
    page({
      path: "/policies/explain",
      section: "/policies",
      summary: "Show why a decision is what it is, as a page",
      permission: "policies.read",
      query: object({ decision: optional(text({ max: 100 })) }),
      draw: async ({ may }, { decision }) => ({
        title: "Why",
        body: explainPage(may("policies.write"), { values: decision === undefined ? {} : { decision } }, undefined),
      }),
    }),
    action({
      path: "/policies/explain",
      summary: "Explain a decision, on its page",
      by: [explain],
      perform: async (ask, form) => {
        const policies = form.text("policies") === "active" ? "active" : "recorded";
        return {
          form,
          why: (await ask(explain, { decision: form.text("decision") ?? "", policies })) as unknown as Why,
        };
      },
      drawsFailure: true,
      draw: async (_context, outcome) =>
        outcome.ok
          ? explainBody({ values: outcome.result.form.values() }, outcome.result.why)
          : explainBody(failedForm(outcome), undefined),
    }),
  ];
}

function replayPages(admin: AdminRoutes): readonly Route[] {
  const replay = admin("POST /v1/admin/policies/replay");
  return [
    page({
      path: "/policies/replay",
      section: "/policies",
      summary: "Show the form of a replay, as a page",
      permission: "policies.read",
      draw: async (context) => ({
        title: "Replay",
        body: replayPage(
          context.may("policies.write"),
          EMPTY_FORM,
          (await activeVersion(context))?.source ?? "",
          undefined,
        ),
      }),
    }),
    action({
      path: "/policies/replay",
      summary: "Make recorded decisions again under a draft, on its page",
      by: [replay],
      perform: async (ask, form, { now }) => {
        const days = form.integer("days") ?? 0;
        const body: JsonObject = {
          source: form.raw("source"),
          ...(days === 0 ? {} : { since: toRfc3339(now - days * DAY_MS) }),
        };
        return { form, report: replayResultOf(await ask(replay, body)) };
      },
      drawsFailure: true,
      draw: async (_context, outcome) =>
        outcome.ok
          ? replayBody(
              { values: outcome.result.form.values() },
              outcome.result.form.raw("source"),
              outcome.result.report,
            )
          : replayBody(failedForm(outcome), outcome.form.raw("source"), undefined),
    }),
  ];
}

type Report = Readonly<Record<string, unknown>>;

function replayResultOf(report: Report): ReplayResult {
  const count = (name: string): number => (typeof report[name] === "number" ? (report[name] as number) : 0);
  const differences = (report["differences"] ?? []) as readonly {
    readonly decision: string;
    readonly recorded: { readonly decision: string };
    readonly replayed: { readonly decision?: string; readonly failed?: string; readonly policies?: readonly string[] };
  }[];
  return {
    decisions: count("replayed"),
    same: count("same_outcome"),
    erased: count("erased"),
    changes: differences.map(({ decision, recorded, replayed }) => ({
      decision,
      from: recorded.decision,
      to: replayed.decision ?? `failed: ${replayed.failed ?? ""}`,
      policies: (replayed.policies ?? []).join(", "),
    })),
  };
}

function shadowPages(admin: AdminRoutes): readonly Route[] {
  const start = admin("PUT /v1/admin/policies/shadow");
  const stop = admin("DELETE /v1/admin/policies/shadow");
  return [
    page({
      path: "/policies/shadow",
      section: "/policies",
      summary: "Show the policy version in the shadow, as a page",
      permission: "policies.read",
      draw: async (context) => ({ title: "Shadow", body: shadowPage(await shadowModel(context)) }),
    }),
    action({
      path: "/policies/shadow",
      summary: "Put a policy version in the shadow, from its page",
      by: [start],
      perform: (ask, form) => ask(start, { version: form.integer("version") ?? 0 }),
      drawsFailure: true,
      draw: async (context, outcome) =>
        shadowBody({ ...(await shadowModel(context)), ...(outcome.ok ? {} : { form: failedForm(outcome) }) }),
    }),
    action({
      path: "/policies/shadow/end",
      summary: "Stop evaluating the version in the shadow, from its page",
      by: [stop],
      perform: (ask) => ask(stop),
      draw: async (context) => shadowBody(await shadowModel(context)),
    }),
  ];
}

async function shadowModel({ exchange, tenant, may }: PageContext): Promise<ShadowModel> {
  const { shadows, policies } = exchange.services;
  const versions = await policies.list(tenant, MAX_NAMES);
  const base = {
    versions: versions.filter(({ active }) => !active).map(({ version }) => version),
    mayWrite: may("policies.write"),
    form: EMPTY_FORM,
  };
  try {
    const { version, startedAt, counts } = await shadows.show(tenant, { signal: exchange.request.signal });
    return {
      ...base,
      version,
      startedAt,
      decisions: counts.compared,
      differences: counts.groups.map(({ command, decision, shadow, count, examples }) => ({
        command: command ?? "",
        from: decision,
        to: shadow,
        count,
        sample: examples[0],
      })),
    };
  } catch (error) {
    if (!isWritError(error, "not_found")) throw error;
    return { ...base, version: undefined, startedAt: undefined, decisions: 0, differences: [] };
  }
}
