import type { Json, JsonObject } from "#src/base/canonical-json.ts";
import { invariant, isWritError, type WritError } from "#src/base/errors.ts";
import type { Permission } from "#src/identity/roles.ts";
import { type Html, join } from "#views/html.ts";
import { type Frame, pendingCount, renderNarrow, renderPage } from "#views/layout.ts";
import { errorPage } from "#views/session.ts";
import { ERROR_STATUS, INTERNAL_CODES } from "../error-status.ts";
import type { Exchange } from "../exchange.ts";
import type { Reply } from "../reply.ts";
import { NO_BODY, type Route, route } from "../route.ts";
import type { Shape } from "../shape.ts";
import { ASSET_ADDRESSES } from "./assets.ts";
import { contextOf, type PageContext } from "./context.ts";
import { type Form, readForm } from "./form.ts";
import { bannersOf, countPending } from "./frame.ts";

/** A page's own content and its title. */
export interface Drawn {
  readonly title: string;
  readonly body: Html;
}

/** The routes of `/v1/admin` by `METHOD path`: pages do what they do by asking them. */
export type AdminRoutes = (name: string) => Route;

const HTML_TYPE = "text/html; charset=utf-8";

/**
 * What a page may do: its own files, its own requests, nothing inline, nothing from elsewhere, in no frame.
 *
 * NOTE: with `no-referrer` browsers send `Origin: null` (Fetch, section "append a request `Origin` header"), by which nobody
 * could tell a page of Writ from any other.
 */
const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy":
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  "cross-origin-opener-policy": "same-origin",
  "permissions-policy":
    "publickey-credentials-get=(self), publickey-credentials-create=(self), clipboard-write=(self), camera=(), geolocation=(), microphone=(), payment=(), usb=()",
  "referrer-policy": "same-origin",
};

/** A page for somebody who is signed in, at its own address. */
export function page<Query>(declared: {
  readonly path: string;
  /** The entry of the menu that it belongs to. */
  readonly section: string;
  readonly summary: string;
  readonly permission?: Permission;
  readonly query?: Shape<Query>;
  readonly draw: (context: PageContext, query: Query) => Promise<Drawn>;
}): Route {
  const { path, section, summary, permission, query, draw } = declared;
  return route<unknown, Query>({
    method: "GET",
    path,
    summary,
    who: ["person"],
    ...(permission === undefined ? {} : { permission }),
    ...(query === undefined ? {} : { query }),
    isPage: true,
    produces: "text/html",
    answers: { 200: "The page", 303: "To the page where one signs in" },
    finish: finishPage,
    handle: async (exchange, _body, asked) => {
      const context = contextOf(exchange);
      const [frame, { title, body }] = await Promise.all([frameOf(context, section), draw(context, asked)]);
      return htmlReply(renderPage(frame, title, body));
    },
  });
}

/** A part of a page that asks for itself again. */
export function fragment<Query>(declared: {
  readonly path: string;
  readonly summary: string;
  readonly permission?: Permission;
  readonly query?: Shape<Query>;
  readonly draw: (context: PageContext, query: Query) => Promise<Html>;
}): Route {
  const { path, summary, permission, query, draw } = declared;
  return route<unknown, Query>({
    method: "GET",
    path,
    summary,
    who: ["person"],
    ...(permission === undefined ? {} : { permission }),
    ...(query === undefined ? {} : { query }),
    isPage: true,
    produces: "text/html",
    answers: { 200: "The part of the page" },
    finish: finishFragment,
    handle: async (exchange, _body, asked) => {
      const context = contextOf(exchange);
      return htmlReply(await withCount(context, await draw(context, asked)));
    },
  });
}

/** Asks a route of `/v1/admin` what it would be asked with this body and query; its answer's JSON. */
export type Ask = (target: Route, body?: Json, query?: JsonObject) => Promise<Readonly<Record<string, unknown>>>;

/** What came of an action, for the part of the page that shows it. */
export type Outcome<Result> =
  | { readonly ok: true; readonly result: Result }
  | { readonly ok: false; readonly error: WritError; readonly form: Form };

const MAX_FORM_BYTES = 256 * 1024;

/**
 * Something that a page does. INVARIANT: it is done by routes of `/v1/admin` (`by`), with their shapes and services, and needs
 * the permission and the passkey that they need; what they answer is drawn by the function that drew the page before.
 */
