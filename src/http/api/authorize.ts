import { fromBase64, utf8 } from "#src/base/bytes.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import { parseId } from "#src/base/ids.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import type { Ask, CallBody } from "#src/decision/ask.ts";
import type { Outcome } from "#src/decision/outcome.ts";
import { settingsOf } from "#src/identity/tenants.ts";
import type { Exchange } from "../exchange.ts";
import type { Reply } from "../reply.ts";
import { route } from "../route.ts";
import { anyObject, flag, integer, object, optional, text, textMap, type ValueOf } from "../shape.ts";
import { TOOL, toAskedTool } from "./asked-tool.ts";
import { renderDecision } from "./decision-view.ts";
import { renderExplanation } from "./explanation-view.ts";

/** Room for a call's body of as much as a person can be asked about, 4 MiB, in base64 and with what stands around it. */
const MAX_BODY_BYTES = 6 * 2 ** 20;

const CALL = object({
  connection: text({ max: 100, description: "the connection's name or id" }),
  method: text({ max: 20 }),
  path: text({ max: 16_384, pattern: /^\//, description: "begins with `/`, raw, without the query" }),
  query: optional(text({ min: 0, max: 16_384, description: "raw, without `?`" })),
  headers: optional(textMap(text({ min: 0, max: 8192 }), 100)),
  body: optional(text({ min: 0, max: 64 * 2 ** 20, description: "the body as text, sent in UTF-8" })),
  body_base64: optional(text({ min: 0, max: 64 * 2 ** 20, description: "the body's bytes, instead of `body`" })),
});

/** What is asked for: a command on a resource, the call itself, or both. */
export const ASKED = {
  command: optional(text({ description: "UCAN form: /github/issues/create" })),
  resource: optional(
    object({
      type: text({ max: 200 }),
      id: text({ max: 4096 }),
      attributes: optional(anyObject("what the agent says of the resource; policies see it under `context.claimed`")),
    }),
  ),
  call: optional(CALL),
  context: optional(anyObject("what the agent says of the circumstances; policies see it under `context.claimed`")),
};

const REQUEST = object({
  ...ASKED,
  tool: optional(TOOL),
  run: optional(text({ max: 100 })),
  explain: optional(flag("whether to say why, where the tenant lets its agents see that")),
  ttl_seconds: optional(integer(1, 300, "how long the writ is to be good; 60 unless stated")),
});

/** `POST /v1/authorize`: may this agent do this? A decision is always 200. */
export const AUTHORIZE = route({
  method: "POST",
  path: "/v1/authorize",
  summary: "Decide on a command, and mint a writ where the answer is yes",
  who: ["agent"],
  body: REQUEST,
  maxBodyBytes: MAX_BODY_BYTES,
  answers: { 200: "The decision, whatever it is" },
  errors: [
    "forbidden",
    "call_mismatch",
    "call_required",
    "reserved_context_key",
    "invalid_path",
    "body_too_large_to_approve",
  ],
  handle: authorize,
});

async function authorize(exchange: Exchange, body: ValueOf<typeof REQUEST>): Promise<Reply> {
  if (body.explain === true) await requireExplained(exchange);
  const outcome = await exchange.services.decider.decide(toAsk(exchange, body));
  exchange.use = { command: outcome.target.command, outcome: outcome.decision };
  const answer = renderAnswer(outcome, exchange.config.publicUrl);
  return { json: body.explain === true ? { ...answer, explanation: await explain(exchange, outcome) } : answer };
}

/** Before anything is decided: what policies there are, and what they saw, is not every agent's to know. */
async function requireExplained(exchange: Exchange): Promise<void> {
  const { tenant } = exchange.agent();
  if (settingsOf(await exchange.services.tenants.show(tenant)).explainToAgents) return;
  throw new WritError("forbidden", "this tenant does not explain decisions to its agents: leave `explain` out");
}

/** From the decision's own event, on the reader's thread: the decision itself waited for nothing of it. */
async function explain(exchange: Exchange, { decisionId }: Outcome): Promise<object> {
  const { tenant, subject } = exchange.agent();
  const asked = { decision: decisionId, policies: "recorded" } as const;
  const options = { signal: exchange.request.signal };
  return renderExplanation(await exchange.services.explanations.ofDecision(tenant, subject, asked, options));
}

function toAsk(exchange: Exchange, body: ValueOf<typeof REQUEST>): Ask {
  const { run, tool } = body;
  return {
    principal: exchange.agent(),
    ...(tool === undefined ? readAsked(body, exchange.config.limits.maxSpoolBytes) : readTool(body, tool)),
    ...(run === undefined ? {} : { run: parseId("run", run) }),
    mint: { ttlSeconds: body.ttl_seconds ?? exchange.config.limits.writTtlSeconds },
  };
}

/** A tool's call stands alone: what it does is read from its input. */
function readTool(
  { command, resource, call, context }: ValueOf<typeof REQUEST>,
  tool: ValueOf<typeof TOOL>,
): Pick<Ask, "tool" | "claimed"> {
  if (command !== undefined || resource !== undefined || call !== undefined) {
    throw new WritError("invalid_argument", "`tool` stands alone, without `command`, `resource` and `call`");
  }
  return { tool: toAskedTool(tool), claimed: context ?? {} };
}

/** What is asked for. Throws `invalid_argument` where there is neither a command on a resource nor a call. */
export function readAsked(
  { command, resource, call, context }: Omit<ValueOf<typeof REQUEST>, "run" | "ttl_seconds" | "explain" | "tool">,
  maxBodyBytes: number,
): Pick<Ask, "stated" | "call" | "claimed"> {
  if ((command === undefined) !== (resource === undefined)) {
    throw new WritError("invalid_argument", "`command` and `resource` belong together");
  }
  if (command === undefined && call === undefined) {
    throw new WritError("invalid_argument", "`command` with `resource`, or `call`, is needed");
  }
  return {
    ...(command === undefined || resource === undefined ? {} : { stated: { command, resource } }),
    ...(call === undefined ? {} : { call: toCall(call, maxBodyBytes) }),
    claimed: context ?? {},
  };
}

function toCall(call: ValueOf<typeof CALL>, maxBytes: number): NonNullable<Ask["call"]> {
  return {
    connection: call.connection,
    method: call.method,
    path: call.path,
    query: call.query ?? "",
    headers: call.headers ?? [],
    body: statedBody(call, maxBytes),
  };
}

/** A body that is here already, as bytes. */
function statedBody({ body, body_base64: base64 }: ValueOf<typeof CALL>, maxBytes: number): CallBody {
  if (body !== undefined && base64 !== undefined) {
    throw new WritError("invalid_argument", "`call.body` and `call.body_base64` exclude each other");
  }
  const bytes = base64 === undefined ? utf8(body ?? "") : decodeBody(base64);
  const bounded = async (): Promise<Uint8Array> => {
    if (bytes.length > maxBytes) throw new WritError("body_too_large_to_approve");
    return bytes;
  };
  return { bytes: bounded, hash: async () => sha256Hex(await bounded()) };
}

function decodeBody(base64: string): Uint8Array {
  try {
    return fromBase64(base64);
  } catch (cause) {
    throw new WritError("invalid_argument", "`call.body_base64` is not base64 with padding", { cause });
  }
}

function renderAnswer(outcome: Outcome, publicUrl: string): object {
  const decision = renderDecision(outcome, publicUrl);
  if (outcome.decision !== "allow" || outcome.writ === undefined) return decision;
  const { token, cid, expiresAt, singleUse } = outcome.writ;
  return { ...decision, writ: token, writ_cid: cid, single_use: singleUse, expires_at: toRfc3339(expiresAt) };
}
