import { AGENT, medianOf, policies, putPolicies, type Round, takeTurns, writOrder } from "./authorize-load.ts";
import { bench, print, startWrit } from "./harness.ts";

// What ten thousand policies cost of which ten can match: beside ten that all do, in a server of their own.

await bench(async () => {
  const small = await startWrit();
  const large = await startWrit();
  const smallKey = await small.createAgent(AGENT);
  const largeKey = await large.createAgent(AGENT);
  await putPolicies(small, policies(10, 10));
  await putPolicies(large, policies(10_000, 10));
  const [few, many] = await takeTurns([
    { pid: small.server.pid, order: writOrder(small.port, smallKey) },
    { pid: large.server.pid, order: writOrder(large.port, largeKey) },
  ]);
  const timeOf = (rounds: readonly Round[] | undefined) => 1_000_000 / medianOf(rounds, "perSecond");
  print("authorize.time.10000_policies", timeOf(many), "us", { name: "10 policies", value: timeOf(few) });
});
