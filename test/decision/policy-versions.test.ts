import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { startInstance, type TestInstance } from "../support/composed.ts";
import { rejection } from "../support/scenario.ts";

let instance: TestInstance;
beforeAll(async () => {
  instance = await startInstance();
});
afterAll(() => instance.stop());

const named = (id: string) => `@id("${id}") permit (principal, action, resource);`;

describe("a version that begins to decide", () => {
  test("while a thousand requests are in flight: each is answered by exactly one version, which its event names", async () => {
    const tenant = await instance.tenant("flight");
    const agent = await tenant.agent();
    await tenant.connection({ url: "http://127.0.0.1:9" });
    const ids = new Map([[await tenant.policies(named("first")), "first"]]);
    let putting = Promise.resolve();
    const put = async (id: string): Promise<void> => {
      ids.set(await tenant.policies(named(id)), id);
    };
    const asking = Array.from({ length: 1000 }, async (_, i) => {
      if (i % 250 === 125) {
        putting = putting.then(() => put(`at${i}`));
        await putting;
      }
      return tenant.authorize(agent, "api", { path: `/${i}` });
    });
    const outcomes = await Promise.all(asking);
    const events = new Map((await instance.events(tenant)).map((event) => [event.id, event.data]));
    for (const { decision, decisionId, reasons } of outcomes) {
      const data = events.get(decisionId) as { versions: { policies: number }; policies: readonly string[] };
      const by = ids.get(data.versions.policies);
      expect([decision, reasons.map(({ policy }) => policy), data.policies]).toEqual(["allow", [by], [by]]);
    }
    expect(ids.size).toBe(5);
  }, 30_000);

  test("is not another of the same number that did not come to be", async () => {
    const tenant = await instance.tenant("numbers");
    const agent = await tenant.agent();
    await tenant.connection({ url: "http://127.0.0.1:9" });
    await tenant.policies(named("one"));
    const { policies, instance: self } = instance.services;
    const put = (id: string) =>
      policies.put(tenant.id, self.operator, { source: named(id), message: "", activate: true, expectedVersion: 1 });
    const settled = await Promise.allSettled([put("a"), put("b"), put("c")]);
    const won = settled.flatMap((each, i) => (each.status === "fulfilled" ? ["abc".charAt(i)] : []));
    expect(won).toHaveLength(1);
    const outcome = await tenant.authorize(agent, "api", { path: "/x" });
    expect(outcome.reasons.map(({ policy }) => policy)).toEqual(won);
  });

  test("is the tenant's own and nobody else's", async () => {
    const [mine, theirs] = [await instance.tenant("mine"), await instance.tenant("theirs")];
    await mine.policies(named("mine"));
    const { policies, policySchemas, instance: self } = instance.services;
    expect(await rejection(policies.show(theirs.id, 1))).toBe("not_found");
    expect(await rejection(policies.activate(theirs.id, self.operator, 1))).toBe("not_found");
    expect(await rejection(policies.diff(theirs.id, 0, 1))).toBe("not_found");
    expect(await policies.activations(theirs.id, 10)).toEqual([]);
    await mine.schema("type Claimed = { a?: String };");
    expect(await rejection(policySchemas.show(theirs.id, 1))).toBe("not_found");
    expect(await policySchemas.list(theirs.id)).toEqual([]);
  });

  test("comes back from the disk whole, however many policies it has", async () => {
    const tenant = await instance.tenant("many");
    const agent = await tenant.agent();
    await tenant.connection({ url: "http://127.0.0.1:9" });
    const source = Array.from(
      { length: 1001 },
      (_, i) => `@id("p${i}") permit (principal == Agent::"${i === 1000 ? "builder" : `a${i}`}", action, resource);`,
    ).join("\n");
    const version = await tenant.policies(source);
    await tenant.policies(named("other"));
    const { policies, instance: self, authority } = instance.services;
    await policies.activate(tenant.id, self.operator, version, { isRollback: true });
    expect((await policies.show(tenant.id)).source).toBe(source);
    expect((await authority.policies(tenant.id)).index.tenantPolicyCount).toBe(1001);
    const outcome = await tenant.authorize(agent, "api", { path: "/x" });
    expect(outcome.reasons.map(({ policy }) => policy)).toEqual(["p1000"]);
  });
});
