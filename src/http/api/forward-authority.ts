import { WritError } from "#src/base/errors.ts";
import type { RunningForward } from "../forward-proxy.ts";
import { forwardHosts } from "../forward-target.ts";
import { type Route, route } from "../route.ts";

/** `GET /v1/forward-proxy`: where the forward proxy is, and whom its clients have to trust. `not_found` where there is none. */
export function forwardProxyRoute(running: () => RunningForward | undefined): Route {
  return route({
    method: "GET",
    path: "/v1/forward-proxy",
    summary: "Show the forward proxy's port and its authority, good for the hosts of this tenant's connections alone",
    who: ["agent"],
    answers: { 200: "The port, the hosts, and the authority's certificate as PEM" },
    errors: ["not_found"],
    handle: async (exchange) => {
      const forward = running();
      if (forward === undefined) throw new WritError("not_found", "this server has no forward proxy");
      const { listener, authority, config } = forward;
      const hosts = await forwardHosts(exchange.services.connections, exchange.agent().tenant);
      return {
        json: {
          port: listener.port,
          scheme: config.tls === undefined ? "http" : "https",
          others: config.others,
          hosts,
          authority: authority.certificateFor(hosts),
        },
      };
    },
  });
}
