import type { ArchiveStatus } from "#src/archive/archive.ts";
import { MAX_DAYS } from "#src/audit/overview.ts";
import { askLine } from "#views/approvals.ts";
import { type Html, html } from "#views/html.ts";
import { type FirstStep, type OverviewModel, overviewFigures, overviewPage } from "#views/overview.ts";
import type { Route } from "../route.ts";
import { integerText, object, optional } from "../shape.ts";
import { approvalEntries } from "./approvals.ts";
import type { PageContext } from "./context.ts";
import { namesOf } from "./frame.ts";
import { fragment, page } from "./page.ts";

const QUERY = object({ days: optional(integerText(1, MAX_DAYS)) });
const SHOWN_PENDING = 5;
const MAX_AGENTS = 500;

/** The overview, and the part of it that changes. */
export const OVERVIEW_PAGES: readonly Route[] = [
  page({
    path: "/",
    section: "/",
    summary: "Show what happens in the tenant, as a page",
    permission: "overview.read",
    query: QUERY,
    draw: async (context, { days = 1 }) => ({
      title: "Overview",
      body: overviewPage(await modelOf(context, days, await firstSteps(context))),
    }),
  }),
  fragment({
    path: "/overview/figures",
    summary: "Draw the overview's figures",
    permission: "overview.read",
    query: QUERY,
    draw: async (context, { days = 1 }) => overviewFigures(await modelOf(context, days, [])),
  }),
];

async function modelOf(context: PageContext, days: number, steps: readonly FirstStep[]): Promise<OverviewModel> {
  const { exchange, tenant, now, may } = context;
  const { overviews, agents, approvals } = exchange.services;
  const [figures, chain, known, pending] = await Promise.all([
    overviews.figures(tenant, days),
    overviews.chain(tenant),
    agents.list(tenant, { limit: MAX_AGENTS }),
    may("approvals.read") ? approvals.list(tenant, "pending", 100) : [],
  ]);
  const entries = await approvalEntries(context, pending.slice(0, SHOWN_PENDING));
  const checkpoints = may("audit.read") ? await exchange.services.checkpoints.list(tenant, { limit: 1 }) : [];
  return {
    now,
    days,
    figures,
    chain,
    activeAgents: known.filter(({ status }) => status === "active").length,
    agentNames: await namesOf(context, []),
    pendingCount: pending.length,
    pending:
      entries.length === 0
        ? html`<p class="muted">Nothing waits. When a policy asks for a person, the call shows here at once.</p>`
        : html`<ul class="plain queue">${entries.map((entry) => html`<li>${askLine(entry, now)}</li>`)}</ul>`,
    steps,
    chainFacts: [
      ...checkpoints.map(({ size, at }): readonly [string, Html] => [
        "Checkpoint",
        html`<a href="/checkpoints">${size} events</a>, ${at.slice(0, 16).replace("T", " ")} UTC`,
      ]),
      ...(await archiveFacts(context)),
    ],
  };
}

const ARCHIVE_WORDS: Readonly<Record<ArchiveStatus["state"], string>> = {
  ok: "in order",
  failing: "failing, as `writ archive status` tells",
  damaged: "damaged, as `writ archive status` tells",
  late: "late",
  off: "off",
};

async function archiveFacts({ exchange, tenant, may }: PageContext): Promise<readonly (readonly [string, string])[]> {
  if (!may("archive.read")) return [];
  const { state, archivedThrough } = await exchange.services.archive.status(tenant);
  return [["Archive", state === "off" ? "off" : `${ARCHIVE_WORDS[state]}, through event ${archivedThrough}`]];
}

/** What is left to do before an agent can work; nothing once all is done. */
async function firstSteps({ exchange, tenant, may }: PageContext): Promise<readonly FirstStep[]> {
  if (!may("agents.write") && !may("policies.write")) return [];
  const { agents, connections, policies, tokens } = exchange.services;
  const [[agent], [connection], versions, someTokens, hasDecided] = await Promise.all([
    agents.list(tenant, { limit: 1 }),
    connections.list(tenant, { limit: 1 }),
    policies.list(tenant, 1),
    tokens.list(tenant, { limit: 50 }),
    hasDecision(exchange, tenant),
  ]);
  const steps: readonly FirstStep[] = [
    {
      title: "Enrol a passkey",
      body: "You have: it is how you signed in, and what you will approve with.",
      path: "/account",
      isDone: true,
    },
    {
      title: "Add an agent",
      body: "A name that policies can use.",
      path: "/agents#new",
      isDone: agent !== undefined,
    },
    {
      title: "Give it a key",
      body: "With the key and the proxy's address an ordinary client works.",
      path: agent === undefined ? "/agents#new" : `/agents/${encodeURIComponent(agent.name)}`,
      isDone: someTokens.some(({ kind }) => kind === "agent"),
    },
    {
      title: "Add a connection",
      body: "One upstream, its credential, and what its calls mean.",
      path: "/connections/new",
      isDone: connection !== undefined,
    },
    {
      title: "Write a policy",
      body: "Until then everything is denied. Reading freely, and asking you before a write, is a good first one.",
      path: "/policies/edit",
      isDone: versions.length > 0,
    },
    {
      title: "Make the first call",
      body: `Send the agent's call to ${exchange.config.publicUrl}/v1/proxy/${connection?.name ?? "CONNECTION"}/… with its key: what is decided shows here at once.`,
      path: agent === undefined ? "/agents#new" : `/agents/${encodeURIComponent(agent.name)}`,
      isDone: hasDecided,
    },
  ];
  return steps.every(({ isDone }) => isDone) ? [] : steps;
}

/** Whether any agent was ever answered: found by the index of types. */
async function hasDecision({ services, request }: PageContext["exchange"], tenant: PageContext["tenant"]) {
  const options = { openPersonal: false, signal: request.signal };
  const { events } = await services.audit.list(tenant, { type: "decision" }, { limit: 1 }, options);
  return events.length > 0;
}
