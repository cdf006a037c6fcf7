/**
 * A step of the sanitizer: bytes go in, changed bytes come out, a little later where a decision needs what follows.
 *
 * How the input is cut into chunks never changes the output. The arrays given back are the caller's, and may share
 * memory with a pushed chunk: a chunk must not be written to after it was pushed.
 */
export interface Stage {
  push(chunk: Uint8Array): Uint8Array[];
  /** The rest. Nothing may be pushed afterwards. */
  finish(): Uint8Array[];
}

/** Counts of what was replaced or removed, by id. */
export class Findings {
  readonly #counts = new Map<string, number>();

  add(id: string, count = 1): void {
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + count);
  }

  /** A copy, so far. */
  toMap(): Map<string, number> {
    return new Map(this.#counts);
  }
}

/** `chunks` as at most one: many small pieces would cost more downstream than a copy does. */
export function joinChunks(chunks: readonly Uint8Array[]): Uint8Array[] {
  if (chunks.length < 2) return [...chunks];
  let length = 0;
  for (const chunk of chunks) length += chunk.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    joined.set(chunk, offset);
    offset += chunk.length;
  }
  return [joined];
}

/** `chunks` through `stage`, in order. */
function pushAll(stage: Stage, chunks: readonly Uint8Array[]): Uint8Array[] {
  const [joined] = joinChunks(chunks);
  return joined === undefined ? [] : stage.push(joined);
}

/** Several stages, one behind the other. */
export function pipeline(stages: readonly Stage[]): Stage {
  return {
    push(chunk) {
      let chunks = [chunk];
      for (const stage of stages) chunks = pushAll(stage, chunks);
      return joinChunks(chunks);
    },
    finish() {
      let chunks: Uint8Array[] = [];
      for (const stage of stages) chunks = [...pushAll(stage, chunks), ...stage.finish()];
      return joinChunks(chunks);
    },
  };
}

/** Whether a letter behind a backslash is part of a JSON escape: it stays where it is, or the JSON would break. */
export function isEscapeLetter(byte: number | undefined): boolean {
  return byte !== undefined && ESCAPE_LETTERS.has(byte);
}

const ESCAPE_LETTERS: ReadonlySet<number> = new Set(Array.from('bfnrtu/"\\', (char) => char.charCodeAt(0)));
