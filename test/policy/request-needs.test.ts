import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createAuthorizer } from "#src/policy/authorizer.ts";
import { authorizeWithSet, parsePolicyText, preparseSet, type StatefulAuthorizationCall } from "#src/policy/cedar.ts";
import type { PolicyRequest } from "#src/policy/closure.ts";
import { readsOf } from "#src/policy/policy-reads.ts";
import type { CompiledPolicy } from "#src/policy/policy-set.ts";
import { neededContext, neededEntities, needsOf } from "#src/policy/request-needs.ts";
import { PolicyIndex } from "#src/policy/slice.ts";
import { compiled, entity, requestOf, uid } from "./support.ts";

function readsOfCondition(condition: string) {
  const json = parsePolicyText(`permit(principal, action, resource) when { ${condition} };`);
  if (!("effect" in json)) throw new Error(JSON.stringify(json));
  return readsOf(json);
}

describe("what a condition reads", () => {
  test("are the members that it names, of `writ` and beside it", () => {
    const nothing = { writ: [], context: [], entities: false };
    expect(readsOfCondition("1 == 2")).toEqual(nothing);
    expect(readsOfCondition(`context.writ.tier == "read"`)).toEqual({ ...nothing, writ: ["tier"] });
    expect(readsOfCondition(`context["writ"]["a b"] == 1`)).toEqual({ ...nothing, writ: ["a b"] });
    expect(readsOfCondition("context.writ has run && context.writ.run.budget > 1")).toEqual({
      ...nothing,
      writ: ["run"],
    });
    expect(readsOfCondition("context has writ.time")).toEqual({ ...nothing, writ: ["time"] });
    expect(readsOfCondition('context.writ.cosigned && context.writ.time < datetime("2026-01-01")')).toEqual({
      ...nothing,
      writ: ["cosigned", "time"],
    });
    expect(readsOfCondition("context has claimed.reason")).toEqual({ writ: [], context: ["claimed"], entities: true });
    expect(readsOfCondition("{x: context.a.b}.x == 1")).toEqual({ writ: [], context: ["a"], entities: true });
  });

  test("are entities, wherever one can come from", () => {
    for (const condition of [
      "principal.x",
      `resource in Group::"g"`,
      `Agent::"a" has name`,
      "context.user.name == 1",
      `[Agent::"a"].contains(Agent::"a")`,
      `principal is Agent in Group::"g"`,
      `principal.hasTag("t")`,
      "action == action",
    ]) {
      expect([condition, readsOfCondition(condition)?.entities]).toEqual([condition, true]);
    }
  });

  test("is everything where it is not clear", () => {
    for (const condition of [
      "context == {}",
      "context has writ",
      "context.writ == {}",
      "(if true then context else context).writ.tier == 1",
      "{context: context}.context.writ.tier == 1",
      "[context.writ].contains({})",
    ]) {
      expect([condition, readsOfCondition(condition)]).toEqual([condition, undefined]);
    }
  });
});

describe("what a slice needs", () => {
  test("is nothing for scopes that name who and what", () => {
    const policies = compiled(`permit(principal == Agent::"a", action == Action::"/x/do", resource);`);
    const request = requestOf("read");
    const needs = needsOf(policies);
    expect(neededContext(needs, request.context)).toEqual({});
    expect(neededEntities(needs, request, PolicyIndex.build(policies).match(request))).toEqual([]);
  });

  test("is the entity whose ancestors a scope asks for", () => {
    const policies = compiled(
      `permit(principal, action in Action::"/x", resource) when { context.writ.tier == "read" };`,
    );
    const request = requestOf("read");
    const needs = needsOf(policies);
    const slice = PolicyIndex.build(policies).match(request);
    expect(neededContext(needs, request.context)).toEqual({ writ: { tier: "read" } });
    expect(neededEntities(needs, request, slice).map((each) => each.uid)).toEqual([uid("Action", "/x/do")]);
  });

  test("is everything for a policy of which it is not known", () => {
    const policies = compiled("permit(principal, action, resource);").map((policy): CompiledPolicy => {
      const { reads: _reads, ...rest } = policy;
      return rest;
    });
    const request = requestOf("read", { context: { writ: { tier: "read" }, claimed: { a: 1 } } });
    const needs = needsOf(policies);
    expect(neededContext(needs, request.context)).toBe(request.context);
    expect(neededEntities(needs, request, PolicyIndex.build(policies).match(request))).toBe(request.entities);
  });
});

