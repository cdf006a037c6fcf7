import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#src/base/canonical-json.ts";
import { createRequestCheck, NO_RULES, requestRulesOf, ruleTierOf } from "#src/policy/request-rules.ts";
import { schemaWith } from "./schema-support.ts";
import { uid } from "./support.ts";

const EXTENSION = `
namespace Shop {
  type Money = { amount: Long, currency?: String };
  entity Order in [Connection] { total: Money, buyer?: Person, seen?: datetime, marks?: Set<String> };
  action "sell" appliesTo { principal: [Person], resource: [Order], context: { note: String, other?: Order } };
}
entity Agent { team?: String };
type Claimed = { purpose?: String, deep?: { n?: Long } };
action "/shop";
action "/shop/refund" in ["/shop", "tier:write"]
  appliesTo { principal: [Agent], resource: [Shop::Order], context: CommandContext };`;
const rules = requestRulesOf(schemaWith(EXTENSION));
const check = createRequestCheck(JSON.parse(JSON.stringify(rules)));

const refund = (context: JsonObject, attrs: JsonObject = { total: { amount: 1 } }) => ({
  principal: uid("Agent", "a"),
  action: uid("Action", "/shop/refund"),
  resource: uid("Shop::Order", "1"),
  context,
  entities: [{ uid: uid("Shop::Order", "1"), attrs, parents: [] }],
});

describe("the rules of an extension", () => {
  test("name its actions with all of their groups and their tier", () => {
    const rule = check.actionOf(uid("Action", "/shop/refund"));
    expect(rule?.groups.map(({ id }) => id).sort()).toEqual(["/shop", "tier:write"]);
    expect(rule && ruleTierOf(rule)).toBe("write");
    expect(check.actionOf(uid("Shop::Action", "sell"))?.resources).toEqual(["Shop::Order"]);
    expect(check.actionOf(uid("Action", "/github/issues/list"))).toBeUndefined();
  });

  test.each([
    ["what fits", refund({ claimed: { purpose: "x", undeclared: [1] } }), undefined],
    ["a claim of another type", refund({ claimed: { purpose: 1 } }), "`context.claimed.purpose` is no String"],
    ["a claim within", refund({ claimed: { deep: { n: "1" } } }), "`context.claimed.deep.n` is no Long"],
    ["an attribute within a record", refund({}, { total: { amount: "1" } }), "`Shop::Order.total.amount` is no Long"],
    ["a member of a set", refund({}, { marks: ["a", 2] }), "`Shop::Order.marks[1]` is no String"],
    [
      "a reference to another type",
      refund({}, { buyer: { __entity: { type: "Agent", id: "x" } } }),
      "`Shop::Order.buyer` is no entity of type `Person`",
    ],
    ["a reference", refund({}, { buyer: { __entity: { type: "Person", id: "x" } } }), undefined],
    [
      "another extension type",
      refund({}, { seen: { __extn: { fn: "ip", arg: "1.1.1.1" } } }),
      "`Shop::Order.seen` is no datetime",
    ],
    ["a text for an extension type", refund({}, { seen: "2026-01-01" }), "`Shop::Order.seen` is no datetime"],
    ["another resource", { ...refund({}), resource: uid("Npm::Package", "x") }, "acts on `Shop::Order`"],
    ["another principal", { ...refund({}), principal: uid("Person", "x") }, "is for `Agent`"],
    [
      "claims of a command that is not its own",
      { ...refund({ claimed: { purpose: 1 } }), action: uid("Action", "/github/issues/list") },
      "`context.claimed.purpose`",
    ],
    [
      "an agent of its own attributes",
      { ...refund({}), entities: [{ uid: { __entity: uid("Agent", "a") }, attrs: { team: true }, parents: [] }] },
      "`Agent.team` is no String",
    ],
  ])("say what does not fit: %s", (_name, request, expected) => {
    const why = check.mismatchOf(request);
    if (expected === undefined) expect(why).toBeUndefined();
    else expect(why).toContain(expected);
  });

  test("say apart what is missing", () => {
    const asked = refund({}, { total: {} });
    expect([check.mismatchOf(asked), check.missingIn(asked)]).toEqual([
      undefined,
      "`Shop::Order.total` lacks `amount`",
    ]);
    const sell = { ...asked, principal: uid("Person", "p"), action: uid("Shop::Action", "sell"), context: {} };
    expect(check.missingIn(sell)).toBe("`context` lacks `note`");
    expect(check.missingIn(refund({}))).toBeUndefined();
  });

  test("are none without an extension", () => {
    expect(requestRulesOf(schemaWith())).toEqual(NO_RULES);
    expect(createRequestCheck(NO_RULES).mismatchOf(refund({ claimed: { purpose: 1 } }))).toBeUndefined();
  });
});

describe("a type of the tenant's own outside of any namespace", () => {
  test("stands for one of a connector that the tenant does not use, and not of one that it does", () => {
    const own = "entity Account; action view appliesTo { principal: [Account], resource: [Account] };";
    expect(() => schemaWith(own)).toThrow("illegally shadows");
    const routes = [{ command: "/forge/look", resource: { type: "Forge::Account" } }];
    const forge = { routes, commands: new Map([["/forge/look", "read" as const]]) };
    expect(() => schemaWith(own, [forge])).toThrow("illegally shadows");
    const schema = schemaWith(own, [{ ...forge, isUnused: true }]);
    expect(Object.keys(schema.json)).not.toContain("Forge");
    expect(Object.keys(schemaWith("", [{ ...forge, isUnused: true }]).json)).toContain("Forge");
  });
});
