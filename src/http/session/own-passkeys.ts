import { type Route, route } from "../route.ts";
import { object, optional, text } from "../shape.ts";
import { ENROLMENT_RESPONSE } from "./credential-shape.ts";
import { renderPasskey } from "./session-view.ts";

const LABEL = text({ max: 80 });

/** One's own passkeys and recovery codes. Whatever changes them asks the passkey again. */
export const OWN_PASSKEY_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/session/passkeys",
    summary: "List one's own passkeys",
    who: ["person"],
    answers: { 200: "The passkeys, and how many recovery codes are left" },
    handle: async (exchange) => {
      const { tenant, person } = exchange.person();
      const { passkeys, recovery } = exchange.services;
      const own = await passkeys.list(tenant, person.id);
      return {
        json: { passkeys: own.map(renderPasskey), recovery_codes: await recovery.count(tenant, person.id) },
      };
    },
  }),
  route({
    method: "POST",
    path: "/v1/session/passkeys/options",
    summary: "Give the options to make one more passkey with",
    who: ["person"],
    isSensitive: true,
    answers: { 200: "`publicKey` for `navigator.credentials.create`" },
    handle: async (exchange) => ({
      json: { publicKey: await exchange.services.enrolment.addOptions(exchange.person()) },
    }),
  }),
  route({
    method: "POST",
    path: "/v1/session/passkeys",
    summary: "Enrol one more passkey",
    who: ["person"],
    isSensitive: true,
    body: object({ credential: ENROLMENT_RESPONSE, name: optional(LABEL) }),
    answers: { 201: "The passkey" },
    errors: ["passkey_refused"],
    handle: async (exchange, { credential, name = "Passkey" }) => {
      const passkey = await exchange.services.enrolment.add(exchange.person(), credential, name);
      return { status: 201, json: renderPasskey(passkey) };
    },
  }),
  route({
    method: "PUT",
    path: "/v1/session/passkeys/{passkey}/name",
    summary: "Call a passkey of one's own something else",
    who: ["person"],
    body: object({ name: LABEL }),
    answers: { 200: "The passkey" },
    handle: async (exchange, { name }) => {
      const passkey = await exchange.services.enrolment.rename(exchange.person(), exchange.param("passkey"), name);
      return { json: renderPasskey(passkey) };
    },
  }),
  route({
    method: "DELETE",
    path: "/v1/session/passkeys/{passkey}",
    summary: "Remove a passkey of one's own, and end the sessions that it opened",
    who: ["person"],
    isSensitive: true,
    answers: { 200: "The passkey is removed" },
    errors: ["last_owner"],
    handle: async (exchange) => {
      const principal = exchange.person();
      const id = exchange.param("passkey");
      await exchange.services.enrolment.remove(principal.tenant, principal, principal.person.id, id);
      return { json: { removed: id } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/session/recovery-codes",
    summary: "Make one's own recovery codes anew; those from before are void",
    who: ["person"],
    isSensitive: true,
    answers: { 201: "The codes, shown this once" },
    handle: async (exchange) => {
      const { tenant, subject, person } = exchange.person();
      const codes = await exchange.services.recovery.makeCodes(tenant, subject, person.id);
      return { status: 201, json: { codes } };
    },
  }),
];
