import { WritError } from "#src/base/errors.ts";
import { literalAddress } from "./addresses.ts";

/** Scheme, host and port that a connection is pinned to. */
export interface Origin {
  /** `https://host:port`, the port left out where it is the scheme's own: what two spellings of one origin share. */
  readonly text: string;
  readonly scheme: "http" | "https";
  /** Lower case; an IPv6 address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Host and port as in `Host`. */
  readonly authority: string;
  /** The IP address that the host spells, in canonical form, or both loopback addresses for `localhost`; undefined for a name. */
  readonly literals: readonly string[] | undefined;
}

const ORIGIN = /^https?:\/\/[^\s/\\?#@]+\/?$/i;

/**
 * Parses `scheme://host[:port]`. Throws `invalid_argument` for anything more (user, path, query, backslash), for other
 * schemes, for port 0 and for hosts that resolvers could read differently.
 *
 * `localhost` and names below it are loopback addresses whatever a resolver says (RFC 6761 section 6.3).
 */
export function parseOrigin(text: string): Origin {
  const url = ORIGIN.test(text) ? URL.parse(text) : null;
  if (url === null || url.hostname === "" || url.port === "0") {
    throw new WritError("invalid_argument", `\`${text.slice(0, 200)}\` is not an origin such as https://host:port`);
  }
  const scheme = url.protocol === "https:" ? "https" : "http";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const literal = literalAddress(url.hostname);
  if (literal === "refused") throw new WritError("invalid_argument", `the host \`${host}\` is no name and no address`);
  const port = url.port === "" ? (scheme === "https" ? 443 : 80) : Number(url.port);
  return { text: url.origin, scheme, host, port, authority: url.host, literals: literalsOf(host, literal) };
}

function literalsOf(host: string, literal: string | undefined): readonly string[] | undefined {
  if (/(?:^|\.)localhost\.?$/.test(host)) return ["127.0.0.1", "::1"];
  return literal === undefined ? undefined : [literal];
}
