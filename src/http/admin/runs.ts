import type { TenantId } from "#src/base/ids.ts";
import { receiptStatement, signStatement } from "#src/runs/in-toto.ts";
import { renderEntry, renderRun } from "../api/run-view.ts";
import type { Manager } from "../caller.ts";
import type { Exchange } from "../exchange.ts";
import type { Reply } from "../reply.ts";
import { type Route, route } from "../route.ts";
import { choice, integerText, object, optional, text } from "../shape.ts";

const STATES = ["pending", "active", "paused", "completed", "failed", "cancelled"] as const;
const MAX_RUNS = 200;
const MAX_STEPS = 500;
const PAGE = 100;
const STEPS = object({
  after: optional(text({ max: 26, description: "the `next` of the page before" })),
  limit: optional(integerText(1, MAX_STEPS)),
});

/** Runs of a tenant: what ran, where, under which route, who approved. */
export const RUN_ADMIN_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/runs",
    summary: "List runs, the newest first",
    who: ["admin", "operator"],
    query: object({
      agent: optional(text({ max: 63, description: "name or id" })),
      state: optional(choice(STATES)),
      before: optional(text({ max: 100, description: "the `next` of the page before" })),
      limit: optional(integerText(1, MAX_RUNS)),
    }),
    answers: { 200: "A page of runs, and `next` where more may follow" },
    handle: async (exchange, _body, { limit = PAGE, ...query }) => {
      const { tenant } = await exchange.manager();
      const runs = await exchange.services.runs.list(tenant, { ...query, limit });
      const last = runs.at(-1);
      return {
        json: {
          runs: runs.map(renderRun),
          ...(last === undefined || runs.length < limit ? {} : { next: last.id }),
        },
      };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/runs/{run}",
    summary: "Show a run as a timeline: decisions and receipts in order, and the runs below it",
    who: ["admin", "operator"],
    query: STEPS,
    answers: { 200: "The run, a page of its steps, and `next` where more follow" },
    handle: async (exchange, _body, { after, limit = PAGE }) => {
      const { tenant } = await exchange.manager();
      const page = { limit, ...(after === undefined ? {} : { after }) };
      const shown = await exchange.services.timelines.show(tenant, exchange.param("run"), page);
      return {
        json: {
          ...renderRun(shown.run),
          children: shown.children.map(renderRun),
          steps: shown.entries.map(renderEntry),
          ...(shown.next === undefined ? {} : { next: shown.next }),
        },
      };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/runs/{run}/statements",
    summary: "A run's receipts as in-toto statements, each in a signed DSSE envelope",
    who: ["admin", "operator"],
    query: STEPS,
    answers: { 200: "A page of envelopes, and `next` where more follow" },
    handle: async (exchange, _body, { after, limit = PAGE }) => {
      const { tenant } = await exchange.manager();
      const page = { limit, ...(after === undefined ? {} : { after }) };
      const { timelines, rotation } = exchange.services;
      const { run, items, next } = await timelines.evidence(tenant, exchange.param("run"), page);
      const signer = await rotation.signer();
      const envelopes = items.flatMap((item) => {
        const statement = receiptStatement(tenant, run, item);
        return statement === undefined ? [] : [signStatement(signer, statement)];
      });
      return { json: { envelopes, ...(next === undefined ? {} : { next }) } };
    },
  }),
  acting(
    "pause",
    "Grant nothing in a run and below it, and cut its calls, until it is resumed",
    ({ runs }) => runs.pause,
  ),
  acting("resumption", "Let a paused run go on", ({ runs }) => runs.resume),
  acting("cancellation", "End a run for good, with all below it, and cut its calls", ({ runs }) => runs.cancel),
];

type Act = (
  tenant: TenantId,
  actor: Manager["subject"],
  run: string,
) => ReturnType<Exchange["services"]["runs"]["show"]>;

function acting(name: string, summary: string, actOf: (services: Exchange["services"]) => Act): Route {
  return route({
    method: "POST",
    path: `/v1/admin/runs/{run}/${name}`,
    summary,
    who: ["admin", "operator"],
    errors: ["run_ended", "conflict"],
    answers: { 200: "The run" },
    handle: async (exchange): Promise<Reply> => {
      const { tenant, subject } = await exchange.manager();
      return { json: renderRun(await actOf(exchange.services)(tenant, subject, exchange.param("run"))) };
    },
  });
}
