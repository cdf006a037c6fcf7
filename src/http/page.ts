import { integerText, object, optional, text } from "./shape.ts";

/** How many entries a list answers at most. */
export const MAX_PAGE_ENTRIES = 500;
const DEFAULT_PAGE_ENTRIES = 100;

/** The query of a list in order of making. */
export const PAGE_QUERY = object({
  after: optional(text({ max: 100, description: "the `next` of the page before" })),
  limit: optional(integerText(1, MAX_PAGE_ENTRIES)),
});

/** A page as services take it. */
export interface Page {
  readonly after?: string;
  readonly limit: number;
}

/** The page that a query asks for. */
export function toPage(query: { readonly after?: string; readonly limit?: number }): Page {
  const { after, limit = DEFAULT_PAGE_ENTRIES } = query;
  return { limit, ...(after === undefined ? {} : { after }) };
}

/** What the next page begins behind; nothing where this one was not full. */
export function nextOf(entries: readonly { readonly id: string }[], page: Page): { readonly next?: string } {
  const last = entries.at(-1);
  return last === undefined || entries.length < page.limit ? {} : { next: last.id };
}
