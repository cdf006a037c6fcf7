import { afterAll, describe, expect, test } from "bun:test";
import { createAuthorizer } from "#src/policy/authorizer.ts";
import { offsetOf, printPath } from "#src/policy/json-place.ts";
import { parsePolicyTests } from "#src/policy/policy-test-file.ts";
import { runPolicyTests } from "#src/policy/policy-tests.ts";
import { PolicyIndex } from "#src/policy/slice.ts";
import { schemaWith } from "./schema-support.ts";
import { compiled } from "./support.ts";

const authorizer = createAuthorizer({ maxSets: 16 });
afterAll(() => authorizer.dispose());
const schema = schemaWith();

const ASK = { agent: "a", command: "/github/issues/list", resource: { type: "GitHub::Repository", id: "acme/app" } };

function fileOf(value: unknown) {
  const result = parsePolicyTests(JSON.stringify(value));
  if ("errors" in result) throw new Error(JSON.stringify(result.errors));
  return result.file;
}

function errorsOf(text: string) {
  const result = parsePolicyTests(text);
  return "errors" in result ? result.errors : [];
}

function run(source: string, tests: readonly unknown[], more: object = {}) {
  const policies = compiled(source);
  return runPolicyTests(fileOf({ tests, ...more }), {
    authorizer,
    index: PolicyIndex.build(policies),
    policies,
    schema,
  });
}

describe("a test file", () => {
  test("is read, with defaults under each ask and the line of each test", () => {
    const text = `{"defaults": ${JSON.stringify(ASK)},\n "tests": [\n  {"name": "x", "ask": {"agent": "b"}, "expect": {"decision": "deny"}}]}`;
    const result = parsePolicyTests(text);
    expect(result).toEqual({
      file: {
        entities: [],
        tests: [
          expect.objectContaining({
            name: "x",
            ask: expect.objectContaining({ agent: "b", command: ASK.command }),
            line: 3,
          }),
        ],
      },
    } as never);
  });

  test.each([
    [
      '{"tests": [{"name": "x", "ask": {\n "agnt": "b"}, "expect": {"decision": "deny"}}]}',
      "tests[0].ask.agnt",
      2,
      2,
      "did you mean `agent`",
    ],
    ['{"tests": [], "a b": 1}', '["a b"]', 1, 15, "not known"],
    [
      '{"tests": [{"name": "x", "ask": {}, "expect": {"decision": "maybe"}}]}',
      "tests[0].expect.decision",
      1,
      48,
      "step_up",
    ],
    ['{"tests": [{"name": 5, "ask": {}, "expect": {"decision": "deny"}}]}', "tests[0].name", 1, 13, "a string"],
    ['{"tests": [{"ask": {}, "expect": {"decision": "deny"}}]}', "tests[0]", 1, 12, "`name` is missing"],
    [
      '{"tests": [{"name": "x", "ask": {"time": "yesterday"}, "expect": {"decision": "deny"}}]}',
      "tests[0].ask.time",
      1,
      34,
      "a time",
    ],
    [
      '{"tests": [{"name": "x", "ask": {"__proto__": {}}, "expect": {"decision": "deny"}}]}',
      "tests[0].ask.__proto__",
      1,
      34,
      "not known",
    ],
    ['{"tests": [],\n "tests": []}', "", 1, 1, "twice"],
    ['{"tests": [}', "", 1, 12, "value was expected"],
    ["[]", "", 1, 1, "an object"],
    ['{"tests": {}}', "tests", 1, 2, "a list"],
    [
      '{"tests": [], "entities": [{"uid": {"type": "A"}, "attrs": {}, "parents": []}]}',
      "entities[0].uid",
      1,
      29,
      "`id` is missing",
    ],
  ])("is refused: %s", (text, path, line, column, message) => {
    expect(errorsOf(text)[0]).toEqual({ path, line, column, message: expect.stringContaining(message) });
  });

  test("must say who asks for what, and give each test a name of its own", () => {
    const both = { ...ASK, principal: { type: "Agent", id: "x" } };
    const expectation = { decision: "deny" };
    const tests = [
      { name: "a", ask: {}, expect: expectation },
      { name: "a", ask: both, expect: expectation },
    ];
    expect(errorsOf(JSON.stringify({ tests })).map(({ path, message }) => [path, message])).toEqual([
      ["tests[0].ask", expect.stringContaining("`command`")],
      ["tests[0].ask", expect.stringContaining("`resource`")],
      ["tests[0].ask", expect.stringContaining("either")],
      ["tests[1].name", expect.stringContaining("twice")],
      ["tests[1].ask", expect.stringContaining("either")],
    ]);
  });

  test("places are found whatever stands before them", () => {
    const text = '{ "a\\"b{" : [ {"x": "]}"} , [1, 2] ],\t"c": 3 }';
    expect(text.slice(offsetOf(text, ["c"]))).toStartWith('"c"');
    expect(text.slice(offsetOf(text, ['a"b{', 1, 1]))).toStartWith("2]");
    expect(text.slice(offsetOf(text, ['a"b{', 0, "x"]))).toStartWith('"x"');
    expect(text.slice(offsetOf(text, ["c", "nowhere"]))).toStartWith('"c"');
    expect(printPath(["a", 0, "b c"])).toBe('a[0]["b c"]');
  });
});

