import type { Person } from "#src/identity/people.ts";
import { EMPTY_FORM } from "#views/form.ts";
import { notice } from "#views/parts.ts";
import { type PeopleModel, type PersonModel, peopleBody, peoplePage, personBody, personPage } from "#views/people.ts";
import type { Route } from "../route.ts";
import type { PageContext } from "./context.ts";
import { failedForm } from "./failed-form.ts";
import { type AdminRoutes, action, page } from "./page.ts";

const MAX_PEOPLE = 500;

/** People, each of them, and the account of whoever is signed in. */
export function peoplePages(admin: AdminRoutes): readonly Route[] {
  const invite = admin("POST /v1/admin/people");
  const setRoles = admin("PUT /v1/admin/people/{person}/roles");
  const revoke = admin("POST /v1/admin/people/{person}/revocation");
  const renew = admin("POST /v1/admin/people/{person}/link");
  const removePasskey = admin("POST /v1/admin/people/{person}/passkeys/{passkey}/removal");
  const signOut = admin("POST /v1/admin/people/{person}/sign-out");
  const endSession = admin("POST /v1/admin/sessions/{session}/revocation");
  const drawPerson = async (context: PageContext, changes: Partial<PersonModel> = {}) =>
    personBody({ ...(await personModel(context)), ...changes });
  return [
    page({
      path: "/people",
      section: "/people",
      summary: "Show the people, as a page",
      permission: "people.read",
      draw: async (context) => ({ title: "People", body: peoplePage(await peopleModel(context)) }),
    }),
    action({
      path: "/people",
      summary: "Invite a person, from the page of people",
      by: [invite],
      perform: async (ask, form) => {
        const email = form.text("email");
        const made = await ask(invite, {
          name: form.text("name") ?? "",
          roles: [...form.all("roles")],
          ...(email === undefined ? {} : { email }),
        });
        return linkOf(made["link"]);
      },
      drawsFailure: true,
      draw: async (context, outcome) =>
        peopleBody({
          ...(await peopleModel(context)),
          ...(outcome.ok ? { link: outcome.result } : { form: failedForm(outcome) }),
        }),
    }),
    page({
      path: "/people/{person}",
      section: "/people",
      summary: "Show a person with their passkeys and sessions, as a page",
      permission: "people.read",
      draw: async (context) => {
        const model = await personModel(context);
        return { title: model.person.name, body: personPage(model) };
      },
    }),
    action({
      path: "/people/{person}/roles",
      summary: "Say what a person is, from their page",
      by: [setRoles],
      perform: (ask, form) => ask(setRoles, { roles: [...form.all("roles")] }),
      drawsFailure: true,
      draw: (context, outcome) =>
        outcome.ok
          ? drawPerson(context, {
              said: notice("ok", "The roles are saved", "Their sessions ended: they sign in anew."),
            })
          : drawPerson(context, { form: failedForm(outcome) }),
    }),
    action({
      path: "/people/{person}/revocation",
      summary: "Keep a person out for good, from their page",
      by: [revoke],
      perform: (ask) => ask(revoke),
      draw: (context) => drawPerson(context),
    }),
    action({
      path: "/people/{person}/link",
      summary: "Make a new one-time link for a person, from their page",
      by: [renew],
      perform: async (ask) => linkOf(await ask(renew)),
      draw: (context, outcome) => drawPerson(context, { link: outcome.ok ? outcome.result : undefined }),
    }),
    action({
      path: "/people/{person}/passkeys/{passkey}/removal",
      summary: "Remove a person's passkey, from their page",
      by: [removePasskey],
      perform: (ask) => ask(removePasskey),
      draw: (context) => drawPerson(context),
      said: "The passkey is removed.",
    }),
    action({
      path: "/people/{person}/sessions/{session}/end",
      summary: "End a person's session, from their page",
      by: [endSession],
      perform: (ask) => ask(endSession),
      draw: (context) => drawPerson(context),
      said: "The session ended.",
    }),
    action({
      path: "/people/{person}/sessions/end",
      summary: "End all sessions of a person, from their page",
      by: [signOut],
      perform: (ask) => ask(signOut),
      draw: (context) => drawPerson(context),
      said: "All their sessions ended.",
    }),
  ];
}

/** A link as the routes of people answer it. */
export function linkOf(answer: unknown): PeopleModel["link"] {
  const { url, expires_at: expiresAt } = answer as Readonly<Record<string, unknown>>;
  return { url: String(url), expiresAt: String(expiresAt) };
}

async function peopleModel({ exchange, tenant, may, now }: PageContext): Promise<PeopleModel> {
  return {
    people: await exchange.services.people.list(tenant, { limit: MAX_PEOPLE }),
    mayWrite: may("people.write"),
    now,
    form: EMPTY_FORM,
    link: undefined,
  };
}

async function personModel(context: PageContext): Promise<PersonModel> {
  const { exchange, tenant, may } = context;
  const person = await exchange.services.people.show(tenant, exchange.param("person"));
  return { ...(await personParts(context, person)), isSelf: false, mayWrite: may("people.write") };
}

/** What is known of a person, for whoever looks at their page. */
export async function personParts(
  { exchange, tenant, now }: PageContext,
  person: Person,
): Promise<Omit<PersonModel, "isSelf" | "mayWrite">> {
  const { passkeys, sessions } = exchange.services;
  const [own, open] = await Promise.all([passkeys.list(tenant, person.id), sessions.list(tenant, person.id)]);
  const current = exchange.person().session.id;
  return {
    person,
    passkeys: own,
    sessions: open.map(({ id, client, createdAt, lastSeenAt }) => ({
      id,
      browser: client?.browser ?? "",
      address: client?.address ?? "",
      createdAt,
      lastSeenAt,
      isThis: id === current,
    })),
    now,
    form: EMPTY_FORM,
    link: undefined,
    codes: undefined,
    said: undefined,
  };
}
