import type { Counter, Gauge, Histogram, Metrics } from "./metrics.ts";
import type { RequestLog } from "./request-log.ts";

/** Everything that Writ measures about itself. Label values are from fixed sets: a route's pattern, never a path. */
export interface WritMetrics {
  /** Labels: method, route, status. */
  readonly httpRequests: Counter;
  /** Seconds. Label: route. */
  readonly httpDuration: Histogram;
  /** Labels: outcome (`allow`, `deny`, `step_up`, `error`), tier. */
  readonly decisions: Counter;
  /** Seconds, from the request's arrival to its durable answer. Label: outcome. */
  readonly decisionDuration: Histogram;
  /** Units in one commit. */
  readonly commitUnits: Histogram;
  /** Seconds of one commit, its fsync included. */
  readonly commitDuration: Histogram;
  readonly commitFailures: Counter;
  /** Units that wait for the next commit. */
  readonly commitQueue: Gauge;
  /** Labels: connector, class (`2xx` to `5xx`, `failed`, `refused`, `timeout`). */
  readonly upstreamCalls: Counter;
  /** Seconds until the upstream's first byte. Label: connector. */
  readonly upstreamDuration: Histogram;
  /** What Writ itself adds to a proxied call, in seconds. */
  readonly proxyOverhead: Histogram;
  /** Label: kind of secret. */
  readonly redactions: Counter;
  readonly approvalsPending: Gauge;
  /** Label: which limit (`source`, `agent`, `tenant`). */
  readonly rateLimited: Counter;
  readonly failedAuthentications: Counter;
  /** Events that a stream has not sent yet. Labels: tenant, stream. */
  readonly streamLag: Gauge;
  /** Labels: job, outcome (`ok`, `failed`). */
  readonly jobs: Counter;
  /** Where single requests are noted; undefined where no telemetry is kept. */
  readonly requests: RequestLog | undefined;
}

const REQUEST_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
const FAST_SECONDS = [0.0001, 0.00025, ...REQUEST_SECONDS] as const;
const BATCH_UNITS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512] as const;

/** Registers the metrics of the product. */
export function createWritMetrics(metrics: Metrics, requests?: RequestLog): WritMetrics {
  const counter = (name: string, help: string, ...labels: readonly string[]) => metrics.counter({ name, help, labels });
  const gauge = (name: string, help: string) => metrics.gauge({ name, help });
  const histogram = (name: string, help: string, buckets: readonly number[], ...labels: readonly string[]) =>
    metrics.histogram({ name, help, labels }, buckets);
  return {
    httpRequests: counter("writ_http_requests_total", "requests answered", "method", "route", "status"),
    httpDuration: histogram("writ_http_request_seconds", "time to answer a request", REQUEST_SECONDS, "route"),
    decisions: counter("writ_decisions_total", "decisions recorded", "outcome", "tier"),
    decisionDuration: histogram("writ_decision_seconds", "time to a durable decision", FAST_SECONDS, "outcome"),
    commitUnits: histogram("writ_commit_units", "units in one commit", BATCH_UNITS),
    commitDuration: histogram("writ_commit_seconds", "time of one commit with its fsync", FAST_SECONDS),
    commitFailures: counter("writ_commit_failures_total", "commits that could not be made durable"),
    commitQueue: gauge("writ_commit_queue_units", "units that wait for a commit"),
    upstreamCalls: counter("writ_upstream_calls_total", "calls made to upstreams", "connector", "class"),
    upstreamDuration: histogram("writ_upstream_seconds", "time to first byte", REQUEST_SECONDS, "connector"),
    proxyOverhead: histogram("writ_proxy_overhead_seconds", "time that Writ adds to a call", FAST_SECONDS),
    redactions: counter("writ_redactions_total", "secrets removed from answers", "kind"),
    approvalsPending: gauge("writ_approvals_pending", "approvals that wait for a person"),
    rateLimited: counter("writ_rate_limited_total", "requests beyond a rate", "limit"),
    failedAuthentications: counter("writ_failed_authentications_total", "credentials refused"),
    streamLag: metrics.gauge({
      name: "writ_stream_lag_events",
      help: "events that a stream has not sent yet",
      labels: ["tenant", "stream"],
    }),
    jobs: counter("writ_jobs_total", "runs of scheduled jobs", "job", "outcome"),
    requests,
  };
}

/** The class of an HTTP status: `2xx`; `other` for a number that is none. */
export function statusClass(status: number): string {
  return status >= 100 && status < 600 ? `${Math.floor(status / 100)}xx` : "other";
}
