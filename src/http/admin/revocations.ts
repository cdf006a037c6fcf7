import { type Route, route } from "../route.ts";
import { object, text } from "../shape.ts";

/** Revocation of single writs. */
export const REVOCATION_ROUTES: readonly Route[] = [
  route({
    method: "POST",
    path: "/v1/admin/revocations",
    summary: "Refuse a writ or delegation, and all below it, by its CID from now on",
    who: ["admin", "operator"],
    body: object({ cid: text({ max: 200 }) }),
    answers: { 201: "The CID" },
    errors: ["conflict"],
    handle: async (exchange, { cid }) => {
      const { tenant, subject } = await exchange.manager();
      await exchange.services.revocations.revokeCid(tenant, subject, cid);
      return { status: 201, json: { cid } };
    },
  }),
];
