import type { AuditFilter } from "#src/audit/audit.ts";
import type { EventView } from "#src/audit/event-view.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { type EventModel, type EventQuery, type EventsModel, eventList, eventPage, eventsPage } from "#views/events.ts";
import type { Route } from "../route.ts";
import { object, optional, text, type ValueOf } from "../shape.ts";
import type { PageContext } from "./context.ts";
import { namesOf } from "./frame.ts";
import { type AdminRoutes, fragment, page } from "./page.ts";

const ENTRIES = 50;
const EMPTY = { min: 0, max: 100 };
const QUERY = object({
  type: optional(text(EMPTY)),
  agent: optional(text(EMPTY)),
  since: optional(text({ min: 0, max: 40 })),
  until: optional(text({ min: 0, max: 40 })),
  before: optional(text({ min: 0, max: 20 })),
});

/** The chain: what was recorded, and each event with its proof. */
export function eventPages(admin: AdminRoutes): readonly Route[] {
  const exporting = admin("GET /v1/audit/export");
  return [
    page({
      path: "/events",
      section: "/events",
      summary: "Show the chain's events, newest first, as a page",
      permission: "audit.read",
      query: QUERY,
      draw: async (context, query) => ({ title: "Events", body: eventsPage(await listOf(context, query)) }),
    }),
    fragment({
      path: "/events/list",
      summary: "Draw the events that fit",
      permission: "audit.read",
      query: QUERY,
      draw: async (context, query) => eventList(await listOf(context, query)),
    }),
    // The same bytes as the interface's own export, at an address that a link on a page can lead to.
    { ...exporting, path: "/events/export", who: ["person"], isPage: true },
    page({
      path: "/events/{event}",
      section: "/events",
      summary: "Show one event with its proof, as a page",
      permission: "audit.read",
      draw: async (context) => {
        const model = await eventModel(context);
        return { title: `${model.event.type}, event ${model.event.seq}`, body: eventPage(model) };
      },
    }),
  ];
}

async function listOf(context: PageContext, asked: ValueOf<typeof QUERY>): Promise<EventsModel> {
  const { exchange, tenant } = context;
  const query = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== "")) as EventQuery;
  try {
    const before = query.before === undefined ? undefined : integerOf(query.before, "before");
    const page = { limit: ENTRIES, ...(before === undefined ? {} : { before }) };
    const options = { openPersonal: true, signal: exchange.request.signal };
    const { events, next } = await exchange.services.audit.list(tenant, await filterOf(context, query), page, options);
    return {
      query,
      events,
      next,
      error: undefined,
      names: await namesOf(
        context,
        events.map(({ actor }) => actor),
      ),
    };
  } catch (error) {
    if (!isWritError(error, "invalid_argument") && !isWritError(error, "not_found")) throw error;
    return { query, events: [], next: undefined, error: error.message, names: new Map() };
  }
}

async function filterOf({ exchange, tenant }: PageContext, query: EventQuery): Promise<AuditFilter> {
  const { type, agent, since, until } = query;
  return {
    ...(type === undefined ? {} : { type }),
    ...(agent === undefined ? {} : { agent: await agentOf(exchange.services.agents, tenant, agent) }),
    ...(since === undefined ? {} : { since: instantOf(since, "since") }),
    ...(until === undefined ? {} : { until: instantOf(until, "until") }),
  };
}

async function agentOf(
  agents: PageContext["exchange"]["services"]["agents"],
  tenant: PageContext["tenant"],
  name: string,
) {
  try {
    return (await agents.show(tenant, name)).id;
  } catch (error) {
    if (!isWritError(error, "not_found")) throw error;
    throw new WritError("invalid_argument", `there is no agent \`${name}\``);
  }
}

/** What a field for a time sends: local to the page, which says that it is UTC. */
const LOCAL_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?$/;

function instantOf(value: string, name: string): number {
  const milliseconds = LOCAL_TIME.test(value) ? Date.parse(`${value}Z`) : Number.NaN;
  if (Number.isNaN(milliseconds)) throw new WritError("invalid_argument", `\`${name}\` must be a time`);
  return milliseconds;
}

function integerOf(value: string, name: string): number {
  if (!/^[1-9][0-9]{0,14}$/.test(value)) throw new WritError("invalid_argument", `\`${name}\` must be a place`);
  return Number(value);
}

async function eventModel(context: PageContext): Promise<EventModel> {
  const { exchange, tenant } = context;
  const { audit, overviews } = exchange.services;
  const asked = exchange.param("event");
  const place = /^[1-9][0-9]{0,14}$/.test(asked) ? Number(asked) : asked;
  const event = await audit.show(tenant, place, { openPersonal: true });
  const [chain, proof, names] = await Promise.all([
    overviews.chain(tenant),
    proofOf(context, event),
    namesOf(context, [event.actor, ...Object.values(event.data).filter((value) => typeof value === "string")]),
  ]);
  return {
    event,
    proof,
    names,
    previous: event.seq > 1 ? event.seq - 1 : undefined,
    next: chain !== undefined && event.seq < chain.size ? event.seq + 1 : undefined,
    decision: event.type.startsWith("decision.") && event.id.startsWith("dec_") ? event.id : undefined,
  };
}

/** By the newest checkpoint; by the whole tree where none covers the event yet. */
async function proofOf({ exchange, tenant }: PageContext, { seq }: EventView): Promise<EventModel["proof"]> {
  const { proofs, checkpoints, overviews } = exchange.services;
  const [newest] = await checkpoints.list(tenant, { limit: 1 });
  const covering = newest !== undefined && newest.size >= seq ? newest : undefined;
  const size = covering?.size ?? (await overviews.chain(tenant))?.size;
  if (size === undefined) return undefined;
  try {
    const { path, root } = await proofs.inclusion(tenant, seq, size);
    return { size, index: seq - 1, hashes: path, root, checkpoint: covering?.note };
  } catch (error) {
    // Of an event that is in the archive alone the page has what the archive gave, and no tree.
    if (isWritError(error, "not_found")) return undefined;
    throw error;
  }
}
