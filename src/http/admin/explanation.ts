import { WritError } from "#src/base/errors.ts";
import { parseId } from "#src/base/ids.ts";
import type { ExplainedDecision } from "#src/decision/explanations.ts";
import type { ExplainedPart, ExplainedPolicy } from "#src/policy/explain-policy.ts";
import { ASKED, readAsked } from "../api/authorize.ts";
import { route } from "../route.ts";
import { choice, object, optional, text, type ValueOf } from "../shape.ts";

const DEFAULT_ENVIRONMENT = "live";

const REQUEST = object({
  decision: optional(
    text({ max: 100, description: "the id of a recorded decision; nothing else then, but `policies`" }),
  ),
  policies: optional(choice(["recorded", "active"])),
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
      return { json: render(await explanations.ofDecision(tenant, subject, id, body.policies ?? "recorded", options)) };
    }
    const { agent, environment = DEFAULT_ENVIRONMENT, policies, decision: _, ...asked } = body;
    if (agent === undefined)
      throw new WritError("invalid_argument", "`decision`, or `agent` and what it asks for, is needed");
    if (policies !== undefined) throw new WritError("invalid_argument", "`policies` is of a recorded decision");
    const ask = { agent, environment, ...readAsked(asked, exchange.config.limits.maxSpoolBytes) };
    return { json: render(await explanations.ofAsk(tenant, subject, ask, options)) };
  },
});

function requireAlone({ decision: _decision, policies: _policies, ...others }: ValueOf<typeof REQUEST>): void {
  const stray = Object.entries(others).find(([, value]) => value !== undefined)?.[0];
  if (stray !== undefined) throw new WritError("invalid_argument", `\`${stray}\` is not of a recorded decision`);
}

function render({ explanation, ...explained }: ExplainedDecision): object {
  const { decision, cosigned, determining, near, remedies, sentences } = explanation;
  return {
    ...(explained.decisionId === undefined ? {} : { decision_id: explained.decisionId }),
    agent: explained.agent,
    command: explained.command,
    resource_type: explained.resourceType,
    at: explained.at,
    version: explained.version,
    decision: decision.decision,
    ...(decision.decision === "deny" ? { reason: decision.reason } : {}),
    cosigned,
    sentences,
    determining: determining.map(renderPolicy),
    near: near.map(renderPolicy),
    remedies,
    errors: decision.errors.map(({ policyId, message }) => ({ policy: policyId, message })),
  };
}

function renderPolicy({ policy, effect, applies, unmet, parts, failed, sentence }: ExplainedPolicy): object {
  return {
    policy,
    effect,
    applies,
    unmet,
    parts: parts.map(renderPart),
    ...(failed === undefined ? {} : { failed: renderPart(failed) }),
    sentence,
  };
}

function renderPart({ text: condition, expected, truth, values }: ExplainedPart): object {
  return {
    text: condition,
    expected,
    truth: truth.kind,
    ...(truth.kind === "error" ? { message: truth.message } : {}),
    values: values.map(({ name, value }) => ({ name, value: value ?? null })),
  };
}
