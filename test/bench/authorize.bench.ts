import {
  AGENT,
  CONNECTIONS,
  medianOf,
  policies,
  putPolicies,
  RESOURCE,
  SECONDS,
  takeTurns,
  writOrder,
} from "./authorize-load.ts";
import { type BenchServer, bench, type Cerbos, jsonPost, print, startCerbos, startWrit } from "./harness.ts";
import type { LoadOrder } from "./load-client.ts";

// `authorize` over HTTP, a writ minted and the decision on the disk before each answer, beside cerbos without audit. The
// same client, connections and machine; the two take turns, so that both meet whatever else the machine does.

/** Cerbos has neither groups of actions nor a principal in its scope: the principal is a condition. */
const CERBOS_POLICY = {
  apiVersion: "api.cerbos.dev/v1",
  resourcePolicy: {
    resource: "github_repository",
    version: "default",
    rules: [
      {
        actions: ["issues:list"],
        effect: "EFFECT_ALLOW",
        roles: ["agent"],
        condition: { match: { expr: `request.principal.id == "${AGENT}"` } },
      },
    ],
  },
};

const CERBOS_REQUEST = {
  requestId: "bench",
  principal: { id: AGENT, roles: ["agent"] },
  resources: [{ resource: { kind: "github_repository", id: RESOURCE.id }, actions: ["issues:list"] }],
};

function cerbosOrder({ port }: Cerbos): LoadOrder {
  const request = jsonPost(port, "/api/check/resources", CERBOS_REQUEST);
  return { port, connections: CONNECTIONS, seconds: SECONDS, request, expect: "EFFECT_ALLOW" };
}

/** One permit by agent and action against cerbos's one rule. */
async function benchAgainstCerbos(writ: BenchServer, key: string): Promise<void> {
  await putPolicies(writ, policies(1, 1));
  const cerbos = await startCerbos({ "repository.yaml": JSON.stringify(CERBOS_POLICY) });
  try {
    const [ours, theirs] = await takeTurns([
      { pid: writ.server.pid, order: writOrder(writ.port, key) },
      ...(cerbos === undefined ? [] : [{ pid: cerbos.pid, order: cerbosOrder(cerbos) }]),
    ]);
    const compare = (name: string, measure: "perSecond" | "p99" | "cpuPerAnswer", unit: string) => {
      const against = { name: "cerbos, audit off", value: medianOf(theirs, measure) };
      print(name, medianOf(ours, measure), unit, cerbos === undefined ? undefined : against);
    };
    compare("authorize.rate", "perSecond", "1/s");
    compare("authorize.p99", "p99", "ms");
    // Of both processors together: what is left of the comparison when the machine does other things besides.
    compare("authorize.cpu", "cpuPerAnswer", "us");
  } finally {
    await cerbos?.stop();
  }
}

await bench(async () => {
  const writ = await startWrit();
  await benchAgainstCerbos(writ, await writ.createAgent(AGENT));
});
