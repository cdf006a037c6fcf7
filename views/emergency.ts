import type { Emergency } from "#src/consent/emergencies.ts";
import type { Stop } from "#src/consent/stops.ts";
import { path } from "./address.ts";
import { type FormState, formError, input, select, submit, textArea } from "./form.ts";
import { type Content, type Html, html } from "./html.ts";
import { badge, card, code, empty, failure, pageHead, relative, table, time } from "./parts.ts";

/** What the page for emergencies shows. */
export interface EmergencyModel {
  readonly stops: readonly Stop[];
  readonly emergencies: readonly Emergency[];
  readonly agents: readonly string[];
  readonly connections: readonly string[];
  /** What subjects, agents and connections are called. */
  readonly names: ReadonlyMap<string, string>;
  readonly mayStop: boolean;
  readonly mayOpen: boolean;
  readonly mayReview: boolean;
  readonly mayClose: boolean;
  readonly now: number;
  readonly form: FormState;
}

/** The page for when something goes wrong: stopping at once, and passing the approvals for a while. */
export function emergencyPage(model: EmergencyModel): Html {
  return html`${pageHead("Emergency", "Stop an agent, a connection or everything at once; or, when nobody who approves can be reached, let an agent pass for a while. Both are loud and recorded.")}${emergencyBody(model)}`;
}

/** The part that its actions draw anew. */
export function emergencyBody(model: EmergencyModel): Html {
  return html`<div id="emergency" class="grid-side" data-address="/emergency/body"><div class="stack-5">${stopsCard(model)}${grantsCard(model)}</div><aside class="stack-5">${
    model.mayStop ? stopForm(model) : undefined
  }${model.mayOpen ? openForm(model) : undefined}</aside></div>`;
}

function stopsCard({ stops, names, mayStop }: EmergencyModel): Html {
  if (stops.length === 0)
    return card("Stopped", empty("check", "Nothing is stopped", "Agents work as the policies say."));
  return card(
    "Stopped",
    table(
      "Stopped",
      ["What", "Why", "By", "Since (UTC)", ""],
      stops.map(({ target, origin, by, at, reason }) => [
        target === "tenant" ? badge("everything of this tenant", "bad") : (names.get(target) ?? code(target)),
        reason ?? html`<span class="muted">no reason given</span>`,
        origin === "instance" ? "the host" : (names.get(by) ?? code(by)),
        time(at),
        mayStop && origin === "tenant"
          ? html`<div class="row"><form hx-post="/emergency/lifting" hx-target="#emergency" hx-swap="outerHTML" hx-confirm="It goes on from now on."><input type="hidden" name="target" value="${kindOf(target)}"><input type="hidden" name="name" value="${target}"><button type="submit" class="button small">Let it go on</button></form></div>`
          : undefined,
      ]),
    ),
  );
}

/** The kind of what an id names. */
function kindOf(target: string): string {
  return target === "tenant" ? "tenant" : target.startsWith("agt_") ? "agent" : "connection";
}

function stopForm({ agents, connections, form }: EmergencyModel): Html {
  const choices: readonly (readonly [string, string])[] = [
    ["tenant", "everything of this tenant"],
    ...agents.map((name) => [`agent ${name}`, `agent ${name}`] as const),
    ...connections.map((name) => [`connection ${name}`, `connection ${name}`] as const),
  ];
  return card(
    "Stop",
    html`<form hx-post="/emergency/stop" hx-target="#emergency" hx-swap="outerHTML" hx-confirm="Nothing is granted to it from now on, and what runs is cut.">${formError(form)}${select("stop", { name: "what", label: "What", required: true, value: form.values["what"] ?? "" }, choices)}${textArea("stop", { name: "reason", label: "Why", rows: 2, maxLength: 2000, hint: "kept sealed" })}<div class="form-end">${submit("Stop now", "danger")}</div></form>`,
  );
}

const STATES: Readonly<Record<Emergency["state"], readonly [text: string, tone: "warn" | "bad" | "plain"]>> = {
  open: ["open", "bad"],
  review_due: ["review due", "warn"],
  reviewed: ["reviewed", "plain"],
};

function grantsCard({ emergencies, names, mayClose, mayReview, now }: EmergencyModel): Html {
  if (emergencies.length === 0)
    return card(
      "Emergency grants",
      empty(
        "lock",
        "None was ever opened",
        "Whatever asks for a person counts as vouched for while one is open, for one agent.",
      ),
    );
  return card(
    "Emergency grants",
    html`<ul class="plain stack">${emergencies.map(
      (grant) =>
        html`<li class="stack"><div class="row"><strong>${names.get(grant.agent) ?? grant.agent}</strong> ${code(grant.command)} ${badge(...STATES[grant.state])}</div><p class="small-text">${grant.reason}</p><p class="muted small-text">Opened by ${names.get(grant.openedBy) ?? grant.openedBy} ${relative(grant.openedAt, now)}, used ${grant.used} times, ${grant.closedAt === null ? html`good until ${time(grant.expiresAt)} UTC` : html`closed ${time(grant.closedAt)} UTC`}${grant.reviewedBy === null ? undefined : html`, reviewed by ${names.get(grant.reviewedBy) ?? grant.reviewedBy}`}.</p>${
          grant.state === "open" && mayClose
            ? html`<div><button type="button" class="button small" hx-post="${path`/emergency/grants/${grant.id}/closure`}" hx-target="#emergency" hx-swap="outerHTML">Close now</button></div>`
            : undefined
        }${grant.state === "review_due" && mayReview ? reviewForm(grant) : undefined}</li>`,
    )}</ul>`,
  );
}

function reviewForm({ id }: Emergency): Content {
  return html`<form data-ceremony="review" data-refresh="#emergency"><input type="hidden" name="emergency" value="${id}">${failure()}${textArea(`review-${id}`, { name: "comment", label: "What was found", required: true, rows: 2, maxLength: 2000 })}<div class="form-end">${submit("Sign the review", "plain")}</div></form>`;
}

function openForm({ agents }: EmergencyModel): Html {
  if (agents.length === 0)
    return card("Break glass", html`<p class="muted">There is no agent that could be let pass.</p>`);
  return card(
    "Break glass",
    html`<p class="muted small-text">For one agent, whatever would wait for a person passes. A review is due afterwards.</p><form data-ceremony="break-glass" data-refresh="#emergency">${failure()}${select(
      "glass",
      { name: "agent", label: "Agent", required: true, value: "" },
      agents.map((name) => [name, name]),
    )}${input("glass", { name: "command", label: "Commands below", isCode: true, maxLength: 512, placeholder: "/", hint: "all of them unless stated" })}${input("glass", { name: "minutes", label: "Minutes", type: "number", required: true, value: "15" })}${textArea("glass", { name: "reason", label: "Why", required: true, rows: 2, maxLength: 2000 })}<div class="form-end">${submit("Open with passkey", "danger")}</div></form>`,
  );
}
