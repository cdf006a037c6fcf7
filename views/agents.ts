import type { Agent } from "#src/identity/agents.ts";
import type { TokenInfo } from "#src/identity/tokens.ts";
import type { TokenUseRow } from "#src/store/tokens.ts";
import { path, withQuery } from "./address.ts";
import { type FormState, formError, input, submit } from "./form.ts";
import { type Content, type Html, html } from "./html.ts";
import {
  badge,
  card,
  code,
  copyable,
  empty,
  facts,
  fold,
  notice,
  pageHead,
  relative,
  shortCode,
  stateBadge,
  table,
  time,
} from "./parts.ts";

/** What the list of agents shows. */
export interface AgentsModel {
  readonly agents: readonly Agent[];
  readonly next: string | undefined;
  readonly mayWrite: boolean;
  readonly now: number;
  readonly form: FormState;
  readonly said: Content;
}

/** The page of all agents. */
export function agentsPage(model: AgentsModel): Html {
  return html`${pageHead("Agents", "Each agent has a name that policies use, and keys that it signs in with. It never holds a credential of anything else.")}${agentsBody(model)}`;
}

/** The list with its form; a new agent draws it anew. */
export function agentsBody({ agents, next, mayWrite, now, form, said }: AgentsModel): Html {
  const list =
    agents.length === 0
      ? empty(
          "agents",
          "No agent yet",
          mayWrite ? "Name your first agent here; then give it a key." : "Whoever administers this tenant can add one.",
        )
      : html`${table(
          "Agents",
          ["Name", "Groups", "Key held by", "State", "Made"],
          agents.map((agent) => [
            html`<a href="${path`/agents/${agent.name}`}">${agent.name}</a>`,
            agent.groups.length === 0 ? html`<span class="muted">none</span>` : agent.groups.join(", "),
            agent.custody === "vault" ? "Writ" : "the agent itself",
            stateBadge(agent.status),
            relative(agent.createdAt, now),
          ]),
        )}${next === undefined ? undefined : html`<p><a href="${withQuery("/agents", { after: next })}">More agents</a></p>`}`;
  return html`<div id="agents" class="${mayWrite ? "grid-side" : "stack"}">${html`<div class="stack">${said}${card("All agents", list)}</div>`}${mayWrite ? newAgent(form) : undefined}</div>`;
}

function newAgent(form: FormState): Html {
  return html`<section class="card" id="new"><header class="card-head"><h2>Add an agent</h2></header><form hx-post="/agents" hx-target="#agents" hx-swap="outerHTML">${formError(form)}${input("agent", { name: "name", label: "Name", hint: 'as policies name it: Agent::"builder"', required: true, maxLength: 63, placeholder: "builder", isCode: true, value: form.values["name"] ?? "" })}${input("agent", { name: "groups", label: "Groups", hint: "separated by commas", placeholder: "ci, research", value: form.values["groups"] ?? "" })}<div class="form-end">${submit("Add agent")}</div></form></section>`;
}

/** What the page of one agent shows. */
export interface AgentModel {
  readonly agent: Agent;
  readonly keys: readonly { readonly info: TokenInfo; readonly lastUse: TokenUseRow | null }[];
  readonly mayWrite: boolean;
  readonly mayReadKeys: boolean;
  readonly mayWriteKeys: boolean;
  readonly now: number;
  /** A key's text, shown this once. */
  readonly issued: string | undefined;
  readonly form: FormState;
  readonly publicUrl: string;
}

/** One agent and its keys. */
export function agentPage(model: AgentModel): Html {
  return html`${pageHead(model.agent.name, "What it may do follows from the policies; here is who it is.", html`<a class="button" href="${withQuery("/events", { agent: model.agent.name })}">Its events</a><a class="button" href="/agents">All agents</a>`)}${agentBody(model)}`;
}

/** The part that its actions draw anew. */
export function agentBody(model: AgentModel): Html {
  const { agent, mayWrite, mayReadKeys, mayWriteKeys, form } = model;
  return html`<div id="agent" class="grid-side"><div class="stack-5">${model.issued === undefined ? undefined : issuedKey(model.issued, model.publicUrl)}${
    agent.status === "disabled"
      ? notice(
          "warn",
          "This agent is disabled",
          "Everything it asks for is refused, and what it was given before does not hold.",
        )
      : undefined
  }${mayReadKeys ? keysCard(model) : undefined}${mayWriteKeys ? newKey(agent, form) : undefined}</div><aside class="stack-5">${card(
    "Agent",
    html`${facts([
      ["State", stateBadge(agent.status)],
      ["Groups", agent.groups.length === 0 ? html`<span class="muted">none</span>` : agent.groups.join(", ")],
      ["In policies", code(`Agent::"${agent.name}"`)],
      ["Id", shortCode(agent.id, 22)],
      ["Identity", shortCode(agent.did, 24)],
      ["Key held by", agent.custody === "vault" ? "Writ" : "the agent itself"],
      ["Proof of possession", agent.requireProof ? "needed" : "not needed"],
      ["Made", time(agent.createdAt)],
    ])}`,
  )}${mayWrite ? manageCard(agent) : undefined}</aside></div>`;
}

