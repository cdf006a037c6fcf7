import type { SubjectId } from "#src/base/ids.ts";
import { type Html, html } from "#views/html.ts";
import { notice, time } from "#views/parts.ts";
import type { PageContext } from "./context.ts";

/** What the menu counts at most. */
const MAX_COUNTED = 100;

/** How many approvals wait, for whoever may see them. */
export async function countPending({ exchange, tenant, may }: PageContext): Promise<number> {
  if (!may("approvals.read")) return 0;
  return (await exchange.services.approvals.list(tenant, "pending", MAX_COUNTED)).length;
}

/** What whoever is signed in has to know on every page. */
export async function bannersOf({ exchange, tenant }: PageContext): Promise<readonly Html[]> {
  const held = await exchange.services.people.approvalsHeldUntil(tenant);
  if (held === undefined) return [];
  return [
    notice(
      "warn",
      "Approvals are held",
      html`Access was recovered from the host. Nobody approves until ${time(held)} UTC.`,
    ),
  ];
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
