import { toRfc3339 } from "#src/base/clock.ts";
import type { Approval, ApprovalDetails } from "#src/consent/approval.ts";
import { path, withQuery } from "./address.ts";
import { checkbox, input, select, textArea } from "./form.ts";
import { attribute, type Content, type Html, html } from "./html.ts";
import { bytes } from "./overview.ts";
import {
  badge,
  card,
  code,
  empty,
  type Fact,
  facts,
  failure,
  fold,
  notice,
  pageHead,
  relative,
  shortCode,
  stateBadge,
  time,
} from "./parts.ts";

/** One approval in a list. */
export interface ApprovalEntry {
  readonly approval: Approval;
  readonly agentName: string;
  readonly resource: { readonly type: string; readonly id: string };
  readonly connection: string | undefined;
}

/** The states that lists are of. */
export const APPROVAL_STATES = ["pending", "approved", "used", "denied", "expired", "revoked"] as const;

/** The page with the queue and what came of earlier requests. */
export function approvalsPage(entries: readonly ApprovalEntry[], state: string, now: number): Html {
  return html`${pageHead("Approvals", "Calls that a policy sends to a person. Your passkey signs exactly the call that you see, and nothing else.")}<nav class="tabs" aria-label="State">${APPROVAL_STATES.map(
    (name) =>
      html`<a href="${withQuery("/approvals", { state: name === "pending" ? undefined : name })}"${attribute("aria-current", name === state ? "page" : undefined)}>${name === "pending" ? "Waiting" : capital(name)}</a>`,
  )}</nav>${approvalQueue(entries, state, now)}`;
}

/** The list; the live stream draws it anew. */
export function approvalQueue(entries: readonly ApprovalEntry[], state: string, now: number): Html {
  const list =
    entries.length > 0
      ? html`<ul class="plain queue">${entries.map((entry) => html`<li>${askLine(entry, now)}</li>`)}</ul>`
      : html`<div class="card">${
          state === "pending"
            ? empty(
                "approvals",
                "Nothing waits for you",
                "When a policy asks for a person, the call appears here at once. Leave this page open, or come back when you are told.",
              )
            : empty("approvals", `No approval is ${state}`, "What became of requests is kept here.")
        }</div>`;
  return html`<div id="queue" data-live data-address="${withQuery("/approvals/queue", { state })}" data-stream="/v1/admin/approvals/stream">${list}</div>`;
}

/** One request as a link to all of it. */
export function askLine({ approval, agentName, resource, connection }: ApprovalEntry, now: number): Html {
  const isOpen = approval.state === "pending";
  return html`<a class="ask ${approval.tier === "danger" ? "danger" : "other"}" href="${path`/approvals/${approval.id}`}"><div><p class="ask-title">${agentName} asks for <code>${approval.command}</code></p><p class="ask-sub">${resource.type} <code>${resource.id}</code>${connection === undefined ? undefined : html` through ${connection}`}</p></div><div class="ask-side"><span class="row">${stateBadge(approval.tier)}${isOpen ? undefined : stateBadge(approval.state)}</span>${
    isOpen
      ? html`<span>expires in <span data-expires="${toRfc3339(approval.expiresAt)}">${remaining(approval.expiresAt, now)}</span></span>`
      : relative(approval.decidedAt ?? approval.requestedAt, now)
  }</div></a>`;
}

/** What the page of one approval shows. */
export interface ApprovalModel {
  readonly approval: Approval;
  readonly details: ApprovalDetails;
  /** The body that was redacted for secrets; undefined where there is none. */
  readonly body: { readonly text: string; readonly isText: boolean; readonly redactions: number } | undefined;
  /** Earlier requests of this agent by what became of them. */
  readonly history: readonly (readonly [outcome: string, count: number])[];
  /** The agent as it is now; undefined where it is gone or whoever looks may not see it. */
  readonly agent:
    | { readonly createdAt: number; readonly groups: readonly string[]; readonly status: string }
    | undefined;
  /** Who decided, by name. */
  readonly decidedBy: string | undefined;
  readonly now: number;
  readonly mayDecide: boolean;
  readonly mayRevoke: boolean;
}

/** A body longer than this is folded; all of it is there. */
const FOLD_CHARACTERS = 1200;

/** One approval, with everything that whoever decides it has to know. */
export function approvalPage(model: ApprovalModel): Html {
  const { approval, details } = model;
  return html`${pageHead(
    `${details.agentName} asks for ${approval.command}`,
    html`${stateBadge(approval.tier)} asked ${relative(approval.requestedAt, model.now)}`,
    html`<a class="button" href="/approvals">All approvals</a>`,
  )}${approvalBody(model)}`;
}

/** The part that changes when it is decided. */
export function approvalBody(model: ApprovalModel): Html {
  const { approval } = model;
  return html`<div id="approval" class="grid-side" data-live data-stream="/v1/admin/approvals/stream" data-address="${path`/approvals/${approval.id}/body`}"><div class="stack-5">${callCard(model)}${claimsCard(model)}${whyCard(model)}</div><aside class="stack-5">${
    approval.state === "pending" ? decideCard(model) : outcomeCard(model)
  }${agentCard(model)}</aside></div>`;
}

