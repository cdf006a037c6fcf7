import { expect, test } from "bun:test";
import { encode } from "@ipld/dag-cbor";
import fc from "fast-check";
import { CID } from "multiformats/cid";
import type { Ipld } from "#src/ucan/ipld.ts";
import { encodePlain } from "#src/ucan/plain-cbor.ts";

const anyText = fc.oneof(
  fc.string({ maxLength: 30 }),
  fc.string({ minLength: 250, maxLength: 300 }),
  fc.constantFrom("", "__proto__"),
);
const anyNumber = fc.oneof(
  fc.maxSafeInteger(),
  fc.nat(70_000),
  fc.constantFrom(-24, -25, 23, 24, 255, 256, 65_535, 65_536, 2 ** 32),
);
const { value: anyValue } = fc.letrec<{ value: Ipld }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    anyText,
    anyNumber,
    fc.boolean(),
    fc.constant(null),
    fc.uint8Array({ maxLength: 300 }),
    fc.array(tie("value"), { maxLength: 30 }),
    fc.dictionary(anyText, tie("value"), { maxKeys: 30 }),
  ),
}));

test("gives the library's bytes for all that it takes on", () => {
  fc.assert(
    fc.property(anyValue, (value) => {
      const bytes = encodePlain(value);
      if (bytes !== undefined) expect(bytes).toEqual(Uint8Array.from(encode(value)));
      else expect(encode(value).length).toBeGreaterThan(8192 - 9);
    }),
    { numRuns: 500 },
  );
});

test("leaves to the library what is not plain, wherever it stands", () => {
  const link = CID.parse("bafyreidykglsfhoixmivffc5uwhcgshx4j465xwqntbmu43nb2dzqwfvae");
  const rest: readonly unknown[] = [
    1.5,
    -0,
    Number.NaN,
    2 ** 53,
    "é",
    "\ud800",
    link,
    undefined,
    1n,
    new Map(),
    "x".repeat(8192),
  ];
  for (const value of rest) {
    expect(encodePlain(value as Ipld)).toBeUndefined();
    expect(encodePlain({ a: [value as Ipld], b: 1 })).toBeUndefined();
  }
  expect(encodePlain({ é: 1 })).toBeUndefined();
  expect(encodePlain(Array.from({ length: 9000 }, () => 1))).toBeUndefined();
});
