import type { EventView } from "#src/audit/event-view.ts";
import { path, withQuery } from "./address.ts";
import { select, submit } from "./form.ts";
import { attribute, type Content, type Html, html } from "./html.ts";
import { REASON_WORDS } from "./overview.ts";
import {
  badge,
  card,
  code,
  copyable,
  empty,
  type Fact,
  facts,
  fold,
  notice,
  pageHead,
  shortCode,
  stateBadge,
  table,
  timeOf,
} from "./parts.ts";

/** What is searched for, as the form has it. */
export interface EventQuery {
  readonly type?: string;
  readonly agent?: string;
  readonly since?: string;
  readonly until?: string;
  readonly before?: string;
}

/** What the page of events shows. */
export interface EventsModel {
  readonly query: EventQuery;
  readonly events: readonly EventView[];
  readonly next: number | undefined;
  readonly error: string | undefined;
  /** What subjects are called, where that is known. */
  readonly names: ReadonlyMap<string, string>;
}

const TYPES: readonly (readonly [value: string, label: string])[] = [
  ["", "every type"],
  ["decision", "decisions"],
  ["decision.allowed", "decisions: allowed"],
  ["decision.denied", "decisions: denied"],
  ["decision.step_up", "decisions: sent to a person"],
  ["evaluation", "evaluations"],
  ["approval", "approvals"],
  ["call", "calls"],
  ["run", "runs"],
  ["policy", "policies"],
  ["agent", "agents"],
  ["key", "keys"],
  ["connection", "connections"],
  ["device", "devices"],
  ["checkpoint", "checkpoints"],
  ["person", "people"],
  ["passkey", "passkeys"],
  ["session", "sessions"],
  ["tenant", "settings"],
  ["request", "refused requests"],
];

/** The page of events. */
export function eventsPage(model: EventsModel): Html {
  const { query } = model;
  return html`${pageHead("Events", "Every decision and every change, in a chain that anyone can verify offline.", html`<a class="button" href="/checkpoints">Checkpoints</a><a class="button" href="/events/export" download>Export the evidence</a>`)}<section class="card"><form class="filters" method="get" action="/events" hx-get="/events/list" hx-target="#events" hx-swap="outerHTML" hx-trigger="submit, change" role="search" aria-label="Events">${select("events", { name: "type", label: "Type", required: true, value: query.type ?? "" }, withCurrent(query.type))}${agentField(query.agent)}${dateField("since", "From (UTC)", query.since)}${dateField("until", "Until (UTC)", query.until)}<div class="form-end">${submit("Search")}</div></form></section>${followBar()}${eventList(model)}`;
}

/** Says whether new events are drawn as they come, and lets one stop that; the page's script does both. */
function followBar(): Html {
  return html`<div class="row follow" data-follow><button type="button" class="button small" aria-pressed="true">Following</button><span class="muted small-text" role="status">New events show by themselves.</span></div>`;
}

function withCurrent(type: string | undefined): readonly (readonly [string, string])[] {
  return type === undefined || TYPES.some(([value]) => value === type) ? TYPES : [...TYPES, [type, type]];
}

function agentField(value: string | undefined): Html {
  return html`<div class="field"><label for="events-agent">Agent</label><input id="events-agent" name="agent" type="text" value="${value ?? ""}" placeholder="any" autocomplete="off"></div>`;
}

function dateField(name: string, label: string, value: string | undefined): Html {
  return html`<div class="field"><label for="${`events-${name}`}">${label}</label><input id="${`events-${name}`}" name="${name}" type="datetime-local" value="${value ?? ""}"></div>`;
}

