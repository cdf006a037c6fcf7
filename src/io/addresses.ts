import type { ErrorCode } from "#src/base/error-codes.ts";
import { type AddressRange, isInRanges, parseAddress, parseAddressRange } from "#src/config/address-range.ts";

/** What an address is for. Only `public` needs no grant. */
export type AddressKind =
  | "public"
  | "private"
  | "loopback"
  | "link_local"
  | "metadata"
  | "shared"
  | "multicast"
  | "unspecified"
  | "reserved"
  | "documentation"
  | "invalid";

/** Whether a destination may be dialled; the reason is for a person and names the address and what it is. */
export type AddressVerdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: ErrorCode & "destination_refused"; readonly reason: string };

/** Says for each address and port whether Writ connects to it. */
export interface AddressPolicy {
  check(address: string, port: number): AddressVerdict;
}

/** An address and port that a listener of this instance holds. */
export interface ListenerAddress {
  readonly address: string;
  readonly port: number;
}

/** What {@link createAddressPolicy} goes by. */
export interface AddressPolicyOptions {
  /** Ranges (`10.0.0.0/8`, `fd00::/8`, or one address) that the instance operator opened. */
  readonly grantedRanges: readonly string[];
  /** Writ's own listeners: refused even in a granted range. A listener on every interface is listed once for each. */
  readonly ownAddresses: readonly ListenerAddress[];
}

