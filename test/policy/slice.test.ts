import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isWritError } from "#src/base/errors.ts";
import { createAuthorizer } from "#src/policy/authorizer.ts";
import { acquireSetName, authorizeWithSet, preparseSet, releaseSetName } from "#src/policy/cedar.ts";
import type { EntityJson, PolicyRequest } from "#src/policy/closure.ts";
import type { CompiledPolicy } from "#src/policy/policy-set.ts";
import type { EntityUid } from "#src/policy/scope.ts";
import { PolicyIndex } from "#src/policy/slice.ts";
import { compiled, entity, requestOf, uid } from "./support.ts";

const authorizer = createAuthorizer({ maxSets: 8, maxSlice: 10_000 });
const wholeSet = acquireSetName();
afterAll(() => {
  authorizer.dispose();
  releaseSetName(wholeSet);
});

/** Decision, determining policies and errors of all policies at once, without any slicing. */
function evaluateWhole(policies: readonly CompiledPolicy[], request: PolicyRequest) {
  preparseSet(wholeSet, new Map(policies.map(({ id, text }) => [id, text])));
  const call = { ...request, preparsedPolicySetId: wholeSet } as unknown as Parameters<typeof authorizeWithSet>[0];
  const { decision, reason, errors } = authorizeWithSet(call);
  return { decision, determining: [...reason].sort(), erring: errors.map((error) => error.policyId).sort() };
}

const TYPES = ["A", "B", "N::A"] as const;
const IDS = ["0", "1", "2", 'q"uo\nte::"', "\u0430"] as const;
const ACTIONS = ["0", "1", "2", "tier:danger"] as const;

const anyUid = fc.record({ type: fc.constantFrom(...TYPES), id: fc.constantFrom(...IDS) });
const anyAction = fc.record({ type: fc.constant("Action"), id: fc.constantFrom(...ACTIONS) });

function text(of: EntityUid): string {
  return `${of.type}::${JSON.stringify(of.id)}`;
}

function scopeOf(name: string) {
  return fc.oneof(
    fc.constant(name),
    anyUid.map((of) => `${name} == ${text(of)}`),
    anyUid.map((of) => `${name} in ${text(of)}`),
    fc.constantFrom(...TYPES).map((type) => `${name} is ${type}`),
    fc.tuple(fc.constantFrom(...TYPES), anyUid).map(([type, of]) => `${name} is ${type} in ${text(of)}`),
  );
}

const actionScope = fc.oneof(
  fc.constant("action"),
  anyAction.map((of) => `action == ${text(of)}`),
  anyAction.map((of) => `action in ${text(of)}`),
  fc.array(anyAction, { maxLength: 4 }).map((list) => `action in [${list.map(text).join(", ")}]`),
);

const policyText = fc
  .tuple(
    fc.constantFrom("permit", "permit", "forbid"),
    scopeOf("principal"),
    actionScope,
    scopeOf("resource"),
    fc.constantFrom("", "", "when { context.missing }", "unless { context.yes }", "when { resource.attr == 1 }"),
  )
  .map(([effect, principal, action, resource, when]) => `${effect}(${principal}, ${action}, ${resource}) ${when};`);

/** Parents have a greater place in a fixed order, so that there is no cycle. */
function entitiesOf(all: readonly EntityUid[]) {
  const edges = fc.array(fc.tuple(fc.nat(all.length - 1), fc.nat(all.length - 1)), { maxLength: 25 });
  return edges.map((pairs): EntityJson[] => {
    const parents = new Map<number, Set<number>>();
    for (const [a, b] of pairs) {
      if (a === b) continue;
      const [low, high] = a < b ? [a, b] : [b, a];
      parents.set(low, (parents.get(low) ?? new Set()).add(high));
    }
    return [...parents].map(([child, above], i) => {
      const named = [...above].map((place) => all[place] as EntityUid);
      const of = all[child] as EntityUid;
      return {
        uid: i % 2 === 0 ? of : { __entity: of },
        attrs: { attr: i % 3 },
        parents: named.map((parent, j) => (j % 2 === 0 ? parent : { __entity: parent })),
      };
    });
  });
}

const ALL_UIDS = TYPES.flatMap((type) => IDS.map((id) => uid(type, id)));
const ALL_ACTIONS = ACTIONS.map((id) => uid("Action", id));

const anyRequest = fc
  .tuple(anyUid, anyAction, anyUid, entitiesOf(ALL_UIDS), entitiesOf(ALL_ACTIONS), fc.boolean())
  .map(([principal, action, resource, entities, actions, yes]): PolicyRequest => {
    return { principal, action, resource, context: { yes }, entities: [...entities, ...actions] };
  });

