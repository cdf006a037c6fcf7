import { afterAll, describe, expect, test } from "bun:test";
import { createAuthorizer } from "#src/policy/authorizer.ts";
import type { PolicyRequest } from "#src/policy/closure.ts";
import { explainDecision } from "#src/policy/explain.ts";
import { PolicyIndex } from "#src/policy/slice.ts";
import { compiled, entity, requestOf, uid } from "./support.ts";

const authorizer = createAuthorizer({ maxSets: 64 });
afterAll(() => authorizer.dispose());

const ALL = "principal, action, resource";
const AT = { __extn: { fn: "datetime", arg: "2026-01-05T03:00:00.000Z" } };

function explain(source: string, request: PolicyRequest = requestOf("write")) {
  return explainDecision(authorizer, PolicyIndex.build(compiled(source)), request);
}

function at(tier: "read" | "write" | "danger" = "write") {
  return requestOf(tier, { context: { writ: { tier, time: AT, environment: "live" } } });
}

describe("why", () => {
  test("names what determines an allow, and the forbid that nearly stopped it, with the values it saw", () => {
    const { sentences, near, determining } = explain(`@id("open") permit(${ALL});
      @id("not-live") forbid(${ALL}) when { context.writ.tier == "write" && resource.owner == "evil" };`);
    expect(determining).toMatchObject([{ policy: "open", applies: true, sentence: "policy `open` permits this" }]);
    expect(near[0]).toMatchObject({
      policy: "not-live",
      failed: {
        text: 'resource.owner == "evil"',
        truth: { kind: "false" },
        values: [{ name: "resource.owner", value: '"acme"' }],
      },
    });
    expect(sentences).toEqual([
      "it is allowed: `open` permits it and nothing forbids it",
      'policy `not-live` does not forbid this: `resource.owner == "evil"` is false, as resource.owner is "acme"',
    ]);
  });

  test("says of a denial which permits nearly applied, nearest first, by scope and by clause", () => {
    const { near, sentences } = explain(`
      @id("two-off") permit(principal == Agent::"b", action, resource == GitHub::Repository::"x/y");
      @id("group") permit(principal in AgentGroup::"readers", action, resource) when { context.writ.tier == "read" };
      @id("clause") permit(${ALL}) when { context.writ.tier == "write" } unless { principal.name == "a" || context.absent } when { context.absent };
      @id("other-action") permit(principal, action in Action::"tier:read", resource);`);
    expect(near.map(({ policy }) => policy)).toEqual(["other-action", "clause", "group"]);
    expect(near[1]?.parts.map(({ text, expected, truth }) => [text, expected, truth.kind])).toEqual([
      ['context.writ.tier == "write"', true, "true"],
      ['principal.name == "a"', false, "true"],
      ["context.absent", false, "unreached"],
      ["context.absent", true, "unreached"],
    ]);
    expect(sentences[0]).toBe("it is denied: no policy permits it");
    expect(sentences).toContain(
      'policy `clause` does not permit this: `principal.name == "a"` is true, as principal.name is "a"',
    );
    expect(near[2]?.sentence).toBe(
      'policy `group` does not permit this: it is for `principal in AgentGroup::"readers"`, and the principal is Agent::"a", which is in AgentGroup::"g"; `context.writ.tier == "read"` is false, as context.writ.tier is "write"',
    );
  });

  test("shows what is not there, entities, ancestors and errors", () => {
    const { near } = explain(`
      @id("absent") permit(${ALL}) when { context has claimed && context.claimed.why == "x" };
      @id("in") permit(${ALL}) when { principal in AgentGroup::"x" };
      @id("err") permit(${ALL}) when { context.writ.nope > 5 };
      @id("odd") permit(${ALL}) when { context.writ["od\\"d"] == resource };`);
    const sentence = (id: string) => near.find(({ policy }) => policy === id)?.sentence ?? "";
    expect(sentence("absent")).toContain("context.claimed is not there");
    expect(sentence("in")).toContain('principal is Agent::"a", which is in AgentGroup::"g"');
    expect(sentence("err")).toMatch(/could not be evaluated \(.*nope.*\), as context\.writ\.nope is not there/);
    expect(sentence("odd")).toContain('context.writ["od\\"d"] is not there');
  });

  test("follows entities through the store", () => {
    const request = requestOf("read");
    const owned = [
      ...request.entities.filter(({ uid: each }) => (each as { id: string }).id !== "acme/app"),
      entity(uid("GitHub::Repository", "acme/app"), [], { boss: { __entity: { type: "Person", id: "p" } } }),
      entity(uid("Person", "p"), [], { name: "Ann" }),
    ];
    const { near } = explain(`@id("p") permit(${ALL}) when { resource.boss.name == "Bob" };`, {
      ...request,
      entities: owned,
    });
    expect(near[0]?.sentence).toContain('resource.boss.name is "Ann"');
  });

  test("explains the pass that settled it", () => {
    const result = explain(
      `@id("p") permit(${ALL}) when { context.writ.cosigned }; @id("no") forbid(${ALL}) when { context.writ.cosigned };`,
    );
    expect(result).toMatchObject({ cosigned: true, determining: [{ policy: "no", applies: true }] });
    expect(result.sentences).toContain("a person's approval would not change that");
    const bad = explain(
      `@id("p") permit(${ALL}); @id("bad") forbid(${ALL}) when { context.nope } unless { context.writ.cosigned };`,
    );
    expect(bad.cosigned).toBe(false);
    expect(bad.sentences.join("\n")).toMatch(/`bad` could not be evaluated, which is taken as a no/);
  });

  test("tells of a policy that applies what held, with its values", () => {
    const { sentences } = explain(
      `permit(${ALL}); @id("no") forbid(${ALL}) when { resource.owner == "acme" } unless { context.writ.tier == "read" };`,
    );
    expect(sentences[1]).toBe(
      'policy `no` forbids this: `resource.owner == "acme"` is true, as resource.owner is "acme"; `context.writ.tier == "read"` is false, as context.writ.tier is "write"',
    );
  });

  test("takes a policy that nests too deep as one part", () => {
    const deep = `(${Array(100).fill("context.writ.cosigned").join(" || ")})`;
    const { near } = explain(`@id("deep") permit(${ALL}) when { ${deep} } when { 1 == 2 };`);
    expect(near[0]).toMatchObject({
      policy: "deep",
      applies: false,
      failed: { text: "all its conditions", truth: { kind: "false" } },
    });
  });

  test("has nothing to say of no policies but that there are none", () => {
    expect(explain("").sentences).toEqual(["it is denied: there are no policies yet"]);
  });
});

