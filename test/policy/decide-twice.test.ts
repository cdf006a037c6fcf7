import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createAuthorizer } from "#src/policy/authorizer.ts";
import type { PolicyRequest } from "#src/policy/closure.ts";
import { decideOnce, decideTwice } from "#src/policy/decide-twice.ts";
import { PolicyIndex } from "#src/policy/slice.ts";
import { compiled, entity, requestOf, uid } from "./support.ts";

const authorizer = createAuthorizer({ maxSets: 64 });
afterAll(() => authorizer.dispose());

const ALL = "principal, action, resource";
const PERMIT = `@id("open") permit(${ALL});`;

function decide(source: string, request: PolicyRequest = requestOf("write")) {
  return decideTwice(authorizer, PolicyIndex.build(compiled(source)), request);
}

describe("two passes", () => {
  test("allow what the first pass allows", () => {
    expect(decide(PERMIT)).toEqual({ decision: "allow", determining: ["open"], errors: [] });
  });

  test("deny what nothing permits, saying whether there is any policy", () => {
    expect(decide("")).toEqual({ decision: "deny", reason: "no_policies", determining: [], errors: [] });
    expect(decide(`permit(principal == Agent::"b", action, resource);`)).toMatchObject({ reason: "no_permit" });
    expect(decide(`permit(${ALL}) when { context.writ.tier == "read" };`)).toMatchObject({ reason: "no_permit" });
  });

  test("deny what a forbid applies to, cosigned or not", () => {
    expect(decide(`${PERMIT} @id("no") forbid(${ALL}) when { resource.owner == "acme" };`)).toEqual({
      decision: "deny",
      reason: "forbidden",
      determining: ["no"],
      errors: [],
    });
    expect(
      decide(`${PERMIT} @id("odd") forbid(${ALL}) when { context.writ.cosigned };`, requestOf("danger")),
    ).toMatchObject({
      reason: "forbidden",
      determining: ["odd"],
    });
  });

  test("ask for a person where the second pass allows", () => {
    expect(decide(`${PERMIT} @id("ask") forbid(${ALL}) unless { context.writ.cosigned };`)).toEqual({
      decision: "step_up",
      asked: ["ask"],
      permits: ["open"],
      bind: "call",
      annotations: new Map(),
      errors: [],
    });
    expect(decide(`@id("only") permit(${ALL}) when { context.writ.cosigned };`)).toMatchObject({
      decision: "step_up",
      asked: [],
      permits: ["only"],
    });
  });

  test("do not ask for a person whose word would change nothing", () => {
    expect(decide(`@id("ask") forbid(${ALL}) unless { context.writ.cosigned };`)).toMatchObject({
      reason: "no_permit",
    });
    expect(
      decide(`${PERMIT} forbid(${ALL}) unless { context.writ.cosigned }; @id("no") forbid(${ALL}) when { true };`),
    ).toMatchObject({ decision: "deny", reason: "forbidden", determining: ["no"] });
  });

  test("a danger needs a person, whatever the tenant permits", () => {
    expect(decide(PERMIT, requestOf("danger"))).toMatchObject({
      decision: "step_up",
      asked: ["writ.danger-needs-cosigner"],
    });
    expect(decide("", requestOf("danger"))).toMatchObject({ decision: "deny", reason: "no_policies" });
    expect(decide(PERMIT, requestOf("write")).decision).toBe("allow");
  });

  test("set `cosigned` themselves, whatever the request says", () => {
    const context = { writ: { tier: "danger", cosigned: true } };
    expect(decide(PERMIT, requestOf("danger", { context })).decision).toBe("step_up");
    const claimed = { writ: { tier: "danger" }, claimed: { writ: { cosigned: true } }, cosigned: true };
    expect(decide(PERMIT, requestOf("danger", { context: claimed })).decision).toBe("step_up");
    expect(context.writ.cosigned).toBe(true);
  });
});

