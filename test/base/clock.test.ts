import { expect, test } from "bun:test";
import fc from "fast-check";
import { systemClock, toRfc3339 } from "#src/base/clock.ts";

test("agrees with the runtime for every millisecond of the years 0 to 9999, in any order", () => {
  const first = Date.parse("0000-01-01T00:00:00.000Z");
  const last = Date.parse("9999-12-31T23:59:59.999Z");
  const near = fc.integer({ min: -2000, max: 2000 });
  fc.assert(
    fc.property(fc.oneof(fc.integer({ min: first, max: last }), near), (time) => {
      expect(toRfc3339(time)).toBe(new Date(time).toISOString());
    }),
    { numRuns: 2000 },
  );
  expect(toRfc3339(first)).toBe("0000-01-01T00:00:00.000Z");
  expect(toRfc3339(last)).toBe("9999-12-31T23:59:59.999Z");
});

test("a fraction of a millisecond is cut off", () => {
  expect(toRfc3339(1.75)).toBe("1970-01-01T00:00:00.001Z");
  expect(toRfc3339(999.999)).toBe("1970-01-01T00:00:00.999Z");
});

test("what has no four-digit year is refused", () => {
  for (const time of [Number.NaN, Number.POSITIVE_INFINITY, 253_402_300_800_000, -62_167_219_200_001, 8.64e15]) {
    expect(() => toRfc3339(time)).toThrow(expect.objectContaining({ code: "invalid_argument" }) as never);
  }
  expect(toRfc3339(0)).toBe("1970-01-01T00:00:00.000Z");
});

test("the machine's clock runs", () => {
  expect(Math.abs(systemClock.now() - Date.now())).toBeLessThan(1000);
});