/** What was found; the search and the page after it draw it anew. */
export function eventList({ query, events, next, error, names }: EventsModel): Html {
  const list =
    error !== undefined
      ? notice("bad", "That cannot be searched for", error)
      : events.length === 0
        ? empty(
            "events",
            "No event fits",
            "Try another type or a longer time.",
            html`<a class="button" href="/events">Show all</a>`,
          )
        : table(
            "Events",
            ["Event", "What", "By", "Time (UTC)", "Place"],
            events.map((event) => [
              html`<a href="${path`/events/${event.seq}`}">${event.type}</a>`,
              summary(event),
              names.get(event.actor) ?? (event.actor === "system" ? "Writ" : shortCode(event.actor, 16)),
              timeOf(event.at),
              event.seq,
            ]),
          );
  const { before: _before, ...rest } = query;
  // Older pages and spans that have ended do not change.
  const isOpen = error === undefined && rest.until === undefined && query.before === undefined;
  return html`<div id="events" class="stack"${attribute("data-follows", isOpen ? withQuery("/events/list", rest) : undefined)}${attribute("data-newest", events[0]?.seq ?? 0)}><section class="card" aria-label="Found events">${list}</section><div class="row">${query.before === undefined ? undefined : html`<a class="button" href="${withQuery("/events", rest)}">Newest</a>`}${next === undefined ? undefined : html`<a class="button" href="${withQuery("/events", { ...rest, before: next })}">Older events</a>`}</div></div>`;
}

/** One line that says what an event is about. */
function summary({ data, type }: EventView): Content {
  const text = (name: string): string | undefined =>
    typeof data[name] === "string" ? (data[name] as string) : undefined;
  const command = text("command");
  if (command !== undefined) {
    const resource = text("resource");
    const reasons = Array.isArray(data["reasons"]) ? (data["reasons"] as readonly unknown[]).map(String) : [];
    return html`${code(command)}${resource === undefined ? undefined : html` ${resource}`}${reasons.length === 0 ? undefined : html`<span class="sub">${reasons.map((reason) => REASON_WORDS.get(reason) ?? reason).join("; ")}</span>`}`;
  }
  const parts = ["name", "reason", "code", "message", "outcome", "status", "version"].flatMap((name) => {
    const value = data[name];
    return typeof value === "string" || typeof value === "number" ? [`${name} ${String(value).slice(0, 80)}`] : [];
  });
  return parts.length === 0 ? html`<span class="muted">${type.replace(/[._]/g, " ")}</span>` : parts.join(", ");
}

/** How an event is proven. */
export interface EventProof {
  readonly size: number;
  readonly index: number;
  readonly hashes: readonly string[];
  readonly root: string;
  readonly checkpoint: string | undefined;
}

/** What the page of one event shows. */
export interface EventModel {
  readonly event: EventView;
  readonly proof: EventProof | undefined;
  readonly names: ReadonlyMap<string, string>;
  readonly previous: number | undefined;
  readonly next: number | undefined;
  /** Whether the decision can be explained from here. */
  readonly decision: string | undefined;
}

/** One event with its proof. */
export function eventPage({ event, proof, names, previous, next, decision }: EventModel): Html {
  const outcome = typeof event.data["decision"] === "string" ? (event.data["decision"] as string) : undefined;
  return html`${pageHead(
    event.type,
    html`Event ${event.seq}, ${timeOf(event.at)} UTC ${outcome === undefined ? undefined : stateBadge(outcome)}`,
    html`${previous === undefined ? undefined : html`<a class="button" href="${path`/events/${previous}`}">Before</a>`}${next === undefined ? undefined : html`<a class="button" href="${path`/events/${next}`}">After</a>`}<a class="button" href="/events">All events</a>`,
  )}<div class="grid-side"><div class="stack-5">${reasonsCard(event, decision)}${card(
    "What it says",
    facts(
      Object.entries(event.data).map(
        ([name, value]): Fact => [name.replaceAll("_", " "), dataValue(name, value, event, names)],
      ),
    ),
  )}${fold("The whole event as JSON", html`<pre>${JSON.stringify(event, undefined, 2)}</pre>`)}</div><aside class="stack-5">${card(
    "Where it stands",
    facts([
      ["Place", `${event.seq}`],
      ["By", names.get(event.actor) ?? (event.actor === "system" ? "Writ itself" : code(event.actor))],
      ["Id", code(event.id)],
      ["Hash", html`<span class="digest">${event.hash}</span>`],
      ["Before it", html`<span class="digest">${event.prev}</span>`],
    ]),
  )}${proofCard(proof)}</aside></div>`;
}

