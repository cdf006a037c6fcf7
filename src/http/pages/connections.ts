import type { Json } from "#src/base/canonical-json.ts";
import {
  type ConnectionModel,
  type ConnectionTest,
  connectionBody,
  connectionPage,
  connectionsPage,
  newConnectionForm,
  newConnectionPage,
} from "#views/connections.ts";
import { EMPTY_FORM, type FormState } from "#views/form.ts";
import { html } from "#views/html.ts";
import { notice } from "#views/parts.ts";
import type { Route } from "../route.ts";
import { object, optional, text } from "../shape.ts";
import type { PageContext } from "./context.ts";
import { failedForm } from "./failed-form.ts";
import type { Form } from "./form.ts";
import { type AdminRoutes, action, page } from "./page.ts";

const PAGE_ENTRIES = 100;
const AFTER = object({ after: optional(text({ max: 100 })) });
const SECRETS = ["secret"];

/** Connections, each of them, and the form of a new one. */
export function connectionPages(admin: AdminRoutes): readonly Route[] {
  const create = admin("POST /v1/admin/connections");
  const replace = admin("PUT /v1/admin/connections/{connection}/credential");
  const disable = admin("POST /v1/admin/connections/{connection}/disablement");
  const enable = admin("DELETE /v1/admin/connections/{connection}/disablement");
  const test = admin("POST /v1/admin/connections/{connection}/test");
  const draw = async (context: PageContext, changes: Partial<ConnectionModel> = {}) =>
    connectionBody({ ...(await modelOf(context)), ...changes });
  return [
    page({
      path: "/connections",
      section: "/connections",
      summary: "Show the connections, as a page",
      permission: "connections.read",
      query: AFTER,
      draw: async ({ exchange, tenant, may, now }, { after }) => {
        const connections = await exchange.services.connections.list(tenant, {
          limit: PAGE_ENTRIES,
          ...(after === undefined ? {} : { after }),
        });
        const next = connections.length < PAGE_ENTRIES ? undefined : connections.at(-1)?.id;
        return {
          title: "Connections",
          body: connectionsPage({ connections, next, mayWrite: may("connections.write"), now }),
        };
      },
    }),
    page({
      path: "/connections/new",
      section: "/connections",
      summary: "Show the form of a new connection, as a page",
      permission: "connections.write",
      draw: async (context) => ({
        title: "Add a connection",
        body: newConnectionPage(await connectorNames(context), EMPTY_FORM),
      }),
    }),
    action({
      path: "/connections",
      summary: "Make a connection, from its page",
      by: [create],
      perform: (ask, form) =>
        ask(create, {
          name: form.text("name") ?? "",
          connector: form.text("connector") ?? "",
          url: form.text("url") ?? "",
          credential: credentialOf(form),
        }),
      drawsFailure: true,
      draw: async (context, outcome) => {
        if (!outcome.ok) return newConnectionForm(await connectorNames(context), failedForm(outcome, SECRETS));
        const name = String(outcome.result["name"]);
        return html`<div class="stack">${notice("ok", `${name} is there`, html`Its credential is sealed. Agents call it through <code>/v1/proxy/${name}/…</code>.`)}<div class="row"><a class="button primary" href="/connections/${name}">Open it</a><a class="button" href="/connections">All connections</a></div></div>`;
      },
    }),
    page({
      path: "/connections/{connection}",
      section: "/connections",
      summary: "Show a connection, as a page",
      permission: "connections.read",
      draw: async (context) => {
        const model = await modelOf(context);
        return { title: model.connection.name, body: connectionPage(model) };
      },
    }),
    action({
      path: "/connections/{connection}/test",
      summary: "Test a connection, from its page",
      by: [test],
      perform: async (ask) => (await ask(test)) as unknown as ConnectionTest,
      draw: (context, outcome) => draw(context, outcome.ok ? { test: outcome.result } : {}),
    }),
    action({
      path: "/connections/{connection}/credential",
      summary: "Replace a connection's credential, from its page",
      by: [replace],
      perform: (ask, form) => ask(replace, credentialOf(form)),
      drawsFailure: true,
      draw: (context, outcome) =>
        outcome.ok
          ? draw(context, { said: notice("ok", "The credential is replaced", "The old one is destroyed.") })
          : draw(context, { form: failedForm(outcome, SECRETS) }),
    }),
    action({
      path: "/connections/{connection}/disablement",
      summary: "Disable a connection, from its page",
      by: [disable],
      perform: (ask) => ask(disable),
      draw: (context) => draw(context),
    }),
    action({
      path: "/connections/{connection}/enablement",
      summary: "Let a disabled connection be used again, from its page",
      by: [enable],
      perform: (ask) => ask(enable),
      draw: (context) => draw(context),
    }),
  ];
}

/** The credential that a form says; what its kind has no use for is left out. */
function credentialOf(form: Form): Json {
  const kind = form.text("kind") ?? "none";
  const secret = form.raw("secret");
  switch (kind) {
    case "basic":
      return { kind, username: form.text("username") ?? "", password: secret };
    case "header":
    case "query":
      return { kind, name: form.text("field") ?? "", value: secret };
    case "none":
      return { kind };
    default:
      return { kind, value: secret };
  }
}

async function connectorNames({ exchange, tenant }: PageContext): Promise<readonly string[]> {
  const known = await exchange.services.connectors.list(tenant);
  return known.map(({ id }) => id);
}

async function modelOf({ exchange, tenant, may }: PageContext): Promise<ConnectionModel> {
  const form: FormState = EMPTY_FORM;
  return {
    connection: await exchange.services.connections.show(tenant, exchange.param("connection")),
    mayWrite: may("connections.write"),
    test: undefined,
    form,
    said: undefined,
  };
}
