import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { parseStrictJson } from "#src/base/strict-json.ts";
import { createAuthorizer } from "#src/policy/authorizer.ts";
import { isCedarBroken } from "#src/policy/cedar.ts";
import { annotationOf, type CompiledPolicy } from "#src/policy/policy-set.ts";
import { positionAt, scanPolicyText, utf16Offset } from "#src/policy/policy-text.ts";
import { PolicyIndex } from "#src/policy/slice.ts";
import { compiled, problems, requestOf } from "./support.ts";

const ANY = "permit(principal, action, resource)";

describe("compilePolicies", () => {
  test("names policies by @id, else by their place", () => {
    const policies = compiled(`${ANY};\n@id("named") ${ANY};\n${ANY};`);
    expect(policies.map((policy) => policy.id)).toEqual(["policy0", "named", "policy2"]);
  });

  test("keeps twelve unnamed policies in the order of the source", () => {
    const policies = compiled(Array.from({ length: 12 }, (_, i) => `@n("${i}") ${ANY};`).join("\n"));
    expect(policies.map((policy) => annotationOf(policy, "n"))).toEqual(
      Array.from({ length: 12 }, (_, i) => String(i)),
    );
  });

  test("keeps annotations, a bare one as the empty string, and names that objects have of their own", () => {
    const [policy] = compiled(`@id("x") @bind("resource") @audited @__proto__("p") @constructor("c") ${ANY};`);
    if (policy === undefined) throw new Error("none");
    expect(annotationOf(policy, "bind")).toBe("resource");
    expect(annotationOf(policy, "audited")).toBe("");
    expect(annotationOf(policy, "__proto__")).toBe("p");
    expect(annotationOf(policy, "constructor")).toBe("c");
    expect(annotationOf(policy, "toString")).toBeUndefined();
  });

  test("gives each kind of scope", () => {
    const [policy, other] = compiled(`
      permit(principal == A::"1", action in [Action::"x", Action::"y"], resource is N::T in G::"g");
      forbid(principal in A::"1", action == Action::"x", resource is N :: T);`);
    expect(policy?.scope).toEqual({
      principal: { op: "eq", entity: { type: "A", id: "1" } },
      action: {
        op: "in",
        entities: [
          { type: "Action", id: "x" },
          { type: "Action", id: "y" },
        ],
      },
      resource: { op: "is_in", type: "N::T", entity: { type: "G", id: "g" } },
    });
    expect(other).toMatchObject({
      effect: "forbid",
      scope: { principal: { op: "in" }, action: { op: "eq" }, resource: { op: "is", type: "N::T" } },
    });
  });

  test("survives JSON: a stored version needs no parsing", () => {
    const policies = compiled(`@id("s") @a("b") ${ANY} when { context has x };`);
    const stored = JSON.parse(JSON.stringify(policies)) as readonly CompiledPolicy[];
    const authorizer = createAuthorizer({ maxSets: 2 });
    const request = requestOf("read", { context: { x: 1 } });
    expect(authorizer.evaluate(PolicyIndex.build(stored), request)).toEqual(
      authorizer.evaluate(PolicyIndex.build(policies), request),
    );
    expect(parseStrictJson(JSON.stringify(policies))).toBeDefined();
    authorizer.dispose();
  });

  test("keeps comments with the policy that they stand by", () => {
    const policies = compiled(`// one\n${ANY}; // still one; "\n// two;\n@id("b") ${ANY};\n// the end`);
    expect(policies.map((policy) => policy.text)).toEqual([
      `// one\n${ANY}; // still one; "`,
      `// two;\n@id("b") ${ANY};`,
    ]);
    expect(compiled("")).toEqual([]);
    expect(compiled("// nothing\n")).toEqual([]);
  });

  test("is not misled by separators inside strings and comments", () => {
    const policies = compiled(`@id("a;b//c\\"") ${ANY} when { context.a == "x;//y\n\\";" }; ${ANY} // ;\r;`);
    expect(policies.map((policy) => policy.id)).toEqual(['a;b//c"', "policy1"]);
  });

  test("policies that differ in annotations alone are two, with two hashes", () => {
    const [a] = compiled(`@id("x") @bind("resource") ${ANY};`);
    const [b] = compiled(`@id("x") @bind("call") ${ANY};`);
    expect(a?.hash).not.toBe(b?.hash);
  });

  test("knows which policies can tell a cosigned call from another", () => {
    const reads = (condition: string) => compiled(`${ANY} when { ${condition} };`)[0]?.readsCosigned;
    for (const condition of [
      "context.writ.cosigned",
      'context["writ"]["cosigned"]',
      'context["wr\\u{69}t"].cosigned',
      "context.writ == {cosigned: true}",
      "context == {}",
      "[context].contains({})",
      '{".": context} == {}',
      '{"Value": context} == {}',
      "if true then context.writ.cosigned else false",
      "ip(context.writ.cosigned).isIpv4()",
      "principal.tags.containsAny([context.writ])",
    ]) {
      expect([condition, reads(condition)]).toEqual([condition, true]);
    }
    for (const condition of [
      'context.writ.tier == "read"',
      "context.claimed.writ.cosigned",
      "context has writ && context.writ has cosigned",
      "principal.context.writ.cosigned",
      "true",
    ]) {
      expect([condition, reads(condition)]).toEqual([condition, false]);
    }
  });
});