function callCard({ approval, details, body }: ApprovalModel): Html {
  const { call, connection, resource } = details;
  const headers = call?.headers ?? [];
  return card(
    "The call",
    html`${
      call === null
        ? notice(
            "warn",
            "No call was given",
            "The approval is for the command on the resource below, whatever call the agent makes of it.",
          )
        : html`<p class="request-line"><b>${call.method}</b> ${connection?.origin ?? ""}${call.path}${call.query === "" ? undefined : `?${call.query}`}</p>`
    }${facts([
      ["Command", code(approval.command)],
      ["Resource", html`${resource.type} ${code(resource.id)}`],
      connection === null
        ? undefined
        : [
            "Connection",
            html`<a href="${path`/connections/${connection.name}`}">${connection.name}</a> <span class="muted">${connection.origin}</span>`,
          ],
      details.run !== undefined && [
        "Run",
        html`<a href="${path`/runs/${details.run}`}">${shortCode(details.run, 22)}</a>`,
      ],
      ...Object.entries(details.attributes).map(([name, value]): Fact => [name, value]),
    ])}${headers.length === 0 ? undefined : fold(`Headers (${headers.length})`, html`<div class="headers">${headers.map(([name, value]) => html`<div>${name}: ${value}</div>`)}</div>`)}${call === null ? undefined : bodyPart(call.bodyBytes, body)}<div><h3>Digest of this call</h3><p class="digest">${approval.callDigest}</p><p class="hint">Your passkey signs this digest. Another address, resource, body or agent has another one.</p></div>`,
  );
}

/** What a yes is to, once somebody said it: the first fixes it for all. */
function grantText({ grant, grantEndsAt, command }: Approval, { resource }: ApprovalDetails): string {
  const uses = grant?.uses === null ? "any number of uses" : `${grant?.uses} use${grant?.uses === 1 ? "" : "s"}`;
  const what = grant?.scope === "resource" ? `any ${command} on ${resource.id}` : "exactly this call";
  const where = grant?.run === undefined ? "" : `, in the run ${grant.run}`;
  return `${uses} of ${what}${where}, until ${grantEndsAt === null ? "it ends" : toRfc3339(grantEndsAt)}`;
}

function bodyPart(size: number, body: ApprovalModel["body"]): Html {
  if (size === 0) return html`<p class="muted">The call has no body.</p>`;
  if (body === undefined)
    return html`<p class="muted">The body of ${bytes(size)} is no longer kept: it is removed once the request is closed.</p>`;
  const note =
    body.redactions === 0
      ? undefined
      : notice(
          "warn",
          `${body.redactions} secrets in the body are hidden from you`,
          "What is sent is the body as the agent gave it.",
        );
  const shown = body.isText
    ? html`<pre>${body.text}</pre>`
    : html`<p class="muted">The body is no text; this is its base64 form.</p><pre>${body.text}</pre>`;
  const title = `Body, ${bytes(size)}, whole`;
  return html`${note}${body.text.length > FOLD_CHARACTERS ? fold(`${title}: show it`, shown) : html`<div class="stack"><h3>${title}</h3>${shown}</div>`}`;
}

/** What the agent says of its call: its word, set apart from what Writ derived from the call itself. */
function claimsCard({ details }: ApprovalModel): Html {
  const { purpose, ...claims } = claimsOf(details);
  const others = Object.entries(claims);
  return card(
    "What the agent says",
    html`${
      purpose === undefined
        ? html`<p class="muted">It states no purpose.</p>`
        : html`<div><h3>Purpose</h3><blockquote class="claim"><p>${claimText(purpose)}</p></blockquote></div>`
    }${others.length === 0 ? undefined : facts(others.map(([name, value]): Fact => [name, claimText(value)]))}`,
    badge("its word, not checked", "warn"),
  );
}

function claimsOf({ claimed }: ApprovalDetails): Readonly<Record<string, unknown>> {
  return typeof claimed === "object" && claimed !== null && !Array.isArray(claimed) ? { ...claimed } : {};
}

function claimText(value: unknown): Html {
  return typeof value === "string" ? html`<span class="verbatim">${value}</span>` : code(JSON.stringify(value));
}

function whyCard({ approval, details }: ApprovalModel): Html {
  const { terms } = approval;
  return card(
    "Why you are asked",
    facts([
      [
        "Policies",
        details.askedBy.length === 0
          ? "nothing permits this without a person"
          : html`<span class="row">${details.askedBy.map((id) => code(id))}</span>`,
      ],
      [
        "Policy version",
        html`<a href="${path`/policies/versions/${approval.policyVersion}`}">${approval.policyVersion}</a>`,
      ],
      terms.quorum > 1 && ["Needed", `${terms.quorum} people, ${approval.votes} said yes`],
      terms.approvers.length > 0 && ["Who may", terms.approvers.map((groups) => groups.join(" or ")).join(", and ")],
    ]),
  );
}

