import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ByteFilter, type ByteSequence } from "#src/redact/byte-filter.ts";
import { KEY_BYTES, WINDOW_BYTES } from "#src/redact/simd-kernel.ts";

function positionsOf(filter: ByteFilter, text: Uint8Array): number[] {
  const positions: number[] = [];
  filter.load(text);
  for (let at = filter.next(0); at < text.length; at = filter.next(at + 1)) positions.push(at);
  return positions;
}

/** Where one of the sequences stands in the text, with none of it behind the text's end. */
function standing(sequences: readonly ByteSequence[], text: Uint8Array): number[] {
  return Array.from(text.keys()).filter((at) =>
    sequences.some((places) => places.every((bytes, place) => bytes.includes(text[at + place] ?? -1))),
  );
}

const place = fc.array(fc.integer({ min: 0, max: 255 }), { minLength: 1, maxLength: 4 });
const sequences = fc.array(fc.array(place, { minLength: 1, maxLength: 7 }), { maxLength: 90 });

describe("the filter", () => {
  test("misses no sequence, wherever it stands, whatever stands around it", () => {
    fc.assert(
      fc.property(
        sequences,
        fc.array(fc.nat(1000), { maxLength: 30 }),
        fc.uint8Array({ maxLength: 80 }),
        (all, picks, noise) => {
          const pieces = picks.map((pick) =>
            Uint8Array.from(all[pick % Math.max(1, all.length)] ?? [], (bytes) => bytes[pick % bytes.length] as number),
          );
          const text = new Uint8Array(Buffer.concat([...pieces, noise, ...pieces]));
          const found = new Set(positionsOf(new ByteFilter(all), text));
          for (const at of standing(all, text)) expect(found.has(at)).toBe(true);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("passes over what is far from every sequence", () => {
    const filter = new ByteFilter(["key-", "tok:"].map((word) => Array.from(word, (char) => [char.charCodeAt(0)])));
    const text = Buffer.from("Nothing of interest. ".repeat(40));
    expect(positionsOf(filter, text)).toEqual([text.length - 3, text.length - 2, text.length - 1]);
  });

  test("finds sequences on both sides of a window's end, and over it", () => {
    const filter = new ByteFilter([Array.from("mark!", (char) => [char.charCodeAt(0)])]);
    for (let before = 0; before <= 8; before += 1) {
      const text = new Uint8Array(2 * WINDOW_BYTES + 100);
      const at = WINDOW_BYTES - before;
      text.set(Buffer.from("mark!"), at);
      expect(positionsOf(filter, text)[0]).toBe(at);
      filter.load(text);
      expect(filter.next(at - 5)).toBe(at);
      expect(filter.next(at + 1)).toBe(text.length - KEY_BYTES + 1);
    }
  });

  test("gives the last positions of every text, and its length at the end", () => {
    const filter = new ByteFilter([[[1], [2], [3], [4]]]);
    for (const length of [0, 1, 2, 3, 4, 15, 16, 17, 31, 32, 33, WINDOW_BYTES - 1, WINDOW_BYTES, WINDOW_BYTES + 1]) {
      const text = new Uint8Array(length);
      const last = [length - 3, length - 2, length - 1].filter((at) => at >= 0);
      expect(positionsOf(filter, text)).toEqual(last);
      expect(filter.next(length)).toBe(length);
    }
  });

  test("knows nothing of the text before", () => {
    const filter = new ByteFilter([[[1], [1], [1], [1]]]);
    filter.load(new Uint8Array(500).fill(1));
    expect(filter.next(3)).toBe(3);
    expect(positionsOf(filter, new Uint8Array(400))).toEqual([397, 398, 399]);
  });
});
