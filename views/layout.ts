import type { Permission, PersonRole } from "#src/identity/roles.ts";
import { attribute, type Content, type Html, html } from "./html.ts";
import { type IconName, icon, mark } from "./icons.ts";

/** Where the files are that every page loads. */
export interface AssetAddresses {
  readonly style: string;
  readonly script: string;
  readonly htmx: string;
  readonly icon: string;
}

/** What every page of somebody who is signed in shows around its own content. */
export interface Frame {
  readonly assets: AssetAddresses;
  /** The session's token, for whatever the page changes. */
  readonly csrf: string;
  readonly person: { readonly name: string; readonly roles: readonly PersonRole[] };
  readonly tenant: string;
  /** The section that the page is of, as in {@link SECTIONS}. */
  readonly section: string;
  readonly pending: number;
  readonly may: (permission: Permission) => boolean;
  /** What concerns whoever is signed in on any page. */
  readonly banners: readonly Html[];
}

/** The parts of the admin pages, in the order of the menu. */
const SECTIONS: readonly {
  readonly path: string;
  readonly name: string;
  readonly icon: IconName;
  readonly needs: Permission;
}[] = [
  { path: "/", name: "Overview", icon: "overview", needs: "overview.read" },
  { path: "/approvals", name: "Approvals", icon: "approvals", needs: "approvals.read" },
  { path: "/agents", name: "Agents", icon: "agents", needs: "agents.read" },
  { path: "/runs", name: "Runs", icon: "runs", needs: "runs.read" },
  { path: "/connections", name: "Connections", icon: "connections", needs: "connections.read" },
  { path: "/policies", name: "Policies", icon: "policies", needs: "policies.read" },
  { path: "/tools", name: "Tools and files", icon: "tools", needs: "policies.read" },
  { path: "/events", name: "Events", icon: "events", needs: "audit.read" },
  { path: "/devices", name: "Devices", icon: "devices", needs: "devices.read" },
  { path: "/people", name: "People", icon: "people", needs: "people.read" },
  { path: "/settings", name: "Settings", icon: "settings", needs: "settings.read" },
  { path: "/emergency", name: "Emergency", icon: "alert", needs: "approvals.read" },
];

/** What the palette finds besides the sections. */
const SHORTCUTS: readonly {
  readonly path: string;
  readonly name: string;
  readonly icon: IconName;
  readonly needs: Permission;
}[] = [
  { path: "/agents#new", name: "Add an agent", icon: "plus", needs: "agents.write" },
  { path: "/connections/new", name: "Add a connection", icon: "plus", needs: "connections.write" },
  { path: "/policies/edit", name: "Edit the policies", icon: "policies", needs: "policies.write" },
  { path: "/policies/builder", name: "Build a policy from a form", icon: "policies", needs: "policies.write" },
  { path: "/policies/tests", name: "Test the policies", icon: "policies", needs: "policies.read" },
  { path: "/checkpoints", name: "Checkpoints, archive and streams", icon: "chain", needs: "audit.read" },
  { path: "/policies/replay", name: "Replay recorded decisions", icon: "clock", needs: "policies.read" },
  { path: "/people#invite", name: "Invite somebody", icon: "plus", needs: "people.write" },
  { path: "/notifications", name: "Who is told, and how", icon: "clock", needs: "notifications.read" },
  { path: "/account", name: "My passkeys and sessions", icon: "key", needs: "overview.read" },
  { path: "/events?type=decision.denied", name: "What was denied", icon: "cross", needs: "audit.read" },
];

/** A whole page for somebody who is signed in. */
export function renderPage(frame: Frame, title: string, body: Content): Html {
  return html`${head(frame.assets, title, frame.csrf)}<body><a class="skip" href="#main">Skip to content</a><div class="frame">${side(frame)}<main id="main" tabindex="-1">${frame.banners}${body}</main></div>${palette(frame)}<div id="toasts" class="toasts" role="status" aria-live="polite"></div></body></html>`;
}

/** A page for somebody who is not signed in. */
export function renderNarrow(assets: AssetAddresses, title: string, body: Content): Html {
  return html`${head(assets, title, "")}<body class="narrow"><main id="main"><a class="brand" href="/">${mark()}<span>Writ</span></a>${body}</main><div id="toasts" class="toasts" role="status" aria-live="polite"></div></body></html>`;
}

function head(assets: AssetAddresses, title: string, csrf: string): Html {
  return html`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark"><meta name="htmx-config" content="includeIndicatorCSS:false, history:false"><meta name="writ-csrf" content="${csrf}"><title>${title} · Writ</title><link rel="icon" type="image/svg+xml" href="${assets.icon}"><link rel="stylesheet" href="${assets.style}"><script src="${assets.htmx}" defer></script><script src="${assets.script}" defer></script></head>`;
}

function side(frame: Frame): Html {
  const sections = SECTIONS.filter(({ needs }) => frame.may(needs));
  return html`<header class="side"><a class="brand" href="/">${mark()}<span>Writ</span></a><button type="button" class="palette-button" data-palette aria-haspopup="dialog">${icon("search")}<span>Jump to…</span><kbd aria-hidden="true">Ctrl K</kbd></button><button type="button" class="menu-button" popovertarget="nav" aria-label="Menu">${icon("menu")}</button><nav id="nav" class="nav" popover aria-label="Sections"><ul>${sections.map(
    ({ path, name, icon: drawing }) =>
      html`<li><a href="${path}"${attribute("aria-current", path === frame.section ? "page" : undefined)}>${icon(drawing)}<span>${name}</span>${
        path === "/approvals" ? pendingCount(frame.pending) : undefined
      }</a></li>`,
  )}</ul><div class="who"><div class="who-name">${frame.person.name}</div><div class="who-role">${frame.person.roles.map((role) => role.replace("_", " ")).join(", ")} · ${frame.tenant}</div><ul><li><a href="/account"${attribute("aria-current", frame.section === "/account" ? "page" : undefined)}>${icon("key")}<span>My account</span></a></li></ul><form data-ceremony="sign-out"><button type="submit" class="button small">${icon("exit")}Sign out</button></form></div></nav></header>`;
}

function palette(frame: Frame): Html {
  const entries = [...SECTIONS, ...SHORTCUTS].filter(({ needs }) => frame.may(needs));
  return html`<dialog id="palette" class="palette" aria-label="Search and jump"><input type="text" role="combobox" aria-label="Where to" aria-expanded="true" aria-controls="palette-list" aria-autocomplete="list" placeholder="Where to?" autocomplete="off" spellcheck="false"><ul id="palette-list" role="listbox" aria-label="Pages and actions">${entries.map(
    ({ path, name, icon: drawing }, index) =>
      html`<li id="${`palette-${index}`}" role="option" aria-selected="false" data-address="${path}" data-words="${name.toLowerCase()}">${icon(drawing)}<span>${name}</span></li>`,
  )}</ul><p class="none" hidden>Nothing has that name.</p></dialog>`;
}

/** How many approvals wait, in the menu. `isUpdate`: comes with another part of the page, for the one that is there. */
export function pendingCount(count: number, isUpdate = false): Html {
  return html`<span class="count" id="pending"${attribute("hidden", count === 0)}${attribute("hx-swap-oob", isUpdate ? "true" : undefined)}>${count > 99 ? "99+" : count}<span class="visually-hidden"> waiting</span></span>`;
}
