import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { applyForm, formToJson, formToText, type PolicyForm, readForm, textToForm } from "#src/policy/builder.ts";
import { COMPARISONS, type FormCondition, type FormPath, type FormValue } from "#src/policy/builder-condition.ts";
import { isCedarBroken, type PolicyJson, parsePolicyText } from "#src/policy/cedar.ts";
import type { ScopeConstraint } from "#src/policy/scope.ts";
import { renderTemplate } from "#src/policy/template.ts";
import { shippedTemplates } from "#src/policy/template-library.ts";
import { compiled, uid } from "./support.ts";

function jsonOf(text: string): PolicyJson {
  const json = parsePolicyText(text);
  if (!("effect" in json)) throw new Error(`${text}: ${json[0]?.message}`);
  return json;
}

describe("policy to form", () => {
  test("says who may do what on what, when, and whom it needs", () => {
    expect(
      textToForm(`// why
        @id("x") @quorum("2") @note("n")
        permit(principal in AgentGroup::"g", action in [Action::"/a/b", Action::"tier:read"], resource is GitHub::Repository in Connection::"c")
        when { context.writ.tier == "read" } // and
        unless { resource has owner && resource.owner like "a*\\*" }
        when { ["live", "test"].contains(context.writ.environment) }
        when { context.writ.time.toTime() >= duration("8h") && context.writ.time.toTime() < duration("17h") }
        when { context.writ.cosigned };`),
    ).toEqual({
      id: "x",
      annotations: { note: "n" },
      effect: "allow",
      who: { op: "in", entities: [uid("AgentGroup", "g")] },
      what: { op: "in", entities: [uid("Action", "/a/b"), uid("Action", "tier:read")] },
      on: { op: "is_in", type: "GitHub::Repository", entity: uid("Connection", "c") },
      when: [
        { kind: "compare", path: ["context", "writ", "tier"], op: "==", value: "read" },
        {
          kind: "like",
          path: ["resource", "owner"],
          pattern: [{ text: "a" }, "*", { text: "*" }],
          optional: true,
          unless: true,
        },
        { kind: "one_of", path: ["context", "writ", "environment"], values: ["live", "test"] },
        { kind: "hours", from: "8h", until: "17h" },
      ],
      needs: { quorum: "2" },
      comments: [" why", " and"],
    });
  });

  test("knows what asks for a person, and keeps what it cannot say as text", () => {
    const form = textToForm(`@bind("resource") forbid(principal, action, resource)
      when { if context.writ.tier == "read" then 1 + 1 == 2 else principal in resource } unless { context.writ.cosigned };`);
    expect(form).toMatchObject({ effect: "ask", needs: { bind: "resource" } });
    expect(form.when).toEqual([{ kind: "text", text: expect.stringContaining("if ") }]);
    expect(textToForm("forbid(principal, action, resource) when { context.writ.cosigned };").effect).toBe("deny");
    expect(textToForm('@bind("x") permit(principal, action, resource);').annotations).toEqual({ bind: "x" });
  });

  test("of every shipped template is a form with the same meaning", () => {
    for (const template of shippedTemplates().values()) {
      for (const { text } of compiled(renderTemplate(template, {}, { useExamples: true }))) {
        const form = textToForm(text);
        expect(jsonOf(formToText(form))).toEqual({ ...jsonOf(text), conditions: jsonOf(formToText(form)).conditions });
        expect(textToForm(formToText(form))).toEqual(form);
      }
    }
  });

  test("refuses what is not one policy", () => {
    for (const text of [
      "",
      "permit(principal, action, resource); permit(principal, action, resource);",
      "permit",
      `permit(principal, action, resource) when { ${"(".repeat(900)}`,
    ]) {
      expect(() => textToForm(text)).toThrow(expect.objectContaining({ code: "policy_invalid" }));
    }
  });

  test("an edit that changes nothing leaves the text as it was, byte for byte", () => {
    const text = 'permit   (principal,action,resource) // "odd"\n when {context.writ.tier=="read"};';
    const form = textToForm(text);
    expect(applyForm(text, form)).toBe(text);
    const changed = applyForm(text, { ...form, effect: "deny" });
    expect(changed).toStartWith('// "odd"\nforbid');
    expect(textToForm(changed)).toEqual({ ...form, effect: "deny" });
  });

  test("a condition given as text cannot be more than one expression", () => {
    const form = textToForm("permit(principal, action, resource);");
    for (const text of [
      "true }; permit(principal, action, resource) when { true",
      "true } when { true",
      "",
      "true; //",
      "} unless {",
      "//",
    ]) {
      expect(() => formToText({ ...form, when: [{ kind: "text", text }] })).toThrow(
        expect.objectContaining({ code: "policy_invalid" }),
      );
    }
    expect(formToText({ ...form, comments: ["a\npermit(principal, action, resource);\rx"] }).split("\n")).toHaveLength(
      2,
    );
  });
});

const word = fc
  .stringMatching(/^[a-z][a-z0-9_]{0,6}$/)
  .filter((name) => !["if", "in", "is", "has", "like", "then", "else", "true", "false"].includes(name));
