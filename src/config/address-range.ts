import { isIP } from "node:net";
import { WritError } from "#src/base/errors.ts";

/** A range of addresses: a network and how many of its leading bits count. */
export interface AddressRange {
  /** Canonical enough to compare and show: the address as given, `/`, the prefix length. */
  readonly text: string;
  /** 4 bytes for IPv4, 16 for IPv6. */
  readonly network: Uint8Array;
  /** 0 to 32, or 0 to 128. */
  readonly prefixLength: number;
}

/**
 * The bytes of an IP address: 4 or 16; undefined for anything else. Zones (`%eth0`) are refused, and an IPv4 address
 * mapped into IPv6 (RFC 4291 section 2.5.5.2) gives the 4 bytes of the IPv4 address, so that one host has one form.
 */
export function parseAddress(text: string): Uint8Array | undefined {
  const family = text.includes("%") ? 0 : isIP(text);
  if (family === 4) return Uint8Array.from(text.split("."), Number);
  if (family !== 6) return undefined;
  const bytes = parseIpv6(text);
  const mapped = bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return mapped ? bytes.slice(12) : bytes;
}

/**
 * A range from `10.0.0.0/8`, `fd00::/8` or a single address. Throws `invalid_argument` for a malformed one and for one
 * whose address has bits behind the prefix: whoever writes `10.1.2.3/8` means something else than they wrote.
 */
export function parseAddressRange(text: string): AddressRange {
  const [address = "", prefix, ...rest] = text.split("/");
  const network = parseAddress(address);
  if (network === undefined || rest.length > 0) {
    throw new WritError("invalid_argument", `\`${text.slice(0, 60)}\` is not an address or range`);
  }
  const bits = network.length * 8;
  const prefixLength = prefix === undefined ? bits : parsePrefixLength(prefix);
  if (prefixLength > bits) {
    throw new WritError("invalid_argument", `\`${text.slice(0, 60)}\` has a prefix that is not 0 to ${bits}`);
  }
  for (let bit = prefixLength; bit < bits; bit += 1) {
    if (bitAt(network, bit) !== 0) {
      throw new WritError("invalid_argument", `\`${text.slice(0, 60)}\` has address bits behind its prefix`);
    }
  }
  return { text: `${address}/${prefixLength}`, network, prefixLength };
}

/** Whether `address` is in one of `ranges`. False for text that is no address. */
export function isInRanges(address: string, ranges: readonly AddressRange[]): boolean {
  const bytes = parseAddress(address);
  return bytes !== undefined && ranges.some((range) => contains(range, bytes));
}

/** Whether `address` is in 127.0.0.0/8 or is ::1. */
export function isLoopbackAddress(address: string): boolean {
  return isInRanges(address, LOOPBACK);
}

function contains(range: AddressRange, address: Uint8Array): boolean {
  if (range.network.length !== address.length) return false;
  for (let bit = 0; bit < range.prefixLength; bit += 1) {
    if (bitAt(range.network, bit) !== bitAt(address, bit)) return false;
  }
  return true;
}

function bitAt(bytes: Uint8Array, bit: number): number {
  return ((bytes[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1;
}

/** A decimal number without sign or leading zeros; anything else is beyond every family's bits. */
function parsePrefixLength(text: string): number {
  return /^(?:0|[1-9][0-9]{0,2})$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY;
}

/** Expands text that `isIP` found to be IPv6 (RFC 4291 section 2.2). */
function parseIpv6(text: string): Uint8Array {
  const [head = "", tail] = text.split("::");
  const front = groupsOf(head);
  const back = tail === undefined ? [] : groupsOf(tail);
  const zeros = new Array<number>(8 - front.length - back.length).fill(0);
  return Uint8Array.from([...front, ...zeros, ...back].flatMap((group) => [group >> 8, group & 0xff]));
}

function groupsOf(text: string): number[] {
  if (text === "") return [];
  return text.split(":").flatMap((group) => {
    if (!group.includes(".")) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

const LOOPBACK: readonly AddressRange[] = ["127.0.0.0/8", "::1/128"].map(parseAddressRange);