function agentCard({ approval, details, history, agent, now }: ApprovalModel): Html {
  return card(
    "Who asks",
    html`${facts([
      ["Agent", html`<a href="${path`/agents/${approval.agent}`}">${details.agentName}</a>`],
      agent !== undefined && ["Here since", relative(agent.createdAt, now)],
      agent !== undefined && agent.groups.length > 0 && ["Groups", agent.groups.join(", ")],
      agent !== undefined && agent.status !== "active" && ["State", stateBadge(agent.status)],
      [
        "Asked a person before",
        history.length === 0 ? "never" : history.map(([outcome, count]) => `${count} ${outcome}`).join(", "),
      ],
    ])}<p class="small-text"><a href="${withQuery("/events", { agent: details.agentName, type: "decision" })}">Everything it asked for</a></p>`,
  );
}

function decideCard({ approval, details, mayDecide, mayRevoke, now }: ApprovalModel): Html {
  const { terms } = approval;
  const expires = html`<p>Expires in <strong data-expires="${toRfc3339(approval.expiresAt)}">${remaining(approval.expiresAt, now)}</strong></p>`;
  if (!mayDecide)
    return card(
      "Decision",
      html`${expires}<p class="muted">Your roles do not include deciding. An approver or an owner can.</p>`,
    );
  const bounds = terms.grants;
  const what = approval.boundTo === "call" ? "exactly this call" : `any ${approval.command} on ${details.resource.id}`;
  const choices: (readonly [string, string])[] = [["once", `once, ${what}`]];
  if (bounds.uses > 1) choices.push(["uses", `several times, at most ${bounds.uses}`]);
  if (bounds.seconds !== null) choices.push(["minutes", `for a while, at most ${Math.floor(bounds.seconds / 60)} min`]);
  if (bounds.run === true && details.run !== undefined)
    choices.push(["run", `in the run ${details.run}, a day at most`]);
  if (bounds.run === true && details.run !== undefined) choices.push(["run", "all of this run, and of what it starts"]);
  return card(
    "Decision",
    html`${expires}<form data-ceremony="decide" data-refresh="#approval"><input type="hidden" name="approval" value="${approval.id}">${
      approval.grant !== null
        ? html`<p class="muted small-text">Your yes is to what was said yes to before: ${grantText(approval, details)}.</p><input type="hidden" name="grant" value="once">`
        : choices.length === 1
          ? html`<p class="muted small-text">Your yes is good for one use of ${what}. The policies allow no more.</p><input type="hidden" name="grant" value="once">`
          : html`${select("decide", { name: "grant", label: "Good for", required: true, value: "once" }, choices)}<div class="form-row">${bounds.uses > 1 ? input("decide", { name: "uses", label: "Times", type: "number", value: "2" }) : undefined}${bounds.seconds === null ? undefined : input("decide", { name: "minutes", label: "Minutes", type: "number", value: "15" })}</div>`
    }${approval.grant === null && bounds.resource && approval.boundTo === "call" ? checkbox("decide", { name: "scope", value: "resource", label: `any ${approval.command} on ${details.resource.id}`, hint: "not this call alone" }) : undefined}${textArea(
      "decide",
      {
        name: "comment",
        label: "Comment",
        rows: 2,
        maxLength: 2000,
        ...(terms.comment
          ? { required: true, hint: "the policies ask for one" }
          : { hint: "kept with the decision, sealed" }),
      },
    )}${failure()}<div class="form-end"><button type="submit" class="button primary large" name="verdict" value="approve">Approve with passkey</button><button type="submit" class="button danger large" name="verdict" value="deny">Deny</button></div></form>${mayRevoke ? revokeButton(approval, "Close the request") : undefined}`,
  );
}

function outcomeCard({ approval, decidedBy, mayRevoke }: ApprovalModel): Html {
  return card(
    "Decision",
    html`${facts([
      ["State", stateBadge(approval.state)],
      decidedBy !== undefined && ["By", decidedBy],
      approval.decidedAt !== null && ["At", time(approval.decidedAt)],
      approval.state === "approved" && ["Left", approval.remaining === null ? "any number" : `${approval.remaining}`],
      approval.grant?.run !== undefined && ["For the run", shortCode(approval.grant.run, 22)],
      approval.used > 0 && ["Used", `${approval.used}`],
      approval.state === "approved" && ["Until", time(approval.expiresAt)],
      approval.cosigner !== null && ["Cosigner", shortCode(approval.cosigner, 22)],
    ])}<p><a href="${withQuery("/events", { agent: approval.agent, type: "approval" })}">Its events</a></p>${approval.state === "approved" && mayRevoke ? revokeButton(approval, "Revoke") : undefined}`,
  );
}

function revokeButton({ id }: Approval, label: string): Content {
  return html`<div><button type="button" class="button small" hx-post="${path`/approvals/${id}/revocation`}" hx-target="#approval" hx-swap="outerHTML" hx-confirm="Nothing is released under it from now on.">${label}</button></div>`;
}

function remaining(expiresAt: number, now: number): string {
  const seconds = Math.max(0, Math.round((expiresAt - now) / 1000));
  if (seconds >= 3600) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