/** Which ranges are of which kind; the first that contains an address counts. */
const RANGES: readonly (readonly [AddressKind, readonly AddressRange[]])[] = (
  [
    // Instance metadata and credential endpoints: AWS, GCP, Azure, Alibaba, Oracle, Tencent, Scaleway, OpenStack.
    ["metadata", ["169.254.169.0/24", "169.254.170.0/24", "169.254.0.23", "168.63.129.16", "100.100.100.200"]],
    ["metadata", ["192.0.0.192", "fd00:ec2::/32", "fd20:ce::254", "fd00:42::42", "fd00:c1::a9fe:a9fe"]],
    ["metadata", ["fe80::a9fe:a9fe"]],
    ["unspecified", ["0.0.0.0", "::"]],
    ["loopback", ["127.0.0.0/8", "::1"]],
    ["private", ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"]],
    ["link_local", ["169.254.0.0/16", "fe80::/10"]],
    ["shared", ["100.64.0.0/10"]],
    ["multicast", ["224.0.0.0/4", "ff00::/8"]],
    ["documentation", ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32", "3fff::/20"]],
    ["reserved", ["0.0.0.0/8", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4"]],
    ["reserved", ["2001::/23", "2002::/16"]],
    ["public", ["0.0.0.0/0", "2000::/3", "64:ff9b::/96"]],
  ] as const
).map(([kind, ranges]) => [kind, ranges.map(parseAddressRange)]);

/** Forms of IPv6 that carry an IPv4 address, and where: what is reached in the end is that address. */
const EMBEDDINGS: readonly { readonly range: AddressRange; readonly at: number; readonly inverted: boolean }[] = [
  { range: parseAddressRange("::/96"), at: 12, inverted: false }, // IPv4-compatible, RFC 4291 section 2.5.5.1
  { range: parseAddressRange("::ffff:0:0:0/96"), at: 12, inverted: false }, // IPv4-translated, RFC 2765 section 2.1
  { range: parseAddressRange("64:ff9b::/96"), at: 12, inverted: false }, // NAT64, RFC 6052 section 2.1
  { range: parseAddressRange("64:ff9b:1::/48"), at: 12, inverted: false }, // local NAT64, RFC 8215
  { range: parseAddressRange("2002::/16"), at: 2, inverted: false }, // 6to4, RFC 3056 section 2
  { range: parseAddressRange("2001::/32"), at: 12, inverted: true }, // Teredo, RFC 4380 section 4
];

/** Kinds that no grant opens: nothing can be meant by connecting there. */
const NEVER: ReadonlySet<AddressKind> = new Set(["unspecified", "multicast", "invalid"]);

/**
 * What an IP address is for, after the IANA special-purpose registries (RFC 6890 and successors), RFC 6598, and the
 * metadata endpoints of cloud providers.
 *
 * An IPv4 address mapped into IPv6 is that IPv4 address. NAT64, 6to4, Teredo and the older embeddings have the kind of
 * the address they carry where that is not public. Text that is not an address, or has a zone, is `invalid`.
 */
export function classifyAddress(address: string): AddressKind {
  if (parseAddress(address) === undefined) return "invalid";
  const own = kindOf(address);
  if (own !== "public" && own !== "reserved") return own;
  const inner = embeddedAddress(address);
  const carried = inner === undefined ? "public" : kindOf(inner);
  return carried === "public" ? own : carried;
}

/**
 * The address that a host of a URL spells, in its canonical form, or undefined where the host is a name.
 *
 * Takes every spelling that URL parsers take (WHATWG URL section 3.5: decimal, octal, hexadecimal, fewer than four parts,
 * a trailing dot, brackets). `refused` is a host whose last label is a number and that is still no address: resolvers
 * differ on those.
 */
export function literalAddress(host: string): string | "refused" | undefined {
  const bare = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  const bracketed = bare.includes(":") ? `[${bare}]` : bare;
  let canonical: string;
  try {
    canonical = new URL(`http://${bracketed}/`).hostname;
  } catch {
    return "refused";
  }
  const text = canonical.startsWith("[") ? canonical.slice(1, -1) : canonical;
  if (parseAddress(text) !== undefined) return text;
  return /(?:^|\.)(?:[0-9]+|0x[0-9a-f]*)\.?$/i.test(text) ? "refused" : undefined;
}

/**
 * The rule for every destination: public addresses are fine, all others need a range that the instance operator granted;
 * metadata endpoints need a grant of exactly that address; Writ's own listeners, unspecified and multicast addresses are
 * refused whatever is granted.
 *
 * Throws `invalid_argument` for a malformed range.
 */
export function createAddressPolicy(options: AddressPolicyOptions): AddressPolicy {
  const granted = options.grantedRanges.map(parseAddressRange);
  const exact = granted.filter((range) => range.prefixLength === range.network.length * 8);
  const own = options.ownAddresses.map((listener) => ({ ...listener, kind: classifyAddress(listener.address) }));

  return {
    check(address, port) {
      const kind = classifyAddress(address);
      if (isOwn(address, port, own)) return refuse(`\`${address}\` port ${port} is a listener of Writ itself`);
      if (kind === "public") return { ok: true };
      const opening = kind === "metadata" ? exact : granted;
      if (!NEVER.has(kind) && isInRanges(address, opening)) return { ok: true };
      return refuse(`\`${address.slice(0, 100)}\` is ${PHRASES[kind]}`);
    },
  };
}

const PHRASES: Readonly<Record<AddressKind, string>> = {
  public: "a public address",
  private: "a private address and in no granted range",
  loopback: "a loopback address and in no granted range",
  link_local: "a link-local address and in no granted range",
  metadata: "an instance metadata address and not itself granted",
  shared: "an address shared by carriers and in no granted range",
  multicast: "a multicast address",
  unspecified: "the unspecified address",
  reserved: "a reserved address and in no granted range",
  documentation: "an address for documentation and in no granted range",
  invalid: "not an address",
};

function refuse(reason: string): AddressVerdict {
  return { ok: false, code: "destination_refused", reason };
}

function kindOf(address: string): AddressKind {
  for (const [kind, ranges] of RANGES) if (isInRanges(address, ranges)) return kind;
  return "reserved";
}

/** The IPv4 address that an IPv6 address carries. */
function embeddedAddress(address: string): string | undefined {
  const bytes = parseAddress(address);
  if (bytes?.length !== 16) return undefined;
  const embedding = EMBEDDINGS.find(({ range }) => isInRanges(address, [range]));
  if (embedding === undefined) return undefined;
  const carried = bytes.subarray(embedding.at, embedding.at + 4);
  return Array.from(carried, (byte) => (embedding.inverted ? byte ^ 0xff : byte)).join(".");
}

/** A listener on loopback or on every interface is reached through any loopback address, so all of those count as it. */
function isOwn(
  address: string,
  port: number,
  own: readonly (ListenerAddress & { readonly kind: AddressKind })[],
): boolean {
  const forms = [address, embeddedAddress(address)].filter((form) => form !== undefined);
  return forms.some((form) => {
    const kind = classifyAddress(form);
    const local = kind === "loopback" || kind === "unspecified";
    return own.some(
      (listener) =>
        listener.port === port &&
        (isSameAddress(form, listener.address) ||
          (local && (listener.kind === "loopback" || listener.kind === "unspecified"))),
    );
  });
}

function isSameAddress(a: string, b: string): boolean {
  const left = parseAddress(a);
  const right = parseAddress(b);
  return left !== undefined && right !== undefined && left.toHex() === right.toHex();
}
