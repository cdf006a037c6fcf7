import { WritError } from "#src/base/errors.ts";
import { parseId } from "#src/base/ids.ts";
import { ASKED, readAsked } from "../api/authorize.ts";
import { renderExplanation } from "../api/explanation-view.ts";
import { route } from "../route.ts";
import { choice, integer, object, optional, text, type ValueOf } from "../shape.ts";

const DEFAULT_ENVIRONMENT = "live";

const REQUEST = object({
  decision: optional(
    text({ max: 100, description: "the id of a recorded decision; nothing else then, but `policies`" }),
  ),
  policies: optional(choice(["recorded", "active"])),
  question: optional(integer(0, 10_000, "which question of a recorded batch, from 0")),
  agent: optional(text({ max: 100, description: "who would ask, by name or id" })),
  environment: optional(text({ max: 100, description: "of the key that it would ask with; `live` unless stated" })),
  ...ASKED,
});

/** `POST /v1/admin/policies/explanation`: why a decision is what it is, or what it would be. */
export const EXPLAIN_POLICIES = route({
  method: "POST",
  path: "/v1/admin/policies/explanation",
  summary: "Explain a recorded decision, or what would be decided now; grants nothing",
  who: ["admin", "operator"],
  body: REQUEST,
  answers: { 200: "What is decided, by which policies, which nearly did, and what would change it" },
  errors: ["agent_disabled", "call_mismatch", "reserved_context_key", "invalid_path", "policy_slice_too_large"],
  handle: async (exchange, body) => {
    const { tenant, subject } = await exchange.manager();
    const { explanations } = exchange.services;
    const options = { signal: exchange.request.signal };
    if (body.decision !== undefined) {
      requireAlone(body);
      const id = parseId("decision", body.decision);
      const { policies = "recorded", question } = body;
      const recorded = { decision: id, policies, ...(question === undefined ? {} : { question }) };
      return { json: renderExplanation(await explanations.ofDecision(tenant, subject, recorded, options)) };
    }
    const { agent, environment = DEFAULT_ENVIRONMENT, policies, decision: _, question, ...asked } = body;
    if (agent === undefined)
      throw new WritError("invalid_argument", "`decision`, or `agent` and what it asks for, is needed");
    if (policies !== undefined || question !== undefined) {
      throw new WritError("invalid_argument", "`policies` and `question` are of a recorded decision");
    }
    const ask = { agent, environment, ...readAsked(asked, exchange.config.limits.maxSpoolBytes) };
    return { json: renderExplanation(await explanations.ofAsk(tenant, subject, ask, options)) };
  },
});

function requireAlone({
  decision: _decision,
  policies: _policies,
  question: _question,
  ...others
}: ValueOf<typeof REQUEST>): void {
  const stray = Object.entries(others).find(([, value]) => value !== undefined)?.[0];
  if (stray !== undefined) throw new WritError("invalid_argument", `\`${stray}\` is not of a recorded decision`);
}
