import type { JsonObject } from "#src/base/canonical-json.ts";
import { WritError } from "#src/base/errors.ts";
import type { AccessDecision } from "#src/decision/pdp.ts";
import { MAX_BATCH } from "#src/decision/pdp.ts";
import type { AccessRequest, PdpCaller } from "#src/decision/pdp-request.ts";
import type { SearchPage, SearchRequest } from "#src/decision/pdp-search.ts";
import type { Exchange } from "../exchange.ts";
import type { Reply } from "../reply.ts";
import { type Route, route } from "../route.ts";
import type { ValueOf } from "../shape.ts";
import {
  EVALUATION,
  EVALUATIONS,
  SEARCH_ACTION,
  SEARCH_RESOURCE,
  SEARCH_SUBJECT,
  unnamed,
  withDefaults,
} from "./authzen-shape.ts";

const WHO = ["pdp", "agent"] as const;
const BASE = "/access/v1";

/**
 * The last word on every answer, errors included: the caller's request id comes back (AuthZEN 1.0 section 10.1.3), and
 * what is wrong with a request is 400, the one status that section 10.1.2 has for it.
 */
function finish(reply: Reply, request: Request): Reply {
  const id = request.headers.get("x-request-id");
  const headers = { ...reply.headers, ...(id === null ? {} : { "x-request-id": id }) };
  const { status = 200 } = reply;
  if (status < 400 || status >= 500 || KEPT_STATUSES.has(status)) return { ...reply, headers };
  return { ...reply, status: 400, json: { ...(reply.json as object), title: "Bad Request", status: 400 }, headers };
}

const KEPT_STATUSES: ReadonlySet<number> = new Set([400, 401, 403, 405, 429]);

/** OpenID AuthZEN Authorization API 1.0. */
export const AUTHZEN_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: `${BASE}/evaluation`,
    summary: "AuthZEN: may this subject do this on this resource?",
    who: WHO,
    body: EVALUATION,
    answers: { 200: "The decision" },
    finish,
    handle: (exchange, body) => evaluateOne(exchange, body, body.options?.reasons === true),
  }),
  route({
    method: "POST",
    path: `${BASE}/evaluations`,
    summary: "AuthZEN: many questions at once",
    who: WHO,
    body: EVALUATIONS,
    answers: { 200: "The decisions, in the order of the questions" },
    finish,
    handle: evaluateAll,
  }),
  route({
    method: "POST",
    path: `${BASE}/search/subject`,
    summary: "AuthZEN: who may do this on this resource?",
    who: WHO,
    body: SEARCH_SUBJECT,
    answers: { 200: "A page of subjects" },
    finish,
    handle: (exchange, body) => search(exchange, { ...body, kind: "subject", subject: unnamed(body.subject) }),
  }),
  route({
    method: "POST",
    path: `${BASE}/search/resource`,
    summary: "AuthZEN: on what may this subject do this?",
    who: WHO,
    body: SEARCH_RESOURCE,
    answers: { 200: "A page of resources" },
    finish,
    handle: (exchange, body) => search(exchange, { ...body, kind: "resource", resource: unnamed(body.resource) }),
  }),
  route({
    method: "POST",
    path: `${BASE}/search/action`,
    summary: "AuthZEN: what may this subject do on this resource?",
    who: WHO,
    body: SEARCH_ACTION,
    answers: { 200: "A page of actions" },
    finish,
    handle: (exchange, body) => search(exchange, { ...body, kind: "action", action: undefined }),
  }),
  route({
    method: "GET",
    path: "/.well-known/authzen-configuration",
    summary: "AuthZEN: where this decision point answers what",
    who: ["anyone"],
    answers: { 200: "The metadata" },
    finish,
    handle: ({ config: { publicUrl } }) => ({
      // Section 11.9: to be kept for a while; what is in it changes with the configuration alone.
      headers: { "cache-control": "public, max-age=300" },
      json: {
        policy_decision_point: publicUrl,
        access_evaluation_endpoint: `${publicUrl}${BASE}/evaluation`,
        access_evaluations_endpoint: `${publicUrl}${BASE}/evaluations`,
        search_subject_endpoint: `${publicUrl}${BASE}/search/subject`,
        search_resource_endpoint: `${publicUrl}${BASE}/search/resource`,
        search_action_endpoint: `${publicUrl}${BASE}/search/action`,
      },
    }),
  }),
];

