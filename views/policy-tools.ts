import { path } from "./address.ts";
import { type FormState, formError, input, select, submit, textArea } from "./form.ts";
import { type Html, html, verbatim } from "./html.ts";
import { badge, card, code, empty, facts, notice, shortCode, table, time } from "./parts.ts";
import { policyHead } from "./policies.ts";

/** What the builder shows. */
export interface BuilderModel {
  readonly form: FormState;
  readonly text: string | undefined;
  readonly agents: readonly string[];
  readonly connections: readonly string[];
}

/** The page that makes a policy from a form. */
export function builderPage(model: BuilderModel): Html {
  return html`${policyHead("/policies/builder", true)}${builderBody(model)}`;
}

/** The form and the policy that it says; it draws itself anew. */
export function builderBody({ form, text, agents, connections }: BuilderModel): Html {
  const value = (name: string, otherwise = ""): string => form.values[name] ?? otherwise;
  return html`<div id="builder" class="grid-2"><section class="card"><header class="card-head"><h2>In words</h2></header><form hx-post="/policies/builder" hx-target="#builder" hx-swap="outerHTML">${formError(form)}${input("builder", { name: "id", label: "Name of the policy", required: true, maxLength: 60, isCode: true, placeholder: "builder-reads-github", value: value("id") })}${select(
    "builder",
    { name: "effect", label: "It", required: true, value: value("effect", "permit") },
    [
      ["permit", "permits"],
      ["cosign", "permits once a person vouches"],
      ["forbid", "forbids"],
    ],
  )}${select("builder", { name: "agent", label: "Whom", required: true, value: value("agent") }, [["", "every agent"], ...agents.map((name) => [name, name] as const)])}${select(
    "builder",
    { name: "tier", label: "To do what", required: true, value: value("tier", "read") },
    [
      ["read", "whatever reads"],
      ["write", "whatever writes"],
      ["danger", "whatever is dangerous"],
      ["any", "anything"],
      ["command", "one command, and what is below it"],
    ],
  )}${input("builder", { name: "command", label: "The command", hint: "where it is one command: /github/issues/create", isCode: true, maxLength: 200, value: value("command") })}${select("builder", { name: "connection", label: "Through", required: true, value: value("connection") }, [["", "any connection"], ...connections.map((name) => [name, name] as const)])}<div class="form-end">${submit("Show the policy")}</div></form></section><section class="card" aria-live="polite"><header class="card-head"><h2>In Cedar</h2></header>${
    text === undefined
      ? empty(
          "policies",
          "Nothing yet",
          "Say what the policy should do; what it is in Cedar shows here before anything is saved.",
        )
      : html`<pre>${text}</pre><form hx-post="/policies/append" hx-target="#builder" hx-swap="outerHTML"><textarea name="text" hidden>${verbatim(text)}</textarea><div class="form-end">${submit("Add to the policies")}</div><p class="hint">It is added to the version that decides and saved as a new one.</p></form>`
  }</section></div>`;
}

/** A part of an explanation. */
export interface ExplainedEntry {
  readonly policy: string;
  readonly effect: string;
  readonly sentence: string;
}

/** Why something was decided as it was. */
export interface Why {
  readonly decision: string;
  readonly sentences: readonly string[];
  readonly determining: readonly ExplainedEntry[];
  readonly near: readonly ExplainedEntry[];
  readonly remedies: readonly { readonly sentence: string }[];
}

/** The page that says why. */
export function explainPage(mayWrite: boolean, form: FormState, why: Why | undefined): Html {
  return html`${policyHead("/policies/explain", mayWrite)}${explainBody(form, why)}`;
}

/** The question and its answer. */
export function explainBody(form: FormState, why: Why | undefined): Html {
  return html`<div id="explain" class="stack-5"><section class="card"><header class="card-head"><h2>Why was it decided so?</h2></header><form hx-post="/policies/explain" hx-target="#explain" hx-swap="outerHTML">${formError(form)}<div class="form-row">${input("explain", { name: "decision", label: "Decision", required: true, isCode: true, placeholder: "dec_…", hint: "its id stands in the event, and in the agent's answer", value: form.values["decision"] ?? "" })}${select(
    "explain",
    { name: "policies", label: "Under the policies", required: true, value: form.values["policies"] ?? "recorded" },
    [
      ["recorded", "of then"],
      ["active", "of now"],
    ],
  )}</div><div class="form-end">${submit("Explain")}</div></form></section>${why === undefined ? undefined : whyView(why)}</div>`;
}

/** An explanation, most important first. */
function whyView({ decision, sentences, determining, near, remedies }: Why): Html {
  const list = (entries: readonly ExplainedEntry[]): Html =>
    html`<ul class="plain stack">${entries.map(({ policy, effect, sentence }) => html`<li>${code(policy)} ${badge(effect)}<span class="sub">${sentence}</span></li>`)}</ul>`;
  return card(
    "Explanation",
    html`${sentences.map((sentence) => html`<p>${sentence}</p>`)}${determining.length === 0 ? undefined : html`<h3>What decided</h3>${list(determining)}`}${near.length === 0 ? undefined : html`<h3>What nearly did</h3>${list(near)}`}${remedies.length === 0 ? undefined : html`<h3>What would change it</h3><ul>${remedies.map(({ sentence }) => html`<li>${sentence}</li>`)}</ul>`}`,
    badge(decision, decision === "allow" ? "ok" : decision === "deny" ? "bad" : "warn"),
  );
}

