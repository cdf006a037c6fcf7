import { type ChainState, type Figures, MAX_DAYS } from "#src/audit/overview.ts";
import { withQuery } from "./address.ts";
import { decisionChart, outcomeMeter } from "./chart.ts";
import { type Content, type Html, html } from "./html.ts";
import { icon } from "./icons.ts";
import { card, empty, facts, pageHead, relative, shortCode } from "./parts.ts";

/** Something to do before agents can work, and whether it is done. */
export interface FirstStep {
  readonly title: string;
  readonly body: string;
  readonly path: string;
  readonly isDone: boolean;
}

/** What the overview shows. */
export interface OverviewModel {
  readonly now: number;
  readonly days: number;
  readonly figures: Figures;
  readonly chain: ChainState | undefined;
  readonly activeAgents: number;
  readonly agentNames: ReadonlyMap<string, string>;
  readonly pending: Content;
  readonly pendingCount: number;
  /** Empty once all is done. */
  readonly steps: readonly FirstStep[];
  /** Facts that other parts add: the archive, checkpoints. */
  readonly chainFacts: readonly (readonly [name: string, value: Content])[];
}

const RANGES: readonly (readonly [days: number, label: string])[] = [
  [1, "24 hours"],
  [7, "7 days"],
  [MAX_DAYS, `${MAX_DAYS} days`],
];

/** The overview as a page's content. */
export function overviewPage(model: OverviewModel): Html {
  return html`${pageHead("Overview", "What your agents asked for, and what became of it.")}${
    model.steps.length > 0 ? firstSteps(model.steps) : undefined
  }${overviewFigures(model)}`;
}

/** The part that changes with time; it draws itself anew while older events are still being counted. */
export function overviewFigures(model: OverviewModel): Html {
  const { figures, days, now, chain } = model;
  const total = figures.totals.allow + figures.totals.deny + figures.totals.step_up;
  const span = RANGES.find(([range]) => range === days)?.[1] ?? `${days} days`;
  const body = html`<div class="tiles">${tile("Waiting for a person", model.pendingCount, model.pendingCount === 0 ? "nothing to decide" : "open the queue", "/approvals", model.pendingCount > 0 ? "warn" : "")}${tile("Allowed", figures.totals.allow, share(figures.totals.allow, total), "/events?type=decision.allowed", "")}${tile("Denied", figures.totals.deny, share(figures.totals.deny, total), "/events?type=decision.denied", "")}${tile("Active agents", model.activeAgents, `${figures.totals.step_up} sent to a person`, "/agents", "")}</div>${card(
    "Decisions",
    total === 0
      ? empty(
          "overview",
          figures.isComplete ? "No decision in this time" : "Counting…",
          figures.isComplete
            ? "Once an agent asks for something, what was decided shows here."
            : "Older events are being gone through.",
        )
      : decisionChart(figures.buckets, figures.bucketMs),
    html`<div class="segmented" role="group" aria-label="Time">${RANGES.map(([range, label]) =>
      range === days
        ? html`<a href="${withQuery("/", { days: range })}" aria-current="true">${label}</a>`
        : html`<a href="${withQuery("/", { days: range })}">${label}</a>`,
    )}</div>`,
  )}<div class="grid-2">${card("By tier", tiers(figures))}${card("Most denied", denials(model), html`<span class="muted small-text">${span}</span>`)}</div><div class="grid-2">${card("Waiting for a person", model.pending)}${card(
    "The chain",
    chain === undefined
      ? empty("chain", "No event yet", "Every decision and every change becomes an event here.")
      : facts([
          ["Events", html`<a href="/events">${format(chain.size)}</a>`],
          ["Newest", relative(chain.at, now)],
          ["Head", shortCode(chain.hash, 24)],
          ["Root", shortCode(chain.root, 24)],
          ["Stored", bytes(chain.storedBytes)],
          ...model.chainFacts,
        ]),
  )}</div>`;
  const address = withQuery("/overview/figures", { days });
  return figures.isComplete
    ? html`<div id="figures" class="stack-5" data-live data-address="${address}" data-stream="/v1/admin/approvals/stream">${body}</div>`
    : html`<div id="figures" class="stack-5" hx-get="${address}" hx-trigger="load delay:600ms" hx-swap="outerHTML">${body}</div>`;
}

