/**
 * The values of `Host` that this listener answers to, lower case: its public address, its loopback names and the address
 * that it listens on. A page that makes its own name resolve to this machine (DNS rebinding) comes with another one.
 */
export function knownHosts(
  publicUrl: string,
  listen: { readonly host: string; readonly port: number },
): ReadonlySet<string> {
  const hosts = new Set<string>();
  const add = (host: string, port: number): void => {
    const written = host.includes(":") && !host.startsWith("[") ? `[${host}]` : host;
    hosts.add(`${written}:${port}`.toLowerCase());
    if (port === 80 || port === 443) hosts.add(written.toLowerCase());
  };
  const url = new URL(publicUrl);
  hosts.add(url.host);
  add(url.hostname, url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port));
  for (const host of ["localhost", "127.0.0.1", "::1", listen.host]) add(host, listen.port);
  return hosts;
}

/** Whether a request names a host of these. */
export function isKnownHost(host: string | null, hosts: ReadonlySet<string>): boolean {
  return host !== null && (hosts.has(host) || hosts.has(host.toLowerCase()));
}
