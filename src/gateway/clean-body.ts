import { isWritError, WritError } from "#src/base/errors.ts";
import { createSanitizer } from "#src/redact/redact.ts";
import type { Replacer } from "./rewrite-origin.ts";

/** How an answer's body is read and cleaned. */
export interface BodyCleaning {
  readonly body: ReadableStream<Uint8Array>;
  /** All codings of the answer, lower case, joined by `, `; undefined for none. */
  readonly encoding: string | undefined;
  readonly knownValues: readonly Uint8Array[];
  readonly replacer: Replacer | undefined;
  /** Bytes after decoding. */
  readonly maxBytes: number;
}

/** An answer's body as it goes to the agent. */
export interface CleanedBody {
  readonly body: ReadableStream<Uint8Array>;
  /** What was redacted so far, by pattern. */
  readonly findings: () => ReadonlyMap<string, number>;
  /** Bytes passed on so far. */
  readonly bytes: () => number;
}

/** Encodings that can be read, and so be cleaned. */
const DECODERS: ReadonlyMap<string, "gzip" | "deflate"> = new Map([
  ["gzip", "gzip"],
  ["x-gzip", "gzip"],
  ["deflate", "deflate"],
]);

/**
 * Streams a body through the sanitizer. Throws `encoding_unreadable` for an encoding that cannot be read: what cannot be
 * cleaned is not passed on.
 */
export function cleanBody(cleaning: BodyCleaning): CleanedBody {
  const sanitizer = createSanitizer({ knownValues: cleaning.knownValues, mode: "auto" });
  const { replacer, maxBytes } = cleaning;
  let bytes = 0;
  let decoded = 0;
  const transform = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      decoded += chunk.length;
      if (decoded > maxBytes) throw new WritError("upstream_too_large");
      const input = replacer === undefined ? chunk : replacer.push(chunk);
      for (const part of sanitizer.push(input)) bytes += emit(controller, part);
    },
    flush: (controller) => {
      const rest = replacer === undefined ? [] : sanitizer.push(replacer.finish());
      for (const part of [...rest, ...sanitizer.finish()]) bytes += emit(controller, part);
    },
  });
  return {
    body: decode(cleaning.body, cleaning.encoding).pipeThrough(transform),
    findings: () => sanitizer.findings(),
    bytes: () => bytes,
  };
}

function decode(body: ReadableStream<Uint8Array>, encoding: string | undefined): ReadableStream<Uint8Array> {
  if (encoding === undefined) return body;
  const decoder = DECODERS.get(encoding);
  if (decoder === undefined) throw new WritError("encoding_unreadable");
  return body.pipeThrough(new DecompressionStream(decoder) as unknown as TransformStream<Uint8Array, Uint8Array>);
}

/**
 * The same body once its first bytes were decoded: one that is not what its encoding says is known for it while there is
 * still a status to say so with. Throws `encoding_unreadable`, and what reading throws.
 */
export async function decodedFrom(body: ReadableStream<Uint8Array>): Promise<ReadableStream<Uint8Array>> {
  const reader = body.getReader();
  let next: Awaited<ReturnType<typeof reader.read>> | undefined;
  try {
    next = await reader.read();
  } catch (cause) {
    throw isWritError(cause) ? cause : new WritError("encoding_unreadable", undefined, { cause });
  }
  return new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const { done, value } = next ?? (await reader.read());
      next = undefined;
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

function emit(controller: TransformStreamDefaultController<Uint8Array>, part: Uint8Array): number {
  if (part.length > 0) controller.enqueue(part);
  return part.length;
}
