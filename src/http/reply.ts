/** What a handler answers, before it is a response: the edge adds security headers and the request's id. */
export interface Reply {
  /** 200 unless stated. */
  readonly status?: number;
  /** Serialised as JSON. */
  readonly json?: unknown;
  /** What is sent where there is no `json`. */
  readonly body?: string | ReadableStream<Uint8Array> | Uint8Array | null;
  /** `application/json` unless stated; for `json` and texts alone. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Headers as an upstream gave them: the same name may stand more than once, and they yield to all others. */
  readonly upstreamHeaders?: readonly (readonly [name: string, value: string])[];
}

const JSON_TYPE = "application/json";

/** Headers of every answer. HSTS (RFC 6797) belongs to answers over TLS alone. */
export function securityHeaders(isTls: boolean): Readonly<Record<string, string>> {
  return {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    ...(isTls ? { "strict-transport-security": "max-age=31536000" } : {}),
  };
}

/**
 * The response. INVARIANT: nothing that an upstream says replaces a security header: its answers come from Writ's own
 * origin, where a page of its making could act as whoever is signed in.
 */
export function toResponse(reply: Reply, security: Readonly<Record<string, string>>, requestId: string): Response {
  const status = reply.status ?? 200;
  if (reply.upstreamHeaders !== undefined) return upstreamResponse(reply, reply.upstreamHeaders, security, requestId);
  const headers = new Headers(headersOf(security));
  headers.set("writ-request-id", requestId);
  let body = reply.body ?? null;
  if (reply.json !== undefined) {
    body = JSON.stringify(status >= 400 ? { ...(reply.json as object), request_id: requestId } : reply.json);
  }
  if (body !== null) headers.set("content-type", reply.contentType ?? JSON_TYPE);
  for (const name in reply.headers) headers.set(name, reply.headers[name] as string);
  return new Response(body as BodyInit | null, { status, headers });
}

const compiled = new WeakMap<object, Headers>();

/** The same headers in the runtime's own form, which it copies in a fraction of the time that reading an object takes. */
function headersOf(security: Readonly<Record<string, string>>): Headers {
  let headers = compiled.get(security);
  if (headers === undefined) {
    headers = new Headers(security);
    compiled.set(security, headers);
  }
  return headers;
}

/** Statuses whose responses have no body (RFC 9110 sections 15.3.5, 15.3.6, 15.4.5). */
const BODILESS: ReadonlySet<number> = new Set([204, 205, 304]);

function upstreamResponse(
  reply: Reply,
  upstreamHeaders: NonNullable<Reply["upstreamHeaders"]>,
  security: Readonly<Record<string, string>>,
  requestId: string,
): Response {
  const status = reply.status ?? 200;
  const headers = new Headers();
  for (const [name, value] of upstreamHeaders) headers.append(name, value);
  for (const name in security) {
    if (name !== "cache-control") headers.set(name, security[name] as string);
  }
  headers.set("cache-control", privateCacheControl(headers.get("cache-control")) ?? "no-store");
  headers.set("writ-request-id", requestId);
  for (const name in reply.headers) headers.set(name, reply.headers[name] as string);
  const body = BODILESS.has(status) ? null : (reply.body ?? null);
  return new Response(body as BodyInit | null, { status, headers });
}

/**
 * How long an answer may be kept is the upstream's to say, by whom is not: a cache that is shared (RFC 9111 section 3.5)
 * would give one agent what another was allowed.
 */
function privateCacheControl(value: string | null): string | undefined {
  if (value === null) return undefined;
  const kept = value.split(",").filter((directive) => !/^\s*(?:public|private|s-maxage)\b/i.test(directive));
  return ["private", ...kept.map((directive) => directive.trim())].join(", ");
}
