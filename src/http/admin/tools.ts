import { BUILT_IN_TOOLS, type ToolApproval, type ToolOffline, type ToolRule } from "#src/classify/tool-matrix.ts";
import { TIERS } from "#src/connector/table.ts";
import { type Route, route } from "../route.ts";
import { choice, integer, list, object, optional, text, union, type ValueOf } from "../shape.ts";

const ROLES = ["admin", "operator"] as const;
const MAX_COUNT = 1_000_000_000;
const NAME = text({ max: 200, description: "a tool's name, a family of commands such as `/github/issues`, or `*`" });
const COUNT = integer(0, MAX_COUNT);
const SECONDS = integer(1, 31 * 86_400);

const APPROVAL = union("when", {
  never: object({ when: choice(["never"]) }),
  always: object({ when: choice(["always"]) }),
  above_calls: object({ when: choice(["above_calls"]), calls: COUNT }),
  above_cost: object({ when: choice(["above_cost"]), cost: COUNT }),
});

const OFFLINE = union("mode", {
  deny: object({ mode: choice(["deny"]) }),
  read_only: object({ mode: choice(["read_only"]), max_age_seconds: SECONDS }),
});

const RULE = object({
  tool: NAME,
  tier: optional(choice(TIERS)),
  max_calls_per_run: optional(COUNT),
  window: optional(object({ calls: COUNT, seconds: SECONDS })),
  approval: optional(APPROVAL),
  offline: optional(OFFLINE),
  cost: optional(COUNT),
  roles: optional(list(text({ max: 63 }), 32)),
});

const BUDGETS = object({ run: optional(COUNT), agent_day: optional(COUNT), day: optional(COUNT) });

/** The tool matrix: what tools may do, how often, and who is asked. */
export const TOOL_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/tools",
    summary: "Show the tool matrix, its budgets, and what is known without a line",
    who: ROLES,
    answers: { 200: "Lines, budgets, and the built-in tools with their tiers" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      const { rules, budgets } = await exchange.services.toolMatrices.of(tenant);
      return {
        json: {
          tools: [...rules.values()].map(renderRule),
          budgets: renderBudgets(budgets),
          builtin: [...BUILT_IN_TOOLS].map(([tool, tier]) => ({ tool, tier })),
        },
      };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/tools/one",
    summary: "Show one line of the tool matrix",
    who: ROLES,
    query: object({ tool: NAME }),
    answers: { 200: "The line" },
    handle: async (exchange, _body, { tool }) => {
      const { tenant } = await exchange.manager();
      return { json: renderRule(await exchange.services.toolMatrices.show(tenant, tool)) };
    },
  }),
  route({
    method: "PUT",
    path: "/v1/admin/tools",
    summary: "Set a line of the tool matrix, in place of the one that is there",
    who: ROLES,
    body: RULE,
    answers: { 200: "The line" },
    handle: async (exchange, body) => {
      const { tenant, subject } = await exchange.manager();
      return { json: renderRule(await exchange.services.toolMatrices.set(tenant, subject, toRule(body))) };
    },
  }),
  route({
    method: "DELETE",
    path: "/v1/admin/tools",
    summary: "Remove a line of the tool matrix",
    who: ROLES,
    query: object({ tool: NAME }),
    answers: { 200: "Its name" },
    handle: async (exchange, _body, { tool }) => {
      const { tenant, subject } = await exchange.manager();
      await exchange.services.toolMatrices.remove(tenant, subject, tool);
      return { json: { tool } };
    },
  }),
  route({
    method: "PUT",
    path: "/v1/admin/tool-budgets",
    summary: "Say what a run, an agent's day and the tenant's day may cost; what is left out has no budget",
    who: ROLES,
    body: BUDGETS,
    answers: { 200: "The budgets" },
    handle: async (exchange, { run, agent_day: agentDay, day }) => {
      const { tenant, subject } = await exchange.manager();
      const budgets = await exchange.services.toolMatrices.setBudgets(tenant, subject, {
        ...(run === undefined ? {} : { run }),
        ...(agentDay === undefined ? {} : { agentDay }),
        ...(day === undefined ? {} : { day }),
      });
      return { json: renderBudgets(budgets) };
    },
  }),
];

function toRule(body: ValueOf<typeof RULE>): ToolRule {
  const { tool, tier, max_calls_per_run: maxCallsPerRun, window, approval, offline, cost, roles } = body;
  return {
    tool,
    ...(tier === undefined ? {} : { tier }),
    ...(maxCallsPerRun === undefined ? {} : { maxCallsPerRun }),
    ...(window === undefined ? {} : { window }),
    ...(approval === undefined ? {} : { approval: approval satisfies ToolApproval }),
    ...(offline === undefined ? {} : { offline: toOffline(offline) }),
    ...(cost === undefined ? {} : { cost }),
    ...(roles === undefined ? {} : { roles }),
  };
}

function toOffline(offline: ValueOf<typeof OFFLINE>): ToolOffline {
  return offline.mode === "deny" ? offline : { mode: "read_only", maxAgeSeconds: offline.max_age_seconds };
}

function renderRule({ maxCallsPerRun, offline, ...rule }: ToolRule): Readonly<Record<string, unknown>> {
  return {
    ...rule,
    ...(maxCallsPerRun === undefined ? {} : { max_calls_per_run: maxCallsPerRun }),
    ...(offline === undefined
      ? {}
      : {
          offline: offline.mode === "deny" ? offline : { mode: offline.mode, max_age_seconds: offline.maxAgeSeconds },
        }),
  };
}

function renderBudgets(budgets: {
  readonly run?: number;
  readonly agentDay?: number;
  readonly day?: number;
}): Readonly<Record<string, unknown>> {
  const { run, agentDay, day } = budgets;
  return {
    ...(run === undefined ? {} : { run }),
    ...(agentDay === undefined ? {} : { agent_day: agentDay }),
    ...(day === undefined ? {} : { day }),
  };
}