describe("errors in policies", () => {
  test("a forbid that errs in the first pass denies, though both passes would allow", () => {
    const result = decide(`${PERMIT} @id("bad") forbid(${ALL}) when { context.writ.absent == 1 };`);
    expect(result).toMatchObject({ decision: "deny", reason: "policy_error", determining: [] });
    expect(result.errors.map((error) => error.policyId)).toEqual(["bad"]);
  });

  test("a forbid that errs in the first pass alone denies, never asks", () => {
    const bad = `@id("bad") forbid(${ALL}) when { if context.writ.cosigned then false else context.absent };`;
    const ask = `forbid(${ALL}) unless { context.writ.cosigned };`;
    expect(decide(`${PERMIT} ${bad}`)).toMatchObject({ decision: "deny", reason: "policy_error" });
    expect(decide(`${PERMIT} ${bad} ${ask}`)).toMatchObject({ decision: "deny", reason: "policy_error" });
    expect(decide(`${PERMIT} ${bad}`, requestOf("danger"))).toMatchObject({ decision: "deny", reason: "policy_error" });
  });

  test("a forbid that errs in the second pass denies, never asks", () => {
    const bad = `@id("bad") forbid(${ALL}) when { context.writ.cosigned && context.absent };`;
    const result = decide(`${PERMIT} ${bad}`, requestOf("danger"));
    expect(result).toMatchObject({ decision: "deny", reason: "policy_error", determining: [] });
    expect(result.errors.map((error) => error.policyId)).toEqual(["bad"]);
    expect(decide(`@id("p") permit(${ALL}) when { context.writ.cosigned }; ${bad}`)).toMatchObject({
      reason: "policy_error",
    });
  });

  test("a forbid that errs beside one that applies is still an error", () => {
    const result = decide(`${PERMIT} @id("no") forbid(${ALL}); @id("bad") forbid(${ALL}) when { context.absent };`);
    expect(result).toMatchObject({ reason: "policy_error", determining: ["no"] });
  });

  test("a permit that errs does not permit, and is reported", () => {
    const bad = `@id("bad") permit(${ALL}) when { context.absent };`;
    expect(decide(bad)).toMatchObject({
      decision: "deny",
      reason: "no_permit",
      errors: [{ policyId: "bad", effect: "permit" }],
    });
    expect(decide(`${PERMIT} ${bad}`)).toMatchObject({
      decision: "allow",
      determining: ["open"],
      errors: [{ policyId: "bad" }],
    });
    expect(decide(`${PERMIT} ${bad}`, requestOf("danger"))).toMatchObject({
      decision: "step_up",
      errors: [{ policyId: "bad" }],
    });
  });
});

describe("what a request must have", () => {
  test("a record `writ`, of its own", () => {
    for (const context of [{}, { writ: true }, { writ: null }, { writ: [] }, Object.create({ writ: {} })]) {
      expect(() => decide(PERMIT, requestOf("read", { context }))).toThrow("`writ`");
    }
  });

  test("an action in the group of the tier that is stated", () => {
    const entities = [entity(uid("Action", "/x/do"), [uid("Action", "tier:read")])];
    for (const tier of ["danger", "", "READ", 5]) {
      const request = requestOf("read", { entities, context: { writ: { tier } } });
      expect(() => decide(PERMIT, request)).toThrow("tier");
    }
    expect(decide(PERMIT, requestOf("read", { entities, context: { writ: { tier: "read" } } })).decision).toBe("allow");
    expect(decide(PERMIT, requestOf("read", { entities: [], context: { writ: {} } })).decision).toBe("allow");
  });

  test("without a `writ` the built-in policy itself denies a danger", () => {
    const index = PolicyIndex.build(compiled(PERMIT));
    for (const context of [{}, { writ: {} }, { writ: { cosigned: "true" } }, { writ: { cosigned: false } }]) {
      const { decision, determining } = authorizer.evaluate(index, requestOf("danger", { context }));
      expect([decision, determining]).toEqual(["deny", ["writ.danger-needs-cosigner"]]);
    }
    expect(authorizer.evaluate(index, requestOf("danger", { context: { writ: { cosigned: true } } })).decision).toBe(
      "allow",
    );
  });
});

