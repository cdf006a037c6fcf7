import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { EXPOSITION_CONTENT_TYPE, renderExposition } from "#src/telemetry/exposition.ts";
import { createMetrics, MAX_SERIES, OTHER } from "#src/telemetry/metrics.ts";
import { startProcessMetrics, systemProbe } from "#src/telemetry/process-metrics.ts";
import { createWritMetrics, statusClass } from "#src/telemetry/requests.ts";

describe("exposition", () => {
  test("is the text format, line for line", () => {
    const metrics = createMetrics();
    const requests = metrics.counter({ name: "requests_total", help: "answered", labels: ["method", "status"] });
    metrics.gauge({ name: "queue", help: "waiting" }).set(-3);
    const seconds = metrics.histogram({ name: "seconds", help: "time", labels: ["route"] }, [0.1, 1]);
    requests.increment("GET", "200");
    requests.add(2, "GET", "200");
    requests.increment("POST", "500");
    for (const value of [0.05, 0.1, 0.5, 30]) seconds.observe(value, "/a");
    expect(renderExposition(metrics.collect())).toBe(
      [
        "# HELP requests_total answered",
        "# TYPE requests_total counter",
        'requests_total{method="GET",status="200"} 3',
        'requests_total{method="POST",status="500"} 1',
        "# HELP queue waiting",
        "# TYPE queue gauge",
        "queue -3",
        "# HELP seconds time",
        "# TYPE seconds histogram",
        'seconds_bucket{route="/a",le="0.1"} 2',
        'seconds_bucket{route="/a",le="1"} 3',
        'seconds_bucket{route="/a",le="+Inf"} 4',
        'seconds_sum{route="/a"} 30.65',
        'seconds_count{route="/a"} 4',
        "",
      ].join("\n"),
    );
    expect(EXPOSITION_CONTENT_TYPE).toContain("version=0.0.4");
  });

  test("escapes help and label values", () => {
    const metrics = createMetrics();
    const counter = metrics.counter({ name: "c", help: 'a\\b\n"c"', labels: ["l"] });
    counter.increment('a\\b\n"c"} 1\nforged 2');
    expect(renderExposition(metrics.collect())).toBe(
      '# HELP c a\\\\b\\n"c"\n# TYPE c counter\nc{l="a\\\\b\\n\\"c\\"} 1\\nforged 2"} 1\n',
    );
  });

  test("no label value can make a line of its own, and every value is read back", () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: "binary", maxLength: 40 }), { maxLength: 20 }), (values) => {
        const metrics = createMetrics();
        const counter = metrics.counter({ name: "c", help: "h", labels: ["a", "b"] });
        for (const value of values) counter.increment(value, "x");
        const lines = renderExposition(metrics.collect()).split("\n").slice(2, -1);
        const read = lines.map((line) => {
          const match = /^c\{a="((?:[^"\\\n]|\\[\\"n])*)",b="x"\} (\d+)$/s.exec(line);
          return match![1]!.replace(/\\(.)/g, (_, letter: string) => (letter === "n" ? "\n" : letter));
        });
        expect(read).toEqual([...new Set(values)]);
      }),
    );
  });

  test("numbers that are none are written as Prometheus has them", () => {
    const metrics = createMetrics();
    const gauge = metrics.gauge({ name: "g", help: "h", labels: ["l"] });
    for (const value of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1e21, 5e-7]) {
      gauge.set(value, String(value));
    }
    const values = renderExposition(metrics.collect()).match(/(?<=\} ).*/g);
    expect(values).toEqual(["+Inf", "-Inf", "NaN", "1e+21", "5e-7"]);
  });
});