describe("what would make it allow", () => {
  test("a person", () => {
    const { remedies } = explain(`@id("ask") forbid(${ALL}) unless { context.writ.cosigned }; permit(${ALL});`);
    expect(remedies).toEqual([
      { kind: "cosigner", decision: "allow", sentence: "with a person's approval it would be allowed" },
    ]);
    expect(explain(`permit(${ALL});`, requestOf("danger")).remedies[0]?.kind).toBe("cosigner");
  });

  test("a later time, the soonest, within hours or after a moment", () => {
    const hours = `permit(${ALL}); @id("h") forbid(${ALL}) unless { context.writ.time.toTime() >= duration("8h30m") && context.writ.time.toTime() < duration("17h") };`;
    expect(explain(hours, at()).remedies).toEqual([
      { kind: "later", decision: "allow", sentence: "at 2026-01-05T08:30:00.000Z it would be allowed" },
    ]);
    const from = `permit(${ALL}) when { context.writ.time > datetime("2026-02-01") && context.writ.time < datetime("2026-03-01") };`;
    expect(explain(from, at()).remedies[0]?.sentence).toBe("at 2026-02-01T00:00:00.001Z it would be allowed");
    expect(explain(`permit(${ALL}) when { context.writ.time < datetime("2026-01-01") };`, at()).remedies).toEqual([]);
  });

  test("another resource, principal or command, each only where it was decided so", () => {
    const kinds = (source: string, request = at()) =>
      explain(source, request).remedies.map(({ kind, decision, sentence }) => [kind, decision, sentence]);
    expect(kinds(`permit(principal, action, resource == GitHub::Repository::"acme/docs");`)).toEqual([
      ["resource", "allow", 'with `resource == GitHub::Repository::"acme/docs"` it would be allowed'],
    ]);
    expect(kinds(`permit(${ALL}) when { [GitHub::Repository::"acme/docs"].contains(resource) };`)).toEqual([
      ["resource", "allow", 'on GitHub::Repository::"acme/docs" it would be allowed'],
    ]);
    expect(kinds(`permit(principal in AgentGroup::"writers", action, resource);`)).toEqual([
      ["principal", "allow", 'with `principal in AgentGroup::"writers"` it would be allowed'],
    ]);
    expect(kinds(`permit(principal, action in Action::"tier:read", resource);`)).toEqual([
      ["action", "allow", 'with `action in Action::"tier:read"` it would be allowed'],
    ]);
    expect(kinds(`permit(principal == Agent::"b", action, resource);`, at("danger"))).toEqual([
      ["principal", "step_up", 'with `principal == Agent::"b"` a person\'s approval would allow it'],
    ]);
    expect(kinds(`permit(principal == Agent::"b", action, resource); forbid(${ALL});`)).toEqual([]);
  });

  test("is looked for among many policies without taking long", () => {
    const many = Array.from(
      { length: 2000 },
      (_, i) => `permit(principal == Agent::"x${i}", action == Action::"/y/${i}", resource);`,
    ).join("\n");
    const index = PolicyIndex.build(
      compiled(`${many} @id("mine") permit(principal, action in Action::"tier:read", resource);`),
    );
    const start = performance.now();
    expect(explainDecision(authorizer, index, at()).near.map(({ policy }) => policy)).toEqual(["mine"]);
    expect(performance.now() - start).toBeLessThan(500);
  });
});