function callerOf({ caller }: Exchange): PdpCaller {
  if (caller.kind === "agent" || caller.kind === "token") return caller.principal;
  throw new WritError("forbidden");
}

async function evaluateOne(exchange: Exchange, asked: AccessRequest, withReasons: boolean): Promise<Reply> {
  const { decisions, event } = await exchange.services.pdp.evaluate(callerOf(exchange), [toRequest(asked)]);
  const [decided] = decisions;
  if (decided === undefined) throw new WritError("internal");
  exchange.use = { command: null, outcome: decided.decision ? "allow" : "deny" };
  return { json: renderDecision(decided, withReasons), headers: { "writ-decision-id": event } };
}

async function evaluateAll(exchange: Exchange, body: ValueOf<typeof EVALUATIONS>): Promise<Reply> {
  const { evaluations = [], options } = body;
  const withReasons = options?.reasons === true;
  // Section 7.1: without a list, or with an empty one, it is the single question.
  if (evaluations.length === 0) {
    const only = EVALUATION.parse({ ...body } as unknown as JsonObject, "");
    return evaluateOne(exchange, only, withReasons);
  }
  if (evaluations.length > MAX_BATCH) {
    throw new WritError("invalid_argument", `\`evaluations\` has more than ${MAX_BATCH} entries`);
  }
  const semantic = options?.evaluations_semantic ?? "execute_all";
  const asked = withDefaults(body, evaluations);
  const { decisions, event } = await exchange.services.pdp.evaluate(callerOf(exchange), asked, semantic);
  const rendered = decisions.map((decided) => renderDecision(decided, withReasons));
  if (semantic === "deny_on_first_deny" && decisions.at(-1)?.decision === false) {
    // As section 7.1.2.1 prints it.
    const last = rendered.at(-1);
    rendered[rendered.length - 1] = {
      decision: false,
      context: { ...last?.context, code: "200", reason: last?.context?.["reason"] ?? semantic },
    };
  }
  exchange.use = { command: null, outcome: `${decisions.filter(({ decision }) => decision).length}/${asked.length}` };
  return { json: { evaluations: rendered }, headers: { "writ-decision-id": event } };
}

/** Without what belongs to the edge alone. */
function toRequest({ subject, action, resource, context }: AccessRequest): AccessRequest {
  return { subject, action, resource, ...(context === undefined ? {} : { context }) };
}

interface RenderedDecision {
  readonly decision: boolean;
  readonly context?: Readonly<Record<string, unknown>>;
}

/** An ordinary yes or no says nothing more: what policies there are is not the subject's to know. */
function renderDecision({ decision, reasons, stated }: AccessDecision, withReasons: boolean): RenderedDecision {
  const context: Record<string, unknown> = {};
  const [first] = reasons;
  if (first !== undefined && TOLD.has(first.code)) {
    context["code"] = first.code;
    context["reason"] = first.message;
  }
  if (stated.length > 0) context["reason"] = stated.join("; ");
  if (withReasons) context["reasons"] = reasons;
  return Object.keys(context).length === 0 ? { decision } : { decision, context };
}

/** Section 8.2.2. */
function renderPage({ found, next, total }: SearchPage): object {
  return { next_token: next, count: found.length, ...(total === undefined ? {} : { total }) };
}

/** Reasons that say what to do about it, whatever the policies are. */
const TOLD: ReadonlySet<string> = new Set([
  "approval_needed",
  "not_representable",
  "unknown_agent",
  "too_costly",
  "request_mismatch",
  "policy_error",
]);

async function search(exchange: Exchange, asked: Omit<SearchRequest, "page"> & { page?: SearchRequest["page"] }) {
  const { kind, subject, resource, action, context, page: wanted } = asked;
  const { page, event } = await exchange.services.pdpSearch.search(callerOf(exchange), {
    kind,
    subject,
    resource,
    action,
    ...(context === undefined ? {} : { context }),
    page: wanted ?? {},
  });
  exchange.use = { command: null, outcome: String(page.found.length) };
  const { type } = kind === "subject" ? subject : resource;
  const results = page.found.map((name) => (kind === "action" ? { name } : { type, id: name }));
  const isWhole = page.next === "" && wanted === undefined;
  return {
    json: { ...(isWhole ? {} : { page: renderPage(page) }), results },
    headers: { "writ-decision-id": event },
  };
}
