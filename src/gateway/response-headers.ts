import { redactText } from "#src/redact/redact.ts";
import type { Connection } from "#src/vault/connections.ts";

/** Headers of an upstream's answer that describe what the proxy changes, or speak to someone else than the agent. */
const WITHHELD: ReadonlySet<string> = new Set([
  "alt-svc",
  "authentication-info",
  "authorization",
  "clear-site-data",
  "connection",
  "content-encoding",
  "content-length",
  "cookie",
  "keep-alive",
  "nel",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "refresh",
  "report-to",
  "set-cookie",
  "set-cookie2",
  "strict-transport-security",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "www-authenticate",
]);

/** What is needed to tell an agent's address of a thing from the upstream's. */
export interface ProxyAddress {
  readonly connection: Connection;
  /** The origin under which agents reach Writ. */
  readonly publicUrl: string;
  /** Whether agents reach the upstream by its own address. */
  readonly keepsOrigin?: boolean;
  /** Of the call, without the connection's base path: what relative references start from. */
  readonly path: string;
}

/** An answer's headers, cleaned. */
export interface CleanedHeaders {
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly redactions: number;
}

/**
 * The headers that an agent gets: hop-by-hop ones, cookies and challenges withheld, secrets redacted, a `Location` on the
 * upstream itself turned into the proxy's, one elsewhere withheld unless the connection lists its origin.
 */
export function cleanHeaders(
  headers: readonly (readonly [name: string, value: string])[],
  address: ProxyAddress,
  knownValues: readonly Uint8Array[],
): CleanedHeaders {
  const cleaned: [string, string][] = [];
  let redactions = 0;
  for (const [name, value] of headers) {
    const lower = name.toLowerCase();
    if (WITHHELD.has(lower) || lower.startsWith("access-control-") || lower.startsWith("writ-")) continue;
    const rewritten = lower === "location" || lower === "content-location" ? rewriteLocation(value, address) : value;
    if (rewritten === undefined) continue;
    const { text, findings } = redactText(rewritten, knownValues);
    for (const count of findings.values()) redactions += count;
    cleaned.push([lower, asHeaderValue(text)]);
  }
  return { headers: cleaned, redactions };
}

/** The address under which an agent reaches what stands at this path of the upstream. */
export function proxyBase({ connection, publicUrl, keepsOrigin }: Omit<ProxyAddress, "path">): string {
  return keepsOrigin === true ? connection.origin + connection.basePath : `${publicUrl}/v1/proxy/${connection.name}`;
}

function rewriteLocation(value: string, address: ProxyAddress): string | undefined {
  const { connection } = address;
  const url = URL.parse(value, `${connection.origin}${connection.basePath}${address.path}`);
  if (url === null) return undefined;
  if (url.origin !== connection.origin) {
    return connection.settings.allowedLocations?.includes(url.origin) && url.username === "" ? url.href : undefined;
  }
  const inside = url.pathname === connection.basePath || url.pathname.startsWith(`${connection.basePath}/`);
  if (!inside) return undefined;
  // An upstream that repeats the query repeats the credential in it.
  const { kind, name } = connection.auth;
  if (kind === "query" && name !== null && url.searchParams.has(name)) url.searchParams.delete(name);
  return `${proxyBase(address)}${url.pathname.slice(connection.basePath.length)}${url.search}${url.hash}`;
}

/** Header values are bytes: what is not Latin-1, or would end the header, does not pass. */
function asHeaderValue(text: string): string {
  return text.replace(/[^\t\x20-\x7e\xa0-\xff]/g, "?");
}
