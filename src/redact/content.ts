import { concatBytes } from "#src/base/bytes.ts";

/** How many bytes decide whether a stream is text. */
export const SNIFFED_BYTES = 1024;

/** Beginnings that no text has. */
const SIGNATURES: readonly (readonly number[])[] = [
  [0x89, 0x50, 0x4e, 0x47],
  [0xff, 0xd8, 0xff],
  [0x1f, 0x8b],
  [0x50, 0x4b, 0x03, 0x04],
  [0x50, 0x4b, 0x05, 0x06],
  [0x28, 0xb5, 0x2f, 0xfd],
  [0x37, 0x7a, 0xbc, 0xaf],
  [0xfd, 0x37, 0x7a, 0x58],
  [0x7f, 0x45, 0x4c, 0x46],
  [0x25, 0x50, 0x44, 0x46, 0x2d],
];

/**
 * Decides by content whether a stream is text, whatever it was declared as.
 *
 * It is binary from the byte on where, within the first {@link SNIFFED_BYTES}, it shows a signature of a binary format, a
 * NUL, or both a sequence that is not UTF-8 and a control character that text does not use. So text in an old
 * eight-bit encoding is text. What was not binary within those bytes is text to the end.
 */
export class ContentSniffer {
  #seen: Uint8Array = new Uint8Array(0);

  /**
   * Takes the next bytes; gives how many of them come before the stream turned out to be binary (0: none), or
   * undefined while it is text.
   */
  push(chunk: Uint8Array): number | undefined {
    const before = this.#seen.length;
    if (before >= SNIFFED_BYTES) return undefined;
    this.#seen = concatBytes(this.#seen, chunk.subarray(0, SNIFFED_BYTES - before));
    const binaryAt = findBinary(this.#seen);
    return binaryAt === undefined ? undefined : Math.max(0, binaryAt - before);
  }
}

/** Whether `bytes`, the beginning of something, show that it is binary; see {@link ContentSniffer}. */
export function isBinary(bytes: Uint8Array): boolean {
  return findBinary(bytes.subarray(0, SNIFFED_BYTES)) !== undefined;
}

/** The position of the byte that proves it. The same for every longer text with this beginning. */
function findBinary(bytes: Uint8Array): number | undefined {
  const proof = scanBytes(bytes);
  for (const signature of SIGNATURES) {
    if (signature.every((byte, index) => bytes[index] === byte))
      return Math.min(signature.length - 1, proof ?? SNIFFED_BYTES);
  }
  return proof;
}

function scanBytes(bytes: Uint8Array): number | undefined {
  let control = false;
  let invalid = false;
  let missing = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] as number;
    if (byte === 0) return at;
    const continues = byte >= 0x80 && byte < 0xc0;
    if (missing > 0 !== continues) invalid = true;
    if (continues && missing > 0) missing -= 1;
    else missing = byte < 0xc2 ? 0 : byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : byte < 0xf5 ? 3 : 0;
    if ((byte >= 0xc0 && byte < 0xc2) || byte > 0xf4) invalid = true;
    // Text uses bell to carriage return, and escape.
    if (byte < 7 || (byte > 13 && byte < 32 && byte !== 27)) control = true;
    if (control && invalid) return at;
  }
  return undefined;
}
