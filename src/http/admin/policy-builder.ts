import { type Route, route } from "../route.ts";
import { anyObject, list, object, optional, text } from "../shape.ts";

const MAX_SOURCE_CHARACTERS = 2 ** 20;
const MAX_BODY_BYTES = 8 * 2 ** 20;
const MAX_POLICIES = 1000;
const SOURCE = text({ min: 0, max: MAX_SOURCE_CHARACTERS, description: "Cedar policies" });

/** Policies as forms: who may do what, on what, when, and whom it needs. */
export const POLICY_BUILDER_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/admin/policies/builder/form",
    summary: "Show policies as forms; what a form cannot say stands in it as text",
    who: ["admin", "operator"],
    maxBodyBytes: MAX_BODY_BYTES,
    body: object({ source: SOURCE }),
    answers: { 200: "Each policy's text and form; the form is null for one that is too deep for it" },
    errors: ["policy_invalid"],
    handle: async (exchange, { source }) => {
      await exchange.manager();
      const options = { signal: exchange.request.signal };
      return { json: { policies: await exchange.services.policyBuilder.toForms(source, options) } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/policies/builder/text",
    summary: "Make policies of forms; one that was not edited keeps its text",
    who: ["admin", "operator"],
    maxBodyBytes: MAX_BODY_BYTES,
    body: object({
      policies: list(
        object({
          form: optional(anyObject("a policy's form; left out, its text stays as it is")),
          text: optional(text({ min: 0, max: MAX_SOURCE_CHARACTERS, description: "the text that it was made from" })),
        }),
        MAX_POLICIES,
      ),
    }),
    answers: { 200: "The source, and each policy as text and form" },
    errors: ["policy_invalid"],
    handle: async (exchange, { policies }) => {
      await exchange.manager();
      const options = { signal: exchange.request.signal };
      return { json: await exchange.services.policyBuilder.toText(policies, options) };
    },
  }),
];
