/** One request as telemetry keeps it: which route, never which resource, and nothing of its content. */
export interface RequestTrace {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly id: string;
  /** A method that HTTP knows, or `other`. */
  readonly method: string;
  /** The route's pattern: `/v1/admin/agents/{agent}`. */
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
}

/** What was noted since it was last taken. */
export interface NotedRequests {
  readonly traces: readonly RequestTrace[];
  /** How often each page was drawn. */
  readonly pages: ReadonlyMap<string, number>;
}

/** Notes requests in memory, until telemetry is written. */
export interface RequestLog {
  note(trace: RequestTrace, isPage: boolean): void;
  take(): NotedRequests;
}

/** How requests are chosen. */
export interface RequestLogOptions {
  /** One request in so many is kept, whatever it is. */
  readonly sampleEvery?: number;
  /** One that took as long is kept in any case. */
  readonly slowMs?: number;
  /** At most so many between two takings; the rest is left out. */
  readonly maxTraces?: number;
}

const SAMPLE_EVERY = 100;
const SLOW_MS = 1000;
const MAX_TRACES = 2000;
const FAULT_STATUS = 500;
const MAX_ID = 64;

/** An empty log. A sample, what was slow and what failed on this side are kept. */
export function createRequestLog(options: RequestLogOptions = {}): RequestLog {
  const { sampleEvery = SAMPLE_EVERY, slowMs = SLOW_MS, maxTraces = MAX_TRACES } = options;
  let traces: RequestTrace[] = [];
  let pages = new Map<string, number>();
  let seen = 0;
  return {
    note: (trace, isPage) => {
      seen += 1;
      if (isPage) pages.set(trace.route, (pages.get(trace.route) ?? 0) + 1);
      const isKept = seen % sampleEvery === 0 || trace.durationMs >= slowMs || trace.status >= FAULT_STATUS;
      if (isKept && traces.length < maxTraces) traces.push({ ...trace, id: trace.id.slice(0, MAX_ID) });
    },
    take: () => {
      const taken = { traces, pages };
      traces = [];
      pages = new Map();
      return taken;
    },
  };
}
