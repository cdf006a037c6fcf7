import { AGENT, policies, putPolicies, rateOf, takeTurns, writOrder } from "./authorize-load.ts";
import { bench, print, startWrit } from "./harness.ts";
import type { LoadResult } from "./load-client.ts";

// What ten thousand policies cost of which ten can match: beside ten that all do, in a server of their own.

await bench(async () => {
  const small = await startWrit();
  const large = await startWrit();
  const smallKey = await small.createAgent(AGENT);
  const largeKey = await large.createAgent(AGENT);
  await putPolicies(small, policies(10, 10));
  await putPolicies(large, policies(10_000, 10));
  const [few, many] = await takeTurns([writOrder(small.port, smallKey), writOrder(large.port, largeKey)]);
  const timeOf = (results: readonly LoadResult[] | undefined) => 1_000_000 / rateOf(results);
  print("authorize.time.10000_policies", timeOf(many), "us", { name: "10 policies", value: timeOf(few) });
});
