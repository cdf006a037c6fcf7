import { expect, test } from "bun:test";
import type { Outcome } from "#src/decision/outcome.ts";
import { rejection, runScenarios, type Stage, scenario } from "#test/support/scenario.ts";
import { PERMIT_ALL, type TestTenant } from "#test/support/tenant.ts";

const withApi = async ({ tenant, upstream }: Stage): Promise<void> => {
  await tenant.connection({ url: upstream.origin });
};
const permitAll = async (stage: Stage): Promise<void> => {
  await withApi(stage);
  await stage.tenant.policies(PERMIT_ALL);
};
const outcomeIs =
  (decision: Outcome["decision"], ...reasons: string[]) =>
  (result: unknown): void => {
    const outcome = result as Outcome;
    expect(outcome.decision).toBe(decision);
    if (reasons.length > 0) expect(outcome.reasons.map(({ code }) => code as string)).toEqual(reasons);
  };

runScenarios("deciding", [
  scenario({
    name: "nothing is permitted where there are no policies",
    given: withApi,
    when: ({ tenant, agent }) => tenant.authorize(agent, "api", { path: "/a" }),
    expected: outcomeIs("deny", "no_policies"),
    events: [{ type: "decision.denied", data: { decision: "deny", reasons: ["no_policies"], tier: "read" } }],
  }),
  scenario({
    name: "nothing is permitted that no policy permits",
    given: async (stage) => {
      await withApi(stage);
      await stage.tenant.policies(
        `@id("other") permit (principal, action == Action::"/npm-registry/other/get", resource);`,
      );
    },
    when: ({ tenant, agent }) => tenant.authorize(agent, "api", { path: "/a" }),
    expected: outcomeIs("deny", "no_permit"),
    events: ["decision.denied"],
  }),
  scenario({
    name: "an allow names its policy, the versions that decided and the writ",
    given: permitAll,
    when: ({ tenant, agent }) => tenant.authorize(agent, "api", { path: "/a" }),
    expected: (result, { instance }) => {
      const outcome = result as Extract<Outcome, { decision: "allow" }>;
      expect(outcome.reasons).toEqual([{ code: "permitted", message: "policy `all` permits this", policy: "all" }]);
      expect(outcome.writ?.expiresAt).toBe(instance.clock.now() + 60_000);
      expect(outcome.writ?.singleUse).toBe(false);
    },
    events: [
      {
        type: "decision.allowed",
        data: { policies: ["all"], versions: { policies: 1, connector: "http@1" }, cosigned: false },
      },
    ],
  }),
  scenario({
    name: "a forbid that an approval does not lift denies, with its policy",
    given: async (stage) => {
      await permitAll(stage);
      await stage.tenant.policies(`${PERMIT_ALL} @id("never") forbid (principal, action, resource);`);
    },
    when: ({ tenant, agent }) => tenant.authorize(agent, "api", { path: "/a" }),
    expected: outcomeIs("deny", "forbidden_by_policy"),
    events: [{ type: "decision.denied", data: { policies: ["never"] } }],
  }),
  scenario({
    name: "a forbid that errs denies, though a permit holds",
    given: async (stage) => {
      await permitAll(stage);
      await stage.tenant.policies(
        `${PERMIT_ALL} @id("broken") forbid (principal, action, resource) when { 9007199254740992 * 2048 == 0 };`,
      );
    },
    when: ({ tenant, agent }) => tenant.authorize(agent, "api", { path: "/a" }),
    expected: outcomeIs("deny", "policy_error"),
    events: [{ type: "decision.denied", data: { policy_errors: ["broken"] } }],
  }),
  scenario({
    name: "a full disk grants nothing, and nothing is written",
    given: permitAll,
    when: async ({ instance, tenant, agent }) => {
      instance.disk.full = true;
      try {
        return await tenant.authorize(agent, "api", { path: "/a" });
      } finally {
        instance.disk.full = false;
      }
    },
    expected: "disk_full",
    events: [],
  }),
  scenario({
    name: "a clock that is set back denies until it is right again",
    given: permitAll,
    when: async ({ instance, tenant, agent }) => {
      instance.clock.advance(-61_000);
      try {
        return await tenant.authorize(agent, "api", { path: "/a" });
      } finally {
        instance.clock.advance(61_000);
      }
    },
    expected: "clock_behind",
    events: [],
  }),
]);

const CLAIM_SCHEMA = `entity App { owner?: String };
  action "/shop/read" in ["tier:read"] appliesTo {
    principal: [Agent], resource: [App], context: { writ: Writ, claimed?: Claimed, cosigned?: Bool } };`;
const claimPolicy = `@id("trusted") permit (principal, action, resource) when { context.writ.cosigned == true };
@id("owned") permit (principal, action, resource) when { resource has owner && resource.owner == "me" };
@id("top") permit (principal, action, resource) when { context has cosigned && context.cosigned == true };`;

