import type { Agent } from "#src/identity/agents.ts";
import { type AgentModel, agentBody, agentPage, agentsBody, agentsPage } from "#views/agents.ts";
import { EMPTY_FORM, type FormState } from "#views/form.ts";
import { html } from "#views/html.ts";
import { notice } from "#views/parts.ts";
import type { Route } from "../route.ts";
import { object, optional, text } from "../shape.ts";
import type { PageContext } from "./context.ts";
import { failedForm } from "./failed-form.ts";
import type { Form } from "./form.ts";
import { type AdminRoutes, type Ask, action, page } from "./page.ts";

const PAGE_ENTRIES = 100;
const MAX_KEYS = 500;
const DAY_SECONDS = 86_400;
const AFTER = object({ after: optional(text({ max: 100 })) });

/** Agents, each of them, and their keys. */
export function agentPages(admin: AdminRoutes): readonly Route[] {
  const create = admin("POST /v1/admin/agents");
  const setGroups = admin("PUT /v1/admin/agents/{agent}/groups");
  const disable = admin("POST /v1/admin/agents/{agent}/disablement");
  const enable = admin("DELETE /v1/admin/agents/{agent}/disablement");
  const issue = admin("POST /v1/admin/keys");
  const revoke = admin("POST /v1/admin/keys/{key}/revocation");
  const drawAgent = async (context: PageContext, form: FormState = EMPTY_FORM, issued?: string) =>
    agentBody(await modelOf(context, form, issued));
  return [
    page({
      path: "/agents",
      section: "/agents",
      summary: "Show the agents, as a page",
      permission: "agents.read",
      query: AFTER,
      draw: async (context, { after }) => ({
        title: "Agents",
        body: agentsPage({ ...(await listOf(context, after)), form: EMPTY_FORM, said: undefined }),
      }),
    }),
    action({
      path: "/agents",
      summary: "Make an agent, from its page",
      by: [create],
      perform: (ask, form) => ask(create, { name: form.text("name") ?? "", groups: [...form.list("groups")] }),
      drawsFailure: true,
      draw: async (context, outcome) =>
        agentsBody({
          ...(await listOf(context, undefined)),
          form: outcome.ok ? EMPTY_FORM : failedForm(outcome),
          said: outcome.ok
            ? notice(
                "ok",
                `${String(outcome.result["name"])} is there`,
                html`Now <a href="/agents/${String(outcome.result["name"])}">give it a key</a>.`,
              )
            : undefined,
        }),
    }),
    page({
      path: "/agents/{agent}",
      section: "/agents",
      summary: "Show an agent and its keys, as a page",
      permission: "agents.read",
      draw: async (context) => {
        const model = await modelOf(context, EMPTY_FORM, undefined);
        return { title: model.agent.name, body: agentPage(model) };
      },
    }),
    action({
      path: "/agents/{agent}/groups",
      summary: "Say which groups an agent is in, from its page",
      by: [setGroups],
      perform: (ask, form) => ask(setGroups, { groups: [...form.list("groups")] }),
      draw: (context) => drawAgent(context),
      said: "Groups saved.",
    }),
    action({
      path: "/agents/{agent}/disablement",
      summary: "Disable an agent, from its page",
      by: [disable],
      perform: (ask) => ask(disable),
      draw: (context) => drawAgent(context),
    }),
    action({
      path: "/agents/{agent}/enablement",
      summary: "Let a disabled agent work again, from its page",
      by: [enable],
      perform: (ask) => ask(enable),
      draw: (context) => drawAgent(context),
    }),
    action({
      path: "/agents/{agent}/keys",
      summary: "Issue a key to an agent, from its page",
      by: [issue],
      perform: (ask, form, { exchange }) => issueKey(ask, issue, exchange.param("agent"), form),
      drawsFailure: true,
      draw: (context, outcome) =>
        outcome.ok
          ? drawAgent(context, EMPTY_FORM, String(outcome.result["key"]))
          : drawAgent(context, failedForm(outcome)),
    }),
    action({
      path: "/agents/{agent}/keys/{key}/revocation",
      summary: "Revoke an agent's key, from its page",
      by: [revoke],
      perform: (ask) => ask(revoke),
      draw: (context) => drawAgent(context),
      said: "The key is revoked.",
    }),
    action({
      path: "/agents/{agent}/keys/{key}/rotation",
      summary: "Issue a key like another one and revoke that, from its page",
      by: [issue, revoke],
      perform: (ask, _form, context) => rotateKey(ask, issue, revoke, context),
      draw: (context, outcome) => drawAgent(context, EMPTY_FORM, outcome.ok ? outcome.result : undefined),
    }),
  ];
}

function issueKey(ask: Ask, issue: Route, agent: string, form: Form) {
  const days = form.integer("days");
  const [name, environment] = [form.text("name"), form.text("environment")];
  const sources = form.list("sources");
  return ask(issue, {
    agent,
    ...(name === undefined ? {} : { name }),
    ...(environment === undefined ? {} : { environment }),
    ...(sources.length === 0 ? {} : { sources: [...sources] }),
    ...(days === undefined ? {} : { expires_in_seconds: days * DAY_SECONDS }),
  });
}

/** The new key is there before the old one is refused: whoever it is given to need not stand still. */
async function rotateKey(
  ask: Ask,
  issue: Route,
  revoke: Route,
  { exchange, tenant, now }: PageContext,
): Promise<string> {
  const { info } = await exchange.services.tokens.show(tenant, exchange.param("key"));
  const issued = await ask(issue, {
    agent: exchange.param("agent"),
    environment: info.environment,
    ...(info.name === "" ? {} : { name: info.name }),
    ...(info.sources.length === 0 ? {} : { sources: [...info.sources] }),
    ...(info.expiresAt === null ? {} : { expires_in_seconds: Math.max(1, Math.ceil((info.expiresAt - now) / 1000)) }),
  });
  await ask(revoke);
  return String(issued["key"]);
}

async function listOf({ exchange, tenant, may, now }: PageContext, after: string | undefined) {
  const agents = await exchange.services.agents.list(tenant, {
    limit: PAGE_ENTRIES,
    ...(after === undefined ? {} : { after }),
  });
  return {
    agents,
    next: agents.length < PAGE_ENTRIES ? undefined : agents.at(-1)?.id,
    mayWrite: may("agents.write"),
    now,
  };
}

async function modelOf(context: PageContext, form: FormState, issued: string | undefined): Promise<AgentModel> {
  const { exchange, tenant, may, now } = context;
  const agent = await exchange.services.agents.show(tenant, exchange.param("agent"));
  return {
    agent,
    keys: may("keys.read") ? await keysOf(context, agent) : [],
    mayWrite: may("agents.write"),
    mayReadKeys: may("keys.read"),
    mayWriteKeys: may("keys.write"),
    now,
    issued,
    form,
    publicUrl: exchange.config.publicUrl,
  };
}

async function keysOf({ exchange, tenant }: PageContext, { id }: Agent): Promise<AgentModel["keys"]> {
  const { tokens } = exchange.services;
  const own = (await tokens.list(tenant, { limit: MAX_KEYS })).filter(({ agent }) => agent === id);
  const shown = await Promise.all(own.map(async (token) => tokens.show(tenant, token.id)));
  // Those that are good first, the newest of them first.
  return shown.sort(
    (left, right) =>
      Number(left.info.revokedAt !== null) - Number(right.info.revokedAt !== null) ||
      right.info.createdAt - left.info.createdAt,
  );
}
