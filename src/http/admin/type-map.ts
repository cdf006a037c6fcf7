import type { TypeMap } from "#src/decision/type-map.ts";
import { type Route, route } from "../route.ts";
import { object, optional, text, textMap } from "../shape.ts";

const ROLES = ["admin", "operator"] as const;
const PATH = "/v1/admin/type-map";
const MAX_ENTRIES = 1000;
const TYPES = optional(textMap(text({ max: 200, description: "a Cedar entity type" }), MAX_ENTRIES));

/** How AuthZEN's types and actions are called in Cedar. */
export const TYPE_MAP_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: PATH,
    summary: "Show how AuthZEN's types and actions are called in Cedar; what is not listed stands for itself",
    who: ROLES,
    answers: { 200: "The table" },
    handle: async (exchange) => {
      const { tenant } = await exchange.manager();
      return { json: renderMap(await exchange.services.typeMaps.show(tenant)) };
    },
  }),
  route({
    method: "PUT",
    path: PATH,
    summary: "Replace the table of AuthZEN's types and actions",
    who: ROLES,
    body: object({
      subject_types: TYPES,
      resource_types: TYPES,
      actions: optional(textMap(text({ max: 200, description: "the id of a Cedar `Action`" }), MAX_ENTRIES)),
    }),
    answers: { 200: "The table" },
    handle: async (exchange, { subject_types: subjects, resource_types: resources, actions }) => {
      const { tenant, subject } = await exchange.manager();
      const { typeMaps } = exchange.services;
      await typeMaps.put(tenant, subject, {
        subjectTypes: new Map(subjects),
        resourceTypes: new Map(resources),
        actions: new Map(actions),
      });
      return { json: renderMap(await typeMaps.show(tenant)) };
    },
  }),
];

function renderMap({ subjectTypes, resourceTypes, actions }: TypeMap): object {
  return {
    subject_types: Object.fromEntries(subjectTypes),
    resource_types: Object.fromEntries(resourceTypes),
    actions: Object.fromEntries(actions),
  };
}
