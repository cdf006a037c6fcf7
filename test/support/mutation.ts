/** A generator (mulberry32) of numbers from 0 to below 1, so that a failing case can be tried again. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A change to lines of text, and which line it is the first to touch, from 0. */
export interface TextMutation {
  readonly bytes: Uint8Array;
  readonly what: string;
  readonly line: number;
}

const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** Changes lines that are each ended by a line feed, in one of many ways: a bit, a character, a line. Never changes nothing. */
export function mutateText(original: Uint8Array, random: () => number): TextMutation {
  for (;;) {
    const mutation = tryMutate(original, random);
    if (Buffer.compare(mutation.bytes, original) !== 0) return mutation;
  }
}

function tryMutate(original: Uint8Array, random: () => number): TextMutation {
  const lines = decoder.decode(original).split("\n").slice(0, -1);
  const pick = (count: number) => Math.floor(random() * count);
  const [at, other] = [pick(lines.length), pick(lines.length)];
  const ofLines = (what: string, changed: string[], line: number): TextMutation => ({
    what: `${what} ${line}`,
    bytes: encoder.encode(changed.map((text) => `${text}\n`).join("")),
    line,
  });
  const [a = "", b = ""] = [lines[at], lines[other]];
  switch (pick(6)) {
    case 0: {
      const bytes = original.slice();
      const place = pick(bytes.length);
      bytes[place] = (bytes[place] ?? 0) ^ (1 << pick(8));
      const line = decoder.decode(original.subarray(0, place)).split("\n").length - 1;
      return { what: `bit at ${place}`, bytes, line };
    }
    case 1:
      return ofLines("removed line", lines.toSpliced(at, 1), at);
    case 2:
      return ofLines("swapped line", lines.with(at, b).with(other, a), Math.min(at, other));
    case 3:
      return ofLines("repeated line", lines.toSpliced(at, 0, a), at);
    case 4: {
      const digit = /[0-9]/g;
      const places = [...a.matchAll(digit)].map(({ index }) => index);
      const place = places[pick(places.length)] ?? 0;
      const next = String((Number(a[place]) + 1 + pick(8)) % 10);
      return ofLines("digit of line", lines.with(at, a.slice(0, place) + next + a.slice(place + 1)), at);
    }
    default:
      return { what: "cut", bytes: original.slice(0, pick(original.length)), line: 0 };
  }
}
