import { EMPTY_FORM } from "#views/form.ts";
import { type PersonModel, personBody, personPage } from "#views/people.ts";
import type { Route } from "../route.ts";
import type { PageContext } from "./context.ts";
import { type AdminRoutes, action, fragment, page } from "./page.ts";
import { personParts } from "./people.ts";

/** The account of whoever is signed in: their own passkeys, codes and sessions. */
export function accountPages(admin: AdminRoutes): readonly Route[] {
  const removePasskey = admin("DELETE /v1/session/passkeys/{passkey}");
  const makeCodes = admin("POST /v1/session/recovery-codes");
  const endSession = admin("POST /v1/session/sessions/{session}/revocation");
  const draw = async (context: PageContext, changes: Partial<PersonModel> = {}) =>
    personBody({ ...(await accountModel(context)), ...changes });
  return [
    page({
      path: "/account",
      section: "/account",
      summary: "Show one's own passkeys and sessions, as a page",
      draw: async (context) => ({ title: "My account", body: personPage(await accountModel(context)) }),
    }),
    fragment({
      path: "/account/body",
      summary: "Draw one's own account",
      draw: (context) => draw(context),
    }),
    action({
      path: "/account/recovery-codes",
      summary: "Make one's recovery codes anew, from the account's page",
      by: [makeCodes],
      perform: async (ask) => (await ask(makeCodes))["codes"] as readonly string[],
      draw: (context, outcome) => draw(context, { codes: outcome.ok ? outcome.result : undefined }),
    }),
    action({
      path: "/account/passkeys/{passkey}/removal",
      summary: "Remove a passkey of one's own, from the account's page",
      by: [removePasskey],
      perform: (ask) => ask(removePasskey),
      draw: (context) => draw(context),
      said: "The passkey is removed.",
    }),
    action({
      path: "/account/sessions/{session}/end",
      summary: "End a session of one's own, from the account's page",
      by: [endSession],
      perform: (ask) => ask(endSession),
      draw: (context) => draw(context),
      said: "The session ended.",
    }),
  ];
}

async function accountModel(context: PageContext): Promise<PersonModel> {
  const { exchange, tenant } = context;
  const person = await exchange.services.people.show(tenant, exchange.person().person.id);
  return { ...(await personParts(context, person)), form: EMPTY_FORM, isSelf: true, mayWrite: false };
}
