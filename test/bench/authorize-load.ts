import { type BenchServer, jsonPost, median, runLoad } from "./harness.ts";
import type { LoadOrder, LoadResult } from "./load-client.ts";

export const CONNECTIONS = 64;
/** Long enough for just-in-time compilers to settle; the same for both. */
const WARM_UP_SECONDS = 4;
export const SECONDS = 1.2;
const ROUNDS = 3;

export const AGENT = "builder";
const COMMAND = "/github/issues/list";
export const RESOURCE = { type: "GitHub::Repository", id: "acme/app" };

/** `POST /v1/authorize` for {@link COMMAND}, again and again. */
export function writOrder(port: number, key: string): LoadOrder {
  const request = jsonPost(port, "/v1/authorize", { command: COMMAND, resource: RESOURCE }, [
    `authorization: Bearer ${key}`,
  ]);
  return { port, connections: CONNECTIONS, seconds: SECONDS, request, expect: `"writ":"` };
}

/** `count` permits, of which the first `matching` name the agent and the others somebody else. */
export function policies(count: number, matching: number): string {
  return Array.from({ length: count }, (_, i) => {
    const principal = i < matching ? AGENT : `other${i}`;
    return `@id("p${i}") permit(principal == Agent::"${principal}", action == Action::"${COMMAND}", resource);`;
  }).join("\n");
}

/** Lets the orders take turns, and gives each one's rounds. */
export async function takeTurns(orders: readonly LoadOrder[]): Promise<readonly (readonly LoadResult[])[]> {
  for (const order of orders) await runLoad({ ...order, seconds: WARM_UP_SECONDS });
  const rounds: LoadResult[][] = orders.map(() => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [i, order] of orders.entries()) rounds[i]?.push(await runLoad(order));
  }
  return rounds;
}

export const rateOf = (results: readonly LoadResult[] | undefined) =>
  median((results ?? []).map((each) => each.perSecond));
export const p99Of = (results: readonly LoadResult[] | undefined) => median((results ?? []).map((each) => each.p99));

export async function putPolicies(writ: BenchServer, source: string): Promise<void> {
  await writ.admin("PUT", "/v1/admin/policies", { source, message: "bench" });
}