/** What a replay found. */
export interface ReplayResult {
  readonly decisions: number;
  readonly same: number;
  readonly erased: number;
  readonly changes: readonly {
    readonly decision: string;
    readonly from: string;
    readonly to: string;
    readonly policies: string;
  }[];
}

/** The page of replays. */
export function replayPage(mayWrite: boolean, form: FormState, source: string, result: ReplayResult | undefined): Html {
  return html`${policyHead("/policies/replay", mayWrite)}${replayBody(form, source, result)}`;
}

/** The question, and what would have been. */
export function replayBody(form: FormState, source: string, result: ReplayResult | undefined): Html {
  return html`<div id="replay" class="stack-5"><section class="card"><header class="card-head"><h2>What would have been?</h2></header><p class="muted">Recorded decisions are made again under a draft. Nothing changes.</p><form hx-post="/policies/replay" hx-target="#replay" hx-swap="outerHTML">${formError(form)}${textArea("replay", { name: "source", label: "Draft", required: true, rows: 12, isCode: true, value: source })}${select(
    "replay",
    { name: "days", label: "Decisions of", required: true, value: form.values["days"] ?? "7" },
    [
      ["1", "the last 24 hours"],
      ["7", "the last 7 days"],
      ["30", "the last 30 days"],
      ["0", "all time"],
    ],
  )}<div class="form-end">${submit("Replay")}</div></form></section>${result === undefined ? undefined : replayResult(result)}</div>`;
}

function replayResult({ decisions, same, erased, changes }: ReplayResult): Html {
  return card(
    "Outcome",
    html`${facts([
      ["Decisions", `${decisions}`],
      ["Decided the same", `${same}`],
      erased > 0 && ["Erased, so not decided again", `${erased}`],
    ])}${
      changes.length === 0
        ? notice("ok", "No outcome would have been another")
        : table(
            "Changes",
            ["Decision", "It was", "It would be", "Policies"],
            changes.map(({ decision, from, to, policies }) => [
              html`<a href="${path`/events/${decision}`}">${shortCode(decision, 20)}</a>`,
              from,
              to,
              policies,
            ]),
          )
    }`,
  );
}

/** What is known of a version in the shadow. */
export interface ShadowModel {
  readonly version: number | undefined;
  readonly startedAt: number | undefined;
  readonly decisions: number;
  readonly differences: readonly {
    readonly command: string;
    readonly from: string;
    readonly to: string;
    readonly count: number;
    readonly sample: string | undefined;
  }[];
  readonly versions: readonly number[];
  readonly mayWrite: boolean;
  readonly form: FormState;
}

/** The page of the shadow. */
export function shadowPage(model: ShadowModel): Html {
  return html`${policyHead("/policies/shadow", model.mayWrite)}${shadowBody(model)}`;
}

/** The version that is evaluated beside the one that decides. */
export function shadowBody({
  version,
  startedAt,
  decisions,
  differences,
  versions,
  mayWrite,
  form,
}: ShadowModel): Html {
  const start =
    mayWrite && versions.length > 0
      ? html`<form hx-post="/policies/shadow" hx-target="#shadow" hx-swap="outerHTML">${formError(form)}${select(
          "shadow",
          { name: "version", label: "Version", required: true, value: "" },
          versions.map((number) => [String(number), `version ${number}`]),
        )}<div class="form-end">${submit("Evaluate it beside", "primary")}</div></form>`
      : undefined;
  return html`<div id="shadow" class="stack-5">${card(
    "In the shadow",
    version === undefined
      ? html`${empty("policies", "No version is in the shadow", "One that is would be evaluated beside the version that decides. It is never enforced: what it would have changed is counted here.")}${start}`
      : html`${facts([
          ["Version", html`<a href="${path`/policies/versions/${version}`}">${version}</a>`],
          startedAt !== undefined && ["Since", time(startedAt)],
          ["Decisions", `${decisions}`],
        ])}${
          differences.length === 0
            ? html`<p class="muted">It would have decided everything the same so far.</p>`
            : table(
                "Differences",
                ["Command", "It was", "It would be", "Count", "Sample"],
                differences.map(({ command, from, to, count, sample }) => [
                  code(command),
                  from,
                  to,
                  count,
                  sample === undefined
                    ? undefined
                    : html`<a href="${path`/events/${sample}`}">${shortCode(sample, 20)}</a>`,
                ]),
              )
        }${mayWrite ? html`<div><button type="button" class="button" hx-post="/policies/shadow/end" hx-target="#shadow" hx-swap="outerHTML">Stop</button></div>` : undefined}`,
  )}</div>`;
}
