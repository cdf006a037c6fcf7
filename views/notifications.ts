import { path } from "./address.ts";
import { type FormState, formError, input, select, submit } from "./form.ts";
import { type Content, type Html, html } from "./html.ts";
import { badge, card, copyable, empty, notice, pageHead, relative, table } from "./parts.ts";

/** A channel, as its list shows it. */
export interface ChannelEntry {
  readonly name: string;
  readonly kind: string;
  readonly destination: string;
  readonly status: "active" | "disabled";
  readonly waiting: number;
  readonly lastError: string | null;
  readonly createdAt: number;
}

/** What the page of notifications shows. */
export interface NotificationsModel {
  readonly channels: readonly ChannelEntry[];
  readonly mayWrite: boolean;
  readonly now: number;
  readonly form: FormState;
  /** What signs a new webhook's messages, shown this once. */
  readonly secret: string | undefined;
  readonly said: Content;
}

const KINDS: readonly (readonly [string, string])[] = [
  ["ntfy", "ntfy"],
  ["webhook", "signed webhook"],
  ["slack", "Slack webhook"],
  ["telegram", "Telegram bot"],
  ["email", "e-mail by SMTP"],
];

/** The page of notifications. */
export function notificationsPage(model: NotificationsModel): Html {
  return html`${pageHead("Notifications", "Where people are told that a call waits for them. A message links here; approving always happens with the passkey.", html`<a class="button" href="/settings">Settings</a>`)}${notificationsBody(model)}`;
}

/** The part that its actions draw anew. */
export function notificationsBody({ channels, mayWrite, now, form, secret, said }: NotificationsModel): Html {
  return html`<div id="notifications" class="grid-side"><div class="stack-5">${said}${
    secret === undefined
      ? undefined
      : html`<section class="card" aria-label="Secret">${notice("accent", "Copy the webhook's secret now", "It signs every message, and is shown this once.")}${copyable(secret, "Copy secret")}</section>`
  }${card(
    "Channels",
    channels.length === 0
      ? empty("clock", "Nobody is told", "Without a channel people see what waits on the page of approvals alone.")
      : table(
          "Channels",
          ["Name", "Kind", "To", "State", "Made", ""],
          channels.map((channel) => [
            channel.name,
            KINDS.find(([kind]) => kind === channel.kind)?.[1] ?? channel.kind,
            html`${channel.destination}${channel.lastError === null ? undefined : html`<span class="sub">${channel.lastError}</span>`}`,
            html`${channel.status === "active" ? badge("active", "ok") : badge("disabled", "bad")}${channel.waiting === 0 ? undefined : html`<span class="sub">${channel.waiting} not delivered yet</span>`}`,
            relative(channel.createdAt, now),
            mayWrite ? actions(channel) : undefined,
          ]),
        ),
  )}</div>${mayWrite ? html`<aside class="stack-5">${newChannel(form)}</aside>` : undefined}</div>`;
}

function actions({ name, status }: ChannelEntry): Html {
  const address = path`/notifications/${name}`;
  return html`<div class="row"><button type="button" class="button small" hx-post="${`${address}/test`}" hx-target="#notifications" hx-swap="outerHTML" hx-disable="this">Test</button><button type="button" class="button small" hx-post="${status === "active" ? `${address}/disablement` : `${address}/enablement`}" hx-target="#notifications" hx-swap="outerHTML">${status === "active" ? "Disable" : "Enable"}</button><button type="button" class="button small danger" hx-post="${`${address}/removal`}" hx-target="#notifications" hx-swap="outerHTML" hx-confirm="The channel is removed, and what it has not delivered.">Remove</button></div>`;
}

function newChannel(form: FormState): Html {
  const value = (name: string): string => form.values[name] ?? "";
  return card(
    "Add a channel",
    html`<form hx-post="/notifications" hx-target="#notifications" hx-swap="outerHTML">${formError(form)}${input("channel", { name: "name", label: "Name", required: true, maxLength: 63, isCode: true, placeholder: "on-call", value: value("name") })}${select("channel", { name: "kind", label: "Kind", required: true, value: value("kind") }, KINDS)}${input("channel", { name: "url", label: "Address", isCode: true, maxLength: 2000, placeholder: "https://ntfy.example/writ", hint: "of ntfy, a webhook or Slack; for e-mail smtp+starttls://user@host:587", value: value("url") })}${input("channel", { name: "secret", label: "Token or password", type: "password", maxLength: 1000, autocomplete: "new-password", hint: "of ntfy, the bot or the mailbox; sealed at once" })}${input("channel", { name: "chat", label: "Chat", maxLength: 64, hint: "of Telegram", value: value("chat") })}${input("channel", { name: "from", label: "From", type: "email", maxLength: 320, hint: "of e-mail", value: value("from") })}${input("channel", { name: "to", label: "To", maxLength: 2000, hint: "of e-mail: addresses, separated by commas", value: value("to") })}<div class="form-end">${submit("Add channel")}</div></form>`,
  );
}
