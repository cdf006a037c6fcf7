import { concatBytes } from "#src/base/bytes.ts";
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

/** A short answer, cleaned. */
export interface CleanedWhole {
  readonly bytes: Uint8Array;
  /** What was redacted, by pattern. */
  readonly findings: ReadonlyMap<string, number>;
}

/**
 * Reads a body that has no encoding to its end and cleans it: what {@link cleanBody} gives, without the streams, which
 * cost more than all else that is done to a short answer.
 */
export async function cleanWhole(cleaning: Omit<BodyCleaning, "encoding">): Promise<CleanedWhole> {
  const cleaner = createCleaner(cleaning);
  const reader = cleaning.body.getReader();
  const parts: Uint8Array[] = [];
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(...cleaner.push(value));
    }
  } catch (error) {
    reader.cancel(error).catch(() => undefined);
    throw error;
  }
  parts.push(...cleaner.finish());
  return { bytes: concatBytes(...parts), findings: cleaner.findings() };
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
  const cleaner = createCleaner(cleaning);
  let bytes = 0;
  const transform = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      for (const part of cleaner.push(chunk)) bytes += emit(controller, part);
    },
    flush: (controller) => {
      for (const part of cleaner.finish()) bytes += emit(controller, part);
    },
  });
  return {
    body: decode(cleaning.body, cleaning.encoding).pipeThrough(transform),
    findings: cleaner.findings,
    bytes: () => bytes,
  };
}

/** The bound, the rewriting of addresses and the sanitizer in a row; `push` throws `upstream_too_large`. */
function createCleaner({ knownValues, replacer, maxBytes }: Omit<BodyCleaning, "body" | "encoding">) {
  const sanitizer = createSanitizer({ knownValues, mode: "auto" });
  let decoded = 0;
  return {
    push: (chunk: Uint8Array): readonly Uint8Array[] => {
      decoded += chunk.length;
      if (decoded > maxBytes) throw new WritError("upstream_too_large");
      return sanitizer.push(replacer === undefined ? chunk : replacer.push(chunk));
    },
    finish: (): readonly Uint8Array[] => {
      const rest = replacer === undefined ? [] : sanitizer.push(replacer.finish());
      return [...rest, ...sanitizer.finish()];
    },
    findings: () => sanitizer.findings(),
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
