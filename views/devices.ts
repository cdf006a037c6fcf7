import { toRfc3339 } from "#src/base/clock.ts";
import type { Device, PairingView } from "#src/identity/devices.ts";
import { path } from "./address.ts";
import { boxes, type FormState, formError, input, submit } from "./form.ts";
import { type Content, type Html, html } from "./html.ts";
import { badge, card, code, empty, facts, notice, pageHead, relative, table } from "./parts.ts";

/** What the page of devices shows. */
export interface DevicesModel {
  readonly devices: readonly Device[];
  /** What agents and people are called. */
  readonly names: ReadonlyMap<string, string>;
  /** Agents that a machine may be paired for. */
  readonly agents: readonly { readonly id: string; readonly name: string }[];
  readonly mayWrite: boolean;
  /** The code that somebody typed. */
  readonly code: string;
  /** The machine that waits with it. */
  readonly pairing: PairingView | undefined;
  readonly form: FormState;
  readonly said: Content;
  readonly now: number;
}

/** The page of devices. */
export function devicesPage(model: DevicesModel): Html {
  return html`${pageHead("Devices", "Machines that act for agents. Each proves with every request that it holds its own key, and you confirmed each one.")}${devicesBody(model)}`;
}

/** The part that its actions draw anew. */
export function devicesBody(model: DevicesModel): Html {
  const { mayWrite, said } = model;
  return mayWrite
    ? html`<div id="devices" class="grid-side"><div class="stack-5">${said}${listCard(model)}</div><aside class="stack-5">${model.pairing === undefined ? codeCard(model) : confirmCard(model, model.pairing)}</aside></div>`
    : html`<div id="devices" class="stack-5">${listCard(model)}</div>`;
}

function listCard({ devices, names, mayWrite, now }: DevicesModel): Html {
  if (devices.length === 0) {
    return card(
      "Paired machines",
      empty(
        "devices",
        "No machine is paired",
        "The machine shows a code of eight characters. Type it in here to see which machine it is, and confirm it.",
      ),
    );
  }
  return card(
    "Paired machines",
    table(
      "Paired machines",
      ["Machine", "Acts for", "Confirmed by", "Paired", "State", ""],
      devices.map((device) => [
        html`${device.name}<span class="sub">${code(device.fingerprint)}</span>`,
        device.agents.map((agent) => names.get(agent) ?? agent).join(", "),
        device.person === null ? "the host" : (names.get(device.person) ?? "a person"),
        relative(device.pairedAt, now),
        device.revokedAt === null ? badge("active", "ok") : badge("revoked", "bad"),
        mayWrite && device.revokedAt === null
          ? html`<div class="row"><button type="button" class="button small danger" hx-post="${path`/devices/${device.id}/revocation`}" hx-target="#devices" hx-swap="outerHTML" hx-confirm="It is refused from the very next request on, its streams are cut and its runs cancelled.">Revoke</button></div>`
          : undefined,
      ]),
    ),
  );
}

function codeCard({ code: typed, form }: DevicesModel): Html {
  return card(
    "Pair a machine",
    html`<form method="get" action="/devices">${formError(form)}${input("pair", { name: "code", label: "The code that it shows", required: true, isCode: true, maxLength: 16, placeholder: "K7QM-3XWD", value: typed })}<div class="form-end">${submit("Look it up")}</div></form>`,
  );
}

function confirmCard({ agents, form }: DevicesModel, pairing: PairingView): Html {
  return card(
    "Is this your machine?",
    html`${facts([
      ["Calls itself", pairing.name],
      ["Key", code(pairing.fingerprint)],
      ["Asked from", code(pairing.source)],
      [
        "Code",
        html`${code(pairing.code)}, good for <span data-expires="${toRfc3339(pairing.expiresAt)}">some minutes</span>`,
      ],
    ])}${notice("warn", "Compare the key", "The machine shows the same one. If it does not, or if you did not start this, leave it.")}${
      agents.length === 0
        ? html`<p>There is no agent for it to act for. <a href="/agents#new">Add one first.</a></p>`
        : html`<form hx-post="${path`/devices/pairings/${pairing.code}/confirmation`}" hx-target="#devices" hx-swap="outerHTML">${formError(form)}${input("confirm", { name: "name", label: "What to call it", required: true, maxLength: 63, value: form.values["name"] ?? pairing.name })}${boxes(
            "confirm",
            "agents",
            "It acts for",
            agents.map(({ id, name }) => [id, name, ""]),
            agents.length === 1 ? agents.map(({ id }) => id) : [],
          )}<div class="form-end">${submit("Confirm with passkey")}<a class="button ghost" href="/devices">Not mine</a></div></form>`
    }`,
  );
}