describe("compilePolicies refuses", () => {
  test("what does not parse, every policy of it, with line and column", () => {
    const errors = problems(
      `${ANY};\n\n  permit(principal, actin, resource);\n/* no */ ${ANY};\npermit("é😀" principal);`,
    );
    expect(errors.map(({ line, column }) => [line, column])).toEqual([
      [3, 21],
      [4, 1],
      [5, 8],
    ]);
    expect(errors[0]?.message).toContain("actin");
    expect(errors[0]?.help).toContain("principal");
  });

  test("a policy without its `;`, naming the place behind it", () => {
    expect(problems(`${ANY};\n${ANY}`)[0]).toMatchObject({
      line: 2,
      message: expect.stringContaining("unexpected end"),
    });
    expect(problems(`${ANY};;`)[0]?.line).toBe(1);
  });

  test("templates", () => {
    const [error] = problems("permit(principal == ?principal, action, resource);");
    expect(error?.message).toContain("?principal");
    expect(problems("permit(principal, action, resource in ?resource);")).toHaveLength(1);
  });

  test("ids that stand twice, are empty, or are Writ's own", () => {
    expect(problems(`@id("a") ${ANY};\n@id("a") ${ANY};`)[0]).toMatchObject({ policy: "a", line: 2, column: 1 });
    expect(problems(`@id("policy1") ${ANY};\n${ANY};`)[0]).toMatchObject({ policy: "policy1", line: 2 });
    expect(problems(`@id("") ${ANY};`)).toHaveLength(1);
    expect(problems(`@id ${ANY};`)).toHaveLength(1);
    expect(problems(`@id("writ.mine") ${ANY};`)[0]?.policy).toBe("writ.mine");
    expect(problems(`@id("wr\\u{69}t.mine") ${ANY};`)[0]?.policy).toBe("writ.mine");
  });

  test("integers that its JSON form would round", () => {
    const errors = problems(`${ANY}\nwhen { context.a == 9007199254740993 };`);
    expect(errors).toEqual([{ message: expect.stringContaining("9007199254740993"), line: 2, column: 21 }]);
    expect(problems(`${ANY} when { context.a == -9223372036854775808 };`)).toHaveLength(1);
    expect(problems(`${ANY} when { context.a == ${"9".repeat(50_000)} };`)).toHaveLength(1);
    for (const fine of ["9007199254740992", "-9007199254740992", "0009007199254740992"]) {
      expect(compiled(`${ANY} when { context.a == ${fine} };`)).toHaveLength(1);
    }
    expect(
      compiled(`@id("9007199254740993") ${ANY} when { context.a99999999999999999999 }; // 9007199254740993`),
    ).toHaveLength(1);
  });

  test("half of a surrogate pair", () => {
    expect(problems(`${ANY};\n@id("\ud800") ${ANY};`)).toEqual([{ message: expect.any(String), line: 2, column: 6 }]);
  });

  test("what would bring the engine down", () => {
    const repeat = (text: string, n: number) => text.repeat(n);
    const hostile = [
      `${repeat("(", 20_000)}1${repeat(")", 20_000)} == 1`,
      `${repeat("[", 200)}${repeat("]", 200)} == 1`,
      `${repeat("{a:", 200)}1${repeat("}", 200)} == 1`,
      `${repeat("[1].contains(", 200)}1${repeat(")", 200)}`,
      `${repeat("if true then ", 3000)}true${repeat(" else false", 3000)}`,
      `${repeat("if context.a then false else ", 1600)}true`,
      `context${repeat(".a", 400)} == 1`,
      `context${repeat('["a"]', 400)} == 1`,
      `[1]${repeat(".contains(1)", 400)}`,
      `${repeat("1 + ", 400)}1 == 1`,
      `${repeat("context.a || ", 1600)}true`,
      `${repeat("true && ", 10_000)}true`,
      `${repeat("!(", 150)}true${repeat(")", 150)}`,
    ];
    for (const condition of hostile) {
      expect(problems(`${ANY};\n${ANY} when { ${condition} };`)[0]).toMatchObject({ line: 2 });
    }
    expect(problems(`${ANY} ${repeat("when { context.a } ", 10_000)};`)).toHaveLength(1);
    expect(problems(`${ANY} when { "${repeat("x", 300_000)}" == "" };`)).toHaveLength(1);
    expect(isCedarBroken()).toBe(false);
  });

  test("nothing that ordinary policies need: long sets, many alternatives, wide records", () => {
    const set = Array.from({ length: 5000 }, (_, i) => `Agent::"${i}"`).join(", ");
    const alternatives = Array.from({ length: 120 }, (_, i) => `resource == R::"${i}"`).join(" || ");
    const policies = compiled(`
      ${ANY} when { [${set}].contains(principal) };
      ${ANY} when { ${alternatives} };
      permit(principal, action in [${set.replaceAll("Agent", "Action")}], resource);
      ${ANY} when { ((((((((((1 + 2))))))))) * 3 == 9 && principal.a.b.c.d.e.f == context.a.b.c.d.e.f) };`);
    const authorizer = createAuthorizer({ maxSets: 1 });
    expect(authorizer.evaluate(PolicyIndex.build(policies), requestOf("read")).errors.map((e) => e.policyId)).toEqual([
      "policy3",
    ]);
    authorizer.dispose();
  });

  test("the deepest that it lets through neither traps in parsing nor in evaluation", () => {
    const authorizer = createAuthorizer({ maxSets: 1 });
    const shapes: ((n: number) => string)[] = [
      (n) => `${"(".repeat(n)}context.b${")".repeat(n)}`,
      (n) => `${"!(".repeat(n)}context.b${")".repeat(n)}`,
      (n) => `${"[".repeat(n)}${"]".repeat(n)} == 1`,
      (n) => `${"{a:".repeat(n)}1${"}".repeat(n)} == 1`,
      (n) => `${"[1].contains(".repeat(n)}1${")".repeat(n)}`,
      (n) => `${"if context.a then false else ".repeat(n)}context.b`,
      (n) => `${"context.b && ".repeat(n)}context.b`,
      (n) => `${"context.a || ".repeat(n)}context.b`,
      (n) => `${"1 + ".repeat(n)}1 == 1`,
      (n) => `context${".c".repeat(n)} == 1`,
      (n) => `${"(context.b && ".repeat(n)}context.b${")".repeat(n)}`,
      (n) => `${"(1 + (".repeat(n)}1${"))".repeat(n)} == 1`,
      (n) => `true }${" when { context.b }".repeat(n)} when { true`,
    ];
    for (const shape of shapes) {
      const source = (n: number) => `${ANY} when { ${shape(n)} };`;
      let deepest = 0;
      for (let step = 512; step >= 1; step /= 2) {
        if (scanPolicyText(source(deepest + step)).problems.length === 0) deepest += step;
      }
      expect(deepest).toBeGreaterThan(15);
      expect(deepest).toBeLessThan(1000);
      const request = requestOf("read", { context: { a: false, b: true, c: {} } });
      authorizer.evaluate(PolicyIndex.build(compiled(source(deepest))), request);
      expect(isCedarBroken()).toBe(false);
    }
    authorizer.dispose();
  });
});

