import type { Metrics } from "./metrics.ts";

const LAG_INTERVAL_MS = 500;
const LAG_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5] as const;

/** What measuring the process needs, handed in for tests. */
export interface ProcessProbe {
  /** Milliseconds that never go back. */
  monotonicNow(): number;
  /** Bytes. */
  memory(): { readonly rss: number; readonly heapUsed: number };
  /** Calls `tick` every `intervalMs` without keeping the process alive; returns what ends it. */
  every(intervalMs: number, tick: () => void): () => void;
}

/** The running process. */
export const systemProbe: ProcessProbe = {
  monotonicNow: () => performance.now(),
  memory: () => process.memoryUsage(),
  every(intervalMs, tick) {
    const timer = setInterval(tick, intervalMs);
    timer.unref();
    return () => clearInterval(timer);
  },
};

/**
 * Measures memory when asked, and twice a second how much later than due a timer fires: how long something held the
 * event loop.
 * @returns what ends the measuring
 */
export function startProcessMetrics(
  metrics: Metrics,
  startedAtMs: number,
  probe: ProcessProbe = systemProbe,
): () => void {
  const gauge = (name: string, help: string, read: () => number): void => metrics.gauge({ name, help }).readFrom(read);
  gauge("process_resident_memory_bytes", "resident memory", () => probe.memory().rss);
  gauge("writ_heap_used_bytes", "memory used by the JavaScript heap", () => probe.memory().heapUsed);
  gauge("process_start_time_seconds", "start of the process since 1970", () => startedAtMs / 1000);
  const lag = metrics.histogram(
    { name: "writ_event_loop_lag_seconds", help: "how much later than due a timer fired" },
    LAG_SECONDS,
  );
  let due = probe.monotonicNow() + LAG_INTERVAL_MS;
  return probe.every(LAG_INTERVAL_MS, () => {
    const now = probe.monotonicNow();
    lag.observe(Math.max(0, now - due) / 1000);
    due = now + LAG_INTERVAL_MS;
  });
}
