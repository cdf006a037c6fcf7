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

/** Bytes gathered one behind the other; what was gathered is taken at once. */
export class ByteSink {
  #bytes: Uint8Array = new Uint8Array(0);
  #length = 0;

  /** Adds the bytes of `source` from `start` to `end`; `room` is how many may follow soon. */
  add(source: Uint8Array, start: number, end: number, room: number): void {
    const from = this.#length;
    const to = from + end - start;
    if (to > this.#bytes.length) {
      const larger = new Uint8Array(2 * to + room);
      larger.set(this.#bytes.subarray(0, from));
      this.#bytes = larger;
    }
    const bytes = this.#bytes;
    if (end - start > 128) bytes.set(source.subarray(start, end), from);
    else for (let i = start, at = from; i < end; i += 1, at += 1) bytes[at] = source[i] as number;
    this.#length = to;
  }

  get length(): number {
    return this.#length;
  }

  /** All bytes so far, which are the caller's. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = new Uint8Array(0);
    this.#length = 0;
    return taken;
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
