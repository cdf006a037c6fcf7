import { route } from "../route.ts";

/** `GET /v1/tools/offline-policy`: what the agent's host may go by where this server cannot be reached. */
export const OFFLINE_POLICY = route({
  method: "GET",
  path: "/v1/tools/offline-policy",
  summary:
    "The tool matrix and the file rules that hold for this agent, signed, for reads while Writ cannot be reached",
  who: ["agent"],
  answers: { 200: "`policy`, `signature` and `public_key`" },
  handle: async (exchange) => {
    const { tenant, agent } = exchange.agent();
    return { json: await exchange.services.offlinePolicies.issue(tenant, agent) };
  },
});
