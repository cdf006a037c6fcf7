import type { Run } from "#src/runs/run.ts";
import type { TimelineEntry } from "#src/runs/timeline.ts";
import type { RunState } from "#src/store/runs.ts";
import { path, withQuery } from "./address.ts";
import { attribute, type Content, type Html, html } from "./html.ts";
import {
  badge,
  card,
  code,
  empty,
  type Fact,
  facts,
  fold,
  pageHead,
  relative,
  shortCode,
  stateBadge,
  table,
  time,
} from "./parts.ts";

/** The states that lists are of. */
export const RUN_STATES = [
  "active",
  "paused",
  "pending",
  "completed",
  "failed",
  "cancelled",
] as const satisfies readonly RunState[];

/** What the page of runs shows. */
export interface RunsModel {
  readonly runs: readonly Run[];
  /** Undefined: every state. */
  readonly state: RunState | undefined;
  /** Where the next page begins. */
  readonly next: string | undefined;
  /** What agents, devices and people are called. */
  readonly names: ReadonlyMap<string, string>;
  readonly now: number;
}

/** The page of runs. */
export function runsPage({ runs, state, next, names, now }: RunsModel): Html {
  const tabs = [undefined, ...RUN_STATES];
  return html`${pageHead("Runs", "What agents did in one go: which calls, on which machine, by which way, and who said yes.")}<nav class="tabs" aria-label="State">${tabs.map(
    (name) =>
      html`<a href="${withQuery("/runs", { state: name })}"${attribute("aria-current", name === state ? "page" : undefined)}>${name === undefined ? "All" : capital(name)}</a>`,
  )}</nav><section class="card" aria-label="Runs">${
    runs.length === 0
      ? empty(
          "runs",
          state === undefined ? "No run yet" : `No run is ${state}`,
          "An agent opens a run before it works, and sends a receipt of each thing that it did.",
        )
      : table(
          "Runs",
          ["Run", "Agent", "State", "Calls", "Began (UTC)", "Took"],
          runs.map((run) => [
            html`<a href="${path`/runs/${run.id}`}">${run.workItem === null ? shortCode(run.id, 20) : runTitle(run)}</a>${run.workItem === null ? undefined : html`<span class="sub">${shortCode(run.id, 20)}</span>`}`,
            html`${names.get(run.agent) ?? shortCode(run.agent, 16)}${run.device === null ? undefined : html`<span class="sub">on ${names.get(run.device) ?? shortCode(run.device, 16)}</span>`}`,
            stateBadge(run.state),
            run.calls,
            time(run.startedAt ?? run.createdAt),
            took(run, now),
          ]),
        )
  }</section>${next === undefined ? undefined : html`<div><a class="button" href="${withQuery("/runs", { state, before: next })}">Older runs</a></div>`}`;
}

/** What the page of one run shows. */
export interface RunModel {
  readonly run: Run;
  readonly children: readonly Run[];
  readonly steps: readonly TimelineEntry[];
  readonly next: string | undefined;
  /** Where this part of the timeline begins; undefined at the beginning. */
  readonly after: string | undefined;
  readonly names: ReadonlyMap<string, string>;
  readonly mayStop: boolean;
  readonly now: number;
}

const MAX_TITLE = 100;

/** What a run is called: the beginning of what it is for, on one line. */
export function runTitle({ workItem }: Run): string {
  if (workItem === null) return "Run";
  const line = workItem.replace(/\s+/g, " ").trim();
  return line.length <= MAX_TITLE ? line : `${line.slice(0, MAX_TITLE).toWellFormed()}…`;
}

/** One run as a timeline. */
export function runPage(model: RunModel): Html {
  const { run, now } = model;
  return html`${pageHead(
    runTitle(run),
    html`${shortCode(run.id, 30)}, opened ${relative(run.createdAt, now)}`,
    html`<a class="button" href="/runs">All runs</a>`,
  )}${runBody(model)}`;
}

/** The part that its actions draw anew. */
export function runBody(model: RunModel): Html {
  const { run, children, names, now } = model;
  return html`<div id="run" class="grid-side"><div class="stack-5">${timelineCard(model)}${
    children.length === 0
      ? undefined
      : card(
          "Runs below it",
          table(
            "Runs below it",
            ["Run", "Agent", "State", "Calls"],
            children.map((child) => [
              html`<a href="${path`/runs/${child.id}`}">${child.workItem === null ? shortCode(child.id, 20) : runTitle(child)}</a>`,
              names.get(child.agent) ?? shortCode(child.agent, 16),
              stateBadge(child.state),
              child.calls,
            ]),
          ),
        )
  }</div><aside class="stack-5">${card("Who and where", facts(whoFacts(model)))}${card("So far", facts(usageFacts(run, now)))}${controls(model)}</aside></div>`;
}

