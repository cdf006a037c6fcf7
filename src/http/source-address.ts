import { type AddressRange, isInRanges, parseAddress } from "#src/config/address-range.ts";

/**
 * Where a request is from: the socket's peer; behind trusted proxies the last address of `X-Forwarded-For` that none of
 * them has, since everything before it is whatever the client wrote.
 */
export function sourceAddress(peer: string, forwardedFor: string | null, trusted: readonly AddressRange[]): string {
  // What a socket says is an address in its usual form already.
  const direct = peer.startsWith("::ffff:") ? (plainAddress(peer) ?? peer) : peer;
  if (forwardedFor === null || trusted.length === 0 || !isInRanges(direct, trusted)) return direct;
  let source = direct;
  for (const entry of forwardedFor.split(",").reverse()) {
    const address = plainAddress(withoutPort(entry.trim()));
    // What no address is was not written by a proxy that is to be trusted: the one before it counts.
    if (address === undefined) return source;
    source = address;
    if (!isInRanges(address, trusted)) return source;
  }
  return source;
}

/** One form for one host: an IPv4 address that is mapped into IPv6 becomes itself again. */
function plainAddress(text: string): string | undefined {
  const bytes = parseAddress(text);
  if (bytes === undefined) return undefined;
  return bytes.length === 4 ? bytes.join(".") : text.toLowerCase();
}

/** Some proxies add the port: `192.0.2.1:4711`, `[2001:db8::1]:4711`. */
function withoutPort(entry: string): string {
  const match = /^\[([^\]]*)\](?::\d+)?$|^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(entry);
  return match?.[1] ?? match?.[2] ?? entry;
}
