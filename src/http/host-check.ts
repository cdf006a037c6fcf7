/**
 * The hosts that this listener answers to, lower case and without a port: its public address, its loopback names and the
 * address that it listens on. A page that makes its own name resolve to this machine (DNS rebinding) comes with another
 * one. The port tells nothing about that, and is another one behind a forwarded port.
 */
export function knownHosts(publicUrl: string, listenHost: string): ReadonlySet<string> {
  const written = (host: string): string => (host.includes(":") && !host.startsWith("[") ? `[${host}]` : host);
  return new Set(
    [new URL(publicUrl).hostname, "localhost", "127.0.0.1", "::1", listenHost].map((host) =>
      written(host).toLowerCase(),
    ),
  );
}

/** Whether a request's `Host` names one of these, with whatever port. */
export function isKnownHost(host: string | null, hosts: ReadonlySet<string>): boolean {
  if (host === null) return false;
  const name = /^(\[[0-9a-f:.]+\]|[^:[\]]+)(?::[0-9]{1,5})?$/i.exec(host)?.[1];
  return name !== undefined && hosts.has(name.toLowerCase());
}
