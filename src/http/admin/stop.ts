import { toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import type { StopOrder } from "#src/consent/stops.ts";
import type { Exchange } from "../exchange.ts";
import type { Reply } from "../reply.ts";
import { type Route, route } from "../route.ts";
import { choice, object, optional, text } from "../shape.ts";

const TARGETS = ["agent", "connection", "tenant", "everything"] as const;
const TARGET = choice(TARGETS);
const NAME = text({ max: 63, description: "of the agent or connection: name or id" });

/** The kill switch. */
export const STOP_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/stop",
    summary: "List what is stopped",
    who: ["admin", "operator", "person"],
    permission: "overview.read",
    answers: { 200: "The stops, each by the id of its target, or `tenant`" },
    handle: (exchange) => showStops(exchange),
  }),
  route({
    method: "POST",
    path: "/v1/admin/stop",
    summary: "Stop an agent, a connection, the tenant or, on the host, everything: at once, what runs included",
    who: ["admin", "operator", "person"],
    permission: "stop.write",
    body: object({
      target: TARGET,
      name: optional(NAME),
      reason: optional(text({ max: 2000, description: "why; kept sealed" })),
    }),
    answers: { 200: "What is stopped now" },
    handle: async (exchange, { target, name, reason }) => {
      const { tenant, subject, isOperator } = await exchange.manager();
      const { stops } = exchange.services;
      if (target === "everything") await stops.stopEverything(operatorOf(exchange), reason);
      else await stops.stop(tenant, subject, isOperator ? "instance" : "tenant", orderOf(target, name), reason);
      return showStops(exchange);
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/stop/lifting",
    summary: "Let what was stopped from the same side go on",
    who: ["admin", "operator", "person"],
    permission: "stop.write",
    // To stop is done in a hurry; to let it go on is not, and not by whoever has a cookie alone.
    isSensitive: true,
    body: object({ target: TARGET, name: optional(NAME) }),
    answers: { 200: "What is stopped still" },
    handle: async (exchange, { target, name }) => {
      const { tenant, subject, isOperator } = await exchange.manager();
      const { stops } = exchange.services;
      if (target === "everything") await stops.liftEverything(operatorOf(exchange));
      else await stops.lift(tenant, subject, isOperator ? "instance" : "tenant", orderOf(target, name));
      return showStops(exchange);
    },
  }),
];

function orderOf(kind: Exclude<(typeof TARGETS)[number], "everything">, name: string | undefined): StopOrder {
  if (kind === "tenant") return { kind };
  if (name === undefined) throw new WritError("invalid_argument", `\`name\` says which ${kind}`);
  return { kind, name };
}

function operatorOf(exchange: Exchange): ReturnType<Exchange["operator"]>["subject"] {
  if (exchange.caller.kind !== "operator") {
    throw new WritError("forbidden", "everything is stopped by whoever holds the host");
  }
  return exchange.operator().subject;
}

async function showStops(exchange: Exchange): Promise<Reply> {
  const { tenant } = await exchange.manager();
  const stops = await exchange.services.stops.list(tenant);
  return {
    json: {
      stops: stops.map(({ target, origin, by, at, reason }) => ({
        target,
        origin,
        by,
        at: toRfc3339(at),
        ...(reason === null ? {} : { reason }),
      })),
    },
  };
}
