import { type Bytes, concatBytes, fromUtf8 } from "#src/base/bytes.ts";
import { isWritError, WritError } from "#src/base/errors.ts";

/** The longest line that is read, in bytes; a longer one is refused before it is held. */
export const MAX_LINE_BYTES = 16 * 1024 * 1024;

const LINE_FEED = 0x0a;

/**
 * The lines of a stream of bytes, without their line feeds. Every line must be ended by one, so that a stream that was cut
 * shows. Throws `verification_failed` for a line that is too long, not UTF-8 or not ended, naming it by its number.
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  maxBytes = MAX_LINE_BYTES,
): AsyncGenerator<string, void> {
  let number = 1;
  let parts: Uint8Array[] = [];
  let held = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      checkLength(held + end - start, maxBytes, number);
      const piece = chunk.subarray(start, end);
      yield decodeLine(held === 0 ? piece : concatBytes(...parts, piece), number);
      number += 1;
      parts = [];
      held = 0;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    const rest: Bytes = Uint8Array.from(chunk.subarray(start));
    held += rest.length;
    checkLength(held, maxBytes, number);
    parts.push(rest);
  }
  if (held > 0) throw new WritError("verification_failed", `line ${number} is not ended: the end is cut off`);
}

function decodeLine(bytes: Uint8Array, number: number): string {
  try {
    return fromUtf8(bytes);
  } catch (cause) {
    if (!isWritError(cause)) throw cause;
    throw new WritError("verification_failed", `line ${number} is not well-formed utf-8`, { cause });
  }
}

function checkLength(length: number, maxBytes: number, number: number): void {
  if (length > maxBytes) throw new WritError("verification_failed", `line ${number} has more than ${maxBytes} bytes`);
}