const anyText = fc.oneof(fc.string({ maxLength: 12 }), fc.constantFrom('"', "\\", "\n", "é😀", "a*b", "\0"));
const entity = fc.record({ type: fc.constantFrom("Agent", "GitHub::Repository", "Connection"), id: anyText });
const action = anyText.map((id) => uid("Action", id));
const path = fc
  .tuple(
    fc.constantFrom("principal", "resource", "context"),
    fc.array(fc.oneof(word, anyText), { minLength: 1, maxLength: 3 }),
  )
  .map(([root, members]) => [root, ...members] as unknown as FormPath);
const value: fc.Arbitrary<FormValue> = fc.oneof(
  anyText,
  fc.boolean(),
  fc.nat(),
  fc.integer(),
  entity.map((each) => ({ entity: each })),
  fc.constant({ datetime: "2026-01-01" }),
  fc.constant({ duration: "1h" }),
);
const pattern = fc
  .array(
    fc.oneof(
      fc.constant("*" as const),
      fc.constantFrom("a", '"', "*x", "\\", "é😀", "long text").map((text) => ({ text })),
    ),
    { maxLength: 4 },
  )
  .filter((parts) => parts.every((part, i) => part === "*" || parts[i + 1] === undefined || parts[i + 1] === "*"));
const optional = fc.constantFrom({}, { optional: true });

const condition: fc.Arbitrary<FormCondition> = fc
  .tuple(
    fc.oneof(
      fc
        .tuple(path, fc.constantFrom(...COMPARISONS), value, optional)
        .map(([p, op, v, o]) => ({ kind: "compare" as const, path: p, op, value: v, ...o })),
      fc
        .tuple(path, fc.array(value, { maxLength: 3 }), optional)
        .map(([p, values, o]) => ({ kind: "one_of" as const, path: p, values, ...o })),
      fc.tuple(path, value, optional).map(([p, v, o]) => ({ kind: "contains" as const, path: p, value: v, ...o })),
      fc
        .tuple(path, pattern, optional)
        .map(([p, each, o]) => ({ kind: "like" as const, path: p, pattern: each, ...o })),
      path.map((p) => ({ kind: "has" as const, path: p })),
      fc.tuple(path, optional).map(([p, o]) => ({ kind: "true" as const, path: p, ...o })),
      fc.tuple(path, entity).map(([p, each]) => ({ kind: "within" as const, path: p, entity: each })),
      fc.constant({ kind: "hours" as const, from: "8h", until: "17h30m" }),
    ),
    fc.boolean(),
  )
  .map(([each, unless]) => (unless ? { ...each, unless } : each));

const constraint: fc.Arbitrary<ScopeConstraint> = fc.oneof(
  fc.constant({ op: "any" as const }),
  entity.map((each) => ({ op: "eq" as const, entity: each })),
  entity.map((each) => ({ op: "in" as const, entities: [each] })),
  fc.constant({ op: "is" as const, type: "GitHub::Repository" }),
  entity.map((each) => ({ op: "is_in" as const, type: "Agent", entity: each })),
);

const form: fc.Arbitrary<PolicyForm> = fc
  .record({
    id: fc.option(anyText, { nil: undefined }),
    annotations: fc.dictionary(
      word.filter((name) => !["id", "quorum", "role", "bind"].includes(name)),
      anyText,
      { maxKeys: 2 },
    ),
    effect: fc.constantFrom("allow" as const, "deny" as const, "ask" as const),
    who: constraint,
    what: fc.oneof(
      fc.constant({ op: "any" as const }),
      action.map((each) => ({ op: "eq" as const, entity: each })),
      fc.array(action, { minLength: 1, maxLength: 3 }).map((entities) => ({ op: "in" as const, entities })),
    ),
    on: constraint,
    when: fc.array(condition, { maxLength: 3 }),
    needs: fc.option(fc.record({ quorum: anyText, role: anyText }, { requiredKeys: [] }), { nil: undefined }),
    comments: fc.array(
      anyText.map((text) => text.replace(/[\n\r]/g, "")),
      { maxLength: 2 },
    ),
  })
  .map(({ id, needs, ...rest }) => {
    const takesNeeds =
      rest.effect === "allow" ? needs !== undefined : rest.effect === "ask" && Object.keys(needs ?? {}).length > 0;
    return { ...rest, ...(id === undefined ? {} : { id }), ...(takesNeeds && needs !== undefined ? { needs } : {}) };
  });

