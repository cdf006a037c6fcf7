import { concatBytes, utf8 } from "#src/base/bytes.ts";

/** Replaces one byte string by another in a stream, across chunks; holds back less than the length of what it looks for. */
export interface Replacer {
  push(chunk: Uint8Array): Uint8Array;
  finish(): Uint8Array;
}

/**
 * Turns the upstream's own address into the proxy's, plain or with escaped slashes, so that a client which follows links
 * in an answer stays behind Writ. An address that merely begins alike (`http://host:48` in `http://host:4873`) is left.
 */
export function createOriginReplacer(from: string, to: string): Replacer {
  const escaped = (text: string): string => text.replaceAll("/", "\\/");
  const first = createReplacer(utf8(`${from}/`), utf8(`${to}/`));
  const second = createReplacer(utf8(`${escaped(from)}\\/`), utf8(`${escaped(to)}\\/`));
  return {
    push: (chunk) => second.push(first.push(chunk)),
    finish: () => concatBytes(second.push(first.finish()), second.finish()),
  };
}

function createReplacer(from: Uint8Array, to: Uint8Array): Replacer {
  let held: Uint8Array = new Uint8Array(0);
  const replaceIn = (bytes: Uint8Array): { readonly parts: Uint8Array[]; readonly end: number } => {
    const haystack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    const parts: Uint8Array[] = [];
    let end = 0;
    for (let at = haystack.indexOf(from); at !== -1; at = haystack.indexOf(from, end)) {
      parts.push(bytes.subarray(end, at), to);
      end = at + from.length;
    }
    return { parts, end };
  };
  return {
    push: (chunk) => {
      const bytes = held.length === 0 ? chunk : concatBytes(held, chunk);
      const { parts, end } = replaceIn(bytes);
      const keepFrom = Math.max(end, bytes.length - from.length + 1);
      held = bytes.slice(keepFrom);
      return concatBytes(...parts, bytes.subarray(end, keepFrom));
    },
    finish: () => {
      const rest = held;
      held = new Uint8Array(0);
      return rest;
    },
  };
}
