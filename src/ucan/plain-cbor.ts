import type { Bytes } from "#src/base/bytes.ts";
import type { Ipld, IpldMap } from "./ipld.ts";

const SCRATCH_BYTES = 8192;
/** An argument and the lead byte in front of it. */
const LONGEST_HEAD = 9;
const scratch = new Uint8Array(SCRATCH_BYTES);
const view = new DataView(scratch.buffer);

/** Stands for an offset where the short way ends. */
const GIVE_UP = -1;

/**
 * DAG-CBOR of what nearly every token is made of: maps, lists, bytes, whole numbers, booleans, null and ASCII text, in at
 * most 8 KiB. Undefined for anything else, which the library encodes. It exists for its speed: a writ is minted with each
 * decision, and takes a quarter of the library's time.
 */
export function encodePlain(value: Ipld): Bytes | undefined {
  const end = write(value, 0);
  return end === GIVE_UP ? undefined : scratch.slice(0, end);
}

function write(value: Ipld | undefined, at: number): number {
  if (at === GIVE_UP || at + LONGEST_HEAD > SCRATCH_BYTES) return GIVE_UP;
  switch (typeof value) {
    case "string":
      return writeText(value, at);
    case "number":
      if (!Number.isSafeInteger(value) || Object.is(value, -0)) return GIVE_UP;
      return value < 0 ? writeHead(1, -1 - value, at) : writeHead(0, value, at);
    case "boolean":
      return writeByte(value ? 0xf5 : 0xf4, at);
    case "object":
      return value === null ? writeByte(0xf6, at) : writeContainer(value, at);
    default:
      return GIVE_UP;
  }
}

function writeContainer(value: object, start: number): number {
  if (value instanceof Uint8Array) {
    const at = writeHead(2, value.length, start);
    if (at + value.length > SCRATCH_BYTES) return GIVE_UP;
    scratch.set(value, at);
    return at + value.length;
  }
  if (Array.isArray(value)) {
    let at = writeHead(4, value.length, start);
    for (const item of value) at = write(item, at);
    return at;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return GIVE_UP;
  const keys = Object.keys(value).sort(byLengthThenText);
  let at = writeHead(5, keys.length, start);
  for (const key of keys) {
    at = write(key, at);
    at = write((value as IpldMap)[key], at);
  }
  return at;
}

/** The order of DAG-CBOR: shorter keys first, then by bytes, which for ASCII is by code units. */
function byLengthThenText(a: string, b: string): number {
  return a.length - b.length || (a < b ? -1 : 1);
}

function writeText(text: string, start: number): number {
  const { length } = text;
  const at = writeHead(3, length, start);
  if (at + length > SCRATCH_BYTES) return GIVE_UP;
  for (let i = 0; i < length; i += 1) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return GIVE_UP;
    scratch[at + i] = code;
  }
  return at + length;
}

/** A major type and its argument in the shortest form. */
function writeHead(major: number, argument: number, at: number): number {
  const lead = major << 5;
  if (argument < 24) return writeByte(lead | argument, at);
  if (argument < 2 ** 8) {
    scratch[at] = lead | 24;
    scratch[at + 1] = argument;
    return at + 2;
  }
  if (argument < 2 ** 16) {
    scratch[at] = lead | 25;
    view.setUint16(at + 1, argument);
    return at + 3;
  }
  if (argument < 2 ** 32) {
    scratch[at] = lead | 26;
    view.setUint32(at + 1, argument);
    return at + 5;
  }
  scratch[at] = lead | 27;
  view.setBigUint64(at + 1, BigInt(argument));
  return at + 9;
}

function writeByte(byte: number, at: number): number {
  scratch[at] = byte;
  return at + 1;
}
