import { toRfc3339 } from "#src/base/clock.ts";
import type { Channel } from "#src/consent/notifications.ts";
import { type ChannelSettings, TELEGRAM_URL } from "#src/consent/notify-channel.ts";
import { randomBytes } from "#src/crypto/random.ts";
import { newWebhookSecret, webhookSecretText } from "#src/crypto/webhook-signature.ts";
import { type Route, route } from "../route.ts";
import { choice, integer, list, object, optional, text, union } from "../shape.ts";

const URL_TEXT = text({ max: 2000 });
const SETTINGS = union("kind", {
  email: object({
    kind: choice(["email"]),
    host: text({ max: 255 }),
    port: integer(1, 65_535),
    security: choice(["tls", "starttls", "none"]),
    user: optional(text({ max: 320 })),
    password: optional(text({ max: 1000 })),
    from: text({ max: 320 }),
    to: list(text({ max: 320 }), 20),
  }),
  webhook: object({ kind: choice(["webhook"]), url: URL_TEXT }),
  slack: object({ kind: choice(["slack"]), url: URL_TEXT }),
  telegram: object({
    kind: choice(["telegram"]),
    token: text({ max: 200 }),
    chat: text({ max: 64 }),
    url: optional(URL_TEXT),
  }),
  ntfy: object({ kind: choice(["ntfy"]), url: URL_TEXT, token: optional(text({ max: 1000 })) }),
});

/** Where people are told that something waits for them. */
export const NOTIFICATION_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/notifications",
    summary: "List where people are told, and what has not been delivered yet",
    who: ["admin", "operator", "person"],
    permission: "notifications.read",
    answers: { 200: "The channels, without anything secret" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      const channels = await exchange.services.notifications.list(tenant);
      return { json: { channels: channels.map(renderChannel) } };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/notifications",
    summary: "Add a channel: e-mail, a signed webhook, Slack, Telegram or ntfy",
    who: ["admin", "operator", "person"],
    permission: "notifications.write",
    body: object({ name: text({ max: 63 }), settings: SETTINGS }),
    answers: { 201: "The channel; a webhook's with the secret that signs what it gets, shown this once" },
    errors: ["name_taken"],
    handle: async (exchange, { name, settings }) => {
      const { tenant, subject } = await exchange.manager();
      const secret = newWebhookSecret(randomBytes(32));
      const complete: ChannelSettings =
        settings.kind === "webhook"
          ? { ...settings, secret }
          : settings.kind === "telegram"
            ? { ...settings, url: settings.url ?? TELEGRAM_URL }
            : settings;
      const channel = await exchange.services.notifications.create(tenant, subject, name, complete);
      const shown = settings.kind === "webhook" ? { secret: webhookSecretText(secret) } : {};
      return { status: 201, json: { ...renderChannel(channel), ...shown } };
    },
  }),
  route({
    method: "DELETE",
    path: "/v1/admin/notifications/{channel}",
    summary: "Remove a channel, and what it has not delivered",
    who: ["admin", "operator", "person"],
    permission: "notifications.write",
    answers: { 204: "It is removed" },
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      await exchange.services.notifications.remove(tenant, subject, exchange.param("channel"));
      return { status: 204, body: null };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/notifications/{channel}/test",
    summary: "Tell a test over a channel now",
    who: ["admin", "operator", "person"],
    permission: "notifications.write",
    answers: { 200: "Whether it was taken, and why not" },
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      return { json: await exchange.services.notifications.test(tenant, subject, exchange.param("channel")) };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/notifications/{channel}/disablement",
    summary: "Tell nothing over a channel from now on",
    who: ["admin", "operator", "person"],
    permission: "notifications.write",
    answers: { 200: "The channel" },
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      const { notifications } = exchange.services;
      const channel = await notifications.setStatus(tenant, subject, exchange.param("channel"), "disabled");
      return { json: renderChannel(channel) };
    },
  }),
  route({
    method: "DELETE",
    path: "/v1/admin/notifications/{channel}/disablement",
    summary: "Tell over a channel again",
    who: ["admin", "operator", "person"],
    permission: "notifications.write",
    answers: { 200: "The channel" },
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      const { notifications } = exchange.services;
      const channel = await notifications.setStatus(tenant, subject, exchange.param("channel"), "active");
      return { json: renderChannel(channel) };
    },
  }),
];

function renderChannel(channel: Channel): Readonly<Record<string, unknown>> {
  return {
    name: channel.name,
    kind: channel.kind,
    destination: channel.destination,
    status: channel.status,
    waiting: channel.waiting,
    ...(channel.lastError === null ? {} : { last_error: channel.lastError }),
    created_at: toRfc3339(channel.createdAt),
  };
}
