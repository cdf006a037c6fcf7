import { toRfc3339 } from "#src/base/clock.ts";
import type { WitnessRow } from "#src/store/witnesses.ts";
import { type Route, route } from "../route.ts";
import { object, text } from "../shape.ts";

/** Witnesses of the instance's own chain: the instance operator's. */
export const WITNESS_ROUTES: readonly Route[] = [
  route({
    method: "GET",
    path: "/v1/admin/witnesses",
    summary: "List the witnesses of the instance's own chain, and how asking them went",
    who: ["operator"],
    answers: { 200: "Witnesses" },
    handle: async ({ services }) => ({ json: { witnesses: (await services.witnesses.list()).map(toJson) } }),
  }),
  route({
    method: "POST",
    path: "/v1/admin/witnesses",
    summary: "Send checkpoints to a witness (C2SP tlog-witness) from now on",
    who: ["operator"],
    body: object({
      name: text({ max: 64 }),
      url: text({ max: 500, description: "the prefix that `/add-checkpoint` stands behind" }),
      key: text({ max: 400, description: "its verifier key: `name+hash+base64`" }),
    }),
    answers: { 201: "The witness" },
    errors: ["name_taken"],
    handle: async (exchange, { name, url, key }) => {
      const { witnesses } = exchange.services;
      return { status: 201, json: toJson(await witnesses.add(exchange.operator().subject, name, url, key)) };
    },
  }),
  route({
    method: "DELETE",
    path: "/v1/admin/witnesses/{witness}",
    summary: "Send nothing to a witness any more; what it signed stays",
    who: ["operator"],
    answers: { 204: "Done" },
    handle: async (exchange) => {
      await exchange.services.witnesses.remove(exchange.operator().subject, exchange.param("witness"));
      return { status: 204 };
    },
  }),
  route({
    method: "POST",
    path: "/v1/admin/witnesses/submission",
    summary: "Send the newest checkpoint to every witness that has not signed it, now",
    who: ["operator"],
    answers: { 200: "Witnesses, and how asking them went" },
    handle: async ({ services }) => {
      await services.witnesses.sendNewest();
      return { json: { witnesses: (await services.witnesses.list()).map(toJson) } };
    },
  }),
];

function toJson({ name, url, verifierKey, createdAt, seenSize, lastAt, lastError }: WitnessRow): object {
  return {
    name,
    url,
    key: verifierKey,
    created_at: toRfc3339(createdAt),
    signed_size: seenSize,
    ...(lastAt === null ? {} : { asked_at: toRfc3339(lastAt) }),
    ...(lastError === null ? {} : { error: lastError }),
  };
}