describe("counting", () => {
  test("the number of series is bounded, and what is beyond is still counted", () => {
    const metrics = createMetrics();
    const counter = metrics.counter({ name: "c", help: "h", labels: ["a", "b"] });
    for (let i = 0; i < 5000; i += 1) counter.increment(`v${i}`, "x");
    const samples = metrics.collect()[0]!.samples;
    expect(samples).toHaveLength(MAX_SERIES);
    expect(samples.reduce((sum, sample) => sum + sample.value, 0)).toBe(5000);
    expect(samples.at(-1)!.labels).toEqual([
      ["a", OTHER],
      ["b", OTHER],
    ]);
    counter.increment("v0", "x");
    expect(metrics.collect()[0]!.samples[0]!.value).toBe(2);
  });

  test("values whose concatenation is the same are different series", () => {
    const metrics = createMetrics();
    const counter = metrics.counter({ name: "c", help: "h", labels: ["a", "b"] });
    for (const pair of [
      ["ab", "c"],
      ["a", "bc"],
      ["", "abc"],
      ["1:a", "b"],
      ["1", "a1:b"],
    ])
      counter.increment(...pair);
    expect(metrics.collect()[0]!.samples).toHaveLength(5);
  });

  test("a very long value is cut, in its series and in memory", () => {
    const metrics = createMetrics();
    const counter = metrics.counter({ name: "c", help: "h", labels: ["a"] });
    counter.increment("x".repeat(100_000));
    counter.increment("x".repeat(200_000));
    expect(metrics.collect()[0]!.samples).toHaveLength(1);
    expect(metrics.collect()[0]!.samples[0]!.labels[0]![1]).toHaveLength(200);
  });

  test("nothing that is counted wrongly throws", () => {
    const metrics = createMetrics();
    const counter = metrics.counter({ name: "c", help: "h", labels: ["a", "b"] });
    const histogram = metrics.histogram({ name: "s", help: "h" }, [1]);
    counter.add(-5, "x", "y");
    counter.add(Number.NaN, "x", "y");
    counter.increment("only one");
    counter.increment("one", "two", "three");
    histogram.observe(Number.NaN);
    histogram.observe(Number.POSITIVE_INFINITY);
    const [first, second] = metrics.collect();
    expect(first!.samples.map((sample) => sample.value)).toEqual([1, 1]);
    expect(second!.samples.map((sample) => sample.value)).toEqual([0, 0, 0, 0]);
  });

  test("without labels a metric is there from the start, at zero", () => {
    const metrics = createMetrics();
    metrics.counter({ name: "c", help: "h" });
    metrics.counter({ name: "labelled", help: "h", labels: ["a"] });
    expect(metrics.collect().map((family) => family.samples.length)).toEqual([1, 0]);
  });

  test("a gauge that cannot be read is absent, not stale", () => {
    const metrics = createMetrics();
    let value: number | undefined = 7;
    metrics.gauge({ name: "g", help: "h" }).readFrom(() => {
      if (value === undefined) throw new Error("gone");
      return value;
    });
    expect(metrics.collect()[0]!.samples[0]!.value).toBe(7);
    value = undefined;
    expect(metrics.collect()[0]!.samples).toEqual([]);
    value = 8;
    expect(metrics.collect()[0]!.samples[0]!.value).toBe(8);
  });

  test("a histogram's buckets add up, for any bounds and values", () => {
    const bounds = fc
      .uniqueArray(fc.integer({ min: -50, max: 50 }), { minLength: 1 })
      .map((list) => list.sort((a, b) => a - b));
    fc.assert(
      fc.property(bounds, fc.array(fc.integer({ min: -60, max: 60 })), (buckets, values) => {
        const metrics = createMetrics();
        const histogram = metrics.histogram({ name: "s", help: "h" }, buckets);
        for (const value of values) histogram.observe(value);
        const samples = metrics.collect()[0]!.samples;
        for (const [index, bound] of buckets.entries()) {
          expect(samples[index]!.value).toBe(values.filter((value) => value <= bound).length);
        }
        expect(samples.at(-3)!.value).toBe(values.length);
        expect(samples.at(-2)!.value).toBe(values.reduce((sum, value) => sum + value, 0));
        expect(samples.at(-1)!.value).toBe(values.length);
      }),
    );
  });

  test("malformed definitions are faults", () => {
    const metrics = createMetrics();
    const fault = expect.objectContaining({ code: "internal" }) as never;
    metrics.counter({ name: "once", help: "h" });
    expect(() => metrics.gauge({ name: "once", help: "h" })).toThrow(fault);
    for (const name of ["", "1a", "a-b", "a b", "a\n"])
      expect(() => metrics.counter({ name, help: "" })).toThrow(fault);
    for (const label of ["", "__a", "a:b", "1"]) {
      expect(() => metrics.counter({ name: "x", help: "", labels: [label] })).toThrow(fault);
    }
    expect(() => metrics.counter({ name: "x", help: "", labels: ["a", "a"] })).toThrow(fault);
    expect(() => metrics.histogram({ name: "x", help: "", labels: ["le"] }, [1])).toThrow(fault);
    expect(() => metrics.histogram({ name: "x", help: "" }, [1, 1])).toThrow(fault);
  });
});

test("the product's metrics register, and follow the naming rules", () => {
  const metrics = createMetrics();
  createWritMetrics(metrics);
  const stop = startProcessMetrics(metrics, 1000, systemProbe);
  stop();
  for (const { name, type } of metrics.collect()) {
    expect(name).toMatch(/^(?:writ|process)_/);
    expect(name.endsWith("_total")).toBe(type === "counter");
  }
  expect(["2xx", "4xx", "other"]).toEqual([statusClass(204), statusClass(404), statusClass(0)]);
});

test("event loop lag is how much later than due the timer fired", () => {
  const metrics = createMetrics();
  let now = 0;
  let tick = () => {};
  let isStopped = false;
  const stop = startProcessMetrics(metrics, 5000, {
    monotonicNow: () => now,
    memory: () => ({ rss: 100, heapUsed: 50 }),
    every: (_interval, next) => {
      tick = next;
      return () => {
        isStopped = true;
      };
    },
  });
  now = 500;
  tick();
  now = 1300;
  tick();
  const text = renderExposition(metrics.collect());
  expect(text).toContain("writ_event_loop_lag_seconds_sum 0.3\n");
  expect(text).toContain("writ_event_loop_lag_seconds_count 2\n");
  expect(text).toContain("process_resident_memory_bytes 100\n");
  expect(text).toContain("process_start_time_seconds 5\n");
  stop();
  expect(isStopped).toBe(true);
});
