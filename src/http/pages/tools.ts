import type { JsonObject } from "#src/base/canonical-json.ts";
import { BUILT_IN_TOOLS } from "#src/classify/tool-matrix.ts";
import { EMPTY_FORM } from "#views/form.ts";
import { type ToolsModel, toolsBody, toolsPage } from "#views/tools.ts";
import type { Route } from "../route.ts";
import type { PageContext } from "./context.ts";
import { failedForm } from "./failed-form.ts";
import type { Form } from "./form.ts";
import { namesOf } from "./frame.ts";
import { type AdminRoutes, type Ask, action, page } from "./page.ts";

const MAX_AGENTS = 200;

/** The tool matrix, budgets, and rules about files. */
export function toolPages(admin: AdminRoutes): readonly Route[] {
  const set = admin("PUT /v1/admin/tools");
  const remove = admin("DELETE /v1/admin/tools");
  const setBudgets = admin("PUT /v1/admin/tool-budgets");
  const addFile = admin("POST /v1/admin/file-rules");
  const removeFile = admin("DELETE /v1/admin/file-rules/{rule}");
  const form = (
    which: NonNullable<ToolsModel["failed"]>,
    declared: { path: string; summary: string; by: Route; said: string; body: (form: Form) => JsonObject },
  ): Route =>
    action({
      path: declared.path,
      summary: declared.summary,
      by: [declared.by],
      perform: (ask: Ask, given) => ask(declared.by, declared.body(given)),
      drawsFailure: true,
      draw: async (context, outcome) => {
        const model = await modelOf(context);
        return toolsBody(outcome.ok ? model : { ...model, form: failedForm(outcome), failed: which });
      },
      said: declared.said,
    });
  return [
    page({
      path: "/tools",
      section: "/tools",
      summary: "Show the tool matrix and the rules about files, as a page",
      permission: "policies.read",
      draw: async (context) => ({ title: "Tools and files", body: toolsPage(await modelOf(context)) }),
    }),
    form("tool", {
      path: "/tools/line",
      summary: "Set a line of the tool matrix, from its page",
      by: set,
      said: "The line is set.",
      body: lineOf,
    }),
    action({
      path: "/tools/removal",
      summary: "Remove a line of the tool matrix, from its page",
      by: [remove],
      perform: (ask, given) => ask(remove, {}, { tool: given.text("tool") ?? "" }),
      draw: async (context) => toolsBody(await modelOf(context)),
      said: "The line is removed.",
    }),
    form("budgets", {
      path: "/tools/budgets",
      summary: "Set the budgets of tools, from their page",
      by: setBudgets,
      said: "Saved.",
      body: (given) => numbersOf(given, ["run", "agent_day", "day"]),
    }),
    form("file", {
      path: "/tools/files",
      summary: "Add a rule about files, from the page of tools",
      by: addFile,
      said: "The rule is added.",
      body: (given) => {
        const agent = given.text("agent");
        return {
          glob: given.text("glob") ?? "",
          access: given.text("access") ?? "noAccess",
          ...(agent === undefined ? {} : { agent }),
        };
      },
    }),
    action({
      path: "/tools/files/{rule}/removal",
      summary: "Remove a rule about files, from the page of tools",
      by: [removeFile],
      perform: (ask) => ask(removeFile),
      draw: async (context) => toolsBody(await modelOf(context)),
      said: "The rule is removed.",
    }),
  ];
}

/** A line of the matrix as its route takes it. */
function lineOf(form: Form): JsonObject {
  const [tier, when] = [form.text("tier"), form.text("approval")];
  const [calls, seconds] = [form.integer("window_calls"), form.integer("window_seconds")];
  const above = form.integer("approval_above") ?? 0;
  const approval =
    when === "above_calls"
      ? { when, calls: above }
      : when === "above_cost"
        ? { when, cost: above }
        : { when: when ?? "" };
  const roles = form.list("roles");
  return {
    tool: form.text("tool") ?? "",
    ...(tier === undefined ? {} : { tier }),
    ...numbersOf(form, ["max_calls_per_run", "cost"]),
    ...(calls === undefined && seconds === undefined ? {} : { window: { calls: calls ?? 0, seconds: seconds ?? 0 } }),
    ...(when === undefined ? {} : { approval }),
    ...(roles.length === 0 ? {} : { roles: [...roles] }),
  };
}

function numbersOf(form: Form, names: readonly string[]): JsonObject {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = form.integer(name);
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

async function modelOf(context: PageContext): Promise<ToolsModel> {
  const { exchange, tenant, may } = context;
  const { toolMatrices, fileGates, agents } = exchange.services;
  const [{ rules, budgets }, stored, all, known] = await Promise.all([
    toolMatrices.of(tenant),
    fileGates.list(tenant),
    fileGates.rulesFor(tenant, undefined),
    agents.list(tenant, { limit: MAX_AGENTS }),
  ]);
  const storesInstance = stored.some(({ level }) => level === "instance");
  return {
    rules: [...rules.values()],
    budgets,
    builtIn: [...BUILT_IN_TOOLS],
    stored,
    above: all.filter(({ level }) => level === "builtin" || (level === "instance" && !storesInstance)),
    agents: known.map(({ name }) => name),
    names: await namesOf(context, []),
    mayWrite: may("policies.write"),
    form: EMPTY_FORM,
    failed: undefined,
  };
}
