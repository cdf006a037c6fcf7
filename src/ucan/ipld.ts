import { CID } from "multiformats/cid";
import { equalBytes } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";

/** A value of the IPLD data model, as DAG-CBOR carries it. Integers beyond ±(2^53 − 1) are not accepted. */
export type Ipld = null | boolean | number | string | Uint8Array | CID | readonly Ipld[] | IpldMap;
/** A map. Its keys come from outside: look them up with {@link ownField} only. */
export interface IpldMap {
  readonly [key: string]: Ipld;
}

/** How deep arrays, maps and links of a token may nest. */
export const MAX_DEPTH = 32;

const CID_TAG = 42;

/** Whether `value` is a map and not an array, bytes or a link. */
export function isIpldMap(value: unknown): value is IpldMap {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !isBytes(value) && !isLink(value);
}

/** Whether `value` is a byte string. */
export function isBytes(value: unknown): value is Uint8Array {
  return value instanceof Uint8Array;
}

/** Whether `value` is a link to other content. */
export function isLink(value: unknown): value is CID {
  return value instanceof CID;
}

/** The member `key` of `map` itself, never one that it inherits. */
export function ownField(map: IpldMap, key: string): Ipld | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

/**
 * Whether two values are the same in the data model; 1 and 1.0 are.
 *
 * @param spend is told of each step's cost and answers whether there is still budget; without budget nothing is equal
 */
export function equalIpld(a: Ipld, b: Ipld, spend: (units: number) => boolean): boolean {
  if (!spend(1)) return false;
  if (typeof a === "string") return typeof b === "string" && spend(a.length >> 6) && a === b;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return a === b;
  if (isBytes(a) || isBytes(b)) return isBytes(a) && isBytes(b) && spend(a.length >> 3) && equalBytes(a, b);
  if (isLink(a) || isLink(b)) return isLink(a) && isLink(b) && equalBytes(a.bytes, b.bytes);
  if (Array.isArray(a) || Array.isArray(b)) return Array.isArray(a) && Array.isArray(b) && equalLists(a, b, spend);
  return equalMaps(a as IpldMap, b as IpldMap, spend);
}

function equalLists(a: readonly Ipld[], b: readonly Ipld[], spend: (units: number) => boolean): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (!equalIpld(a[i] as Ipld, b[i] as Ipld, spend)) return false;
  return true;
}

function equalMaps(a: IpldMap, b: IpldMap, spend: (units: number) => boolean): boolean {
  const keys = Object.keys(a);
  if (!spend(keys.length) || keys.length !== Object.keys(b).length) return false;
  for (const key of keys) {
    if (!Object.hasOwn(b, key) || !equalIpld(a[key] as Ipld, b[key] as Ipld, spend)) return false;
  }
  return true;
}

/**
 * Walks the heads of one CBOR item before it is decoded, without recursion, and throws `writ_invalid` unless it ends where
 * the bytes end, nests at most {@link MAX_DEPTH} deep and uses only what DAG-CBOR has: definite lengths, 64-bit floats,
 * tag 42, integers within ±(2^53 − 1).
 */
export function checkCborBounds(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pending: number[] = [1];
  let at = 0;
  while (pending.length > 0) {
    const top = pending.length - 1;
    if (pending[top] === 0) {
      pending.pop();
      continue;
    }
    pending[top] = (pending[top] as number) - 1;
    if (at >= bytes.length) refuse("the token ends too early");
    const major = view.getUint8(at) >> 5;
    const minor = view.getUint8(at) & 31;
    at += 1;
    if (major === 7) {
      at += simpleLength(minor);
      continue;
    }
    const width = argumentWidth(minor);
    if (at + width > bytes.length) refuse("the token ends too early");
    const argument = readArgument(view, at, minor);
    at += width;
    if (major <= 1) {
      if (argument + major > Number.MAX_SAFE_INTEGER) refuse("an integer of the token is out of range");
    } else if (major <= 3) {
      at += argument;
    } else {
      if (major === 6 && argument !== CID_TAG) refuse("the token has an unknown tag");
      const items = major === 4 ? argument : major === 5 ? 2 * argument : 1;
      if (items > bytes.length - at) refuse("the token ends too early");
      if (pending.length > MAX_DEPTH) refuse("the token is nested too deep");
      pending.push(items);
    }
    if (at > bytes.length) refuse("the token ends too early");
  }
  if (at !== bytes.length) refuse("bytes follow the token");
}

function simpleLength(minor: number): number {
  if (minor === 27) return 8;
  if (minor < 20 || minor > 22) refuse("the token has a value that dag-cbor lacks");
  return 0;
}

function argumentWidth(minor: number): number {
  if (minor < 24) return 0;
  if (minor > 27) refuse("the token has an indefinite length");
  return 1 << (minor - 24);
}

function readArgument(view: DataView, at: number, minor: number): number {
  switch (minor) {
    case 24:
      return view.getUint8(at);
    case 25:
      return view.getUint16(at);
    case 26:
      return view.getUint32(at);
    case 27:
      return view.getUint32(at) * 2 ** 32 + view.getUint32(at + 4);
    default:
      return minor;
  }
}

function refuse(message: string): never {
  throw new WritError("writ_invalid", message);
}
