import { WritError } from "./errors.ts";

const encoder = new TextEncoder();
const strictDecoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A value as bytes in an array that is not shared between threads. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** UTF-8 bytes of `text`. Lone surrogates become U+FFFD: check for them first where they matter. */
export function utf8(text: string): Bytes {
  return encoder.encode(text);
}

/** Writes what {@link utf8} gives to the beginning of `target`, as much as has room; gives how many bytes that were. */
export function writeUtf8(text: string, target: Uint8Array): number {
  return encoder.encodeInto(text, target).written;
}

/** Text of UTF-8 `bytes`; throws `invalid_argument` on anything that is not well-formed UTF-8. */
export function fromUtf8(bytes: Uint8Array): string {
  try {
    return strictDecoder.decode(bytes);
  } catch (cause) {
    throw new WritError("invalid_argument", "not well-formed utf-8", { cause });
  }
}

/** Lower-case hex of `bytes`. */
export function toHex(bytes: Uint8Array): string {
  return bytes.toHex();
}

/** Bytes of an even-length hex string, either case; throws `invalid_argument` on anything else. */
export function fromHex(text: string): Bytes {
  try {
    return Uint8Array.fromHex(text);
  } catch (cause) {
    throw new WritError("invalid_argument", "not a hex string", { cause });
  }
}

/** RFC 4648 section 4 base64, padded. */
export function toBase64(bytes: Uint8Array): string {
  return bytes.toBase64();
}

/** Bytes of padded base64; strict: no white space, no missing padding, no stray bits. */
export function fromBase64(text: string): Bytes {
  try {
    if (/\s/.test(text)) throw new Error("white space");
    return Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch (cause) {
    throw new WritError("invalid_argument", "not canonical base64", { cause });
  }
}

/** RFC 4648 section 5 base64url without padding. */
export function toBase64Url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

/** Bytes of unpadded base64url; strict: decoding and encoding again gives the same text. */
export function fromBase64Url(text: string): Bytes {
  let bytes: Bytes;
  try {
    bytes = Uint8Array.fromBase64(text, { alphabet: "base64url" });
  } catch (cause) {
    throw new WritError("invalid_argument", "not base64url", { cause });
  }
  if (toBase64Url(bytes) !== text) throw new WritError("invalid_argument", "not canonical base64url");
  return bytes;
}

/** All `parts`, one behind the other. */
export function concatBytes(...parts: readonly Uint8Array[]): Bytes {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Whether `a` and `b` are the same bytes; not constant time, for public values only. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}
