import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { isWritError } from "#src/base/errors.ts";
import { createAuthorizer } from "#src/policy/authorizer.ts";
import { isCedarBroken } from "#src/policy/cedar.ts";
import type { PolicyRequest } from "#src/policy/closure.ts";
import type { CompiledPolicy } from "#src/policy/policy-set.ts";
import { PolicyIndex } from "#src/policy/slice.ts";
import { compiled, entity, requestOf, uid } from "./support.ts";

function asAgent(id: string): PolicyRequest {
  return requestOf("read", { principal: uid("Agent", id) });
}

function indexOf(source: string): PolicyIndex {
  return PolicyIndex.build(compiled(source));
}

function codeOf(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (isWritError(error)) return error.code;
    throw error;
  }
  return "none";
}

describe("the cache of parsed slices", () => {
  const agents = ["0", "1", "2", "3", "4"];
  const source = agents
    .map((id) => `@id("p${id}") ${id === "3" ? "forbid" : "permit"}(principal == Agent::"${id}", action, resource);`)
    .join("\n");

  test("answers rightly in any order of requests and versions, whatever was evicted", () => {
    const versions = [indexOf(source), indexOf(source), indexOf(source.replaceAll("permit(", "forbid("))];
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.array(fc.tuple(fc.nat(2), fc.nat(4)), { maxLength: 40 }),
        (maxSets, asked) => {
          const authorizer = createAuthorizer({ maxSets });
          for (const [version, agent] of asked) {
            const { decision, determining } = authorizer.evaluate(
              versions[version] as PolicyIndex,
              asAgent(`${agent}`),
            );
            const allowed = version !== 2 && agent !== 3;
            expect([decision, determining]).toEqual([allowed ? "allow" : "deny", [`p${agent}`]]);
            expect(authorizer.stats().sets).toBeLessThanOrEqual(maxSets);
          }
          authorizer.dispose();
          expect(authorizer.stats().sets).toBe(0);
        },
      ),
      { numRuns: 25 },
    );
  });

  test("parses a slice once, and equal slices of two versions once", () => {
    const authorizer = createAuthorizer({ maxSets: 4 });
    const first = indexOf(source);
    const second = indexOf(`${source}\n@id("new") permit(principal == Agent::"new", action, resource);`);
    for (let i = 0; i < 3; i += 1) {
      authorizer.evaluate(first, asAgent("1"));
      authorizer.evaluate(second, asAgent("1"));
    }
    expect(authorizer.stats()).toEqual({ sets: 1, parsed: 1 });
    authorizer.evaluate(second, asAgent("2"));
    expect(authorizer.stats()).toEqual({ sets: 2, parsed: 2 });
    authorizer.dispose();
  });

  test("evicts what was unused for longest", () => {
    const authorizer = createAuthorizer({ maxSets: 2 });
    const index = indexOf(source);
    for (const agent of ["0", "1", "0", "2", "0"]) authorizer.evaluate(index, asAgent(agent));
    expect(authorizer.stats().parsed).toBe(3);
    authorizer.evaluate(index, asAgent("1"));
    expect(authorizer.stats().parsed).toBe(4);
    authorizer.dispose();
  });

  test("many indexes sharing one slice, each still answering after more than it remembers", () => {
    const authorizer = createAuthorizer({ maxSets: 2 });
    const indexes = Array.from({ length: 100 }, () => indexOf(source));
    for (const index of [...indexes, ...indexes]) {
      expect(authorizer.evaluate(index, asAgent("1")).decision).toBe("allow");
    }
    expect(authorizer.stats()).toEqual({ sets: 1, parsed: 1 });
    authorizer.dispose();
  });

  test("a stored policy that no longer parses is an error, and never another slice's answer", () => {
    const authorizer = createAuthorizer({ maxSets: 1 });
    const policies = compiled(source);
    const damaged = policies.map(
      (policy): CompiledPolicy => (policy.id === "p1" ? { ...policy, text: "permit(" } : policy),
    );
    const index = PolicyIndex.build(damaged);
    expect(authorizer.evaluate(index, asAgent("0")).decision).toBe("allow");
    expect(codeOf(() => authorizer.evaluate(index, asAgent("1")))).toBe("policy_invalid");
    expect(codeOf(() => authorizer.evaluate(index, asAgent("1")))).toBe("policy_invalid");
    expect(authorizer.stats().sets).toBe(0);
    expect(authorizer.evaluate(index, asAgent("3"))).toMatchObject({ decision: "deny", determining: ["p3"] });
    authorizer.dispose();
  });

  test("two authorizers in one thread do not share names", () => {
    const [a, b] = [createAuthorizer({ maxSets: 1 }), createAuthorizer({ maxSets: 1 })];
    const index = indexOf(source);
    for (let i = 0; i < 3; i += 1) {
      expect(a.evaluate(index, asAgent("0")).determining).toEqual(["p0"]);
      expect(b.evaluate(index, asAgent("3")).determining).toEqual(["p3"]);
    }
    a.dispose();
    expect(b.evaluate(index, asAgent("3")).determining).toEqual(["p3"]);
    b.dispose();
    expect(() => createAuthorizer({ maxSets: 0 })).toThrow("at least one");
  });
});

