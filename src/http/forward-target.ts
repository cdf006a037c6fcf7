import type { TenantId } from "#src/base/ids.ts";
import type { ConnectAnswer, ConnectRequest } from "#src/io/forward-listener.ts";
import type { Connection, Connections } from "#src/vault/connections.ts";

const PAGE = 200;

/** The tenant's active connections to this very host and port, over https. */
export async function forwardTargets(
  connections: Pick<Connections, "list">,
  tenant: TenantId,
  { host, port }: Pick<ConnectRequest, "host" | "port">,
): Promise<readonly Connection[]> {
  return (await httpsConnections(connections, tenant)).filter(({ origin }) => {
    const url = new URL(origin);
    return hostOf(url) === host && (url.port === "" ? 443 : Number(url.port)) === port;
  });
}

/** The hosts that the tenant's agents reach through the forward proxy. */
export async function forwardHosts(
  connections: Pick<Connections, "list">,
  tenant: TenantId,
): Promise<readonly string[]> {
  const hosts = (await httpsConnections(connections, tenant)).map(({ origin }) => hostOf(new URL(origin)));
  return [...new Set(hosts)].sort();
}

/** Says that no connection leads there. */
export function forwardRefusal({ host, port }: ConnectRequest): ConnectAnswer {
  return {
    kind: "refuse",
    status: 403,
    message: `no connection leads to ${host}:${port}, and other hosts are refused`,
  };
}

/** Where a request goes: the connection, and the path behind its own, with the query, as they stand in the URL. */
export type ForwardTarget = { readonly connection: string; readonly path: string } | { readonly refusal: string };

/** The connection whose base path the request is in; the longest counts, and two that are equal are none. */
export function pickTarget(targets: readonly Connection[], url: string): ForwardTarget {
  const slash = url.indexOf("/", url.indexOf("://") + 3);
  const whole = slash === -1 ? "/" : url.slice(slash);
  const end = whole.search(/[?#]/);
  const path = end === -1 ? whole : whole.slice(0, end);
  const inside = targets.filter(({ basePath }) => path === basePath || path.startsWith(`${basePath}/`));
  const longest = Math.max(...inside.map(({ basePath }) => basePath.length));
  const [first, second] = inside.filter(({ basePath }) => basePath.length === longest);
  if (first === undefined) return { refusal: "the connection to this host is for other paths" };
  if (second !== undefined) {
    return { refusal: `connections \`${first.name}\` and \`${second.name}\` both lead here: call one by its address` };
  }
  return { connection: first.name, path: whole.slice(first.basePath.length) };
}

async function httpsConnections(connections: Pick<Connections, "list">, tenant: TenantId): Promise<Connection[]> {
  const found: Connection[] = [];
  let after: string | undefined;
  do {
    const page = await connections.list(tenant, { limit: PAGE, ...(after === undefined ? {} : { after }) });
    found.push(...page.filter(({ status, origin }) => status === "active" && origin.startsWith("https:")));
    after = page.length < PAGE ? undefined : page.at(-1)?.id;
  } while (after !== undefined);
  return found;
}

function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "").toLowerCase();
}