const conditions = fc.constantFrom(
  "",
  "true",
  `context.writ.tier == "read"`,
  "context.writ.n < 2",
  "context.writ has n",
  "context has writ",
  "context has writ.n",
  "context has claimed",
  'context has claimed.reason && context.claimed.reason == "x"',
  'context.claimed.reason == "x"',
  'context.user.name == "u"',
  'context has user && context.user in Group::"g"',
  "context == context",
  'context.writ == {tier: "read"}',
  "principal has name",
  'principal.name == "p"',
  'resource in Group::"g"',
  'resource == Agent::"p"',
  'Agent::"p".name == "p"',
  'principal is Agent in Group::"g"',
  'action in Action::"/x"',
  '(if context.writ.tier == "read" then principal else resource) has name',
  '[context.writ.tier, "read"].contains("read")',
  '{a: principal}.a.name == "p"',
  'principal.hasTag("t")',
);
const scopes = fc.constantFrom(
  "principal, action, resource",
  'principal == Agent::"p", action, resource',
  'principal in Group::"g", action == Action::"/x/do", resource',
  'principal is Agent in Group::"g", action, resource',
  'principal, action in Action::"/x", resource',
  'principal, action in [Action::"/x", Action::"/y"], resource',
  'principal, action, resource in Group::"top"',
);
const policyText = fc
  .tuple(fc.constantFrom("permit", "permit", "forbid"), scopes, fc.constantFrom("when", "unless"), conditions)
  .map(
    ([effect, scope, word, condition]) => `${effect}(${scope})${condition === "" ? "" : ` ${word} { ${condition} }`};`,
  );

const member = fc.option(fc.record({ tier: fc.constantFrom("read", "write"), n: fc.nat(3) }, { requiredKeys: [] }), {
  nil: undefined,
});
const anyRequest = fc
  .record({
    writ: member,
    claimed: fc.constantFrom(undefined, {}, { reason: "x" }, { reason: 1 }),
    user: fc.constantFrom(undefined, { name: "u" }, { __entity: { type: "Agent", id: "p" } }),
    resource: fc.constantFrom(uid("Agent", "p"), uid("Doc", "d")),
    present: fc.subarray([
      entity(uid("Agent", "p"), [uid("Group", "g")], { name: "p" }),
      entity(uid("Group", "g"), [uid("Group", "top")]),
      entity(uid("Doc", "d"), [uid("Group", "g")], { name: 1 }),
      entity(uid("Action", "/x/do"), [uid("Action", "/x")]),
    ]),
  })
  .map(({ writ, claimed, user, resource, present }): PolicyRequest => {
    const context = Object.fromEntries(
      Object.entries({ writ, claimed, user }).filter(([, value]) => value !== undefined),
    );
    return {
      principal: uid("Agent", "p"),
      action: uid("Action", "/x/do"),
      resource,
      context: JSON.parse(JSON.stringify(context)),
      entities: present,
    };
  });

test("leaving out what a slice does not need changes no outcome", () => {
  const authorizer = createAuthorizer({ maxSets: 8 });
  fc.assert(
    fc.property(
      fc.array(policyText, { minLength: 1, maxLength: 4 }),
      fc.array(anyRequest, { minLength: 1, maxLength: 6 }),
      (texts, requests) => {
        const policies = compiled(texts.join("\n"));
        const index = PolicyIndex.build(policies);
        preparseSet("whole", new Map(policies.map(({ id, text }) => [id, text])));
        for (const request of requests) {
          const call = { ...request, preparsedPolicySetId: "whole" } as unknown as StatefulAuthorizationCall;
          const whole = authorizeWithSet(call);
          const { decision, determining, errors } = authorizer.evaluate(index, request);
          expect({ decision, determining, erring: errors.map((error) => error.policyId) }).toEqual({
            decision: whole.decision,
            determining: [...whole.reason].sort(),
            erring: whole.errors.map((error) => error.policyId).sort(),
          });
        }
      },
    ),
    { numRuns: 400 },
  );
  authorizer.dispose();
});
