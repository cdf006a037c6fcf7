import { utf8 } from "#src/base/bytes.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import { PRODUCT_VERSION } from "#src/base/version.ts";
import { equalInConstantTime, sha256 } from "#src/crypto/hash.ts";
import { EXPOSITION_CONTENT_TYPE, renderExposition } from "#src/telemetry/exposition.ts";
import type { Metrics } from "#src/telemetry/metrics.ts";
import type { TelemetryStore } from "#src/telemetry/telemetry-store.ts";
import type { Exchange } from "./exchange.ts";
import type { RunningForward } from "./forward-proxy.ts";
import type { ReadinessCheck } from "./readiness.ts";
import { type Route, route } from "./route.ts";
import { integerText, object, optional } from "./shape.ts";

/** What the routes of operation need. */
export interface OperationsGround {
  readonly registry: Metrics;
  /** Undefined where none is kept. */
  readonly telemetry?: TelemetryStore | undefined;
  readonly readiness: () => Promise<readonly ReadinessCheck[]>;
  /** The description of the API, made when it is first asked for. */
  readonly openApi: () => string;
  /** The forward proxy, where there is one and it listens. */
  readonly forward?: () => RunningForward | undefined;
}

const MAX_TRACES = 1000;
const YEAR_MS = 365 * 86_400_000;

/** Health, metrics and what describes the server: for whoever runs it. */
export function operationRoutes({ registry, telemetry, readiness, openApi }: OperationsGround): readonly Route[] {
  return [
    route({
      method: "GET",
      path: "/healthz",
      summary: "Say that the process answers",
      who: ["anyone", "operator"],
      isUnlimited: true,
      answers: { 200: "It does" },
      handle: () => ({ json: { status: "ok" } }),
    }),
    route({
      method: "GET",
      path: "/readyz",
      summary: "Say whether anything can be granted; to this machine also why not",
      who: ["anyone", "operator"],
      isUnlimited: true,
      answers: { 200: "It can", 503: "It cannot" },
      handle: async (exchange) => {
        const checks = await readiness();
        const isReady = checks.every((check) => check.ok);
        const status = isReady ? "ready" : "not_ready";
        return {
          status: isReady ? 200 : 503,
          json: exchange.isLocal() ? { status, version: PRODUCT_VERSION, checks } : { status },
        };
      },
    }),
    route({
      method: "GET",
      path: "/metrics",
      summary: "Give the metrics in the Prometheus text format",
      who: ["anyone", "operator"],
      isUnlimited: true,
      produces: "text/plain",
      answers: { 200: "The metrics" },
      handle: (exchange) => {
        requireMetricsReader(exchange);
        return { body: renderExposition(registry.collect()), contentType: EXPOSITION_CONTENT_TYPE };
      },
    }),
    route({
      method: "GET",
      path: "/v1/admin/telemetry",
      summary: "Show requests that were kept as a sample, slow or failed, and how often pages were drawn",
      who: ["operator"],
      query: object({ limit: optional(integerText(1, MAX_TRACES)) }),
      answers: { 200: "What is kept; nothing where telemetry is off" },
      handle: (_exchange, _body, { limit = 100 }) => ({
        json: {
          kept: telemetry !== undefined,
          requests: (telemetry?.readTraces(0, Number.MAX_SAFE_INTEGER, limit) ?? []).map(
            ({ at, durationMs, ...trace }) => ({ at: toRfc3339(at), ...trace, duration_ms: durationMs }),
          ),
          pages: telemetry?.readPages(limit) ?? [],
        },
      }),
    }),
    route({
      method: "GET",
      path: "/openapi.json",
      summary: "Describe this interface in OpenAPI 3.1",
      who: ["anyone", "operator"],
      answers: { 200: "The description" },
      handle: () => ({ body: openApi(), contentType: "application/json" }),
    }),
    route({
      method: "GET",
      path: "/.well-known/security.txt",
      summary: "Say where to report a vulnerability (RFC 9116)",
      who: ["anyone", "operator"],
      produces: "text/plain",
      answers: { 200: "The file" },
      handle: ({ config, clock }) => ({
        body: securityText(config.publicUrl, clock.now()),
        contentType: "text/plain; charset=utf-8",
      }),
    }),
  ];
}

/** By the token of the settings, by the operator, or from this machine. */
function requireMetricsReader(exchange: Exchange): void {
  if (exchange.isLocal()) return;
  const expected = exchange.config.metricsToken;
  if (expected === undefined)
    throw new WritError("forbidden", "metrics are for this machine: set `WRIT_METRICS_TOKEN`");
  const given = /^Bearer +(\S+)$/i.exec(exchange.header("authorization") ?? "")?.[1] ?? "";
  if (!equalInConstantTime(sha256(utf8(given)), sha256(utf8(expected)))) throw new WritError("unauthenticated");
}

/**
 * Whoever runs the instance is who to tell: by the mailbox that RFC 2142 section 4 gives for it. `Expires` is always a
 * year ahead (RFC 9116 section 2.5.5).
 */
function securityText(publicUrl: string, now: number): string {
  return [
    `Contact: mailto:security@${new URL(publicUrl).hostname}`,
    `Expires: ${toRfc3339(now + YEAR_MS)}`,
    "Preferred-Languages: en",
    `Canonical: ${publicUrl}/.well-known/security.txt`,
    "",
  ].join("\n");
}
