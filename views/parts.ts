import { toRfc3339 } from "#src/base/clock.ts";
import { attribute, type Content, type Html, html } from "./html.ts";
import { type IconName, icon } from "./icons.ts";

/** How a thing is doing, in a colour and always in words too. */
export type Tone = "ok" | "warn" | "bad" | "plain" | "accent";

/** A word on a coloured ground. */
export function badge(text: string, tone: Tone = "plain"): Html {
  return html`<span class="badge ${tone}">${text}</span>`;
}

const STATE_TONES: ReadonlyMap<string, Tone> = new Map([
  ["active", "ok"],
  ["allow", "ok"],
  ["approved", "ok"],
  ["used", "plain"],
  ["pending", "warn"],
  ["step_up", "warn"],
  ["invited", "warn"],
  ["deny", "bad"],
  ["denied", "bad"],
  ["disabled", "bad"],
  ["revoked", "bad"],
  ["paused", "warn"],
  ["completed", "ok"],
  ["failed", "bad"],
  ["cancelled", "bad"],
  ["expired", "plain"],
  ["read", "plain"],
  ["write", "warn"],
  ["danger", "bad"],
]);

/** A state, an outcome or a tier, in the words of the interface. */
export function stateBadge(state: string): Html {
  return badge(state === "step_up" ? "step-up" : state, STATE_TONES.get(state) ?? "plain");
}

/** A time in UTC, exact to the second; the machine-readable form is RFC 3339. */
export function time(milliseconds: number): Html {
  const exact = toRfc3339(milliseconds);
  return html`<time datetime="${exact}" title="${exact}">${exact.slice(0, 10)} ${exact.slice(11, 19)}</time>`;
}

/** The same for a time that is RFC 3339 already. */
export function timeOf(exact: string): Html {
  return html`<time datetime="${exact}" title="${exact}">${exact.slice(0, 10)} ${exact.slice(11, 19)}</time>`;
}

const UNITS: readonly (readonly [seconds: number, name: string])[] = [
  [86_400, "d"],
  [3600, "h"],
  [60, "min"],
  [1, "s"],
];

/** How long ago or ahead a time is, in the largest unit that fits: `3 min ago`, `in 12 s`. */
export function relative(milliseconds: number, now: number): Html {
  const seconds = Math.round(Math.abs(milliseconds - now) / 1000);
  const [size, name] = UNITS.find(([unit]) => seconds >= unit) ?? [1, "s"];
  const span = `${Math.floor(seconds / size)} ${name}`;
  const exact = toRfc3339(milliseconds);
  return html`<time datetime="${exact}" title="${exact}">${milliseconds <= now ? `${span} ago` : `in ${span}`}</time>`;
}

/** A text that a machine reads: an id, a path, a hash. */
export function code(text: string): Html {
  return html`<code>${text}</code>`;
}

/** A long one, cut in the middle for the eye; the whole is in its title and what is copied. */
export function shortCode(text: string, length = 18): Html {
  if (text.length <= length) return code(text);
  const shown = `${text.slice(0, length - 7)}…${text.slice(-6)}`;
  return html`<code title="${text}">${shown}</code>`;
}

/** The head of a page: what it is, in one line what it is for, and what can be done. */
export function pageHead(title: string, lead: Content, actions?: Content): Html {
  return html`<header class="page-head"><div><h1>${title}</h1><p class="lead">${lead}</p></div>${
    actions === undefined ? undefined : html`<div class="actions">${actions}</div>`
  }</header>`;
}

/** A part of a page with its own heading. */
export function card(title: string, body: Content, aside?: Content): Html {
  return html`<section class="card"><header class="card-head"><h2>${title}</h2>${aside}</header>${body}</section>`;
}

/** What stands where there is nothing yet: what would be there, and how it comes to be. */
export function empty(name: IconName, title: string, body: Content, action?: Content): Html {
  return html`<div class="empty">${icon(name)}<p class="empty-title">${title}</p><p>${body}</p>${action}</div>`;
}

/** One row of a list of facts. */
export type Fact = readonly [name: Content, value: Content];

/** Facts, name beside value. */
export function facts(rows: readonly (Fact | undefined | false)[]): Html {
  const shown = rows.filter((row): row is Fact => row !== undefined && row !== false);
  return html`<dl class="facts">${shown.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** A table whose cells carry their column's name, so that it can be read as a list on a narrow screen. */
export function table(caption: string, columns: readonly string[], rows: readonly (readonly Content[])[]): Html {
  return html`<div class="table-wrap"><table><caption class="visually-hidden">${caption}</caption><thead><tr>${columns.map(
    (name) => html`<th scope="col">${name === "" ? html`<span class="visually-hidden">Actions</span>` : name}</th>`,
  )}</tr></thead><tbody>${rows.map(
    (cells) =>
      html`<tr>${cells.map((cell, index) => html`<td data-label="${columns[index] ?? ""}"><div>${cell}</div></td>`)}</tr>`,
  )}</tbody></table></div>`;
}

/** Where something went wrong, or a word of warning. */
export function notice(tone: "ok" | "warn" | "bad" | "accent", title: string, body?: Content): Html {
  const name = tone === "ok" ? "check" : tone === "accent" ? "lock" : "alert";
  return html`<div class="notice ${tone}"${attribute("role", tone === "bad" ? "alert" : undefined)}>${icon(name)}<div><p class="notice-title">${title}</p>${
    body === undefined ? undefined : html`<div>${body}</div>`
  }</div></div>`;
}

/** A text that can be copied with one press. */
export function copyable(text: string, label: string): Html {
  return html`<div class="copyable"><code>${text}</code><button type="button" class="button small" data-copy="${text}">${icon("copy")}<span>${label}</span></button></div>`;
}

/** What folds away; closed unless stated. */
export function fold(title: string, body: Content, open = false): Html {
  return html`<details class="fold"${attribute("open", open)}><summary>${title}</summary>${body}</details>`;
}

/** Where a form that needs an authenticator says what went wrong. */
export function failure(): Html {
  return html`<p class="notice bad" role="alert" data-failure hidden></p>`;
}
