import {
  type BenchServer,
  bench,
  type Cerbos,
  jsonPost,
  median,
  print,
  runLoad,
  startCerbos,
  startWrit,
} from "./harness.ts";
import type { LoadOrder, LoadResult } from "./load-client.ts";

// `authorize` over HTTP, a writ minted and the decision on the disk before each answer, beside cerbos without audit. The
// same client, connections and machine; the two take turns, so that both meet whatever else the machine does.

const CONNECTIONS = 64;
/** Long enough for just-in-time compilers to settle; the same for both. */
const WARM_UP_SECONDS = 4;
const SECONDS = 1.2;
const ROUNDS = 3;

const AGENT = "builder";
const COMMAND = "/github/issues/list";
const RESOURCE = { type: "GitHub::Repository", id: "acme/app" };

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

function writOrder(port: number, key: string): LoadOrder {
  const request = jsonPost(port, "/v1/authorize", { command: COMMAND, resource: RESOURCE }, [
    `authorization: Bearer ${key}`,
  ]);
  return { port, connections: CONNECTIONS, seconds: SECONDS, request, expect: `"writ":"` };
}

function cerbosOrder({ port }: Cerbos): LoadOrder {
  const request = jsonPost(port, "/api/check/resources", CERBOS_REQUEST);
  return { port, connections: CONNECTIONS, seconds: SECONDS, request, expect: "EFFECT_ALLOW" };
}

/** `count` permits, of which the first `matching` name the agent and the others somebody else. */
function policies(count: number, matching: number): string {
  return Array.from({ length: count }, (_, i) => {
    const principal = i < matching ? AGENT : `other${i}`;
    return `@id("p${i}") permit(principal == Agent::"${principal}", action == Action::"${COMMAND}", resource);`;
  }).join("\n");
}

/** Lets the orders take turns, and gives each one's rounds. */
async function takeTurns(orders: readonly LoadOrder[]): Promise<readonly (readonly LoadResult[])[]> {
  for (const order of orders) await runLoad({ ...order, seconds: WARM_UP_SECONDS });
  const rounds: LoadResult[][] = orders.map(() => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [i, order] of orders.entries()) rounds[i]?.push(await runLoad(order));
  }
  return rounds;
}

const rateOf = (results: readonly LoadResult[] | undefined) => median((results ?? []).map((each) => each.perSecond));
const p99Of = (results: readonly LoadResult[] | undefined) => median((results ?? []).map((each) => each.p99));

async function putPolicies(writ: BenchServer, source: string): Promise<void> {
  await writ.admin("PUT", "/v1/admin/policies", { source, message: "bench" });
}

/** One permit by agent and action against cerbos's one rule. */
async function benchAgainstCerbos(writ: BenchServer, key: string): Promise<void> {
  await putPolicies(writ, policies(1, 1));
  const cerbos = await startCerbos({ "repository.yaml": JSON.stringify(CERBOS_POLICY) });
  try {
    const orders = [writOrder(writ.port, key), ...(cerbos === undefined ? [] : [cerbosOrder(cerbos)])];
    const [ours, theirs] = await takeTurns(orders);
    const compared = (value: number) => (cerbos === undefined ? undefined : { name: "cerbos, audit off", value });
    print("authorize.rate", rateOf(ours), "1/s", compared(rateOf(theirs)));
    print("authorize.p99", p99Of(ours), "ms", compared(p99Of(theirs)));
  } finally {
    await cerbos?.stop();
  }
}

/** Ten policies that all match, and ten that match among ten thousand. */
async function benchManyPolicies(): Promise<void> {
  const small = await startWrit();
  const large = await startWrit();
  const first = await small.createAgent(AGENT);
  const second = await large.createAgent(AGENT);
  await putPolicies(small, policies(10, 10));
  await putPolicies(large, policies(10_000, 10));
  const [few, many] = await takeTurns([writOrder(small.port, first), writOrder(large.port, second)]);
  const timeOf = (results: readonly LoadResult[] | undefined) => 1_000_000 / rateOf(results);
  const against = { name: "10 policies", value: timeOf(few) };
  print("authorize.time.10000_policies", timeOf(many), "us", against);
}

await bench(async () => {
  const writ = await startWrit();
  await benchAgainstCerbos(writ, await writ.createAgent(AGENT));
  await writ.server.stop();
  await benchManyPolicies();
});