function manageCard(agent: Agent): Html {
  const address = path`/agents/${agent.name}`;
  return card(
    "Manage",
    html`<form hx-post="${`${address}/groups`}" hx-target="#agent" hx-swap="outerHTML">${input("groups", { name: "groups", label: "Groups", hint: "separated by commas", value: agent.groups.join(", ") })}<div class="form-end">${submit("Save groups", "plain")}</div></form>${
      agent.status === "active"
        ? html`<div><button type="button" class="button danger" hx-post="${`${address}/disablement`}" hx-target="#agent" hx-swap="outerHTML" hx-confirm="${`Everything of ${agent.name} is refused from now on, and what runs is cut.`}">Disable agent</button></div>`
        : html`<div><button type="button" class="button primary" hx-post="${`${address}/enablement`}" hx-target="#agent" hx-swap="outerHTML">Enable agent</button></div>`
    }`,
  );
}

function issuedKey(text: string, publicUrl: string): Html {
  return html`<section class="card" aria-label="New key">${notice("accent", "Copy the key now", "It is shown this once. Writ keeps a hash of it and cannot show it again.")}${copyable(text, "Copy key")}${fold(
    "How the agent uses it",
    html`<div class="stack"><p>Through the proxy, an ordinary client needs another base address and this key as its token:</p><pre>${publicUrl}/v1/proxy/CONNECTION/…
Authorization: Bearer ${text.slice(0, 20)}…</pre></div>`,
  )}</section>`;
}

function keysCard({ agent, keys, mayWriteKeys, now }: AgentModel): Html {
  if (keys.length === 0)
    return card("Keys", empty("key", "No key yet", "Without a key the agent cannot ask for anything."));
  return card(
    "Keys",
    table(
      "Keys",
      ["Key", "Environment", "Last use", "State", ""],
      keys.map(({ info, lastUse }) => [
        html`<span>${info.name === "" ? html`<span class="muted">unnamed</span>` : info.name}</span><span class="sub">${shortCode(info.id, 20)}</span>`,
        info.environment,
        lastUse === null
          ? html`<span class="muted">never</span>`
          : html`${relative(lastUse.lastAt, now)}<span class="sub">${lastUse.lastCommand ?? ""} ${lastUse.lastOutcome ?? ""} from ${lastUse.lastSource ?? "unknown"}</span>`,
        keyState(info, now),
        info.revokedAt === null && mayWriteKeys
          ? html`<div class="row"><button type="button" class="button small" hx-post="${path`/agents/${agent.name}/keys/${info.id}/rotation`}" hx-target="#agent" hx-swap="outerHTML" hx-confirm="A new key is issued and this one is revoked at once.">Rotate</button><button type="button" class="button small danger" hx-post="${path`/agents/${agent.name}/keys/${info.id}/revocation`}" hx-target="#agent" hx-swap="outerHTML" hx-confirm="The key is refused from the very next request on.">Revoke</button></div>`
          : undefined,
      ]),
    ),
  );
}

function keyState({ revokedAt, expiresAt }: TokenInfo, now: number): Html {
  if (revokedAt !== null) return badge("revoked", "bad");
  if (expiresAt !== null && expiresAt <= now) return badge("expired");
  return expiresAt === null
    ? badge("active", "ok")
    : html`${badge("active", "ok")}<span class="sub">until ${time(expiresAt)}</span>`;
}

function newKey(agent: Agent, form: FormState): Html {
  return card(
    "Issue a key",
    html`<form hx-post="${path`/agents/${agent.name}/keys`}" hx-target="#agent" hx-swap="outerHTML">${formError(form)}<div class="form-row">${input("key", { name: "name", label: "Name", maxLength: 63, placeholder: "ci runner", value: form.values["name"] ?? "" })}${input("key", { name: "environment", label: "Environment", maxLength: 63, hint: "live unless stated", value: form.values["environment"] ?? "" })}</div><div class="form-row">${input("key", { name: "days", label: "Good for days", type: "number", hint: "without end unless stated", value: form.values["days"] ?? "" })}${input("key", { name: "sources", label: "From addresses", hint: "ranges such as 10.0.0.0/8, separated by commas", value: form.values["sources"] ?? "" })}</div><div class="form-end">${submit("Issue key")}</div></form>`,
  );
}
