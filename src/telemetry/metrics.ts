import { invariant } from "#src/base/errors.ts";

/** What names a metric: the Prometheus name, one line of help, and the names of its labels. */
export interface MetricOptions {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

/** A number that only grows. */
export interface Counter {
  /** Adds one to the series with these label values, in the order of the label names. */
  increment(...values: readonly string[]): void;
  /** Adds `amount`, which must not be negative. */
  add(amount: number, ...values: readonly string[]): void;
}

/** A number that goes up and down. */
export interface Gauge {
  set(value: number, ...values: readonly string[]): void;
  add(amount: number, ...values: readonly string[]): void;
  /** Reads the value of a gauge without labels whenever it is asked for; what throws is left out. */
  readFrom(read: () => number): void;
}

/** How often a value fell under each bound. */
export interface Histogram {
  observe(value: number, ...values: readonly string[]): void;
}

/** One number as it is now: a histogram gives one for each bucket, its sum and its count. */
export interface Sample {
  readonly name: string;
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number;
}

/** A metric with all its samples. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly samples: readonly Sample[];
}

/** Makes metrics and reads them all. Names are unique: making one twice is a fault. */
export interface Metrics {
  counter(options: MetricOptions): Counter;
  gauge(options: MetricOptions): Gauge;
  /** @param buckets upper bounds, ascending, in the unit that the name ends with; `+Inf` is added */
  histogram(options: MetricOptions, buckets: readonly number[]): Histogram;
  collect(): readonly MetricFamily[];
}

/** How many series a metric may have. What comes after shares one whose label values are all {@link OTHER}. */
export const MAX_SERIES = 500;
/** The label value of the series that takes what is beyond {@link MAX_SERIES}. */
export const OTHER = "other";
const MAX_LABEL_CHARACTERS = 200;
const METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LABEL_NAME = /^(?!__)[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * An empty set of metrics. Counting never throws, for what is counted matters more than the count: a wrong number is
 * dropped, a label value that is missing is empty, one too many is ignored.
 */
export function createMetrics(): Metrics {
  const families = new Map<string, () => MetricFamily>();
  const register = (options: MetricOptions, collect: () => MetricFamily): void => {
    checkNames(options);
    invariant(!families.has(options.name), `the metric \`${options.name}\` is made once`);
    families.set(options.name, collect);
  };
  return {
    counter(options) {
      const table = new SeriesTable(options, () => ({ value: 0 }));
      register(options, () => simpleFamily(options, "counter", table));
      const add = (amount: number, values: readonly string[]): void => {
        if (amount >= 0 && Number.isFinite(amount)) table.at(values).value += amount;
      };
      return { increment: (...values) => add(1, values), add: (amount, ...values) => add(amount, values) };
    },
    gauge(options) {
      const table = new SeriesTable(options, () => ({ value: 0 }));
      let read: (() => number) | undefined;
      register(options, () => {
        if (read !== undefined) readInto(table, read);
        return simpleFamily(options, "gauge", table);
      });
      return {
        set(value, ...values) {
          table.at(values).value = value;
        },
        add(amount, ...values) {
          table.at(values).value += amount;
        },
        readFrom(next) {
          read = next;
        },
      };
    },
    histogram(options, buckets) {
      invariant(
        buckets.every((bound, index) => Number.isFinite(bound) && bound > (buckets[index - 1] ?? -Infinity)),
        `the buckets of \`${options.name}\` ascend`,
      );
      invariant(options.labels?.includes("le") !== true, "`le` is the histogram's own label");
      const table = new SeriesTable(options, () => ({ counts: new Float64Array(buckets.length + 1), sum: 0 }));
      register(options, () => histogramFamily(options, buckets, table));
      return {
        observe(value, ...values) {
          if (!Number.isFinite(value)) return;
          const series = table.at(values);
          const bucket = bucketOf(buckets, value);
          series.counts[bucket] = (series.counts[bucket] ?? 0) + 1;
          series.sum += value;
        },
      };
    },
    collect: () => [...families.values()].map((collect) => collect()),
  };
}

/** The series of one metric by their label values; bounded, so that no caller's text can make it grow. */
class SeriesTable<Series> {
  private readonly table = new Map<string, { readonly values: readonly string[]; readonly series: Series }>();
  private readonly labels: readonly string[];
  private readonly create: () => Series;

  constructor(options: MetricOptions, create: () => Series) {
    this.labels = options.labels ?? [];
    this.create = create;
    if (this.labels.length === 0) this.insert("", []);
  }

  at(given: readonly string[]): Series {
    const values = given.length === this.labels.length ? given : this.labels.map((_, index) => given[index] ?? "");
    const key = keyOf(values);
    const known = this.table.get(key);
    if (known !== undefined) return known.series;
    if (this.table.size >= MAX_SERIES - 1 && this.labels.length > 0) return this.overflow();
    return this.insert(key, values);
  }

  entries(): readonly { readonly labels: Sample["labels"]; readonly series: Series }[] {
    return [...this.table.values()].map(({ values, series }) => ({
      labels: this.labels.map((label, index) => [label, values[index] ?? ""] as const),
      series,
    }));
  }

  /** Forgets every series. */
  clear(): void {
    this.table.clear();
  }

  private overflow(): Series {
    const values = this.labels.map(() => OTHER);
    const key = keyOf(values);
    return this.table.get(key)?.series ?? this.insert(key, values);
  }

  private insert(key: string, values: readonly string[]): Series {
    const series = this.create();
    this.table.set(key, { values: values.map((value) => value.slice(0, MAX_LABEL_CHARACTERS)), series });
    return series;
  }
}

/** One text for one list of values; what is cut in the series is cut in its key. */
function keyOf(values: readonly string[]): string {
  const [first = "", ...rest] = values;
  if (rest.length === 0) return first.slice(0, MAX_LABEL_CHARACTERS);
  let key = "";
  for (const value of values) {
    const cut = value.slice(0, MAX_LABEL_CHARACTERS);
    key += `${cut.length}:${cut}`;
  }
  return key;
}

function readInto(table: SeriesTable<{ value: number }>, read: () => number): void {
  try {
    table.at([]).value = read();
  } catch {
    // A reading that fails is absent, as Prometheus has it: a stale number would look like a fresh one.
    table.clear();
  }
}

function simpleFamily(
  options: MetricOptions,
  type: "counter" | "gauge",
  table: SeriesTable<{ value: number }>,
): MetricFamily {
  const { name, help } = options;
  const samples = table.entries().map(({ labels, series }) => ({ name, labels, value: series.value }));
  return { name, help, type, samples };
}

function histogramFamily(
  options: MetricOptions,
  buckets: readonly number[],
  table: SeriesTable<{ counts: Float64Array; sum: number }>,
): MetricFamily {
  const { name, help } = options;
  const samples: Sample[] = [];
  for (const { labels, series } of table.entries()) {
    let total = 0;
    for (const [index, count] of series.counts.entries()) {
      total += count;
      const bound = index < buckets.length ? String(buckets[index]) : "+Inf";
      samples.push({ name: `${name}_bucket`, labels: [...labels, ["le", bound]], value: total });
    }
    samples.push({ name: `${name}_sum`, labels, value: series.sum }, { name: `${name}_count`, labels, value: total });
  }
  return { name, help, type: "histogram", samples };
}

/** The index of the first bound that is not below `value`. */
function bucketOf(buckets: readonly number[], value: number): number {
  let index = 0;
  while (index < buckets.length && value > (buckets[index] ?? 0)) index += 1;
  return index;
}

function checkNames(options: MetricOptions): void {
  const labels = options.labels ?? [];
  invariant(METRIC_NAME.test(options.name), `\`${options.name}\` is a metric's name`);
  invariant(
    labels.every((label) => LABEL_NAME.test(label)),
    `the labels of \`${options.name}\` are label names`,
  );
  invariant(new Set(labels).size === labels.length, `the labels of \`${options.name}\` differ`);
}
