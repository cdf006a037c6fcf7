import type { StreamSettings } from "#src/audit/stream-settings.ts";
import type { Stream } from "#src/audit/streams.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { WritError } from "#src/base/errors.ts";
import { randomBytes } from "#src/crypto/random.ts";
import { newWebhookSecret, webhookSecretText } from "#src/crypto/webhook-signature.ts";
import { type Route, route } from "../route.ts";
import { choice, integer, object, optional, text, union, type ValueOf } from "../shape.ts";

const MIB = 2 ** 20;
const SETTINGS = union("kind", {
  syslog: object({
    kind: choice(["syslog"]),
    host: text({ max: 255 }),
    port: integer(1, 65_535),
    transport: choice(["tls", "tcp"]),
  }),
  webhook: object({ kind: choice(["webhook"]), url: text({ max: 2000 }) }),
  file: object({
    kind: choice(["file"]),
    max_bytes: optional(integer(MIB, 1024 * MIB)),
    keep: optional(integer(1, 1000)),
  }),
});
const FILE_BYTES = 64 * MIB;
const FILE_KEEP = 10;

/** Streams of events to collectors outside. */
export const STREAM_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/streams",
    summary: "List streams of events, and how far behind each is",
    who: ["admin", "operator"],
    includesInstance: true,
    answers: { 200: "The streams, without anything secret" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      const streams = await exchange.services.streams.list(tenant);
      return { json: { streams: streams.map(renderStream) } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/streams",
    summary: "Send events as they come: by syslog, to a signed webhook, or (the operator) into a file",
    who: ["admin", "operator"],
    includesInstance: true,
    body: object({
      name: text({ max: 63 }),
      settings: SETTINGS,
      start: optional(choice(["beginning", "now"])),
    }),
    answers: { 201: "The stream; a webhook's with the secret that signs what it gets, shown this once" },
    errors: ["name_taken"],
    handle: async (exchange, { name, settings, start = "now" }) => {
      const { tenant, subject, isOperator } = await exchange.manager();
      if (settings.kind === "file" && !isOperator) {
        throw new WritError("forbidden", "files of the host are the instance operator's");
      }
      const secret = newWebhookSecret(randomBytes(32));
      const { streams } = exchange.services;
      const stream = await streams.add(tenant, subject, name, complete(settings, secret), start);
      const shown = settings.kind === "webhook" ? { secret: webhookSecretText(secret) } : {};
      return { status: 201, json: { ...renderStream(stream), ...shown } };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/streams/{stream}",
    summary: "Show a stream",
    who: ["admin", "operator"],
    includesInstance: true,
    answers: { 200: "The stream" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      return { json: renderStream(await exchange.services.streams.show(tenant, exchange.param("stream"))) };
    },
  }),
  route({
    method: "DELETE",
    path: "/v1/admin/streams/{stream}",
    summary: "Remove a stream; what it sent stays where it is",
    who: ["admin", "operator"],
    includesInstance: true,
    answers: { 204: "It is removed" },
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      await exchange.services.streams.remove(tenant, subject, exchange.param("stream"));
      return { status: 204, body: null };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/streams/{stream}/disablement",
    summary: "Send nothing over a stream from now on; it resumes where it stopped",
    who: ["admin", "operator"],
    includesInstance: true,
    answers: { 200: "The stream" },
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      const { streams } = exchange.services;
      return { json: renderStream(await streams.setStatus(tenant, subject, exchange.param("stream"), "disabled")) };
    },
  }),
  route({
    method: "DELETE",
    path: "/v1/admin/streams/{stream}/disablement",
    summary: "Send over a stream again",
    who: ["admin", "operator"],
    includesInstance: true,
    answers: { 200: "The stream" },
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      const { streams } = exchange.services;
      return { json: renderStream(await streams.setStatus(tenant, subject, exchange.param("stream"), "active")) };
    },
  }),
];

function complete(settings: ValueOf<typeof SETTINGS>, secret: string): StreamSettings {
  if (settings.kind === "webhook") return { ...settings, secret };
  if (settings.kind === "syslog") return settings;
  return { kind: "file", maxBytes: settings.max_bytes ?? FILE_BYTES, keep: settings.keep ?? FILE_KEEP };
}

function renderStream(stream: Stream): Readonly<Record<string, unknown>> {
  return {
    name: stream.name,
    kind: stream.kind,
    destination: stream.destination,
    status: stream.status,
    cursor: stream.cursor,
    lag_events: stream.lagEvents,
    lag_seconds: Math.floor(stream.lagMs / 1000),
    failures: stream.failures,
    ...(stream.lastError === null ? {} : { last_error: stream.lastError }),
    ...(stream.lastTakenAt === null ? {} : { last_taken_at: toRfc3339(stream.lastTakenAt) }),
    created_at: toRfc3339(stream.createdAt),
  };
}
