import { toRfc3339 } from "#src/base/clock.ts";
import type { ErrorCode } from "#src/base/error-codes.ts";
import { isWritError } from "#src/base/errors.ts";
import type { TenantId } from "#src/base/ids.ts";
import type { Exchange } from "../exchange.ts";
import { type Route, route } from "../route.ts";
import { object, optional, text } from "../shape.ts";
import { sessionCookie } from "./cookie.ts";
import { ASSERTION_RESPONSE, ENROLMENT_RESPONSE } from "./credential-shape.ts";
import { renderPrincipal, renderReauthentication, renderSession, signedInReply } from "./session-view.ts";

const LINK = text({ max: 200, description: "what stands behind the `#` of a one-time link" });
const LABEL = text({ max: 80 });

/** Signing in and out, enrolling by a one-time link, and showing the passkey again. Pages of Writ ask them. */
export const SESSION_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/session/setup",
    summary: "Say what a one-time link is for, without using it",
    who: ["anyone", "person"],
    isFromPages: true,
    body: object({ link: LINK }),
    answers: { 200: "What it is for, who it is for, and when it expires" },
    errors: ["link_invalid"],
    handle: async (exchange, { link }) => {
      const view = await counted(exchange, () => exchange.services.enrolment.describe(link));
      return {
        json: {
          kind: view.kind,
          tenant: view.tenantName,
          expires_at: toRfc3339(view.expiresAt),
          ...(view.person === undefined ? {} : { person: view.person }),
        },
      };
    },
  }),
  route({
    method: "POST",
    path: "/v1/session/enrolment/options",
    summary: "Give the options to make a passkey with, by a one-time link",
    who: ["anyone", "person"],
    isFromPages: true,
    body: object({
      link: LINK,
      name: optional(text({ max: 80, description: "how a tenant's first owner wants to be called" })),
      email: optional(text({ max: 254 })),
    }),
    answers: { 200: "`publicKey` for `navigator.credentials.create`" },
    errors: ["link_invalid"],
    handle: async (exchange, { link, name, email }) => {
      const owner = name === undefined ? undefined : { name, ...(email === undefined ? {} : { email }) };
      const { enrolment } = exchange.services;
      return { json: { publicKey: await counted(exchange, () => enrolment.options(link, owner)) } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/session/enrolment",
    summary: "Enrol a passkey by a one-time link, and sign in",
    who: ["anyone", "person"],
    isFromPages: true,
    body: object({ link: LINK, credential: ENROLMENT_RESPONSE, passkey_name: optional(LABEL) }),
    answers: { 201: "Who is signed in; the cookie is set" },
    errors: ["link_invalid", "passkey_refused"],
    handle: async (exchange, { link, credential, passkey_name: name = "Passkey" }) => {
      const { enrolment } = exchange.services;
      const signedIn = await counted(exchange, () => enrolment.enrol(link, credential, name, exchange.client()));
      return signedInReply(exchange, signedIn);
    },
  }),
  route({
    method: "POST",
    path: "/v1/session/recovery",
    summary: "Use a recovery code, and get a one-time link to enrol a passkey with",
    who: ["anyone", "person"],
    isFromPages: true,
    body: object({ code: text({ max: 100 }) }),
    answers: { 201: "The link, good for 15 minutes" },
    errors: ["link_invalid"],
    handle: async (exchange, { code }) => {
      const link = await counted(exchange, () => exchange.services.recovery.useCode(code));
      return { status: 201, json: { url: link.url, expires_at: toRfc3339(link.expiresAt) } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/session/sign-in/options",
    summary: "Give the options to sign in with",
    who: ["anyone", "person"],
    isFromPages: true,
    answers: { 200: "`publicKey` for `navigator.credentials.get`" },
    handle: async ({ services }) => ({ json: { publicKey: services.signIn.options() } }),
  }),
  route({
    method: "POST",
    path: "/v1/session/sign-in",
    summary: "Sign in with a passkey",
    who: ["anyone", "person"],
    isFromPages: true,
    body: object({ credential: ASSERTION_RESPONSE }),
    answers: { 201: "Who is signed in; the cookie is set" },
    errors: ["passkey_refused"],
    handle: async (exchange, { credential }) => {
      const { services, caller } = exchange;
      const before = caller.kind === "person" ? caller.principal : undefined;
      const signedIn = await counted(
        exchange,
        () => services.signIn.signIn(credential, exchange.client(), before),
        () => services.signIn.tenantOf(credential),
      );
      return signedInReply(exchange, signedIn);
    },
  }),
  route({
    method: "GET",
    path: "/v1/session",
    summary: "Show who is signed in, what they may do, and the session's token",
    who: ["person"],
    answers: { 200: "The person and the session" },
    handle: (exchange) => ({ json: renderPrincipal(exchange.person()) }),
  }),
  route({
    method: "DELETE",
    path: "/v1/session",
    summary: "Sign out",
    who: ["person"],
    answers: { 200: "The session is over" },
    handle: async (exchange) => {
      const { tenant, subject, session } = exchange.person();
      await exchange.services.sessions.end(tenant, subject, session.id);
      return {
        json: { ended: session.id },
        headers: { "set-cookie": sessionCookie(exchange.config.publicUrl).clear() },
      };
    },
  }),
  route({
    method: "POST",
    path: "/v1/session/reauthentication/options",
    summary: "Give the options to show the passkey again with",
    who: ["person"],
    answers: { 200: "`publicKey` for `navigator.credentials.get`" },
    handle: async (exchange) => ({
      json: { publicKey: await exchange.services.signIn.reauthenticationOptions(exchange.person()) },
    }),
  }),
  route({
    method: "POST",
    path: "/v1/session/reauthentication",
    summary:
      "Show the passkey again, for what is sensitive: the proof goes into `Writ-Reauthentication`, for five minutes",
    who: ["person"],
    body: object({ credential: ASSERTION_RESPONSE }),
    answers: { 201: "The proof" },
    errors: ["passkey_refused"],
    handle: async (exchange, { credential }) => {
      const proof = await exchange.services.signIn.reauthenticate(exchange.person(), credential);
      return { status: 201, json: renderReauthentication(proof) };
    },
  }),
  route({
    method: "GET",
    path: "/v1/session/sessions",
    summary: "List one's own sessions",
    who: ["person"],
    answers: { 200: "The sessions, newest first" },
    handle: async (exchange) => {
      const { tenant, person, session } = exchange.person();
      const sessions = await exchange.services.sessions.list(tenant, person.id);
      return { json: { sessions: sessions.map((each) => renderSession(each, session.id)) } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/session/sessions/{session}/revocation",
    summary: "End one of one's own sessions",
    who: ["person"],
    answers: { 200: "The session is over" },
    handle: async (exchange) => {
      const { tenant, subject, person } = exchange.person();
      const id = exchange.param("session");
      await exchange.services.sessions.end(tenant, subject, id, person.id);
      return { json: { ended: id } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/session/sign-out-everywhere",
    summary: "End all of one's own sessions, this one included",
    who: ["person"],
    answers: { 200: "All sessions are over" },
    handle: async (exchange) => {
      const { tenant, subject, person } = exchange.person();
      await exchange.services.sessions.endAll(tenant, subject, person.id);
      return {
        json: { ended: "all" },
        headers: { "set-cookie": sessionCookie(exchange.config.publicUrl).clear() },
      };
    },
  }),
];

/** Codes that tell somebody from outside that what they hold opens nothing. */
const REFUSALS: ReadonlySet<ErrorCode> = new Set<ErrorCode>(["passkey_refused", "link_invalid"]);

/** Lets somebody in, and counts a refusal in the chain of the tenant that it is about, where that is known; else in the instance's. */
async function counted<Result>(
  { services }: Exchange,
  enter: () => Promise<Result>,
  tenantOf: () => Promise<TenantId | undefined> = async () => undefined,
): Promise<Result> {
  try {
    return await enter();
  } catch (error) {
    if (isWritError(error) && REFUSALS.has(error.code)) {
      const tenant = (await tenantOf()) ?? services.instance.tenant;
      services.tally.count({ tenant, type: "session.refused", actor: "system", data: { code: error.code } });
    }
    throw error;
  }
}
