import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ID_PREFIXES, type IdKind, isId, newId, parseId } from "#src/base/ids.ts";
import { systemIdSource } from "#src/crypto/random.ts";

const KINDS = Object.keys(ID_PREFIXES) as IdKind[];
const at = (now: number, fill = 0) => ({
  now: () => now,
  random: (length: number) => new Uint8Array(length).fill(fill),
});

describe("newId", () => {
  test("every kind has its own three-letter prefix and passes its own check alone", () => {
    expect(new Set(Object.values(ID_PREFIXES)).size).toBe(KINDS.length);
    for (const kind of KINDS) {
      const id = newId(kind, systemIdSource);
      for (const other of KINDS) expect(isId(other, id)).toBe(other === kind);
    }
  });

  test("time and randomness are laid out as in a ULID", () => {
    expect(newId("event", at(0))).toBe(`evt_${"0".repeat(26)}` as never);
    expect(newId("event", at(2 ** 48 - 1, 0xff))).toBe(`evt_7${"z".repeat(25)}` as never);
    expect(newId("event", at(1_469_918_176_385))).toBe(`evt_01aryz6s41${"0".repeat(16)}` as never);
  });

  test("later ids sort later, whatever the random part", () => {
    fc.assert(
      fc.property(fc.nat(2 ** 31), fc.integer({ min: 1, max: 2 ** 31 }), (start, step) => {
        const earlier = newId("event", at(start, 0xff));
        const later = newId("event", at(start + step, 0));
        expect(earlier < later).toBe(true);
      }),
    );
  });

  test("all 80 random bits are in it", () => {
    const seen = new Set<string>();
    for (let bit = 0; bit < 80; bit += 1) {
      const random = new Uint8Array(10);
      random[bit >> 3] = 0x80 >> (bit & 7);
      seen.add(newId("run", { now: () => 0, random: () => random }));
    }
    expect(seen.size).toBe(80);
    const many = new Set(Array.from({ length: 20_000 }, () => newId("run", systemIdSource)));
    expect(many.size).toBe(20_000);
  });
});

test("an id of another form is absent, not malformed", () => {
  const id = newId("agent", systemIdSource);
  const hostile: unknown[] = [
    undefined,
    null,
    1,
    {},
    [id],
    "",
    "agt_",
    id.toUpperCase(),
    `${id}0`,
    id.slice(0, -1),
    `${id}\n`,
  ];
  hostile.push(
    ` ${id}`,
    id.replace("agt", "ten"),
    `agt_${"u".repeat(26)}`,
    `agt_${"l".repeat(26)}`,
    id.replace("_", "-"),
    `${id}\0`,
  );
  for (const text of hostile) {
    expect(isId("agent", text)).toBe(false);
    expect(() => parseId("agent", text)).toThrow(expect.objectContaining({ code: "not_found" }) as never);
  }
  expect(parseId("agent", id)).toBe(id);
});
