import { preparsePolicySet, statefulIsAuthorized } from "@cedar-policy/cedar-wasm/web";
import { type Authorizer, createAuthorizer } from "#src/policy/authorizer.ts";
import { loadCedar } from "#src/policy/cedar.ts";
import type { EntityJson, PolicyRequest } from "#src/policy/closure.ts";
import { decideTwice } from "#src/policy/decide-twice.ts";
import { type CompiledPolicy, compilePolicies } from "#src/policy/policy-set.ts";
import { PolicyIndex } from "#src/policy/slice.ts";

/** Policies that meet the request below: the rest name other agents. */
const MATCHING = 9;
const ROUNDS = 9;
const CALLS = 1200;

function print(name: string, value: number, unit: string, against?: { name: string; value: number }): void {
  const compared = against === undefined ? {} : { against: against.name, ratio: round(value / against.value) };
  console.log(JSON.stringify({ name, value: round(value), unit, ...compared }));
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

function policyText(id: string, agent: string): string {
  return `@id("${id}") permit(principal == Agent::"${agent}", action in Action::"/github/issues", resource in Connection::"github")
when { context.writ.tier == "write" && resource.owner == "acme" && context.writ.run has budget };`;
}

/** `count` policies; the compiler's cost aside, a distinct agent each beyond the first nine. */
function makePolicies(count: number): readonly CompiledPolicy[] {
  const [pattern] = mustCompile(policyText("p", "a"));
  if (pattern === undefined) throw new Error("no policy");
  const matching = Array.from({ length: MATCHING }, (_, i) => policyText(`match${i}`, "builder"));
  const others = Array.from({ length: count - MATCHING }, (_, i): CompiledPolicy => {
    const principal = { op: "eq", entity: { type: "Agent", id: `other${i}` } } as const;
    const id = `other${i}`;
    return { ...pattern, id, text: policyText(id, id), scope: { ...pattern.scope, principal } };
  });
  return [...mustCompile(matching.join("\n")), ...others];
}

function mustCompile(source: string): readonly CompiledPolicy[] {
  const result = compilePolicies(source);
  if ("errors" in result) throw new Error(JSON.stringify(result.errors));
  return result.policies;
}

const uid = (type: string, id: string) => ({ type, id });
const entities: readonly EntityJson[] = [
  { uid: uid("Agent", "builder"), attrs: { name: "builder" }, parents: [uid("AgentGroup", "ci"), uid("Tenant", "t")] },
  { uid: uid("AgentGroup", "ci"), attrs: {}, parents: [uid("AgentGroup", "all")] },
  { uid: uid("GitHub::Repository", "acme/app"), attrs: { owner: "acme" }, parents: [uid("Connection", "github")] },
  { uid: uid("Connection", "github"), attrs: {}, parents: [uid("Tenant", "t")] },
  {
    uid: uid("Action", "/github/issues/create"),
    attrs: {},
    parents: [uid("Action", "/github/issues"), uid("Action", "/github"), uid("Action", "tier:write")],
  },
];
const request: PolicyRequest = {
  principal: uid("Agent", "builder"),
  action: uid("Action", "/github/issues/create"),
  resource: uid("GitHub::Repository", "acme/app"),
  context: { writ: { cosigned: false, tier: "write", run: { budget: 3 } }, claimed: { reason: "triage" } },
  entities,
};

/** The median over rounds of the mean time of one call, the two alternating so that both meet the same machine. */
function race(first: () => void, second: () => void): readonly [number, number] {
  const times: [number[], number[]] = [[], []];
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [at, call] of [first, second].entries()) {
      const start = performance.now();
      for (let i = 0; i < CALLS; i += 1) call();
      times[at]?.push(((performance.now() - start) * 1000) / CALLS);
    }
  }
  return [median(times[0]), median(times[1])];
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function benchEvaluation(count: number, authorizer: Authorizer): void {
  const policies = makePolicies(count);
  const started = performance.now();
  const index = PolicyIndex.build(policies);
  print(`policy.index.build.${count}`, performance.now() - started, "ms");
  const bounded = performance.now();
  const bound = index.largestSliceBound();
  print(`policy.index.bound.${count}`, performance.now() - bounded, "ms");
  print(`policy.index.bound_value.${count}`, bound, "policies");

  const slice = index.policiesOf(index.match(request));
  preparsePolicySet("bare", { staticPolicies: Object.fromEntries(slice.map(({ id, text }) => [id, text])) });
  const call = { ...request, preparsedPolicySetId: "bare" } as unknown as Parameters<typeof statefulIsAuthorized>[0];
  const answer = statefulIsAuthorized(call);
  if (answer.type !== "success" || answer.response.decision !== "allow") throw new Error(JSON.stringify(answer));
  if (authorizer.evaluate(index, request).determining.length !== MATCHING) throw new Error("not the same decision");
  const [bare, ours] = race(
    () => void statefulIsAuthorized(call),
    () => void authorizer.evaluate(index, request),
  );
  const against = { name: `bare statefulIsAuthorized on the ${slice.length} that match`, value: bare };
  print(`policy.evaluate.bare.${count}`, bare, "us");
  print(`policy.evaluate.${count}`, ours, "us", against);
  const [, decided] = race(
    () => void index.match(request),
    () => void decideTwice(authorizer, index, request),
  );
  print(`policy.decide_twice.allow.${count}`, decided, "us", against);
}

async function benchSteps(): Promise<void> {
  const policies = makePolicies(50_000);
  let longest = 0;
  let last = performance.now();
  const started = last;
  await PolicyIndex.buildInSteps(policies, async () => {
    longest = Math.max(longest, performance.now() - last);
    await new Promise<void>((resolve) => setImmediate(resolve));
    last = performance.now();
  });
  print("policy.index.steps.50000", performance.now() - started, "ms");
  print("policy.index.longest_step.50000", longest, "ms");
}

function benchCompile(count: number): void {
  const source = makePolicies(count)
    .map((policy) => policy.text)
    .join("\n");
  const started = performance.now();
  mustCompile(source);
  print(`policy.compile.${count}`, performance.now() - started, "ms");
}

const loading = performance.now();
loadCedar();
print("policy.cedar.load", performance.now() - loading, "ms");
const authorizer = createAuthorizer({ maxSets: 16 });
for (const count of [10, 1_000, 50_000]) benchEvaluation(count, authorizer);
await benchSteps();
benchCompile(2_000);
