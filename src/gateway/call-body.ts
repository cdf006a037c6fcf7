import { WritError } from "#src/base/errors.ts";
import { sha256Hex } from "#src/crypto/hash.ts";
import type { CallBody } from "#src/decision/ask.ts";

/** A body that streams until somebody must know all of it. */
export interface ProxyBody extends CallBody {
  /** What to send: the bytes, where they were read, otherwise the stream; undefined for no body. */
  toSend(): Uint8Array | ReadableStream<Uint8Array> | undefined;
  /** How much was sent or read so far. */
  readonly bytesSeen: () => number;
  /** Gives up what nobody has read: the call is not made. */
  discard(): void;
}

/**
 * A request's body. {@link CallBody.hash} reads all of it, up to `maxSpoolBytes`, and from then on exactly those bytes are
 * what is sent; otherwise it streams, up to `maxUploadBytes`.
 */
export function createProxyBody(
  stream: ReadableStream<Uint8Array> | null,
  limits: { readonly maxSpoolBytes: number; readonly maxUploadBytes: number },
): ProxyBody {
  let reading: Promise<Uint8Array> | undefined;
  let read: Uint8Array | undefined;
  let hash: string | undefined;
  let seen = 0;
  let sending: ReadableStream<Uint8Array> | undefined;
  const bytes = (): Promise<Uint8Array> => {
    reading ??= readAll(stream, limits.maxSpoolBytes).then((whole) => {
      read = whole;
      seen = whole.length;
      return whole;
    });
    return reading;
  };
  return {
    bytes,
    hash: async () => {
      hash ??= sha256Hex(await bytes());
      return hash;
    },
    toSend: () => {
      if (read !== undefined) return read.length === 0 ? undefined : read;
      if (stream === null) return undefined;
      sending = stream.pipeThrough(
        boundStream(limits.maxUploadBytes, (length) => {
          seen += length;
        }),
      );
      return sending;
    },
    bytesSeen: () => seen,
    discard: () => {
      const unread = sending ?? stream;
      // Whoever reads it gives it up.
      if (unread !== null && !unread.locked) unread.cancel("the call is not made").catch(() => undefined);
    },
  };
}

async function readAll(stream: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<Uint8Array> {
  if (stream === null) return new Uint8Array(0);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stream) {
    length += chunk.length;
    if (length > maxBytes) throw new WritError("body_too_large_to_approve");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function boundStream(maxBytes: number, onBytes: (length: number) => void): TransformStream<Uint8Array, Uint8Array> {
  let length = 0;
  return new TransformStream({
    transform: (chunk, controller) => {
      length += chunk.length;
      onBytes(chunk.length);
      if (length > maxBytes) controller.error(new WritError("body_too_large"));
      else controller.enqueue(chunk);
    },
  });
}
