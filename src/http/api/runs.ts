import type { Receipts } from "#src/runs/receipts.ts";
import type { RunRoute } from "#src/runs/run.ts";
import type { Exchange } from "../exchange.ts";
import type { Reply } from "../reply.ts";
import { type Route, route } from "../route.ts";
import { anyObject, choice, flag, instant, integer, list, object, optional, text, type ValueOf } from "../shape.ts";
import { renderReceipt, renderRun } from "./run-view.ts";

const COUNT = integer(0, 1_000_000_000_000);
const SHORT = text({ max: 100 });
const LEVEL = choice(["observed", "contained"]);
const SHA256 = text({ min: 64, max: 64, pattern: /^[0-9a-f]{64}$/, description: "SHA-256 in lower-case hex" });
const ROUTE = object({
  auth_lane: optional(text({ max: 100, description: "how the agent signs in to its model: never a credential" })),
  cost_lane: optional(text({ max: 100, description: "who pays for it" })),
  cli: optional(SHORT),
  version: optional(SHORT),
});

const NEW_RUN = object({
  work_item: optional(text({ max: 4000, description: "what it is for; scrubbed and sealed" })),
  parent: optional(text({ max: 100, description: "the run that it is part of" })),
  level: optional(LEVEL),
  route: optional(ROUTE),
  limits: optional(
    object({
      max_calls: optional(COUNT),
      max_cost: optional(COUNT),
      until: optional(instant("nothing is granted in it from then on")),
    }),
  ),
  pending: optional(flag("whether it begins later, by `start`")),
});

const NEW_RECEIPT = object({
  tool: text({ max: 200 }),
  tier: optional(choice(["read", "write", "danger"])),
  inputs: optional(anyObject("what the tool was given; scrubbed and sealed")),
  output: optional(
    object({
      summary: optional(text({ min: 0, max: 16_384 })),
      sha256: optional(SHA256),
      bytes: optional(COUNT),
    }),
  ),
  error: optional(text({ max: 4000 })),
  duration_ms: integer(0, 1_000_000_000),
  success: flag(),
  route: optional(ROUTE),
  level: optional(LEVEL),
  decision: optional(text({ max: 100, description: "the decision that it was done under" })),
  approval: optional(text({ max: 100 })),
  artifacts: optional(list(object({ name: text({ max: 500 }), media_type: text({ max: 130 }), sha256: SHA256 }), 100)),
});

const OWN = ["not_found", "run_ended", "run_not_active"] as const;

/** Runs of agents, by the agents themselves or by devices that act for them. */
export const RUN_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/runs",
    summary: "Open a run",
    who: ["agent"],
    body: NEW_RUN,
    answers: { 201: "The run" },
    errors: OWN,
    handle: async (exchange, body) => {
      const { limits = {}, route: lanes } = body;
      const run = await exchange.services.runs.create(exchange.agent(), {
        ...(body.work_item === undefined ? {} : { workItem: body.work_item }),
        ...(body.parent === undefined ? {} : { parent: body.parent }),
        ...(body.level === undefined ? {} : { level: body.level }),
        ...(lanes === undefined ? {} : { route: toRoute(lanes) }),
        ...(limits.max_calls === undefined ? {} : { maxCalls: limits.max_calls }),
        ...(limits.max_cost === undefined ? {} : { maxCost: limits.max_cost }),
        ...(limits.until === undefined ? {} : { until: limits.until }),
        isPending: body.pending === true,
      });
      return { status: 201, json: renderRun(run) };
    },
  }),
  route({
    method: "GET",
    path: "/v1/runs/{run}",
    summary: "Show a run of one's own",
    who: ["agent"],
    answers: { 200: "The run" },
    handle: async (exchange) => ({
      json: renderRun(await exchange.services.runs.showOwn(exchange.agent(), exchange.param("run"))),
    }),
  }),
  route({
    method: "POST",
    path: "/v1/runs/{run}/start",
    summary: "Begin a pending run",
    who: ["agent"],
    answers: { 200: "The run" },
    errors: [...OWN, "conflict"],
    handle: async (exchange) => ({
      json: renderRun(await exchange.services.runs.start(exchange.agent(), exchange.param("run"))),
    }),
  }),
  route({
    method: "POST",
    path: "/v1/runs/{run}/receipts",
    summary: "Tell what was done in a run",
    who: ["agent"],
    body: NEW_RECEIPT,
    answers: { 201: "The receipt, as it is kept" },
    errors: [...OWN, "conflict"],
    handle: addReceipt,
  }),
  route({
    method: "POST",
    path: "/v1/runs/{run}/end",
    summary: "End a run, and cancel what is below it",
    who: ["agent"],
    body: object({ state: choice(["completed", "failed", "cancelled"]) }),
    answers: { 200: "The run" },
    errors: OWN,
    handle: async (exchange, { state }) => ({
      json: renderRun(await exchange.services.runs.end(exchange.agent(), exchange.param("run"), state)),
    }),
  }),
];

async function addReceipt(exchange: Exchange, body: ValueOf<typeof NEW_RECEIPT>): Promise<Reply> {
  const { artifacts, route: lanes, duration_ms: durationMs, output, ...same } = body;
  const receipt: Parameters<Receipts["add"]>[2] = {
    ...same,
    durationMs,
    ...(output === undefined ? {} : { output }),
    ...(lanes === undefined ? {} : { route: toRoute(lanes) }),
    ...(artifacts === undefined
      ? {}
      : { artifacts: artifacts.map(({ name, media_type: mediaType, sha256 }) => ({ name, mediaType, sha256 })) }),
  };
  const added = await exchange.services.receipts.add(exchange.agent(), exchange.param("run"), receipt);
  return { status: 201, json: renderReceipt(added) };
}

function toRoute({ auth_lane: authLane, cost_lane: costLane, cli, version }: ValueOf<typeof ROUTE>): RunRoute {
  return {
    ...(authLane === undefined ? {} : { authLane }),
    ...(costLane === undefined ? {} : { costLane }),
    ...(cli === undefined ? {} : { cli }),
    ...(version === undefined ? {} : { version }),
  };
}