function whoFacts({ run, names }: RunModel): readonly (Fact | false)[] {
  const { route } = run;
  return [
    run.workItem !== null && ["What it is for", html`<span class="verbatim">${run.workItem}</span>`],
    ["Agent", html`<a href="${path`/agents/${run.agent}`}">${names.get(run.agent) ?? run.agent}</a>`],
    [
      "Machine",
      run.device === null
        ? html`<span class="muted">not a paired one</span>`
        : (names.get(run.device) ?? code(run.device)),
    ],
    run.person !== null && ["Person behind it", names.get(run.person) ?? code(run.person)],
    run.parent !== null && ["Opened by", html`<a href="${path`/runs/${run.parent}`}">${shortCode(run.parent, 20)}</a>`],
    route.cli !== undefined && ["Program", `${route.cli}${route.version === undefined ? "" : ` ${route.version}`}`],
    route.authLane !== undefined && ["Signs in by", route.authLane.replaceAll("_", " ")],
    route.costLane !== undefined && ["Paid by", route.costLane.replaceAll("_", " ")],
    run.level !== null && [
      "Held",
      html`${badge(run.level, run.level === "contained" ? "ok" : "warn")} <span class="muted small-text">${run.level === "contained" ? "it cannot go around Writ" : "it could go around Writ"}</span>`,
    ],
  ];
}

function usageFacts(run: Run, now: number): readonly (Fact | false)[] {
  const { limits } = run;
  return [
    ["State", stateBadge(run.state)],
    ["Calls", of(run.calls, limits.maxCalls)],
    ["Cost", of(run.cost, limits.maxCost)],
    ["Receipts", `${run.receipts}`],
    limits.until !== null && ["At most until", time(limits.until)],
    run.startedAt !== null && ["Began", time(run.startedAt)],
    run.endedAt !== null && ["Ended", time(run.endedAt)],
    ["Took", took(run, now)],
  ];
}

function of(count: number, limit: number | null): string {
  return limit === null ? `${count}` : `${count} of ${limit}`;
}

function controls({ run, mayStop }: RunModel): Content {
  if (!mayStop || run.endedAt !== null) return undefined;
  const button = (action: string, label: string, confirm: string, tone = ""): Html =>
    html`<button type="button" class="button ${tone === "danger" ? "danger" : "plain"}" hx-post="${path`/runs/${run.id}/${action}`}" hx-target="#run" hx-swap="outerHTML" hx-confirm="${confirm}">${label}</button>`;
  return card(
    "Hold it",
    html`<div class="row">${
      run.state === "paused"
        ? button("resumption", "Let it go on", "It may ask again from now on.")
        : button("pause", "Pause", "Nothing is granted in it and below it, and its calls are cut, until it goes on.")
    }${button("cancellation", "Cancel", "It ends for good, with all runs below it, and its calls are cut.", "danger")}</div>`,
  );
}

function timelineCard({ run, steps, next, after, names }: RunModel): Html {
  return card(
    "Timeline",
    html`${
      steps.length === 0
        ? empty("clock", "Nothing happened yet", "Decisions and receipts stand here in the order in which they came.")
        : html`<ol class="plain timeline">${steps.map((step) => html`<li>${stepLine(step, names)}</li>`)}</ol>`
    }${
      after === undefined && next === undefined
        ? undefined
        : html`<div class="row">${after === undefined ? undefined : html`<a class="button small" href="${path`/runs/${run.id}`}">From the beginning</a>`}${next === undefined ? undefined : html`<a class="button small" href="${withQuery(path`/runs/${run.id}`, { after: next })}">What came next</a>`}</div>`
    }`,
  );
}

function stepLine({ at, decision, receipt }: TimelineEntry, names: ReadonlyMap<string, string>): Html {
  const what =
    receipt === null
      ? decision === null
        ? undefined
        : html`<p>${stateBadge(decision.decision)} asked for ${code(decision.command)} ${stateBadge(decision.tier)}${decision.connection === null ? undefined : html` through ${decision.connection}`}</p>`
      : receiptLine(receipt, decision);
  const approval = receipt?.approval ?? decision?.approval ?? null;
  const by = decision?.approvedBy ?? null;
  const links = html`<p class="sub">${decision === null ? undefined : html`<a href="${path`/events/${decision.id}`}">the decision</a>`}${
    approval === null
      ? undefined
      : html` · <a href="${path`/approvals/${approval}`}">approval</a>${by === null ? undefined : html` by ${names.get(by) ?? shortCode(by, 16)}`}`
  }</p>`;
  return html`<div class="step-at">${time(at)}</div><div class="step-what">${what}${links}</div>`;
}

function receiptLine(receipt: NonNullable<TimelineEntry["receipt"]>, decision: TimelineEntry["decision"]): Html {
  const { details } = receipt;
  const tool = typeof details?.["tool"] === "string" ? details["tool"] : undefined;
  return html`<p>${receipt.success ? badge("done", "ok") : badge("failed", "bad")} ${
    details === undefined ? html`<span class="muted">erased</span>` : tool === undefined ? "something" : code(tool)
  }${decision === null ? undefined : html` for ${code(decision.command)}`} ${stateBadge(receipt.tier)} <span class="muted small-text">${duration(receipt.durationMs)}</span></p>${
    details === undefined
      ? undefined
      : fold("What it says of itself", html`<pre>${JSON.stringify(details, undefined, 2)}</pre>`)
  }`;
}

function took(run: Run, now: number): string {
  const from = run.startedAt ?? undefined;
  return from === undefined ? "not begun" : duration((run.endedAt ?? now) - from);
}

function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${milliseconds} ms`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