function reasonsCard({ data }: EventView, decision: string | undefined): Content {
  const reasons = Array.isArray(data["reasons"]) ? (data["reasons"] as readonly unknown[]).map(String) : [];
  const policies = Array.isArray(data["policies"]) ? (data["policies"] as readonly unknown[]).map(String) : [];
  if (reasons.length === 0 && policies.length === 0) return undefined;
  return card(
    "Why",
    html`<ul class="plain stack">${reasons.map((reason) => html`<li>${REASON_WORDS.get(reason) ?? reason} <span class="muted small-text">${reason}</span></li>`)}</ul>${policies.length === 0 ? undefined : html`<p>Policies: ${policies.map((id) => html`${code(id)} `)}</p>`}`,
    decision === undefined
      ? undefined
      : html`<a class="button small" href="${withQuery("/policies/explain", { decision })}">Explain</a>`,
  );
}

function dataValue(name: string, value: unknown, event: EventView, names: ReadonlyMap<string, string>): Content {
  const state = event.personal[name];
  const mark =
    state === undefined ? undefined : state === "opened" ? badge("personal", "accent") : badge(state, "warn");
  if (typeof value === "string") {
    const known = names.get(value);
    const link = LINKS.get(name);
    const shown =
      known ?? (value.length > 60 && /^[0-9a-f]+$/.test(value) ? html`<span class="digest">${value}</span>` : value);
    return html`${link === undefined ? shown : html`<a href="${link(value)}">${shown}</a>`} ${mark}`;
  }
  if (typeof value === "number" || typeof value === "boolean") return html`${String(value)} ${mark}`;
  return html`<code>${JSON.stringify(value)}</code> ${mark}`;
}

/** Members that name something with a page of its own. */
const LINKS: ReadonlyMap<string, (value: string) => string> = new Map([
  ["agent", (value: string) => path`/agents/${value}`],
  ["approval", (value: string) => path`/approvals/${value}`],
  ["connection", (value: string) => path`/connections/${value}`],
  ["run", (value: string) => path`/runs/${value}`],
]);

function proofCard(proof: EventProof | undefined): Html {
  if (proof === undefined) {
    return card(
      "Proof",
      html`<p class="muted small-text">Export the evidence and run <code>writ verify</code> on it: the bundle proves every event in it without this server.</p>`,
    );
  }
  const { index, size, hashes, root, checkpoint } = proof;
  return card(
    "Proof",
    html`<p class="small-text">Inclusion at place ${index + 1} in the tree of ${size} events (RFC 6962)${
      checkpoint === undefined
        ? ". No checkpoint covers it yet: the next one does."
        : html`, which the <a href="/checkpoints">newest checkpoint</a> signs.`
    }</p>${fold("Audit path", html`<pre>${hashes.length === 0 ? "the event is the whole tree" : hashes.join("\n")}</pre>`)}<div><h3>Root</h3><p class="digest">${root}</p></div>${checkpoint === undefined ? undefined : fold("Signed checkpoint", html`<pre>${checkpoint}</pre>`)}${
      checkpoint === undefined
        ? undefined
        : html`<div><a class="button small" href="${withQuery("/events/export", { seq: index + 1 })}" download>Download the proof</a></div><p class="hint">A bundle of this event alone, with what <code>writ verify</code> needs to check it without this server.</p>`
    }${copyable(`writ audit prove ${index + 1}`, "Copy command")}`,
  );
}
