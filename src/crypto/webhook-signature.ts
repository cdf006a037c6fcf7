import { fromBase64Url, toBase64, toBase64Url, utf8 } from "#src/base/bytes.ts";
import { hmacSha256 } from "./hash.ts";

/**
 * The headers that sign a webhook, as Standard Webhooks 1.0.0 has it:
 * `webhook-signature: v1,base64(HMAC-SHA256(secret, id "." timestamp "." body))`.
 *
 * @param secret base64url
 * @param id the same for each attempt to deliver the same message
 * @param nowSeconds since 1970; of the attempt
 */
export function signWebhook(
  secret: string,
  id: string,
  nowSeconds: number,
  body: string,
): readonly (readonly [name: string, value: string])[] {
  const signature = toBase64(hmacSha256(fromBase64Url(secret), utf8(`${id}.${nowSeconds}.${body}`)));
  return [
    ["webhook-id", id],
    ["webhook-timestamp", String(nowSeconds)],
    ["webhook-signature", `v1,${signature}`],
  ];
}

/** A new webhook's secret. @param bytes 32 random ones */
export function newWebhookSecret(bytes: Uint8Array): string {
  return toBase64Url(bytes);
}

/** A webhook's secret as its receiver needs it, in the form of Standard Webhooks. */
export function webhookSecretText(secret: string): string {
  return `whsec_${toBase64(fromBase64Url(secret))}`;
}
