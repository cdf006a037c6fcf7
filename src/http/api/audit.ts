import type { AuditFilter } from "#src/audit/audit.ts";
import { MAX_PAGE } from "#src/audit/audit.ts";
import type { EventView } from "#src/audit/event-view.ts";
import type { Exchange } from "../exchange.ts";
import { route } from "../route.ts";
import { choice, instant, integerText, object, optional, text, type ValueOf } from "../shape.ts";

const MAX_SEQ = Number.MAX_SAFE_INTEGER;
const SEQ = /^[1-9][0-9]{0,15}$/;

const PERSONAL = optional(choice(["opened", "sealed"]));

const FILTER = object({
  type: optional(text({ description: "an event type, or what begins one: `decision` finds `decision.denied`" })),
  actor: optional(text({ max: 40 })),
  agent: optional(text({ max: 100, description: "events that this agent, by name or id, caused or that name it" })),
  since: optional(instant("inclusive")),
  until: optional(instant("exclusive")),
  before: optional(integerText(1, MAX_SEQ, "events below this place: the `next` of the page before")),
  limit: optional(integerText(1, MAX_PAGE)),
  personal: PERSONAL,
});

/** `GET /v1/audit/events`: the chain, newest first. */
export const LIST_EVENTS = route({
  method: "GET",
  path: "/v1/audit/events",
  summary: "Search the chain, newest first",
  who: ["admin", "operator"],
  includesInstance: true,
  query: FILTER,
  answers: { 200: "A page of events, and `next` where more may follow" },
  handle: async (exchange, _body, query) => {
    const { tenant } = await exchange.manager();
    const { before, limit, personal = "opened" } = query;
    const page = await exchange.services.audit.list(
      tenant,
      await toFilter(exchange, query),
      { ...(before === undefined ? {} : { before }), ...(limit === undefined ? {} : { limit }) },
      { openPersonal: personal === "opened", signal: exchange.request.signal },
    );
    return { json: page };
  },
});

/** `GET /v1/audit/events/{event}`: one event, by its place or id. */
export const SHOW_EVENT = route({
  method: "GET",
  path: "/v1/audit/events/{event}",
  summary: "Show one event by its place in the chain or its id",
  who: ["admin", "operator"],
  includesInstance: true,
  query: object({ personal: PERSONAL }),
  answers: { 200: "The event" },
  handle: async (exchange, _body, { personal = "opened" }) => {
    const { tenant } = await exchange.manager();
    const name = exchange.param("event");
    const place = SEQ.test(name) ? Number(name) : name;
    const options = { openPersonal: personal === "opened" };
    return { json: (await exchange.services.audit.show(tenant, place, options)) satisfies EventView };
  },
});

async function toFilter(exchange: Exchange, query: ValueOf<typeof FILTER>): Promise<AuditFilter> {
  const { type, actor, agent, since, until } = query;
  const { tenant } = await exchange.manager();
  const found = agent === undefined ? undefined : await exchange.services.agents.show(tenant, agent);
  return {
    ...(type === undefined ? {} : { type }),
    ...(actor === undefined ? {} : { actor }),
    ...(found === undefined ? {} : { agent: found.id }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  };
}