describe("a request that does not fit the schema", () => {
  const OWN = schemaWith(`entity user { level?: Long }; entity document { from?: ipaddr };
    action view in [look] appliesTo { principal: [user], resource: [document], context: { writ: Writ, from?: ipaddr } };
    action look;`);
  const runOwn = (source: string, ...tests: readonly unknown[]) => {
    const policies = compiled(source);
    const index = PolicyIndex.build(policies);
    const named = tests.map((each, place) => ({ name: `t${place}`, ...(each as object) }));
    return runPolicyTests(fileOf({ tests: named }), { authorizer, index, policies, schema: OWN }).results.map(
      ({ failures }) => failures,
    );
  };
  const ALL = "permit (principal, action, resource);";
  const allow = { decision: "allow" };

  test.each([
    [{ ...ASK, command: "/github/isues/list" }, "no command `/github/isues/list`"],
    [{ ...ASK, command: "/http/wiki/get" }, "`--connection wiki`"],
    [{ ...ASK, command: "/github/issues" }, "no command `/github/issues`"],
    [{ ...ASK, resource: { type: "Npm::Package", id: "x" } }, "acts on `GitHub::Repository`, not on `Npm::Package`"],
    [{ ...ASK, agent: undefined, principal: { type: "Person", id: "p" } }, "is for `Agent`, not for `Person`"],
    [{ ...ASK, resource: { ...ASK.resource, attributes: { owner: 5 } } }, "owner` is no String"],
    [{ ...ASK, resource: { ...ASK.resource, attributes: { lables: ["x"] } } }, "has no attribute `lables`"],
    [{ ...ASK, agent: undefined, principal: { type: "user", id: "u" }, command: "view" }, "acts on `document`"],
  ])("fails its test: %j", (ask, why) => {
    const [failures] = runOwn(ALL, { ask, expect: allow });
    expect(failures).toEqual([expect.stringContaining(why)]);
    expect(runOwn(ALL, { ask, expect: { decision: "deny" } })[0]).toEqual([expect.stringContaining(why)]);
    expect(runOwn(ALL, { ask, expect: { decision: "deny", reason: "request_mismatch" } })).toEqual([[]]);
  });

  test("actions of the tenant's own have their groups, and texts become what the schema declares", () => {
    const ask = {
      principal: { type: "user", id: "u" },
      command: "view",
      resource: { type: "document", id: "d", attributes: { from: "10.0.0.1" } },
    };
    const source = `permit (principal, action in Action::"look", resource)
      when { context has from && context.from.isInRange(ip("10.0.0.0/8")) && resource has from && resource.from.isLoopback() == false };`;
    expect(
      runOwn(
        source,
        { ask: { ...ask, context: { from: "10.1.1.1" } }, expect: allow },
        { ask: { ...ask, context: { from: "11.1.1.1" } }, expect: { decision: "deny", reason: "no_permit" } },
        { ask, expect: { decision: "deny", reason: "no_permit" } },
      ),
    ).toEqual([[], [], []]);
  });
});