describe("a slice", () => {
  test("decides as the whole set does: decision, determining policies, erring policies; the bound holds", () => {
    fc.assert(
      fc.property(
        fc.array(policyText, { maxLength: 20 }),
        fc.array(anyRequest, { minLength: 1, maxLength: 4 }),
        (texts, requests) => {
          const policies = compiled(texts.join("\n"));
          const index = PolicyIndex.build(policies);
          const everyPolicy = [...policies, index.get("writ.danger-needs-cosigner") as CompiledPolicy];
          for (const request of requests) {
            const { decision, determining, errors } = authorizer.evaluate(index, request);
            const erring = errors.map((error) => error.policyId);
            expect({ decision, determining, erring }).toEqual(evaluateWhole(everyPolicy, request));
            const slice = index.slice(request);
            expect(slice.length).toBeLessThanOrEqual(index.largestSliceBound(Number.POSITIVE_INFINITY));
            expect(slice.length).toBeLessThanOrEqual(index.largestSliceBound(ALL_UIDS.length));
          }
        },
      ),
      { numRuns: 50 },
    );
  });

  test("the bound with few ancestors holds for requests with few ancestors", () => {
    fc.assert(
      fc.property(
        fc.array(policyText, { maxLength: 40 }),
        anyUid,
        anyAction,
        anyUid,
        anyUid,
        anyAction,
        (texts, ...uids) => {
          const [principal, action, resource, group, actionGroup] = uids;
          const index = PolicyIndex.build(compiled(texts.join("\n")));
          const entities = [entity(principal, [group]), entity(resource, [group]), entity(action, [actionGroup])];
          const slice = index.slice({ principal, action, resource, context: {}, entities });
          expect(slice.length).toBeLessThanOrEqual(index.largestSliceBound(2));
        },
      ),
      { numRuns: 25 },
    );
  });

  test("holds exactly what the scope meets, ids sorted", () => {
    const index = PolicyIndex.build(
      compiled(`
        @id("z") permit(principal in AgentGroup::"g", action, resource);
        @id("eq") permit(principal == Agent::"a", action in [Action::"/y", Action::"/x"], resource);
        @id("list") permit(principal, action in [Action::"/x", Action::"/x/do", Action::"tier:read"], resource);
        @id("is-in") permit(principal, action, resource is GitHub::Repository in Connection::"c");
        @id("self") permit(principal in Agent::"a", action in Action::"/x/do", resource in GitHub::Repository::"acme/app");
        @id("no-type") permit(principal, action, resource is Npm::Package in Connection::"c");
        @id("no-group") permit(principal in AgentGroup::"h", action, resource);
        @id("no-action") permit(principal, action == Action::"/x", resource);
        @id("empty") permit(principal, action in [], resource);`),
    );
    expect(index.slice(requestOf("read"))).toEqual(["eq", "is-in", "list", "self", "z"]);
    expect(index.slice(requestOf("danger"))).toContain("writ.danger-needs-cosigner");
  });

  test("is the same however the index was built, and steps yield", async () => {
    const policies = compiled(
      Array.from(
        { length: 450 },
        (_, i) => `permit(principal == Agent::"a${i % 5}", action, resource in C::"${i % 50}");`,
      ).join(""),
    );
    let yields = 0;
    const index = await PolicyIndex.buildInSteps(policies, async () => {
      yields += 1;
    });
    expect(yields).toBe(2);
    const request = requestOf("read", { principal: uid("Agent", "a0"), resource: uid("C", "20") });
    expect(index.slice(request)).toEqual(PolicyIndex.build(policies).slice(request));
    expect(index.slice(request).length).toBeGreaterThan(1);
    expect((await PolicyIndex.buildInSteps(policies)).tenantPolicyCount).toBe(450);
  });

  test("finds its way in an entity graph with a cycle; the evaluation refuses it", () => {
    const entities = [entity(uid("A", "1"), [uid("A", "2")]), entity(uid("A", "2"), [uid("A", "1")])];
    const request = requestOf("read", { principal: uid("A", "1"), entities });
    const index = PolicyIndex.build(compiled(`@id("x") permit(principal in A::"2", action, resource);`));
    expect(index.slice(request)).toEqual(["x"]);
    expect(() => authorizer.evaluate(index, request)).toThrow("cycle");
  });

  test("refuses entities whose name has two readings, or none", () => {
    const index = PolicyIndex.build([]);
    for (const bad of [
      { __entity: uid("A", "1"), type: "B", id: "1" },
      { type: "A" },
      { type: "A", id: 1 },
      'A::"1"',
      null,
    ]) {
      const entities = [{ uid: bad, attrs: {}, parents: [uid("A", "1")] }] as unknown as EntityJson[];
      expect(() => index.match(requestOf("read", { entities }))).toThrow("`type` and `id`");
    }
  });

  test("ids with quotes, line feeds, `::`, 10 kB, and ids that only look alike, keep apart", () => {
    const ids = [
      '"',
      "\\",
      "\n",
      'A::"x"',
      "x".repeat(10_000),
      "é",
      "e\u0301",
      "a",
      "\u0430",
      "\u202ea",
      "a\u200b",
      "__proto__",
      "",
    ];
    const source = ids.map(
      (id) => `@id(${cedarString(`p${id}`)}) permit(principal == Agent::${cedarString(id)}, action, resource);`,
    );
    const index = PolicyIndex.build(compiled(source.join("\n")));
    for (const id of ids) {
      const request = requestOf("read", { principal: uid("Agent", id) });
      expect(authorizer.evaluate(index, request)).toEqual({ decision: "allow", determining: [`p${id}`], errors: [] });
    }
    expect(authorizer.evaluate(index, requestOf("read", { principal: uid("Agent", "A") })).decision).toBe("deny");
  });
});

