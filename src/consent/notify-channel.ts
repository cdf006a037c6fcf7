import { fromBase64Url } from "#src/base/bytes.ts";
import { WritError } from "#src/base/errors.ts";
import { parseOrigin } from "#src/io/origin.ts";
import type { ChannelKind } from "#src/store/notifications.ts";

/** Where a channel tells, and what it needs for that. Credentials are sealed wherever they are kept. */
export type ChannelSettings =
  | {
      readonly kind: "email";
      readonly host: string;
      readonly port: number;
      /** `tls` from the first byte, `starttls` before anything is said, or `none`, for a relay on this host. */
      readonly security: "tls" | "starttls" | "none";
      readonly user?: string;
      readonly password?: string;
      readonly from: string;
      readonly to: readonly string[];
    }
  | {
      readonly kind: "webhook";
      readonly url: string;
      /** Base64url; signs what is sent. */
      readonly secret: string;
    }
  | { readonly kind: "slack"; readonly url: string }
  | { readonly kind: "telegram"; readonly url: string; readonly token: string; readonly chat: string }
  | { readonly kind: "ntfy"; readonly url: string; readonly token?: string };

/** Where Telegram's bots are, unless a server of one's own is named. */
export const TELEGRAM_URL = "https://api.telegram.org";
const MAX_CHARACTERS = 2000;
const MAX_RECIPIENTS = 20;
const ADDRESS = /^[^\s@<>,;"]{1,64}@[^\s@<>,;"]{1,255}$/;
const HOST = /^[A-Za-z0-9._:[\]-]{1,255}$/;
const BOT_TOKEN = /^[0-9]{1,20}:[A-Za-z0-9_-]{10,100}$/;

/** Throws `invalid_argument` for settings that no channel can work with. */
export function checkSettings(settings: ChannelSettings): ChannelSettings {
  switch (settings.kind) {
    case "email": {
      const { host, port, from, to } = settings;
      if (!HOST.test(host)) refuse("host", "is no name or address");
      if (!Number.isSafeInteger(port) || port < 1 || port > 65_535) refuse("port", "is 1 to 65535");
      if (!ADDRESS.test(from)) refuse("from", "is no e-mail address");
      if (to.length === 0 || to.length > MAX_RECIPIENTS || !to.every((address) => ADDRESS.test(address))) {
        refuse("to", `is 1 to ${MAX_RECIPIENTS} e-mail addresses`);
      }
      return settings;
    }
    case "webhook":
      checkUrl(settings.url);
      if (fromBase64Url(settings.secret).length < 24) refuse("secret", "has at least 24 bytes, in base64url");
      return settings;
    case "slack":
    case "ntfy":
      checkUrl(settings.url);
      return settings;
    case "telegram":
      checkUrl(settings.url);
      if (!BOT_TOKEN.test(settings.token)) refuse("token", "is no bot's");
      if (settings.chat === "" || settings.chat.length > 64) refuse("chat", "is the id of a chat");
      return settings;
  }
}

/** Where it tells, without anything secret: a webhook's path often is. */
export function destinationOf(settings: ChannelSettings): string {
  switch (settings.kind) {
    case "email":
      return `${settings.to.join(", ")} by ${settings.host}:${settings.port}`;
    default:
      return new URL(settings.url).origin;
  }
}

/** The kinds of channels. */
export const CHANNEL_KINDS: readonly ChannelKind[] = ["email", "webhook", "slack", "telegram", "ntfy"];

function checkUrl(text: string): void {
  if (text.length > MAX_CHARACTERS || !URL.canParse(text)) refuse("url", "is no address");
  const { protocol, origin, username, hash } = new URL(text);
  if ((protocol !== "https:" && protocol !== "http:") || username !== "" || hash !== "") {
    refuse("url", "is an http or https address without a user and without a fragment");
  }
  parseOrigin(origin);
}

function refuse(field: string, what: string): never {
  throw new WritError("invalid_argument", `\`${field}\` ${what}`, { details: { field } });
}
