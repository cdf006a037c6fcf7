import { utf8 } from "#src/base/bytes.ts";
import { canonicalize, type JsonObject } from "#src/base/canonical-json.ts";
import { signWebhook } from "#src/crypto/webhook-signature.ts";
import type { NoticeOccasion } from "#src/store/notifications.ts";
import type { ChannelSettings } from "./notify-channel.ts";

/** What is told: that something waits, and where to look. Never the call itself, and nothing that decides. */
export interface Notice {
  /** The same for each attempt to deliver it. */
  readonly id: string;
  readonly occasion: NoticeOccasion | "test";
  readonly title: string;
  readonly text: string;
  /** The page that shows it. */
  readonly url: string;
  /** Id of the approval or emergency. */
  readonly about: string;
}

/** A request that tells. */
export interface NoticeRequest {
  readonly origin: string;
  readonly target: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

const JSON_HEADER = ["content-type", "application/json"] as const;

/**
 * The request by which a channel that is no mailbox tells a notice.
 *
 * @param nowSeconds since 1970; of the attempt
 */
export function noticeRequest(
  settings: Exclude<ChannelSettings, { kind: "email" }>,
  notice: Notice,
  nowSeconds: number,
): NoticeRequest {
  const { origin, pathname, search } = new URL(settings.url);
  const path = `${pathname}${search}`;
  const { title, text, url } = notice;
  const said = `${title}\n${text}\n${url}`;
  const asJson = (value: JsonObject): Uint8Array => utf8(canonicalize(value));
  switch (settings.kind) {
    case "webhook": {
      const { id, occasion, about } = notice;
      const body = canonicalize({ type: `writ.${occasion}`, about, title, text, url });
      const headers = [JSON_HEADER, ...signWebhook(settings.secret, id, nowSeconds, body)];
      return { origin, target: path, headers, body: utf8(body) };
    }
    case "slack": {
      // Slack reads `&`, `<` and `>` as markup; nothing else in plain text is.
      const plain = said.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
      return { origin, target: path, headers: [JSON_HEADER], body: asJson({ text: plain }) };
    }
    case "telegram": {
      const target = `${pathname.replace(/\/$/, "")}/bot${settings.token}/sendMessage`;
      const body = asJson({ chat_id: settings.chat, text: said, link_preview_options: { is_disabled: true } });
      return { origin, target, headers: [JSON_HEADER], body };
    }
    case "ntfy": {
      const headers: (readonly [string, string])[] = [
        ["content-type", "text/plain; charset=utf-8"],
        ["title", title],
        ["click", url],
        ...(settings.token === undefined ? [] : [["authorization", `Bearer ${settings.token}`] as const]),
      ];
      return { origin, target: path, headers, body: utf8(text) };
    }
  }
}