runScenarios("what an agent says of itself", [
  ...[
    { writ: { cosigned: true } },
    { writ: "x" },
    JSON.parse('{"writ": {"cosigned": true, "tier": "read"}}') as { writ: object },
  ].map((claimed, index) =>
    scenario({
      name: `the key \`writ\` of the context is refused (${index + 1})`,
      given: permitAll,
      when: ({ tenant, agent }) => tenant.authorize(agent, "api", { path: "/a", claimed: claimed as never }),
      expected: "reserved_context_key",
      events: [],
    }),
  ),
  scenario({
    name: "claims that look like Writ's own stay under `claimed`",
    given: async (stage) => {
      await withApi(stage);
      await stage.tenant.schema(CLAIM_SCHEMA);
      await stage.tenant.policies(claimPolicy);
    },
    when: ({ tenant, agent }) =>
      tenant.authorize(agent, "api", {
        path: "/a",
        claimed: { cosigned: true, claimed: { cosigned: true }, tier: "read" },
      }),
    expected: (result) => expect((result as Outcome).decision).not.toBe("allow"),
    events: ["decision.step_up"],
  }),
  scenario({
    name: "attributes that it states for a resource are claims, never the resource's",
    given: async (stage) => {
      await stage.tenant.schema(CLAIM_SCHEMA);
      await stage.tenant.policies(claimPolicy.split("\n").slice(1).join("\n"));
    },
    when: ({ tenant, agent }) =>
      tenant.state(agent, {
        command: "/shop/read",
        resource: { type: "App", id: "shop", attributes: { owner: "me", cosigned: true } },
      }),
    expected: outcomeIs("deny", "no_permit"),
    events: [{ type: "decision.denied", data: { claimed: { resource: { owner: "me", cosigned: true } } } }],
  }),
  scenario({
    name: "a claimed `resource` does not stand beside stated attributes",
    given: ({ tenant }) => tenant.policies(PERMIT_ALL),
    when: ({ tenant, agent }) =>
      tenant.state(
        agent,
        { command: "/http/x/get", resource: { type: "Http::Endpoint", id: "shop", attributes: { a: 1 } } },
        { claimed: { resource: { a: 2 } } },
      ),
    expected: outcomeIs("allow"),
    events: [{ type: "decision.allowed", data: { claimed: { resource: { a: 1 } } } }],
  }),
  ...[
    { amount: 1.5 },
    { text: "x".repeat(70_000) },
    { nothing: null },
    { __entity: { type: "Agent", id: "root" } },
    { deep: { list: [{ __extn: { fn: "ip", arg: "127.0.0.1" } }] } },
  ].map((claimed) =>
    scenario({
      name: `what policies cannot see is refused: ${JSON.stringify(claimed).slice(0, 80)}`,
      given: permitAll,
      when: ({ tenant, agent }) => tenant.authorize(agent, "api", { path: "/a", claimed }),
      expected: "invalid_argument",
      events: [],
    }),
  ),
  scenario({
    name: "an integer that policies cannot see is refused",
    given: permitAll,
    when: ({ tenant, agent }) => tenant.authorize(agent, "api", { path: "/a", claimed: { amount: 2 ** 53 } }),
    expected: "integer_out_of_range",
    events: [],
  }),
  scenario({
    name: "a claim that is nested too deep is refused",
    given: permitAll,
    when: ({ tenant, agent }) => {
      let nested: Record<string, unknown> = {};
      for (let i = 0; i < 5000; i += 1) nested = { a: nested };
      return tenant.authorize(agent, "api", { path: "/a", claimed: nested as never });
    },
    expected: "invalid_argument",
    events: [],
  }),
  scenario({
    name: "half of a surrogate pair in a resource id is refused, and nothing is written",
    given: ({ tenant }) => tenant.policies(PERMIT_ALL),
    when: ({ tenant, agent }) =>
      tenant.state(agent, { command: "/http/x/get", resource: { type: "App", id: "\ud800" } }),
    expected: "json_lone_surrogate",
    events: [],
  }),
  ...(["Action", "Shop::Action", "a b", "", "A".repeat(300), "Agent'"] as const).map((type) =>
    scenario({
      name: `a resource of type \`${type.slice(0, 20)}\` is refused`,
      given: ({ tenant }) => tenant.policies(PERMIT_ALL),
      when: ({ tenant, agent }) => tenant.state(agent, { command: "/http/x/get", resource: { type, id: "x" } }),
      expected: "invalid_argument",
      events: [],
    }),
  ),
]);