function cedarString(value: string): string {
  return `"${[...value].map((c) => (/[a-z0-9:]/i.test(c) ? c : `\\u{${c.codePointAt(0)?.toString(16)}}`)).join("")}"`;
}

describe("an index refuses", () => {
  test("the same id twice, and ids of built-in policies from a tenant", () => {
    const policies = compiled(`@id("a") permit(principal, action, resource);`);
    expect(() => PolicyIndex.build([...policies, ...policies])).toThrow("twice");
    const [builtin] = compiled(`@id("writ.x") permit(principal, action, resource);`, "builtin");
    expect(() => PolicyIndex.build([builtin as CompiledPolicy])).toThrow("reserved");
  });

  test("slices beyond the limit", () => {
    const many = (count: number, scope: (i: number) => string) =>
      PolicyIndex.build(compiled(Array.from({ length: count }, (_, i) => `permit(${scope(i)});`).join("\n")));
    const wide = many(501, () => "principal, action, resource");
    expect(wide.largestSliceBound()).toBe(503);
    let thrown: unknown;
    try {
      wide.requireSlicesWithin(500);
    } catch (error) {
      thrown = error;
    }
    expect(isWritError(thrown, "policy_slice_too_large")).toBe(true);
    const strict = createAuthorizer({ maxSets: 1 });
    expect(() => strict.evaluate(wide, requestOf("read"))).toThrow("more policies can match");
  });

  test("more than the bound says, and the bound is close where scopes are plain", () => {
    const boundOf = (scope: (i: number) => string, ancestors?: number) =>
      PolicyIndex.build(
        compiled(Array.from({ length: 100 }, (_, i) => `permit(${scope(i)});`).join("\n")),
      ).largestSliceBound(ancestors);
    expect(boundOf((i) => `principal == A::"${i}", action, resource`)).toBe(3);
    expect(boundOf((i) => `principal == A::"1", action, resource == R::"${i}"`)).toBe(3);
    const either = (i: number) =>
      i % 2 === 0 ? `principal == A::"${i}", action, resource` : `principal, action, resource == R::"${i}"`;
    expect(boundOf(either)).toBe(4);
    expect(boundOf((i) => `principal in G::"${i}", action, resource`, 4)).toBe(7);
    expect(boundOf((i) => `principal in G::"${i}", action, resource`, Number.POSITIVE_INFINITY)).toBe(102);
    expect(boundOf((i) => `principal is T${i}, action, resource`)).toBe(3);
    expect(boundOf((i) => `principal is T in G::"${i}", action, resource`, 2)).toBe(5);
    // The largest group of actions alone: the built-in policies' groups would be others.
    expect(boundOf((i) => `principal, action in [Action::"a", Action::"${i}"], resource`, 0)).toBe(100);
    expect(boundOf((i) => `principal, action in [Action::"a", Action::"${i}"], resource`, 1)).toBe(101);
  });
});

describe("speed", () => {
  test("50,000 policies are indexed and found in well under a second", () => {
    const [pattern] = compiled(`permit(principal == Agent::"a", action, resource);`);
    const policies = Array.from({ length: 50_000 }, (_, i): CompiledPolicy => {
      const principal = { op: "eq", entity: uid("Agent", `a${i}`) } as const;
      return {
        ...(pattern as CompiledPolicy),
        id: `p${i}`,
        scope: { ...(pattern as CompiledPolicy).scope, principal },
      };
    });
    const started = performance.now();
    const index = PolicyIndex.build(policies);
    expect(index.slice(requestOf("read", { principal: uid("Agent", "a49999") }))).toEqual(["p49999"]);
    expect(index.largestSliceBound()).toBe(3);
    expect(performance.now() - started).toBeLessThan(2500);
  });
});
