import { PRODUCT_VERSION } from "#src/base/version.ts";
import { settingsOf } from "#src/identity/tenants.ts";
import { EMPTY_FORM } from "#views/form.ts";
import { type SettingsModel, settingsBody, settingsPage } from "#views/settings.ts";
import type { Route } from "../route.ts";
import type { PageContext } from "./context.ts";
import { failedForm } from "./failed-form.ts";
import { type AdminRoutes, action, page } from "./page.ts";

const MAX_TOKENS = 500;

/** What holds for all agents, and the tokens of programs. */
export function settingPages(admin: AdminRoutes): readonly Route[] {
  const configure = admin("PUT /v1/admin/settings");
  const issue = admin("POST /v1/admin/tokens");
  const revoke = admin("POST /v1/admin/tokens/{token}/revocation");
  const draw = async (context: PageContext, changes: Partial<SettingsModel> = {}) =>
    settingsBody({ ...(await modelOf(context)), ...changes });
  return [
    page({
      path: "/settings",
      section: "/settings",
      summary: "Show the settings, as a page",
      permission: "settings.read",
      draw: async (context) => ({ title: "Settings", body: settingsPage(await modelOf(context)) }),
    }),
    action({
      path: "/settings",
      summary: "Change the settings, from their page",
      by: [configure],
      perform: (ask, form) =>
        ask(configure, {
          require_proof: form.text("require_proof") !== undefined,
          explain_to_agents: form.text("explain_to_agents") !== undefined,
        }),
      drawsFailure: true,
      draw: (context, outcome) => draw(context, outcome.ok ? {} : { form: failedForm(outcome) }),
      said: "Settings saved.",
    }),
    ...(["admin", "pdp"] as const).map((kind) =>
      action({
        path: `/settings/tokens/${kind}`,
        summary: `Issue a token of the kind ${kind}, from the page of settings`,
        by: [issue],
        perform: (ask) => ask(issue, { kind }),
        draw: (context, outcome) => draw(context, { issued: outcome.ok ? String(outcome.result["token"]) : undefined }),
      }),
    ),
    action({
      path: "/settings/tokens/{token}/revocation",
      summary: "Revoke a token, from the page of settings",
      by: [revoke],
      perform: (ask) => ask(revoke),
      draw: (context) => draw(context),
      said: "The token is revoked.",
    }),
  ];
}

async function modelOf({ exchange, tenant, may, now }: PageContext): Promise<SettingsModel> {
  const { tenants, tokens, instance } = exchange.services;
  const row = await tenants.show(tenant);
  const { requireProof, explainToAgents } = settingsOf(row);
  const all = may("tokens.read") ? await tokens.list(tenant, { limit: MAX_TOKENS }) : [];
  return {
    requireProof,
    explainToAgents,
    mayWrite: may("settings.write"),
    mayReadTokens: may("tokens.read"),
    mayReadNotifications: may("notifications.read"),
    mayWriteTokens: may("tokens.write"),
    tokens: all.filter(({ kind }) => kind !== "agent"),
    issued: undefined,
    instance: { id: instance.instanceId, version: PRODUCT_VERSION, publicUrl: exchange.config.publicUrl },
    tenant: { id: tenant, name: row.name },
    now,
    form: EMPTY_FORM,
    said: undefined,
  };
}
