import type { JsonObject } from "#src/base/canonical-json.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { IssuedLink } from "#src/identity/invitations.ts";
import type { Person } from "#src/identity/people.ts";
import { PERSON_ROLES, parseRoles } from "#src/identity/roles.ts";
import { enrolmentToJson } from "#src/ledger/enrolment.ts";
import type { Exchange } from "../exchange.ts";
import { nextOf, PAGE_QUERY, toPage } from "../page.ts";
import { type Route, route } from "../route.ts";
import { renderPasskey, renderSession } from "../session/session-view.ts";
import { choice, list, object, optional, text } from "../shape.ts";

const ROLES = list(choice(PERSON_ROLES), PERSON_ROLES.length);
/** Through the socket alone while nobody has a passkey; from then on by people, and never by a token. */
const MANAGERS = ["person", "operator"] as const;

/** People of a tenant: who may come in, as what, and who is out. */
export const PEOPLE_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/people",
    summary: "List people",
    who: ["admin", "operator"],
    query: PAGE_QUERY,
    answers: { 200: "A page of people, and `next` where more may follow" },
    handle: async (exchange, _body, query) => {
      const { tenant } = await exchange.manager();
      const page = toPage(query);
      const people = await exchange.services.people.list(tenant, page);
      return { json: { people: people.map(renderPerson), ...nextOf(people, page) } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/people",
    summary: "Invite a person by a one-time link",
    who: MANAGERS,
    body: object({ name: text({ max: 80 }), email: optional(text({ max: 254 })), roles: ROLES }),
    answers: { 201: "The person, and the link, shown this once" },
    errors: ["passkey_required"],
    handle: async (exchange, { name, email, roles }) => {
      const { tenant, actor } = await exchange.peopleActor();
      const made = await exchange.services.invitations.invite(tenant, actor, {
        name,
        roles: parseRoles(roles),
        ...(email === undefined ? {} : { email }),
      });
      return { status: 201, json: { ...renderPerson(made.person), link: renderLink(made.link) } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/people/setup-link",
    summary: "Make the one-time link for a tenant's first owner; one from before is void",
    who: ["operator"],
    answers: { 201: "The link, good for 15 minutes" },
    errors: ["conflict"],
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      return { status: 201, json: renderLink(await exchange.services.invitations.setUp(tenant, subject)) };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/people-status",
    summary: "Say whether people decide in the tenant, and whether approvals are held after a recovery from the host",
    who: ["admin", "operator"],
    answers: { 200: "The status" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      const { people } = exchange.services;
      const held = await people.approvalsHeldUntil(tenant);
      return {
        json: {
          host_decides: !(await people.hasPasskey(tenant)),
          can_sign_in: await people.hasUsablePasskey(tenant),
          ...(held === undefined ? {} : { approvals_held_until: toRfc3339(held) }),
        },
      };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/people/{person}",
    summary: "Show a person, by id or by a name or e-mail that one person alone has",
    who: ["admin", "operator"],
    answers: { 200: "The person with their passkeys" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      const { people, passkeys, recovery } = exchange.services;
      const person = await people.show(tenant, exchange.param("person"));
      const own = await passkeys.list(tenant, person.id);
      return {
        json: {
          ...renderPerson(person),
          passkeys: own.map(renderPasskey),
          recovery_codes: await recovery.count(tenant, person.id),
        },
      };
    },
  }),
  route({
    method: "PUT",
    path: "/v1/admin/people/{person}/roles",
    summary: "Say what a person is, and end their sessions",
    who: MANAGERS,
    body: object({ roles: ROLES }),
    answers: { 200: "The person" },
    errors: ["last_owner", "passkey_required"],
    handle: async (exchange, { roles }) => {
      const { tenant, actor } = await exchange.peopleActor();
      const { people } = exchange.services;
      const { id } = await people.show(tenant, exchange.param("person"));
      await people.setRoles(tenant, actor, id, roles);
      return { json: renderPerson(await people.show(tenant, id)) };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/people/{person}/revocation",
    summary: "Keep a person out from now on, for good: sessions, passkeys, links and codes",
    who: MANAGERS,
    answers: { 200: "The person" },
    errors: ["last_owner", "passkey_required"],
    handle: async (exchange) => {
      const { tenant, actor } = await exchange.peopleActor();
      const { people } = exchange.services;
      const { id } = await people.show(tenant, exchange.param("person"));
      await people.revoke(tenant, actor, id);
      return { json: renderPerson(await people.show(tenant, id)) };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/people/{person}/link",
    summary: "Make a new one-time link for somebody who lost theirs, or every passkey; not for oneself",
    who: MANAGERS,
    answers: { 201: "The link, shown this once" },
    errors: ["passkey_required"],
    handle: async (exchange) => {
      const { tenant, actor } = await exchange.peopleActor();
      const { people, invitations } = exchange.services;
      const { id } = await people.show(tenant, exchange.param("person"));
      return { status: 201, json: renderLink(await invitations.renew(tenant, actor, id)) };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/people/{person}/recovery",
    summary: "Let an owner in again where no other owner can do it; approvals are held for 24 hours",
    who: ["operator"],
    answers: { 201: "The link, good for 15 minutes" },
    errors: ["passkey_required", "conflict"],
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      const { people, invitations } = exchange.services;
      const { id } = await people.show(tenant, exchange.param("person"));
      return { status: 201, json: renderLink(await invitations.recover(tenant, subject, id)) };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/people/{person}/sign-out",
    summary: "End all sessions of a person",
    who: ["admin", ...MANAGERS],
    answers: { 200: "All their sessions are over" },
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      const { people, sessions } = exchange.services;
      const { id } = await people.show(tenant, exchange.param("person"));
      await sessions.endAll(tenant, subject, id);
      return { json: { person: id, ended: "all" } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/people/{person}/passkeys/{passkey}/removal",
    summary: "Remove a passkey of somebody else, such as one on a lost device",
    who: ["person"],
    answers: { 200: "The passkey is removed" },
    errors: ["last_owner"],
    handle: async (exchange) => {
      const principal = exchange.person();
      const { people, enrolment } = exchange.services;
      const { id } = await people.show(principal.tenant, exchange.param("person"));
      const passkey = exchange.param("passkey");
      await enrolment.remove(principal.tenant, principal, id, passkey);
      return { json: { removed: passkey } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/people/{person}/recovery-codes",
    summary: "Make a person's recovery codes anew; those from before are void",
    who: MANAGERS,
    answers: { 201: "The codes, shown this once" },
    errors: ["passkey_required"],
    handle: async (exchange) => {
      const { tenant, actor } = await exchange.peopleActor();
      const { people, recovery } = exchange.services;
      const person = await people.show(tenant, exchange.param("person"));
      await people.checkMayManage(tenant, actor, person.roles);
      return { status: 201, json: { codes: await recovery.makeCodes(tenant, actor.subject, person.id) } };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/passkeys",
    summary: "Give every passkey that was ever enrolled, as an auditor needs them to check what people signed",
    who: ["admin", "operator"],
    answers: { 200: "The enrolments, each the JSON of an `enrolment` line" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      return { json: { enrolments: await listEnrolments(exchange, tenant) } };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/sessions",
    summary: "List who is signed in",
    who: ["admin", "operator"],
    answers: { 200: "All sessions, newest first" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      const sessions = await exchange.services.sessions.list(tenant);
      return { json: { sessions: sessions.map((session) => renderSession(session)) } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/sessions/{session}/revocation",
    summary: "End a session",
    who: ["admin", "operator"],
    answers: { 200: "The session is over" },
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      const id = exchange.param("session");
      await exchange.services.sessions.end(tenant, subject, id);
      return { json: { ended: id } };
    },
  }),
];

async function listEnrolments({ services, config }: Exchange, tenant: TenantId): Promise<readonly JsonObject[]> {
  const { hostname, origin } = new URL(config.publicUrl);
  const enrolments: JsonObject[] = [];
  for await (const passkey of services.passkeys.all(tenant)) {
    const person = await services.people.show(tenant, passkey.person);
    enrolments.push(
      enrolmentToJson({
        tenant,
        passkey: passkey.id,
        person: person.id,
        subject: person.subject,
        name: person.name,
        credentialId: passkey.credentialId,
        publicKey: passkey.publicKey,
        algorithm: passkey.algorithm,
        rpId: hostname,
        origin,
        enrolledAt: toRfc3339(passkey.createdAt),
        ...(passkey.revokedAt === null ? {} : { removedAt: toRfc3339(passkey.revokedAt) }),
      }),
    );
  }
  return enrolments;
}

function renderPerson(person: Person): Readonly<Record<string, unknown>> {
  return {
    id: person.id,
    name: person.name,
    ...(person.email === null ? {} : { email: person.email }),
    roles: person.roles,
    status: person.status,
    subject: person.subject,
    created_at: toRfc3339(person.createdAt),
  };
}

function renderLink({ kind, url, expiresAt }: IssuedLink): Readonly<Record<string, unknown>> {
  return { kind, url, expires_at: toRfc3339(expiresAt) };
}
