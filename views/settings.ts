import { path } from "./address.ts";
import { checkbox, type FormState, formError, submit } from "./form.ts";
import { attribute, type Content, type Html, html } from "./html.ts";
import { badge, card, code, copyable, empty, facts, notice, pageHead, relative, shortCode, table } from "./parts.ts";

/** A token for automation, as its list shows it. */
export interface TokenEntry {
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly createdAt: number;
  readonly revokedAt: number | null;
}

/** What the settings show. */
export interface SettingsModel {
  readonly requireProof: boolean;
  readonly explainToAgents: boolean;
  readonly mayWrite: boolean;
  readonly mayReadTokens: boolean;
  readonly mayReadNotifications: boolean;
  readonly mayWriteTokens: boolean;
  readonly tokens: readonly TokenEntry[];
  readonly issued: string | undefined;
  readonly instance: { readonly id: string; readonly version: string; readonly publicUrl: string };
  readonly tenant: { readonly id: string; readonly name: string };
  readonly now: number;
  readonly form: FormState;
  readonly said: Content;
}

/** The page of settings. */
export function settingsPage(model: SettingsModel): Html {
  return html`${pageHead("Settings", "What holds for all of the tenant's agents, and the tokens that programs manage it with.", model.mayReadNotifications ? html`<a class="button" href="/notifications">Notifications</a>` : undefined)}${settingsBody(model)}`;
}

/** The part that its actions draw anew. */
export function settingsBody(model: SettingsModel): Html {
  const { requireProof, explainToAgents, mayWrite, mayReadTokens, instance, tenant, form, said } = model;
  return html`<div id="settings" class="grid-side"><div class="stack-5">${said}${card(
    "Agents",
    html`<form hx-post="/settings" hx-target="#settings" hx-swap="outerHTML">${formError(form)}<fieldset${attribute("disabled", !mayWrite)}><legend class="visually-hidden">Agents</legend>${checkbox("settings", { name: "require_proof", label: "Every writ must come with proof of possession", hint: "The agent signs an invocation with its own key. Agents whose key Writ holds cannot work then.", checked: requireProof })}${checkbox(
      "settings",
      {
        name: "explain_to_agents",
        label: "Agents may ask why",
        hint: "An agent that sets `explain` is told which policies decided, and what would change it.",
        checked: explainToAgents,
      },
    )}</fieldset>${mayWrite ? html`<div class="form-end">${submit("Save")}</div>` : html`<p class="hint">Your roles do not include changing settings.</p>`}</form>`,
  )}${mayReadTokens ? tokensCard(model) : undefined}</div><aside class="stack-5">${card(
    "This instance",
    facts([
      ["Tenant", html`${tenant.name} ${shortCode(tenant.id, 18)}`],
      ["Address", code(instance.publicUrl)],
      ["Version", instance.version],
      ["Instance", shortCode(instance.id, 22)],
      ["Interface", html`<a href="/openapi.json">OpenAPI 3.1</a>`],
    ]),
  )}${card(
    "On the host",
    html`<p class="muted small-text">Whoever holds the host keeps keys, addresses and the disk in order:</p><div class="stack">${copyable("writ doctor", "Copy")}${copyable("writ keys list", "Copy")}</div>`,
  )}</aside></div>`;
}

function tokensCard({ tokens, mayWriteTokens, issued, now }: SettingsModel): Html {
  return card(
    "Tokens for programs",
    html`${issued === undefined ? undefined : html`${notice("accent", "Copy the token now", "It is shown this once.")}${copyable(issued, "Copy token")}`}${
      tokens.length === 0
        ? empty("key", "No token yet", "A token lets a program manage the tenant (admin) or ask for decisions (pdp).")
        : table(
            "Tokens",
            ["Token", "Kind", "Made", "State", ""],
            tokens.map((token) => [
              html`${token.name === "" ? html`<span class="muted">unnamed</span>` : token.name}<span class="sub">${shortCode(token.id, 20)}</span>`,
              token.kind,
              relative(token.createdAt, now),
              token.revokedAt === null ? badge("active", "ok") : badge("revoked", "bad"),
              mayWriteTokens && token.revokedAt === null
                ? html`<div class="row"><button type="button" class="button small danger" hx-post="${path`/settings/tokens/${token.id}/revocation`}" hx-target="#settings" hx-swap="outerHTML" hx-confirm="The token is refused from the very next request on.">Revoke</button></div>`
                : undefined,
            ]),
          )
    }`,
    mayWriteTokens
      ? html`<div class="row"><button type="button" class="button small" hx-post="/settings/tokens/admin" hx-target="#settings" hx-swap="outerHTML">New admin token</button><button type="button" class="button small" hx-post="/settings/tokens/pdp" hx-target="#settings" hx-swap="outerHTML">New pdp token</button></div>`
      : undefined,
  );
}
