import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createRateLimiter } from "#src/decision/limits.ts";

describe("a rate limit", () => {
  test("lets a minute's worth through at once, then an even flow", () => {
    const limiter = createRateLimiter({ perSource: 0, perAgent: 60, perTenant: 0 });
    const take = (now: number) => limiter.take({ source: "s", agent: "a" }, now);
    for (let i = 0; i < 60; i += 1) expect(take(0)).toBeUndefined();
    expect(take(0)).toEqual({ scope: "agent", retryAfterSeconds: 1 });
    expect(take(999)?.scope).toBe("agent");
    expect(take(1000)).toBeUndefined();
    expect(take(1000)?.scope).toBe("agent");
    expect(limiter.take({ source: "s", agent: "b" }, 1000)).toBeUndefined();
  });

  test("names the first that is met: source, agent, tenant", () => {
    const limiter = createRateLimiter({ perSource: 3, perAgent: 2, perTenant: 1 });
    const subject = { source: "s", agent: "a", tenant: "t" };
    expect(limiter.take(subject, 0)).toBeUndefined();
    expect(limiter.take(subject, 0)?.scope).toBe("tenant");
    expect(limiter.take(subject, 0)?.scope).toBe("agent");
    expect(limiter.take(subject, 0)?.scope).toBe("source");
  });

  test("never lets more through than a minute's worth and the flow, whatever the clock does", () => {
    const steps = fc.array(fc.integer({ min: -5000, max: 5000 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(steps, (moves) => {
        const limiter = createRateLimiter({ perSource: 10, perAgent: 0, perTenant: 0 });
        let now = 1e12;
        let forward = 0;
        let passed = 0;
        for (const move of moves) {
          now += move;
          forward += Math.max(0, move);
          if (limiter.take({ source: "s" }, now) === undefined) passed += 1;
        }
        expect(passed).toBeLessThanOrEqual(10 + Math.ceil((forward * 10) / 60_000));
      }),
      { numRuns: 200 },
    );
  });

  test("remembers a bounded number of sources", () => {
    const limiter = createRateLimiter({ perSource: 1, perAgent: 0, perTenant: 0 });
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < 200_000; i += 1) limiter.take({ source: `source ${i}` }, 0);
    Bun.gc(true);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(40 * 2 ** 20);
  });
});