describe("the use of an approval", () => {
  test("is one pass, as vouched for", () => {
    const index = PolicyIndex.build(
      compiled(`${PERMIT} @id("bad") forbid(${ALL}) when { context.writ.tier == "read" };`),
    );
    expect(decideOnce(authorizer, index, requestOf("danger"), true)).toMatchObject({ decision: "allow" });
    expect(decideOnce(authorizer, index, requestOf("danger"), false)).toMatchObject({
      decision: "deny",
      reason: "forbidden",
    });
    expect(decideOnce(authorizer, index, requestOf("read"), true)).toMatchObject({
      decision: "deny",
      determining: ["bad"],
    });
    const erring = PolicyIndex.build(compiled(`${PERMIT} forbid(${ALL}) when { context.absent };`));
    expect(decideOnce(authorizer, erring, requestOf("read"), true)).toMatchObject({ reason: "policy_error" });
  });
});

describe("what a step-up asks for", () => {
  const ask = (id: string, annotations: string) =>
    `@id("${id}") ${annotations} forbid(${ALL}) unless { context.writ.cosigned };`;
  const bindOf = (source: string, tier: "write" | "danger" = "write") => {
    const result = decide(source, requestOf(tier));
    return result.decision === "step_up" ? result.bind : result.decision;
  };

  test("is bound to the resource only if all of the tenant's policies that ask agree", () => {
    expect(bindOf(`${PERMIT} ${ask("a", '@bind("resource")')}`)).toBe("resource");
    expect(bindOf(`${PERMIT} ${ask("a", '@bind("resource")')} ${ask("b", "")}`)).toBe("call");
    expect(bindOf(`${PERMIT} ${ask("a", '@bind("Resource")')}`)).toBe("call");
    expect(bindOf(`${PERMIT} ${ask("a", "@bind")}`)).toBe("call");
    expect(bindOf(`@bind("resource") permit(${ALL}) when { context.writ.cosigned };`)).toBe("resource");
    expect(bindOf(`${PERMIT} ${ask("a", '@bind("resource")')}`, "danger")).toBe("resource");
    expect(bindOf(PERMIT, "danger")).toBe("call");
    expect(bindOf(`@bind("resource") ${PERMIT}`, "danger")).toBe("resource");
    expect(bindOf(`@bind("resource") ${PERMIT} permit(${ALL});`, "danger")).toBe("call");
  });

  test("is all that the annotations of asking and permitting policies say", () => {
    const result = decide(
      `@quorum("3") ${PERMIT} ${ask("a", '@quorum("2") @role("lead")')} ${ask("b", '@quorum("2") @__proto__("x")')}`,
    );
    expect(result).toMatchObject({
      decision: "step_up",
      asked: ["a", "b"],
      annotations: new Map([
        ["quorum", ["2", "3"]],
        ["role", ["lead"]],
        ["__proto__", ["x"]],
      ]),
    });
  });
});

test("leaving the second pass out where no policy reads `cosigned` changes no outcome", () => {
  const condition = fc.constantFrom(
    "",
    "when { context.writ.cosigned }",
    "unless { context.writ.cosigned }",
    "when { context.writ has cosigned }",
    "when { context.absent }",
    'when { context.writ == {cosigned: true, tier: "write"} }',
    "when { context.writ.cosigned && context.absent }",
    'when { context.writ.tier == "write" }',
  );
  const policy = fc
    .tuple(fc.constantFrom("permit", "forbid"), condition)
    .map(([effect, when]) => `${effect}(${ALL}) ${when};`);
  fc.assert(
    fc.property(fc.array(policy, { maxLength: 5 }), (texts) => {
      const index = PolicyIndex.build(compiled(texts.join("\n")));
      const request = requestOf("write");
      const first = decideOnce(authorizer, index, request, false);
      const second = decideOnce(authorizer, index, request, true);
      const isSettled = first.decision === "allow" || first.reason === "policy_error" || second.decision === "deny";
      const expected = !isSettled ? "step_up" : first.decision === "allow" ? "allow" : "deny";
      const actual = decideTwice(authorizer, index, request);
      expect(actual.decision).toBe(expected);
      if (actual.decision === "deny" && first.decision === "deny") {
        expect<unknown>(actual).toEqual(first.reason === "policy_error" ? first : second);
      }
    }),
    { numRuns: 50 },
  );
});