const HOSTILE_PATHS = [
  "@evil.example/x",
  "/../admin",
  "/a/../../admin",
  "/%2e%2e/admin",
  "/a/%2E%2e/admin",
  "//evil.example/x",
  "/a//b",
  "/a\\b",
  "/%5c..%5cadmin",
  "http://evil.example/x",
  "https://user@evil.example/",
  "/%252e%252e/admin",
  "/a%252fb",
  "/a%2fb",
  "/a;b=c",
  "/a?b",
  "/a#b",
  "/a%00b",
  "/a\r\nhost: evil.example",
  "/a b",
  "/é",
  "",
  "a",
  `/${"a".repeat(5000)}`,
];

runScenarios(
  "paths that two readers read differently",
  HOSTILE_PATHS.flatMap((path) => [
    scenario({
      name: `asked for: ${JSON.stringify(path).slice(0, 40)}`,
      given: permitAll,
      when: ({ tenant, agent }) => tenant.authorize(agent, "api", { path }),
      expected: "invalid_path",
      events: [],
    }),
    scenario({
      name: `called: ${JSON.stringify(path).slice(0, 40)}`,
      given: permitAll,
      when: async ({ tenant, agent, upstream }) => {
        const answer = await tenant.call(agent, "api", { path }).catch((error: unknown) => error);
        expect(upstream.requests).toEqual([]);
        if (answer instanceof Error) throw answer;
      },
      expected: "invalid_path",
      events: [],
    }),
  ]),
);

const githubConnection = async ({ tenant, upstream }: Stage): Promise<void> => {
  await tenant.connection({ name: "gh", connector: "github", url: upstream.origin });
  await tenant.policies(
    `${PERMIT_ALL} @id("acme") forbid (principal, action, resource == GitHub::Repository::"acme/app");`,
  );
};

runScenarios("the resource that a call touches", [
  scenario({
    name: "is not another one because the agent says so",
    given: githubConnection,
    when: ({ tenant, agent }) => {
      const call = { connection: "gh", method: "GET", path: "/repos/acme/app", query: "", headers: [], body: NO_BODY };
      return tenant.state(
        agent,
        { command: "/github/repo/get", resource: { type: "GitHub::Repository", id: "acme/other" } },
        { call },
      );
    },
    expected: "call_mismatch",
    events: [],
  }),
  scenario({
    name: "is `acme/app` however its path spells it",
    given: githubConnection,
    when: ({ tenant, agent }) => tenant.authorize(agent, "gh", { path: "/repos/ACME/App" }),
    expected: outcomeIs("deny", "forbidden_by_policy"),
    events: [{ type: "decision.denied", data: { resource: "acme/app" } }],
  }),
  scenario({
    name: "is `acme/app` however it is stated, where the connector folds names",
    given: githubConnection,
    when: async ({ tenant, agent }) => {
      const { target } = await tenant.authorize(agent, "gh", { path: "/repos/acme/other" });
      return tenant.state(agent, {
        command: target.command,
        resource: { type: "GitHub::Repository", id: "ACME/App" },
      });
    },
    expected: outcomeIs("deny", "forbidden_by_policy"),
    events: ["decision.allowed", { type: "decision.denied", data: { resource: "acme/app" } }],
  }),
  scenario({
    name: "of a command that nobody knows is dangerous",
    given: ({ tenant }) => tenant.policies(PERMIT_ALL),
    when: ({ tenant, agent }) =>
      tenant.state(agent, { command: "/github/repo/obliterate", resource: { type: "GitHub::Repository", id: "a/b" } }),
    expected: "call_required",
    events: [],
  }),
]);

const NO_BODY = { bytes: async () => new Uint8Array(0), hash: async () => EMPTY };
const EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

runScenarios("how long a writ may be asked to be good", [
  ...[0, -1, 301, 1e9, 1.5, Number.NaN].map((ttl) =>
    scenario({
      name: `not ${ttl} s`,
      given: permitAll,
      when: ({ tenant, agent }) => tenant.authorize(agent, "api", { path: "/a" }, ttl),
      expected: "invalid_argument",
      events: [],
    }),
  ),
]);

test("the code for an absent connection and another tenant's is the same", async () => {
  const { startInstance } = await import("#test/support/composed.ts");
  const instance = await startInstance();
  const make = async (name: string): Promise<TestTenant> => instance.tenant(name);
  const [mine, theirs] = [await make("mine"), await make("theirs")];
  await mine.policies(PERMIT_ALL);
  const other = await theirs.connection({ name: "secret-api", url: "http://127.0.0.1:1" });
  const agent = await mine.agent();
  for (const name of ["secret-api", other.id, "absent", "con_00000000000000000000000000", "__proto__", ""]) {
    expect(await rejection(mine.authorize(agent, name, { path: "/a" }))).toBe("not_found");
  }
  await instance.stop();
});
