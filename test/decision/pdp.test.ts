import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { PdpCaller } from "#src/decision/pdp-request.ts";
import { createAuthorizer } from "#src/policy/authorizer.ts";
import { decideTwice } from "#src/policy/decide-twice.ts";
import { compilePolicies } from "#src/policy/policy-set.ts";
import { PolicyIndex } from "#src/policy/slice.ts";
import { startInstance, type TestInstance } from "../support/composed.ts";
import { rejection } from "../support/scenario.ts";
import type { TestTenant } from "../support/tenant.ts";

let instance: TestInstance;
beforeAll(async () => {
  instance = await startInstance();
});
afterAll(() => instance.stop());

const PERMIT = `@id("p") permit (principal, action, resource);`;
const asked = (id: string) => ({
  subject: { type: "user", id },
  action: { name: "view" },
  resource: { type: "doc", id: "1", properties: { size: 3 } },
});

/** What the questions below are about. */
const SCHEMA = `entity group; entity user in [group] { ok?: Bool }; entity doc { size?: Long, open?: Bool };
  action "view" appliesTo { principal: [user], resource: [doc], context: { writ: Writ } };`;

async function enforcementPoint(tenant: TestTenant): Promise<PdpCaller> {
  const { tokens, authenticator, instance: self } = instance.services;
  const { text } = await tokens.issue(tenant.id, self.operator, { kind: "pdp" });
  return authenticator.authenticate(text, "127.0.0.1");
}

/** Does `change` once, between the next decision and its record. */
function beforeNextRecord(type: string, change: () => Promise<unknown>): void {
  instance.hooks.beforeSubmit = async (unit) => {
    if (!unit.event.type.startsWith(type)) return;
    instance.hooks.beforeSubmit = undefined;
    await change();
  };
}

describe("an evaluation", () => {
  test("whose ground moves is made again on the new one, all of a batch together", async () => {
    const tenant = await instance.tenant("moving");
    await tenant.policies(PERMIT);
    const caller = await enforcementPoint(tenant);
    beforeNextRecord("evaluation", () => tenant.policies(`forbid (principal, action, resource);`));
    const { decisions } = await instance.services.pdp.evaluate(caller, [asked("a"), asked("b")]);
    expect(decisions.map(({ decision }) => decision)).toEqual([false, false]);
    const events = (await instance.events(tenant)).filter(({ type }) => type.startsWith("evaluation"));
    expect(events.map(({ data }) => data["versions"])).toMatchObject([{ policies: 2 }]);
  });

  test("of a token that is revoked meanwhile is refused, and leaves nothing", async () => {
    const tenant = await instance.tenant("revoked");
    await tenant.policies(PERMIT);
    const caller = await enforcementPoint(tenant);
    const { tokens, instance: self, pdp } = instance.services;
    beforeNextRecord("evaluation", () => tokens.revoke(tenant.id, self.operator, caller.token));
    expect(await rejection(pdp.evaluate(caller, [asked("a")]))).toBe("unauthenticated");
    const types = (await instance.events(tenant)).map(({ type }) => type);
    expect(types.some((type) => type.startsWith("evaluation"))).toBe(false);
  });

  test("sees an entity that changes meanwhile", async () => {
    const tenant = await instance.tenant("changing");
    await tenant.schema(SCHEMA);
    await tenant.policies(`permit (principal is user, action, resource) when { principal has ok && principal.ok };`);
    const { entities, instance: self, pdp } = instance.services;
    const store = (ok: boolean) =>
      entities.put(tenant.id, self.operator, [{ uid: { type: "user", id: "a" }, attrs: { ok }, parents: [] }]);
    await store(true);
    const caller = await enforcementPoint(tenant);
    beforeNextRecord("evaluation", () => store(false));
    expect((await pdp.evaluate(caller, [asked("a")])).decisions[0]?.decision).toBe(false);
  });

  test("on a full disk says nothing", async () => {
    const tenant = await instance.tenant("full");
    const caller = await enforcementPoint(tenant);
    instance.disk.full = true;
    try {
      expect(await rejection(instance.services.pdp.evaluate(caller, [asked("a")]))).toBe("disk_full");
    } finally {
      instance.disk.full = false;
    }
  });

  test("can be decided again from its event", async () => {
    const tenant = await instance.tenant("again");
    const source = `permit (principal in group::"g", action, resource is doc) when { resource has size && resource.size == 3 && context.writ.environment == "live" };`;
    await tenant.schema(SCHEMA);
    await tenant.policies(source);
    const { entities, instance: self, pdp } = instance.services;
    const member = { uid: { type: "user", id: "a" }, attrs: {}, parents: [{ type: "group", id: "g" }] };
    await entities.put(tenant.id, self.operator, [member]);
    const caller = await enforcementPoint(tenant);
    await pdp.evaluate(caller, [asked("a"), asked("b")]);
    const event = (await instance.events(tenant)).at(-1);
    const recorded = JSON.parse(JSON.stringify(event?.data["requests"]));
    const { requests, entities: stored } = recorded.value ?? recorded.opened ?? recorded;
    const compiled = compilePolicies(source);
    if (!("policies" in compiled)) throw new Error("the policy does not compile");
    const authorizer = createAuthorizer({ maxSets: 2 });
    const again = requests.map((request: { entities: readonly number[] }) =>
      decideTwice(authorizer, PolicyIndex.build(compiled.policies), {
        ...request,
        entities: request.entities.map((place) => stored[place]),
      } as never),
    );
    authorizer.dispose();
    expect(again.map(({ decision }: { decision: string }) => decision)).toEqual(["allow", "deny"]);
  });

  test("of a thousand questions is one event", async () => {
    const tenant = await instance.tenant("thousand");
    await tenant.policies(PERMIT);
    const caller = await enforcementPoint(tenant);
    const before = (await instance.events(tenant)).length;
    const many = Array.from({ length: 1000 }, (_, i) => asked(`u${i}`));
    const { decisions } = await instance.services.pdp.evaluate(caller, many);
    expect([decisions.length, decisions.every(({ decision }) => decision)]).toEqual([1000, true]);
    expect((await instance.events(tenant)).length).toBe(before + 1);
  });
});

describe("a search", () => {
  test("through more than one page may examine goes on, and ends", async () => {
    const tenant = await instance.tenant("long");
    await tenant.schema(SCHEMA);
    await tenant.policies(`permit (principal, action, resource is doc) when { resource has open && resource.open };`);
    const { entities, instance: self, pdpSearch } = instance.services;
    const many = Array.from({ length: 1100 }, (_, i) => ({
      uid: { type: "doc", id: `d${String(i).padStart(5, "0")}` },
      attrs: { open: i >= 1098 },
      parents: [],
    }));
    await entities.put(tenant.id, self.operator, many);
    const caller = await enforcementPoint(tenant);
    const { subject, action } = asked("a");
    const search = (token?: string) =>
      pdpSearch.search(caller, {
        kind: "resource",
        subject,
        action,
        resource: { type: "doc", id: "" },
        page: token === undefined ? {} : { token },
      });
    const { page: first } = await search();
    expect([first.found, first.next === ""]).toEqual([[], false]);
    expect((await search(first.next)).page).toEqual({ found: ["d01098", "d01099"], next: "" });
  });
});
