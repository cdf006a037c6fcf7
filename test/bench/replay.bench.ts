import { startInstance } from "#test/support/composed.ts";
import type { TestAgent } from "#test/support/tenant.ts";

/** Recorded decisions a second that a replay makes again at least, of one core. */
const LEAST_PER_SECOND = 5000;
/** The longest that the main thread may be kept from its other work, in milliseconds. */
const MOST_LAG_MS = 10;
const DECISIONS = 6000;
const AGENTS = 40;
const AT_ONCE = 200;
const ROUNDS = 3;
const WARM_UP = 2;
const SHADOWED = 2000;

function print(name: string, value: number, unit: string, against: { name: string; value: number }): void {
  const ratio = round(value / against.value);
  console.log(JSON.stringify({ name, value: round(value), unit, against: against.name, ratio }));
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

/** What `work` gives, the processor's time that it took, and the longest that the main thread was kept, in milliseconds. */
async function watch<Result>(
  work: () => Promise<Result>,
): Promise<readonly [result: Result, cpu: number, lag: number]> {
  let worst = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    worst = Math.max(worst, now - last - 1);
    last = now;
  }, 1);
  const began = process.cpuUsage();
  const result = await work();
  // Of all threads: of one core, whatever else the machine does meanwhile.
  const { user, system } = process.cpuUsage(began);
  clearInterval(timer);
  return [result, (user + system) / 1000, worst];
}

const instance = await startInstance();
const tenant = await instance.tenant("bench");
const agents: TestAgent[] = [];
for (let i = 0; i < AGENTS; i += 1) agents.push(await tenant.agent(`agent-${i}`, { groups: ["crew"] }));
await tenant.schema("type Claimed = { mood?: String, ticket?: Long };");
const version = await tenant.policies(`
  @id("crew") permit (principal in AgentGroup::"crew", action in Action::"tier:read", resource is GitHub::Repository);
  @id("triage") permit (principal in AgentGroup::"crew", action == Action::"/github/issues/create", resource)
    when { context.writ.environment == "live" };
  @id("mood") forbid (principal, action, resource) when { context has claimed && context.claimed has mood && context.claimed.mood == "bad" };`);
const commands = ["/github/issues/list", "/github/issues/create", "/github/issues/update"] as const;
for (let made = 0; made < DECISIONS; made += AT_ONCE) {
  const asks = Array.from({ length: AT_ONCE }, (_, i) => {
    const agent = agents[(made + i) % AGENTS];
    const command = commands[(made + i) % commands.length];
    if (agent === undefined || command === undefined) throw new Error("no agent");
    // Half of them have something personal in them, which has to be opened.
    const claimed = i % 2 === 0 ? { mood: i % 20 === 0 ? "bad" : "fine", ticket: made + i } : {};
    return tenant.state(
      agent,
      { command, resource: { type: "GitHub::Repository", id: `acme/app-${i % 50}` } },
      { claimed },
    );
  });
  await Promise.all(asks);
}

const { replays } = instance.services;
for (const [name, against] of [
  ["recorded", "recorded"],
  ["version", { version }],
] as const) {
  const rates: number[] = [];
  const lags: number[] = [];
  for (let i = -WARM_UP; i < ROUNDS; i += 1) {
    const [report, cpu, lag] = await watch(() => replays.replay(tenant.id, against, 0));
    if (report.reproduced !== DECISIONS) throw new Error(JSON.stringify(report.differences[0] ?? report));
    // The first ones start the thread and parse what the others find parsed.
    if (i < 0) continue;
    rates.push((DECISIONS * 1000) / cpu);
    lags.push(lag);
  }
  print(`policy.replay.${name}`, median(rates), "decisions/s", {
    name: "the least that is asked for",
    value: LEAST_PER_SECOND,
  });
  // Of the round that the rest of the machine disturbed least: what is ours is in all of them.
  print(`policy.replay.${name}.lag`, Math.min(...lags), "ms", { name: "the most that is allowed", value: MOST_LAG_MS });
}
// The processor's time of a decision, all of it, beside one that a version in the shadow is asked about as well.
const [asker] = agents;
if (asker === undefined) throw new Error("no agent");
const decide = async (): Promise<number> => {
  const [, cpu] = await watch(async () => {
    for (let made = 0; made < SHADOWED; made += AT_ONCE) {
      const ask = { command: commands[0], resource: { type: "GitHub::Repository", id: "acme/app" } };
      await Promise.all(Array.from({ length: AT_ONCE }, () => tenant.state(asker, ask)));
    }
  });
  return (cpu * 1000) / SHADOWED;
};
const costs: { readonly alone: number[]; readonly beside: number[] } = { alone: [], beside: [] };
for (let i = 0; i < ROUNDS; i += 1) {
  costs.alone.push(await decide());
  await instance.services.shadows.start(tenant.id, instance.services.instance.operator, version);
  costs.beside.push(await decide());
  await instance.services.shadows.stop(tenant.id, instance.services.instance.operator);
}
print("policy.shadow", median(costs.beside), "us", {
  name: "the same decisions without a shadow",
  value: median(costs.alone),
});

// What the machine itself keeps a thread from that does nothing.
const [, , idle] = await watch(() => Bun.sleep(1000));
print("policy.replay.idle.lag", idle, "ms", { name: "the most that is allowed", value: MOST_LAG_MS });
await instance.stop();