describe("running tests", () => {
  const SOURCE = `
    @id("read") permit(principal in AgentGroup::"g", action in Action::"tier:read", resource);
    @id("write") permit(principal, action in Action::"tier:write", resource in Connection::"gh")
      when { resource has owner && resource.owner == "acme" };
    @id("ask") forbid(principal, action in Action::"tier:write", resource) unless { context.writ.cosigned };
    @id("unused") permit(principal == Agent::"nobody", action, resource);`;

  test("passes what is as expected, down to the policies", () => {
    const report = run(SOURCE, [
      { name: "read", ask: { ...ASK, groups: ["g"] }, expect: { decision: "allow", policies: ["read"], errors: [] } },
      { name: "no group", ask: ASK, expect: { decision: "deny", reason: "no_permit", policies: [] } },
      {
        name: "write",
        ask: {
          ...ASK,
          command: "/github/issues/create",
          connection: "gh",
          resource: { ...ASK.resource, attributes: { owner: "acme" } },
        },
        expect: { decision: "step_up", policies: ["ask"] },
      },
      {
        name: "what nobody knows",
        ask: { ...ASK, command: "/nobody/knows" },
        expect: { decision: "deny", reason: "request_mismatch" },
      },
    ]);
    expect(report.results.flatMap(({ failures }) => failures)).toEqual([]);
    expect(report).toMatchObject({ passed: 4, failed: 0 });
  });

  test("says what is not as expected", () => {
    const report = run(`${SOURCE} @id("bad") permit(principal, action, resource) when { context.nope };`, [
      { name: "a", ask: ASK, expect: { decision: "allow" } },
      { name: "b", ask: { ...ASK, groups: ["g"] }, expect: { decision: "allow", policies: ["other"] } },
      { name: "c", ask: ASK, expect: { decision: "deny", reason: "forbidden", errors: [] } },
    ]);
    expect(report.failed).toBe(3);
    expect(report.results[0]?.failures).toEqual([
      "expected allow, got deny (no_permit)",
      expect.stringMatching(/^`bad` could not be evaluated: .*nope/),
    ]);
    expect(report.results[1]?.failures[0]).toBe("expected the policies `other`, got `read`");
    expect(report.results[2]?.failures).toEqual([
      "expected the reason forbidden, got deny (no_permit)",
      "expected the errors none, got `bad`",
    ]);
  });

  test("measures coverage by policy and by condition, both passes counted", () => {
    const write = { ...ASK, command: "/github/issues/create", connection: "gh" };
    const report = run(SOURCE, [
      {
        name: "1",
        ask: { ...write, resource: { ...ASK.resource, attributes: { owner: "acme" } } },
        expect: { decision: "step_up" },
      },
      { name: "2", ask: { ...ASK, groups: ["g"] }, expect: { decision: "allow" } },
    ]);
    const clause = (kind: string, seenTrue: boolean, seenFalse: boolean) => ({
      kind,
      seenTrue,
      seenFalse,
      seenError: false,
    });
    expect(report.coverage).toEqual([
      { policy: "read", matched: 1, determined: 1, clauses: [] },
      { policy: "write", matched: 1, determined: 1, clauses: [clause("when", true, false)] },
      { policy: "ask", matched: 1, determined: 1, clauses: [clause("unless", true, true)] },
      { policy: "unused", matched: 0, determined: 0, clauses: [] },
    ] as never);
    expect(report.covered).toEqual({ policies: [3, 4], conditions: [1, 2] });
  });

  test("a clause behind one that fails was not seen, and one that errs is said to", () => {
    const source = `@id("p") permit(principal, action, resource) when { context has nope } when { context.nope };
      @id("q") permit(principal, action, resource) when { context.nope };`;
    const report = run(source, [{ name: "1", ask: ASK, expect: { decision: "deny" } }]);
    expect(report.coverage[0]?.clauses).toEqual([
      { kind: "when", seenTrue: false, seenFalse: true, seenError: false },
      { kind: "when", seenTrue: false, seenFalse: false, seenError: false },
    ]);
    expect(report.coverage[1]?.clauses[0]).toMatchObject({ seenError: true });
  });

  test("a policy that nests too deep to be taken apart is tested, its conditions not seen", () => {
    const deep = Array(100).fill("context.writ.cosigned").join(" || ");
    const report = run(`@id("p") permit(principal, action, resource) when { ${deep} };`, [
      { name: "1", ask: ASK, expect: { decision: "step_up" } },
    ]);
    expect(report).toMatchObject({ failed: 0, covered: { policies: [1, 1], conditions: [0, 1] } });
  });

  test("shared entities are there for every test", () => {
    const entities = [
      { uid: { type: "AgentGroup", id: "sub" }, attrs: {}, parents: [{ type: "AgentGroup", id: "g" }] },
    ];
    const report = run(SOURCE, [{ name: "1", ask: { ...ASK, groups: ["sub"] }, expect: { decision: "allow" } }], {
      entities,
    });
    expect(report.failed).toBe(0);
  });
});
