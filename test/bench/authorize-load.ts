import { type BenchServer, cpuMilliseconds, jsonPost, median, runLoad } from "./harness.ts";
import type { LoadOrder, LoadResult } from "./load-client.ts";

export const CONNECTIONS = 64;
/** Long enough for just-in-time compilers to settle; the same for both. */
const WARM_UP_SECONDS = 6;
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

/** A server and what it is asked. */
export interface Contender {
  readonly pid: number;
  readonly order: LoadOrder;
}

/** One round of one contender. */
export interface Round extends LoadResult {
  /** What the server used of processors for one answer, all its threads together, in microseconds. */
  readonly cpuPerAnswer: number;
}

/** Lets the contenders take turns, and gives each one's rounds. */
export async function takeTurns(contenders: readonly Contender[]): Promise<readonly (readonly Round[])[]> {
  for (const { order } of contenders) await runLoad({ ...order, seconds: WARM_UP_SECONDS });
  const rounds: Round[][] = contenders.map(() => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [i, { order, pid }] of contenders.entries()) {
      const before = cpuMilliseconds(pid) ?? Number.NaN;
      const result = await runLoad(order);
      const used = (cpuMilliseconds(pid) ?? Number.NaN) - before;
      rounds[i]?.push({ ...result, cpuPerAnswer: (used * 1000) / result.answers });
    }
  }
  return rounds;
}

/** The median over rounds of one measure. */
export function medianOf(rounds: readonly Round[] | undefined, measure: "perSecond" | "p99" | "cpuPerAnswer"): number {
  return median((rounds ?? []).map((round) => round[measure]));
}

export async function putPolicies(writ: BenchServer, source: string): Promise<void> {
  await writ.admin("PUT", "/v1/admin/policies", { source, message: "bench" });
}