describe("compilePolicies of named texts", () => {
  test("takes the names as ids, `__proto__` too", () => {
    const source = Object.assign(Object.create(null), { b: `${ANY};`, a: `@id("a") ${ANY};`, __proto__: null });
    Object.defineProperty(source, "__proto__", { value: `${ANY};`, enumerable: true });
    expect(compiled(source).map((policy) => policy.id)).toEqual(["b", "a", "__proto__"]);
  });

  test("refuses another @id, two policies, none, and reserved names", () => {
    expect(problems({ a: `@id("b") ${ANY};` })[0]?.policy).toBe("a");
    expect(problems({ a: `${ANY};\n${ANY};` })[0]).toMatchObject({ policy: "a", line: 2 });
    expect(problems({ a: "// none" })[0]?.policy).toBe("a");
    expect(problems({ "writ.a": `${ANY};` })[0]?.policy).toBe("writ.a");
  });
});

describe("positions", () => {
  test("a UTF-8 offset becomes a UTF-16 offset, whatever the text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 30 }), fc.nat(), (text, n) => {
        const at = [...text].slice(0, n % ([...text].length + 1)).join("");
        expect(utf16Offset(text, Buffer.byteLength(at))).toBe(at.length);
      }),
      { numRuns: 40 },
    );
  });

  test("lines and columns count from one", () => {
    expect(positionAt("ab\ncd", 0)).toEqual({ line: 1, column: 1 });
    expect(positionAt("ab\ncd", 2)).toEqual({ line: 1, column: 3 });
    expect(positionAt("ab\ncd", 3)).toEqual({ line: 2, column: 1 });
    expect(positionAt("ab\n\nd", 5)).toEqual({ line: 3, column: 2 });
  });
});
