import type { Subject } from "#src/audit/erasure.ts";
import { toRfc3339 } from "#src/base/clock.ts";
import { fileOf } from "../api/audit-export.ts";
import { type Route, route } from "../route.ts";
import { object, text } from "../shape.ts";

const SILENCE_SECONDS = 255;
/** Until then is nothing to wait for: whoever keeps backups deletes them. */
const BACKUP_NOTE =
  "backups that were made before hold the key, wrapped by the master key, until they are deleted; Writ deletes none. After restoring one, erase again";

/** Those whom events are about: people and agents. */
export const SUBJECT_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/subjects",
    summary: "List who was erased",
    who: ["admin", "operator"],
    answers: { 200: "The erasures, newest first" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      const erased = await exchange.services.subjects.listErased(tenant);
      return {
        json: {
          subjects: erased.map(({ subjectId, kind, named, erasedAt }) => ({
            subject: subjectId,
            kind,
            id: named,
            erased_at: toRfc3339(erasedAt),
          })),
        },
      };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/subjects/{subject}",
    summary: "Show whom an id stands for in events, and whether they were erased",
    who: ["admin", "operator"],
    answers: { 200: "The subject" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      return { json: renderSubject(await exchange.services.subjects.show(tenant, exchange.param("subject"))) };
    },
  }),
  route({
    method: "GET",
    path: "/v1/admin/subjects/{subject}/export",
    summary: "Export all that concerns a person or agent",
    who: ["admin", "operator"],
    produces: "application/jsonl",
    answers: { 200: "Rows and events, a JSON object a line" },
    handle: async (exchange) => {
      const { tenant, subject } = await exchange.manager();
      exchange.allowSilence(SILENCE_SECONDS);
      const options = { signal: exchange.request.signal };
      const lines = exchange.services.subjects.export(tenant, subject, exchange.param("subject"), options);
      return fileOf(lines, "application/jsonl", "writ-subject.jsonl");
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/subjects/{subject}/erasure",
    summary: "Erase a revoked person or device, or a disabled agent, for good, by destroying the key",
    who: ["person", "operator"],
    body: object({ confirm: text({ max: 40, description: "the subject's id: sub_…" }) }),
    answers: { 200: "The subject, and what the erasure does not reach yet" },
    errors: ["conflict"],
    handle: async (exchange, { confirm }) => {
      const { tenant, subject: actor } = await exchange.manager();
      const named = exchange.param("subject");
      const { subject, reach } = await exchange.services.subjects.erase(tenant, actor, named, confirm);
      const { count, newestMadeAt } = reach.backups;
      const backups = { made_before: count, ...(newestMadeAt === undefined ? {} : { newest_made_at: newestMadeAt }) };
      return { json: { ...renderSubject(subject), backups: { ...backups, note: BACKUP_NOTE } } };
    },
  }),
];

function renderSubject({ subject, kind, id, status, erasedAt }: Subject): Readonly<Record<string, unknown>> {
  return { subject, kind, id, status, ...(erasedAt === undefined ? {} : { erased_at: toRfc3339(erasedAt) }) };
}
