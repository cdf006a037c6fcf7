import { type Html, html } from "./html.ts";

/** Drawings on a field of 20 by 20, stroked in the colour of the text beside them. */
const DRAWINGS = {
  overview: html`<path d="M3.5 16.5v-6M8 16.5v-10M12.5 16.5v-7M17 16.5v-13"/>`,
  approvals: html`<path d="M10 2.8l6 2.2v4.6c0 3.6-2.4 6.1-6 7.6-3.6-1.5-6-4-6-7.6V5z"/><path d="M7.3 9.9l1.9 1.9 3.5-3.6"/>`,
  agents: html`<rect x="4" y="6.5" width="12" height="9.5" rx="2.5"/><path d="M10 3.5v3M7.5 10.5v1.5M12.5 10.5v1.5M1.8 10.5v2.5M18.2 10.5v2.5"/>`,
  connections: html`<path d="M8.2 11.8a3.3 3.3 0 0 0 4.7 0l2.8-2.8a3.3 3.3 0 0 0-4.7-4.7l-1 1"/><path d="M11.8 8.2a3.3 3.3 0 0 0-4.7 0L4.3 11a3.3 3.3 0 0 0 4.7 4.7l1-1"/>`,
  policies: html`<path d="M5 2.8h7l3.5 3.5v10.9H5z"/><path d="M12 2.8v3.5h3.5M7.5 10h5M7.5 13h5"/>`,
  people: html`<circle cx="7.5" cy="7" r="2.8"/><path d="M2.5 16.2c.3-3 2.3-4.7 5-4.7s4.7 1.7 5 4.7"/><path d="M13 4.5a2.6 2.6 0 0 1 0 5M14.5 11.8c1.8.5 2.9 2 3.1 4.4"/>`,
  events: html`<circle cx="4.5" cy="5" r="1.2"/><circle cx="4.5" cy="10" r="1.2"/><circle cx="4.5" cy="15" r="1.2"/><path d="M8.5 5h8M8.5 10h8M8.5 15h8"/>`,
  settings: html`<path d="M3 6h8M15 6h2M3 14h2M9 14h8"/><circle cx="13" cy="6" r="2"/><circle cx="7" cy="14" r="2"/>`,
  search: html`<circle cx="8.8" cy="8.8" r="5"/><path d="M12.6 12.6l4.1 4.1"/>`,
  menu: html`<path d="M3.5 6h13M3.5 10h13M3.5 14h13"/>`,
  key: html`<circle cx="6.5" cy="13.5" r="3"/><path d="M8.7 11.3l7-7M13 7l2.3 2.3M15.7 4.3l1.3 1.3"/>`,
  lock: html`<rect x="4.5" y="9" width="11" height="7.5" rx="1.5"/><path d="M7 9V6.5a3 3 0 0 1 6 0V9"/>`,
  check: html`<path d="M4.5 10.5l3.5 3.5 7.5-8"/>`,
  cross: html`<path d="M5 5l10 10M15 5L5 15"/>`,
  alert: html`<path d="M10 3l7.5 13.5h-15z"/><path d="M10 8v4M10 14.2v.1"/>`,
  clock: html`<circle cx="10" cy="10" r="7"/><path d="M10 6v4.3l2.8 1.7"/>`,
  copy: html`<rect x="7" y="7" width="9.5" height="9.5" rx="1.5"/><path d="M13 7V4.5A1 1 0 0 0 12 3.5H4.5a1 1 0 0 0-1 1V12a1 1 0 0 0 1 1H7"/>`,
  plus: html`<path d="M10 4v12M4 10h12"/>`,
  chain: html`<rect x="2.5" y="7" width="6.5" height="6" rx="2"/><rect x="11" y="7" width="6.5" height="6" rx="2"/><path d="M7 10h6"/>`,
  next: html`<path d="M7.5 4.5l5.5 5.5-5.5 5.5"/>`,
  runs: html`<path d="M6 4.2l9 5.8-9 5.8z"/>`,
  devices: html`<rect x="3" y="4" width="14" height="9.5" rx="1.5"/><path d="M7 16.5h6M10 13.5v3"/>`,
  tools: html`<path d="M12.3 3.6a4 4 0 0 0-4.9 5.2l-4.6 4.6a1.6 1.6 0 0 0 2.3 2.3L9.7 11.1a4 4 0 0 0 5.2-4.9l-2.4 2.4-2.2-.6-.6-2.2z"/>`,
  exit: html`<path d="M8 3.5H4.5v13H8M12 6.5l3.5 3.5-3.5 3.5M15.5 10H8"/>`,
} as const satisfies Record<string, Html>;

/** The name of a drawing. */
export type IconName = keyof typeof DRAWINGS;

/** A drawing that says nothing that the text beside it does not. */
export function icon(name: IconName): Html {
  return html`<svg class="icon" viewBox="0 0 20 20" width="20" height="20" fill="none" stroke="currentColor" stroke-width="1.5" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true" focusable="false">${DRAWINGS[name]}</svg>`;
}

/** The product's mark: a seal with the first letter of its name. */
export function mark(): Html {
  return html`<svg class="mark" viewBox="0 0 28 28" width="28" height="28" aria-hidden="true" focusable="false"><path class="mark-seal" d="M14 1.5l2.8 1.7 3.3-.3 1.5 2.9 2.9 1.5-.3 3.3L26 14l-1.8 3.4.3 3.3-2.9 1.5-1.5 2.9-3.3-.3L14 26.5l-2.8-1.7-3.3.3-1.5-2.9-2.9-1.5.3-3.3L2 14l1.8-3.4-.3-3.3 2.9-1.5 1.5-2.9 3.3.3z"/><path class="mark-letter" d="M8.3 10l2.5 8L14 11.5l3.2 6.5 2.5-8" fill="none" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/></svg>`;
}
