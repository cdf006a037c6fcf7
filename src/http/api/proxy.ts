import type { JsonObject } from "#src/base/canonical-json.ts";
import { isWritError, WritError } from "#src/base/errors.ts";
import { isId, type RunId } from "#src/base/ids.ts";
import { parseStrictJson } from "#src/base/strict-json.ts";
import { CALL_METHODS } from "#src/connector/table.ts";
import type { ProxyAnswer, ProxyCaller } from "#src/gateway/proxy-call.ts";
import type { Exchange } from "../exchange.ts";
import { problemReply } from "../problem.ts";
import type { Reply } from "../reply.ts";
import { route } from "../route.ts";
import { isObject } from "../shape.ts";
import { MAX_WAIT_SECONDS } from "./approvals.ts";
import { renderDecision } from "./decision-view.ts";

const PREFIX = "/v1/proxy/";
const MAX_CONTEXT_CHARACTERS = 4096;
const MAX_CONTEXT_DEPTH = 16;
/** A call may be silent for as long as a runtime's server can bear; the gateway ends what upstreams do not. */
const SILENCE_SECONDS = 255;
/** RFC 9110 section 15: a status beyond it is invalid. */
const MAX_STATUS = 599;

/** `ANY /v1/proxy/{connection}/{path…}`: the upstream call. */
export const PROXY = route({
  method: "ANY",
  path: "/v1/proxy/{path…}",
  summary: "Make a call through a connection, under a writ or with an agent's key",
  who: ["agent", "writ"],
  body: "raw",
  produces: "*/*",
  answers: { 200: "What the upstream answered, cleaned, with its own status" },
  errors: [
    "decision_denied",
    "step_up_required",
    "invalid_path",
    "route_refused",
    "body_too_large",
    "body_too_large_to_approve",
    "writ_expired",
    "writ_invalid",
    "writ_mismatch",
    "writ_revoked",
    "writ_used",
    "upstream_failed",
    "upstream_too_large",
    "encoding_unreadable",
    "outcome_unknown",
    "timeout",
  ],
  handle: proxy,
});

async function proxy(exchange: Exchange): Promise<Reply> {
  const { request } = exchange;
  const { connection, path, query } = readTarget(request.url);
  exchange.allowSilence(SILENCE_SECONDS);
  exchange.use = { command: `${request.method} ${PREFIX}${connection}`, outcome: "failed" };
  const run = readRun(exchange.header("writ-run"));
  const bodyLength = readBodyLength(exchange);
  let answer: ProxyAnswer;
  try {
    answer = await exchange.services.gateway.call({
      caller: proxyCaller(exchange),
      connection,
      method: request.method,
      path,
      query,
      headers: [...request.headers],
      body: exchange.body(),
      ...(bodyLength === undefined ? {} : { bodyLength }),
      ...(run === undefined ? {} : { run }),
      claimed: readContext(exchange.header("writ-context")),
      keepsOrigin: exchange.isForwarded(),
      waitSeconds: readWait(exchange.header("prefer")),
      signal: request.signal,
    });
  } catch (error) {
    if (!isWritError(error, "method_not_allowed")) throw error;
    return problemReply(error.code, error.message, { headers: { allow: CALL_METHODS.join(", ") } });
  }
  if (answer.kind === "decided") return decidedReply(exchange, answer);
  if (answer.status > MAX_STATUS) {
    if (answer.body instanceof ReadableStream) await answer.body.cancel();
    throw new WritError(
      "upstream_failed",
      `the upstream answered with the status ${answer.status}, which means nothing`,
    );
  }
  return upstreamReply(exchange, answer);
}

function proxyCaller({ caller }: Exchange): ProxyCaller {
  if (caller.kind === "writ") return caller;
  if (caller.kind === "agent") return { kind: "agent", principal: caller.principal };
  throw new WritError("forbidden");
}

function upstreamReply(exchange: Exchange, answer: Extract<ProxyAnswer, { kind: "response" }>): Reply {
  exchange.use = { command: exchange.use?.command ?? null, outcome: String(answer.status) };
  return {
    status: answer.status,
    body: answer.body,
    upstreamHeaders: answer.headers,
    headers: {
      "writ-decision-id": answer.decisionId,
      "writ-redactions": answer.redactions === undefined ? "pending" : String(answer.redactions),
    },
  };
}

/** A no, or a not yet, in words that the agent behind the client can act on. */
function decidedReply(exchange: Exchange, { outcome }: Extract<ProxyAnswer, { kind: "decided" }>): Reply {
  exchange.use = { command: outcome.target.command, outcome: outcome.decision };
  const detail = outcome.reasons.map((reason) => reason.message).join("; ");
  const code = outcome.decision === "step_up" ? "step_up_required" : "decision_denied";
  return problemReply(code, detail, {
    // `error` is the member that npm and clients like it print.
    details: { ...renderDecision(outcome, exchange.config.publicUrl), error: detail },
    headers: { "writ-decision-id": outcome.decisionId },
  });
}

/**
 * Connection, path and query out of the request's URL, each as it stands there: not decoded, not encoded again. The
 * runtime has resolved dots and backslashes before; what arrives is what is derived and sent.
 */
export function readTarget(url: string): {
  readonly connection: string;
  readonly path: string;
  readonly query: string;
} {
  const target = url.slice(url.indexOf(PREFIX) + PREFIX.length);
  if (target.includes("#")) throw new WritError("invalid_path", "the path has a `#`");
  const mark = target.indexOf("?");
  const whole = mark === -1 ? target : target.slice(0, mark);
  const slash = whole.indexOf("/");
  return {
    connection: slash === -1 ? whole : whole.slice(0, slash),
    path: slash === -1 ? "/" : whole.slice(slash),
    query: mark === -1 ? "" : target.slice(mark + 1),
  };
}

function readBodyLength(exchange: Exchange): number | undefined {
  const stated = exchange.header("content-length");
  if (stated === undefined) return undefined;
  const length = Number(stated);
  if (length > exchange.config.limits.maxUploadBytes) throw new WritError("body_too_large");
  return length;
}

/** `Prefer: wait=N` (RFC 7240 section 4.3), at most a minute; other preferences are passed over, as the RFC has it. */
export function readWait(prefer: string | undefined): number {
  if (prefer === undefined) return 0;
  const seconds = /(?:^|[,;]\s*)wait\s*=\s*"?([0-9]{1,9})"?\s*(?=$|[,;])/i.exec(prefer)?.[1];
  return seconds === undefined ? 0 : Math.min(Number(seconds), MAX_WAIT_SECONDS);
}

/** What the agent says of the circumstances: a JSON object in ASCII. */
function readContext(header: string | undefined): JsonObject {
  if (header === undefined) return {};
  if (header.length > MAX_CONTEXT_CHARACTERS || !/^[\x20-\x7e]*$/.test(header)) {
    throw new WritError(
      "invalid_argument",
      `\`Writ-Context\` is at most ${MAX_CONTEXT_CHARACTERS} characters of ASCII`,
    );
  }
  const value = parseStrictJson(header, { maxDepth: MAX_CONTEXT_DEPTH });
  if (!isObject(value)) throw new WritError("invalid_argument", "`Writ-Context` must be a JSON object");
  return value;
}

function readRun(header: string | undefined): RunId | undefined {
  if (header === undefined) return undefined;
  if (!isId("run", header)) throw new WritError("not_found");
  return header;
}
