import type { SubjectId } from "#src/base/ids.ts";
import { type Html, html } from "#views/html.ts";
import { notice, time } from "#views/parts.ts";
import type { PageContext } from "./context.ts";

/** What the menu counts at most. */
const MAX_COUNTED = 100;
/** Among so many of the newest emergency grants those that matter are looked for. */
const MAX_GRANTS = 20;

/** How many approvals wait, for whoever may see them. */
export async function countPending({ exchange, tenant, may }: PageContext): Promise<number> {
  if (!may("approvals.read")) return 0;
  return (await exchange.services.approvals.list(tenant, "pending", MAX_COUNTED)).length;
}

/** What whoever is signed in has to know on every page. */
export async function bannersOf({ exchange, tenant }: PageContext): Promise<readonly Html[]> {
  const { people, stops, emergencies } = exchange.services;
  const [held, stopped, grants] = await Promise.all([
    people.approvalsHeldUntil(tenant),
    stops.list(tenant),
    emergencies.list(tenant, MAX_GRANTS),
  ]);
  const banners: Html[] = [];
  if (held !== undefined) {
    const body = html`Access was recovered from the host. Nobody approves until ${time(held)} UTC.`;
    banners.push(notice("warn", "Approvals are held", body));
  }
  if (stopped.length > 0) {
    const isAll = stopped.some(({ target }) => target === "tenant");
    const title = isAll ? "Everything of this tenant is stopped" : `${stopped.length} stopped`;
    banners.push(notice("warn", title, html`<a href="/emergency">See what, and let it go on</a>`));
  }
  const open = grants.filter(({ state }) => state === "open").length;
  const due = grants.filter(({ state }) => state === "review_due").length;
  if (open > 0) {
    banners.push(
      notice("warn", "An emergency grant is open", html`<a href="/emergency">See for whom and until when</a>`),
    );
  }
  if (due > 0)
    banners.push(notice("warn", "A review is due", html`<a href="/emergency">Review the emergency grant</a>`));
  return banners;
}

const MAX_NAMED = 500;

/** What subjects, agents and connections are called, as far as whoever asks may know: for lists that hold ids. */
export async function namesOf(
  { exchange, tenant, may }: PageContext,
  subjects: Iterable<string>,
): Promise<ReadonlyMap<string, string>> {
  const { agents, connections, people, instance } = exchange.services;
  const names = new Map<string, string>([[instance.operator, "the host"]]);
  if (may("agents.read")) {
    for (const { id, subject, name } of await agents.list(tenant, { limit: MAX_NAMED })) {
      names.set(id, name);
      names.set(subject, name);
    }
  }
  if (may("connections.read")) {
    for (const { id, name } of await connections.list(tenant, { limit: MAX_NAMED })) names.set(id, name);
  }
  for (const subject of new Set(subjects)) {
    if (names.has(subject) || !subject.startsWith("sub_")) continue;
    const person = await people.findBySubject(tenant, subject as SubjectId);
    if (person !== undefined) names.set(subject, person.name);
  }
  return names;
}
