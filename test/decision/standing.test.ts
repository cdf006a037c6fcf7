import { expect } from "bun:test";
import type { Outcome } from "#src/decision/outcome.ts";
import { runScenarios, type Stage, scenario } from "#test/support/scenario.ts";
import { PERMIT_ALL } from "#test/support/tenant.ts";

const withApi = async ({ tenant, upstream }: Stage): Promise<void> => {
  await tenant.connection({ url: upstream.origin });
};
const permitAll = async (stage: Stage): Promise<void> => {
  await withApi(stage);
  await stage.tenant.policies(PERMIT_ALL);
};
const isDenied =
  (reason: string) =>
  (result: unknown): void => {
    const outcome = result as Outcome;
    expect(outcome.decision).toBe("deny");
    expect(outcome.reasons.map(({ code }) => code as string)).toEqual([reason]);
  };

/** What may be taken away between an authentication and the record of its decision. */
const TAKEN_AWAY: readonly (readonly [name: string, code: string, take: (stage: Stage) => Promise<unknown>])[] = [
  [
    "key",
    "unauthenticated",
    ({ instance, tenant, agent }) =>
      instance.services.tokens.revoke(tenant.id, instance.services.instance.operator, agent.principal.token),
  ],
  [
    "agent",
    "agent_disabled",
    ({ instance, tenant, agent }) =>
      instance.services.agents.disable(tenant.id, instance.services.instance.operator, agent.agent.id),
  ],
  [
    "tenant",
    "unauthenticated",
    ({ instance, tenant }) => instance.services.tenants.disable(instance.services.instance.operator, tenant.id),
  ],
  [
    "connection",
    "connection_disabled",
    async ({ instance, tenant }) => {
      const { id } = await instance.services.connections.show(tenant.id, "api");
      await instance.services.connections.disable(tenant.id, instance.services.instance.operator, id);
    },
  ],
];
const TAKEN_EVENT: Readonly<Record<string, string>> = {
  key: "key.revoked",
  agent: "agent.disabled",
  tenant: "tenant.disabled",
  connection: "connection.disabled",
};

runScenarios("what is taken away while the clock is behind", [
  ...TAKEN_AWAY.map(([name, , take]) =>
    scenario({
      name: `${name}: taken back although nothing is granted`,
      given: permitAll,
      when: async (stage) => {
        stage.instance.clock.advance(-7_200_000);
        await take(stage);
      },
      expected: (result: unknown) => expect(result).toBeUndefined(),
      events: [TAKEN_EVENT[name] ?? ""],
    }),
  ),
  scenario({
    name: "a writ: taken back, and a former run's open calls are settled",
    given: permitAll,
    when: async (stage) => {
      const { instance, tenant, agent } = stage;
      const outcome = await tenant.authorize(agent, "api", { path: "/a" });
      if (outcome.decision !== "allow" || outcome.writ === undefined) throw new Error(outcome.decision);
      instance.clock.advance(-7_200_000);
      const { revocations, gateway } = instance.services;
      await revocations.revokeCid(tenant.id, instance.services.instance.operator, outcome.writ.cid);
      await gateway.settleOpenCalls();
      return tenant.authorize(agent, "api", { path: "/a" });
    },
    expected: "clock_behind",
    events: ["decision.allowed", "writ.revoked"],
  }),
]);

runScenarios("what is taken away while it is decided", [
  ...TAKEN_AWAY.flatMap(([name, code, take]) => [
    scenario({
      name: `${name}: after the authentication, before the decision`,
      given: permitAll,
      when: async (stage) => {
        await take(stage);
        return stage.tenant.authorize(stage.agent, "api", { path: "/a" });
      },
      expected: code,
      events: [TAKEN_EVENT[name] ?? ""],
    }),
    scenario({
      name: `${name}: between the decision and its record`,
      given: permitAll,
      when: async (stage) => {
        stage.instance.hooks.beforeSubmit = async (unit) => {
          if (!unit.event.type.startsWith("decision.")) return;
          stage.instance.hooks.beforeSubmit = undefined;
          await take(stage);
        };
        return stage.tenant.authorize(stage.agent, "api", { path: "/a" });
      },
      expected: code,
      events: [TAKEN_EVENT[name] ?? ""],
    }),
  ]),
  scenario({
    name: "groups: the decision holds for those that the agent is in when it is recorded",
    given: async (stage) => {
      await withApi(stage);
      await stage.tenant.policies(`@id("in") permit (principal in AgentGroup::"readers", action, resource);`);
      const { services } = stage.instance;
      await services.agents.setGroups(stage.tenant.id, services.instance.operator, stage.agent.agent.id, ["readers"]);
      return { ...stage.agent, principal: (await stage.tenant.key(stage.agent)).principal };
    },
    when: async (stage, agent) => {
      const { services } = stage.instance;
      const { tenant } = stage;
      expect((await tenant.authorize(agent, "api", { path: "/a" })).decision).toBe("allow");
      await services.agents.setGroups(tenant.id, services.instance.operator, stage.agent.agent.id, []);
      return tenant.authorize(agent, "api", { path: "/a" });
    },
    expected: isDenied("no_permit"),
    events: ["decision.allowed", "agent.grouped", "decision.denied"],
  }),
  scenario({
    name: "a key that expires is good until that instant",
    given: async (stage) => {
      await permitAll(stage);
      return stage.tenant.key(stage.agent, { expiresInSeconds: 10 });
    },
    when: async ({ instance, tenant }, agent) => {
      instance.clock.advance(9999);
      expect((await tenant.authorize(agent, "api", { path: "/a" })).decision).toBe("allow");
      instance.clock.advance(1);
      return tenant.authorize(agent, "api", { path: "/a" });
    },
    expected: "unauthenticated",
    events: ["decision.allowed"],
  }),
  scenario({
    name: "policies: the newer ones decide",
    given: permitAll,
    when: async (stage) => {
      stage.instance.hooks.beforeSubmit = async (unit) => {
        if (!unit.event.type.startsWith("decision.")) return;
        stage.instance.hooks.beforeSubmit = undefined;
        await stage.tenant.policies(`${PERMIT_ALL} @id("stop") forbid (principal, action, resource);`);
      };
      return stage.tenant.authorize(stage.agent, "api", { path: "/a" });
    },
    expected: isDenied("forbidden_by_policy"),
    events: ["policy.activated", { type: "decision.denied", data: { versions: { policies: 2 } } }],
  }),
]);