export function action<Result>(declared: {
  readonly path: string;
  readonly summary: string;
  /** The routes that `perform` asks; all need the same. */
  readonly by: readonly Route[];
  readonly perform: (ask: Ask, form: Form, context: PageContext) => Promise<Result>;
  readonly draw: (context: PageContext, outcome: Outcome<Result>) => Promise<Html>;
  /** Whether its form draws its own failures; else they are told at the edge of the page, which stays as it is. */
  readonly drawsFailure?: boolean;
  /** Told at the edge of the page when it is done. */
  readonly said?: string;
}): Route {
  const { path, summary, by, perform, draw, drawsFailure, said } = declared;
  const [first] = by;
  invariant(first?.who.includes("person") === true, `${path} is done by a route that people may ask`);
  for (const other of by) invariant(other.permission === first.permission, `${path} needs one permission`);
  const isSensitive = by.some((other) => other.isSensitive === true);
  const maxBytes = Math.max(MAX_FORM_BYTES, ...by.map((other) => other.maxBodyBytes ?? 0));
  return route({
    method: "POST",
    path,
    summary,
    who: ["person"],
    ...(first.permission === undefined ? {} : { permission: first.permission }),
    isSensitive,
    body: "raw",
    maxBodyBytes: maxBytes,
    isPage: true,
    produces: "text/html",
    answers: { 200: "The part of the page, as it is now" },
    errors: [...new Set(by.flatMap((other) => other.errors ?? []))],
    finish: finishFragment,
    handle: async (exchange) => {
      const context = contextOf(exchange);
      const form = await readForm(exchange.request, maxBytes);
      const ask: Ask = async (target, body, query) => askRoute(by, exchange, target, body, query);
      try {
        const result = await perform(ask, form, context);
        const headers = said === undefined ? {} : { "writ-said": encodeURIComponent(said) };
        return htmlReply(await withCount(context, await draw(context, { ok: true, result })), headers);
      } catch (error) {
        if (drawsFailure !== true || !isWritError(error) || INTERNAL_CODES.has(error.code)) throw error;
        const drawn = await draw(context, { ok: false, error, form });
        return {
          ...htmlReply(drawn, { "writ-error": error.code, "writ-fragment": "form" }),
          status: ERROR_STATUS[error.code],
        };
      }
    },
  });
}

async function askRoute(
  by: readonly Route[],
  exchange: Exchange,
  target: Route,
  body: Json | undefined,
  query: JsonObject | undefined,
): Promise<Readonly<Record<string, unknown>>> {
  invariant(by.includes(target), "an action asks the routes that it names");
  const shape = target.body === "raw" ? undefined : (target.body ?? NO_BODY);
  const asked = target.query?.parse(query ?? {}, "query") ?? {};
  const reply = await target.handle(exchange, shape?.parse(body ?? {}, ""), asked);
  return (reply.json ?? {}) as Readonly<Record<string, unknown>>;
}

/** A page that anyone sees, such as the one where one signs in. */
export function openPage(path: string, summary: string, draw: () => Drawn): Route {
  return route({
    method: "GET",
    path,
    summary,
    who: ["anyone", "operator", "person"],
    isPage: true,
    produces: "text/html",
    answers: { 200: "The page" },
    handle: () => {
      const { title, body } = draw();
      return htmlReply(renderNarrow(ASSET_ADDRESSES, title, body));
    },
  });
}

/** A part of a page, and with it what the menu counts. */
async function withCount(context: PageContext, drawn: Html): Promise<Html> {
  return join([drawn, pendingCount(await countPending(context), true)]);
}

/** Markup as an answer. */
function htmlReply(markup: Html, headers: Readonly<Record<string, string>> = {}): Reply {
  return { body: markup.toString(), contentType: HTML_TYPE, headers: { ...PAGE_HEADERS, ...headers } };
}

async function frameOf(context: PageContext, section: string): Promise<Frame> {
  const { exchange, tenant } = context;
  const { person, session } = exchange.person();
  const [pending, row, banners] = await Promise.all([
    countPending(context),
    exchange.services.tenants.show(tenant),
    bannersOf(context),
  ]);
  return {
    assets: ASSET_ADDRESSES,
    csrf: session.csrfToken,
    person,
    tenant: row.name,
    section,
    pending,
    may: context.may,
    banners,
  };
}

/** An error's answer as a page; whoever is not signed in is led to where they can. */
function finishPage(reply: Reply, request: Request): Reply {
  const problem = problemOf(reply);
  if (problem === undefined) return reply;
  if (problem.status === 401) {
    const { pathname, search } = new URL(request.url);
    const next = pathname === "/" && search === "" ? "" : `?next=${encodeURIComponent(pathname + search)}`;
    return { status: 303, body: "", contentType: HTML_TYPE, headers: { ...PAGE_HEADERS, location: `/sign-in${next}` } };
  }
  const body = errorPage(problem.status, problem.detail, undefined);
  return { ...htmlReply(renderNarrow(ASSET_ADDRESSES, "Error", body)), status: problem.status };
}

/** An error's answer with what a page's script needs to say it. */
function finishFragment(reply: Reply): Reply {
  const problem = problemOf(reply);
  if (problem === undefined) return reply;
  const { code, detail } = problem;
  return { ...reply, headers: { ...reply.headers, "writ-error": code, "writ-error-text": encodeURIComponent(detail) } };
}

interface Problem {
  readonly status: number;
  readonly code: string;
  readonly detail: string;
}

function problemOf({ status = 200, json }: Reply): Problem | undefined {
  if (status < 400 || typeof json !== "object" || json === null) return undefined;
  const { code, detail } = json as Readonly<Record<string, unknown>>;
  return { status, code: String(code), detail: String(detail).toWellFormed() };
}