describe("one evaluation", () => {
  const authorizer = createAuthorizer({ maxSets: 8 });

  test("reports errors with their effect, sorted, and leaves erring policies out", () => {
    const index = indexOf(`
      @id("ok") permit(principal, action, resource);
      @id("z") forbid(principal, action, resource) when { context.absent };
      @id("b") permit(principal, action, resource) when { principal.absent == 1 };`);
    const { decision, determining, errors } = authorizer.evaluate(index, requestOf("read"));
    expect([decision, determining]).toEqual(["allow", ["ok"]]);
    expect(errors.map(({ policyId, effect }) => [policyId, effect])).toEqual([
      ["b", "permit"],
      ["z", "forbid"],
    ]);
    expect(errors[1]?.message).toContain("absent");
  });

  test("sorts determining ids", () => {
    const ids = Array.from({ length: 30 }, (_, i) => `p${i}`);
    const index = indexOf(ids.map((id) => `@id("${id}") permit(principal, action, resource);`).join("\n"));
    expect(authorizer.evaluate(index, requestOf("read")).determining).toEqual([...ids].sort());
  });

  test("evaluates `like`, ip, decimal, datetime and duration values", () => {
    const extension = (fn: string, arg: string) => ({ __extn: { fn, arg } });
    const index = indexOf(`
      @id("like") permit(principal, action, resource) when { resource.name like "ap*" && !(resource.name like "a\\*") };
      @id("ip") permit(principal, action, resource) when { context.from.isInRange(ip("10.0.0.0/8")) };
      @id("decimal") permit(principal, action, resource) when { context.score.greaterThan(decimal("0.5")) };
      @id("time") permit(principal, action, resource)
        when { context.at < datetime("2030-01-01") && context.at.toTime() >= duration("8h") };`);
    const ask = (from: string, score: string, at: string) =>
      authorizer.evaluate(
        index,
        requestOf("read", {
          context: { from: extension("ip", from), score: extension("decimal", score), at: extension("datetime", at) },
        }),
      ).determining;
    expect(ask("10.1.2.3", "0.75", "2026-01-31T09:00:00.123Z")).toEqual(["decimal", "ip", "like", "time"]);
    expect(ask("11.1.2.3", "0.25", "2026-01-31T07:59:59.999Z")).toEqual(["like"]);
    expect(codeOf(() => ask("300.1.1.1", "0.1", "2026-01-31"))).toBe("invalid_argument");
    expect(codeOf(() => ask("1.1.1.1", "0.123456", "2026-01-31"))).toBe("invalid_argument");
  });

  test("refuses a request that Cedar cannot read, and goes on working", () => {
    const index = indexOf(`permit(principal, action, resource) when { context == context };`);
    const nested = (depth: number) => {
      let value: PolicyRequest["context"] = {};
      for (let i = 0; i < depth; i += 1) value = { a: value };
      return value;
    };
    const bad: readonly Partial<PolicyRequest>[] = [
      { principal: uid("A B", "1") },
      { principal: uid("", "1") },
      { principal: uid(" A ", "1") },
      { principal: uid("A\0A", "1") },
      { action: uid("NotAction!", "x") },
      { context: { a: 1.5 } },
      { context: { a: null } },
      { context: { a: "\ud800" } },
      { context: nested(300) },
      { context: nested(20_000) },
      { context: { a: 10n } as unknown as PolicyRequest["context"] },
      { entities: [entity(uid("A", "1"), [], { x: 1 }), entity(uid("A", "1"), [], { x: 2 })] },
      { entities: [{ uid: uid("A", "1") }] as unknown as PolicyRequest["entities"] },
    ];
    for (const [i, more] of bad.entries()) {
      expect([i, codeOf(() => authorizer.evaluate(index, requestOf("read", more)))]).toEqual([i, "invalid_argument"]);
    }
    expect(isCedarBroken()).toBe(false);
    expect(authorizer.evaluate(index, requestOf("read")).decision).toBe("allow");
  });

  test("takes keys and ids that objects have of their own as plain data", () => {
    const index = indexOf(`@id("__proto__") permit(principal, action, resource) when { context["__proto__"] == "x" };`);
    const context = JSON.parse('{"__proto__":"x"}') as PolicyRequest["context"];
    expect(authorizer.evaluate(index, requestOf("read", { context })).determining).toEqual(["__proto__"]);
  });
});