/** A record of either prototype is the same form. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i += 1) value = [value];
  return value;
}

describe("a form from outside", () => {
  const honest = textToForm(
    '@id("a") permit(principal == Agent::"a", action, resource) when { context.writ.tier == "read" };',
  );

  test("is taken as it is, its text conditions as what they say", () => {
    expect(plain(readForm(plain(honest)))).toEqual(plain(honest));
    const text = {
      ...honest,
      when: [
        { kind: "text", text: 'context.writ.tier=="read"' },
        { kind: "text", text: "1==1||context.a" },
      ],
    };
    expect(plain(readForm(text))).toEqual({
      ...(plain(honest) as object),
      when: [honest.when[0], { kind: "text", text: expect.stringContaining("||") }],
    });
  });

  test("is refused when it is none, whatever is in it", () => {
    const bad: readonly unknown[] = [
      null,
      5,
      "x",
      [],
      {},
      { ...honest, extra: 1 },
      { ...honest, effect: "maybe" },
      { ...honest, when: [{ ...honest.when[0], extra: true }] },
      { ...honest, when: [{ kind: "compare", path: ["context", "a"], op: "if-then-else", value: 1 }] },
      { ...honest, when: [{ kind: "compare", path: ["context); permit"], op: "==", value: 1 }] },
      { ...honest, when: [{ kind: "compare", path: ["context", ...Array(5000).fill("a")], op: "==", value: 1 }] },
      { ...honest, when: [{ kind: "compare", path: ["context", "a"], op: "==", value: 1.5 }] },
      { ...honest, when: [{ kind: "compare", path: ["context", "a"], op: "==", value: null }] },
      { ...honest, when: [{ kind: "nothing" }] },
      { ...honest, who: { op: "eq", entity: { type: 'Agent::"x", action, resource); permit(principal', id: "a" } } },
      { ...honest, who: { op: "is", type: "a b" } },
      { ...honest, when: [{ kind: "compare", path: ["context", ...Array(300_000).fill("a")], op: "==", value: 1 }] },
      {
        ...honest,
        when: [{ kind: "compare", path: ["context", "a"], op: "==", value: { duration: nested(200_000) } }],
      },
      { ...honest, annotations: { 'a("x") @b': "c" } },
      { ...honest, annotations: { id: "other" } },
      { ...honest, comments: ["a\nb"] },
      { ...honest, needs: {}, effect: "deny" },
    ];
    for (const each of bad) {
      const attempt = () => readForm(each);
      expect(attempt).toThrow(expect.objectContaining({ code: "policy_invalid" }));
    }
    expect(isCedarBroken()).toBe(false);
  });

  test("keeps a path that is too long for one as text", () => {
    const condition = `context${".a".repeat(55)}`;
    const text = `permit(principal, action, resource) when { ${condition} };`;
    expect(textToForm(text).when).toEqual([{ kind: "text", text: condition }]);
    expect(plain(jsonOf(formToText(textToForm(text))).conditions)).toEqual(plain(jsonOf(text).conditions));
  });

  test("of a policy too deep for one is said to be so", () => {
    const deep = `permit(principal, action, resource) when { context${".a".repeat(120)} };`;
    expect(compiled(deep)).toHaveLength(1);
    expect(() => textToForm(deep)).toThrow("as text");
  });
});

describe("properties", () => {
  test("form to policy to form is the identity on what the form can say", () => {
    fc.assert(
      fc.property(form, (each) => {
        expect(plain(textToForm(formToText(each)))).toEqual(plain(each));
      }),
      { numRuns: 120 },
    );
  });

  test("policy to form to policy keeps the meaning, whatever the policy", () => {
    const leaf = fc.constantFrom(
      "context.writ.cosigned",
      "true",
      "principal == resource",
      "context has a.b.c",
      'context.x == {"a b": 1, c: [1, -2]}',
      "1 + 2 * -3 < context.n",
      '"a" like "a*"',
      "principal is Agent in resource",
      'context.t > datetime("2026-01-01").offset(duration("1h"))',
      "[].isEmpty()",
      'principal.hasTag("x")',
      'context["odd name"]["and\\"more"]',
      "!(context.writ.cosigned)",
      "if true then context.a else false",
      'action in [Action::"a", Action::"b"]',
      "--1 == 1",
      "-(-5) == 5",
      "5 - -5 == 10",
      '[ip("1.2.3.4")].contains(context.ip)',
      "principal.a.b has c",
    );
    const expression = fc.letrec<{ any: string }>((tie) => ({
      any: fc.oneof(
        { depthSize: "small" },
        leaf,
        fc.tuple(tie("any"), fc.constantFrom("&&", "||"), tie("any")).map(([a, op, b]) => `(${a}) ${op} (${b})`),
        tie("any").map((a) => `!(${a})`),
      ),
    })).any;
    const policy = fc
      .tuple(
        fc.constantFrom("permit", "forbid"),
        fc.array(fc.tuple(fc.constantFrom("when", "unless"), expression), { maxLength: 3 }),
      )
      .map(
        ([effect, clauses]) =>
          `${effect}(principal, action, resource) ${clauses.map(([kind, body]) => `${kind} { ${body} }`).join(" ")};`,
      );
    fc.assert(
      fc.property(policy, (text) => {
        const parsed = textToForm(text);
        const before = jsonOf(text);
        expect(plain(formToJson(parsed).conditions)).toEqual(plain(before.conditions));
        expect(plain(jsonOf(formToText(parsed)))).toEqual(plain({ ...before, annotations: undefined }));
      }),
      { numRuns: 80 },
    );
  });
});