function firstSteps(steps: readonly FirstStep[]): Html {
  return card(
    "Get started",
    html`<ol class="steps">${steps.map(
      ({ title, body, path, isDone }, index) =>
        html`<li class="${isDone ? "done" : "open"}"><span class="dot">${isDone ? html`${icon("check")}<span class="visually-hidden">done: </span>` : index + 1}</span><div><p class="step-title">${title}</p><p class="muted small-text">${body}</p></div>${
          isDone
            ? undefined
            : html`<a class="button small" href="${path}">Do this<span class="visually-hidden">: ${title}</span></a>`
        }</li>`,
    )}</ol>`,
  );
}

function tile(name: string, value: number, note: string, path: string, tone: "" | "warn"): Html {
  return html`<a class="tile ${tone}" href="${path}"><span class="tile-name">${name}</span><span class="tile-value">${format(value)}</span><span class="tile-note">${note}</span></a>`;
}

function tiers({ tiers: byTier }: Figures): Content {
  const shown = ["read", "write", "danger"].flatMap((tier) => {
    const counts = byTier.get(tier);
    return counts === undefined ? [] : [{ tier, counts, total: counts.allow + counts.deny + counts.step_up }];
  });
  if (shown.length === 0)
    return html`<p class="muted">Commands are read, write or danger. None was asked for in this time.</p>`;
  return html`<ul class="plain bars">${shown.map(
    ({ tier, counts, total }) =>
      html`<li><div class="row"><span>${tier}</span><span>${format(total)}</span></div>${outcomeMeter(counts)}<span class="muted small-text">${format(counts.allow)} allowed, ${format(counts.step_up)} to a person, ${format(counts.deny)} denied</span></li>`,
  )}</ul>`;
}

function denials({ figures, agentNames }: OverviewModel): Content {
  if (figures.denials.length === 0) return html`<p class="muted">Nothing was denied in this time.</p>`;
  return html`<ul class="plain bars">${figures.denials.map(({ reason, command, agent, policy, count }) => {
    const name = agentNames.get(agent) ?? agent;
    return html`<li><div class="row"><span><code>${command}</code></span><span>${format(count)}</span></div><span class="muted small-text">${REASON_WORDS.get(reason) ?? reason}${policy === undefined ? undefined : html`: policy <code>${policy}</code>`} · <a href="${withQuery("/events", { type: "decision.denied", agent: name })}">${name}</a></span></li>`;
  })}</ul>`;
}

/** Codes of reasons in words, short enough for a line. */
export const REASON_WORDS: ReadonlyMap<string, string> = new Map([
  ["permitted", "a policy permits it"],
  ["approved", "a person approved it"],
  ["cosigner_needed", "a policy asks for a person"],
  ["person_needed", "nothing permits it without a person"],
  ["forbidden_by_policy", "a policy forbids it"],
  ["no_permit", "no policy permits it"],
  ["no_policies", "there are no policies yet"],
  ["policy_error", "a policy could not be evaluated"],
  ["connection_disabled", "the connection is disabled"],
  ["route_refused", "the connector refuses this route"],
  ["too_many_pending", "too many requests wait already"],
  ["too_costly", "it meets too many policies"],
]);

function share(count: number, total: number): string {
  return total === 0 ? "of none" : `${Math.round((count / total) * 1000) / 10}% of ${format(total)}`;
}

/** A count with thin groups of three. */
export function format(count: number): string {
  return count.toLocaleString("en-US");
}

/** An amount of bytes in the unit that fits. */
export function bytes(amount: number): string {
  for (const [size, unit] of [
    [2 ** 30, "GiB"],
    [2 ** 20, "MiB"],
    [2 ** 10, "KiB"],
  ] as const) {
    if (amount >= size) return `${(amount / size).toFixed(1)} ${unit}`;
  }
  return `${amount} bytes`;
}
