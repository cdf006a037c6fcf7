import { canonicalize } from "#src/base/canonical-json.ts";
import type { AgentId, ConnectionId, TenantId } from "#src/base/ids.ts";
import { METHOD_OVERRIDE_HEADERS } from "#src/connector/query.ts";
import { sha256Hex } from "#src/crypto/hash.ts";

/** The SHA-256 of no bytes: the body hash of a call without a body. */
export const EMPTY_BODY_HASH = sha256Hex("");

/** What a person vouches for, to the byte. */
export interface DigestedCall {
  readonly tenant: TenantId;
  readonly agent: AgentId;
  /** Null where only command and resource are known: the same name may stand for something else over another connection. */
  readonly connection: { readonly id: ConnectionId; readonly origin: string } | null;
  /** Null where an approval is bound to command and resource alone. */
  readonly call: {
    readonly method: string;
    readonly path: string;
    readonly query: string;
    readonly headers: readonly (readonly [name: string, value: string])[];
    readonly bodyHash: string;
  } | null;
  readonly command: string;
  readonly resource: { readonly type: string; readonly id: string };
  /** Of a tool on a host: what exactly is asked of it, hex. */
  readonly tool?: string;
}

/**
 * `SHA-256("writ.call.v1\n" || JCS{tenant, agent, connection, origin, command, resource, method, path, query, headers,
 * body, tool})`, hex; without the members that are not known. The headers are those of {@link semanticHeaders}.
 */
export function digestCall({ tenant, agent, connection, call, command, resource, tool }: DigestedCall): string {
  const target = {
    tenant,
    agent,
    command,
    resource: { type: resource.type, id: resource.id },
    ...(connection === null ? {} : { connection: connection.id, origin: connection.origin }),
    ...(tool === undefined ? {} : { tool }),
  };
  const value =
    call === null
      ? target
      : {
          ...target,
          method: call.method,
          path: call.path,
          query: call.query,
          headers: call.headers.map(([name, value]) => [name, value]),
          body: call.bodyHash,
        };
  return sha256Hex(`writ.call.v1\n${canonicalize(value)}`);
}

/** Request headers that change what a call does. Part of the digest, and passed on. */
const SEMANTIC: ReadonlySet<string> = new Set([
  "content-encoding",
  "content-language",
  "content-type",
  "idempotency-key",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-unmodified-since",
  "x-github-api-version",
]);

/** Request headers that say how the answer is wanted. Passed on, not part of the digest: they change nothing upstream. */
const PRESENTATIONAL: ReadonlySet<string> = new Set(["accept", "accept-language"]);

/** Never passed on, whatever a connection lists: credentials, framing, and ways to turn one method or path into another. */
const NEVER: ReadonlySet<string> = new Set([
  "accept-encoding",
  "authorization",
  "connection",
  "content-length",
  "cookie",
  "expect",
  "host",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "range",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  ...METHOD_OVERRIDE_HEADERS,
]);

/** Which of a request's headers go to the upstream, lower-cased, in the order that they came. */
export function forwardedHeaders(
  headers: readonly (readonly [name: string, value: string])[],
  listed: readonly string[] = [],
): [name: string, value: string][] {
  return headers
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .filter(([name]) => !NEVER.has(name) && (SEMANTIC.has(name) || PRESENTATIONAL.has(name) || listed.includes(name)));
}

/** Which of them are part of the digest, sorted by name; several of one name keep their order. */
export function semanticHeaders(
  headers: readonly (readonly [name: string, value: string])[],
  listed: readonly string[] = [],
): [name: string, value: string][] {
  return forwardedHeaders(headers, listed)
    .filter(([name]) => !PRESENTATIONAL.has(name))
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
