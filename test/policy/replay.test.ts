import { afterAll, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createAuthorizer } from "#src/policy/authorizer.ts";
import { decideTwice } from "#src/policy/decide-twice.ts";
import {
  createReplay,
  outcomeOf,
  type RecordedDecision,
  type RecordedOutcome,
  recordedRequest,
} from "#src/policy/replay.ts";
import { PolicyIndex } from "#src/policy/slice.ts";
import { compiled, entity, requestOf, uid } from "./support.ts";

const authorizer = createAuthorizer({ maxSets: 64 });
afterAll(() => authorizer.dispose());

const ALL = "principal, action, resource";
const OPEN = `@id("open") permit(${ALL});`;
const ASK = `@id("ask") forbid(principal, action in Action::"tier:write", resource) unless { context.writ.cosigned };`;

function indexOf(source: string): PolicyIndex {
  return PolicyIndex.build(compiled(source));
}

function record(id: string, source: string, tier: "read" | "write" | "danger" = "write"): RecordedDecision {
  const request = requestOf(tier);
  return { id, request, outcome: outcomeOf(decideTwice(authorizer, indexOf(source), request)) };
}

function replay(source: string, records: readonly RecordedDecision[]) {
  const run = createReplay(authorizer, indexOf(source));
  for (const each of records) run.take(each);
  return run.report();
}

describe("an unchanged policy set", () => {
  test("reproduces every decision, whatever the policies", () => {
    const policy = fc.constantFrom(
      OPEN,
      ASK,
      `permit(${ALL}) when { context.absent };`,
      `forbid(${ALL}) when { context.absent };`,
      `permit(${ALL}) when { context.writ.cosigned };`,
      `@id("no") forbid(${ALL}) when { resource.owner == "acme" };`,
      `permit(principal in AgentGroup::"g", action, resource);`,
    );
    fc.assert(
      fc.property(
        fc.uniqueArray(policy, { maxLength: 4 }),
        fc.constantFrom("read" as const, "write" as const, "danger" as const),
        (policies, tier) => {
          const source = policies.join("\n");
          expect(replay(source, [record("1", source, tier)])).toMatchObject({
            replayed: 1,
            reproduced: 1,
            changed: 0,
            differences: [],
          });
        },
      ),
      { numRuns: 60 },
    );
  });

  test("reproduces what an approval allowed, by the permits of the second pass", () => {
    const outcome: RecordedOutcome = { decision: "allow", cosigned: true, policies: ["open"], errors: [] };
    const records = [{ id: "1", request: requestOf("write"), outcome }];
    expect(replay(OPEN + ASK, records)).toMatchObject({ reproduced: 1 });
    expect(replay(OPEN, records).groups).toMatchObject([{ from: "step_up", to: "allow", after: ["open"] }]);
    expect(replay(`${ASK} @id("other") permit(${ALL});`, records)).toMatchObject({
      reproduced: 0,
      sameOutcome: 1,
      changed: 0,
    });
  });

  test("does not reproduce a record that says something else", () => {
    const honest = record("1", OPEN);
    for (const outcome of [
      { ...honest.outcome, policies: ["other"] },
      { ...honest.outcome, policies: [] },
      { ...honest.outcome, errors: ["x"] },
      { ...honest.outcome, cosigned: true },
      { decision: "deny", reason: "no_permit", policies: [], errors: [] } as const,
    ]) {
      const { reproduced, differences } = replay(OPEN, [{ ...honest, outcome }]);
      expect([reproduced, differences.length]).toEqual([0, 1]);
    }
  });
});

describe("another policy set", () => {
  test("shows each change of outcome, grouped, most frequent first, with examples", () => {
    const records = [
      ...Array.from({ length: 7 }, (_, i) => record(`w${i}`, OPEN)),
      ...Array.from({ length: 2 }, (_, i) => record(`d${i}`, OPEN, "danger")),
      record("r0", OPEN, "read"),
    ];
    const report = replay(`${ASK} @id("open2") permit(${ALL}) unless { context.writ.tier == "danger" };`, records);
    expect(report).toMatchObject({ replayed: 10, reproduced: 0, sameOutcome: 1, changed: 9, ungrouped: 0 });
    expect(report.groups).toEqual([
      {
        from: "allow",
        to: "step_up",
        command: "/x/do",
        before: ["open"],
        after: ["ask"],
        count: 7,
        examples: ["w0", "w1", "w2", "w3", "w4"],
      },
      {
        from: "step_up",
        to: "deny",
        command: "/x/do",
        before: ["writ.danger-needs-cosigner"],
        after: [],
        count: 2,
        examples: ["d0", "d1"],
      },
    ]);
    expect(report.differences).toHaveLength(10);
  });

  test("counts what was erased and what it cannot decide, and goes on", () => {
    const cycle = requestOf("read", {
      entities: [entity(uid("A", "1"), [uid("A", "2")]), entity(uid("A", "2"), [uid("A", "1")])],
      context: { writ: {} },
    });
    const outcome: RecordedOutcome = { decision: "deny", reason: "no_permit", policies: [], errors: [] };
    const report = replay(
      `permit(principal in A::"1", action, resource) when { principal has x };\n permit(${ALL}) when { resource has x };`,
      [
        { id: "erased", request: undefined, outcome },
        { id: "cycle", request: cycle, outcome },
        { id: "fine", request: requestOf("read"), outcome },
      ],
    );
    expect(report).toMatchObject({ replayed: 1, reproduced: 1, erased: 1, failed: 1 });
    expect(report.differences).toMatchObject([{ id: "cycle", replayed: { failed: expect.any(String) } }]);
  });

  test("reproduces a refusal by the same refusal, and leaves out what no policy was asked", () => {
    const cycle = requestOf("read", {
      entities: [entity(uid("A", "1"), [uid("A", "2")]), entity(uid("A", "2"), [uid("A", "1")])],
      context: { writ: {} },
    });
    const denied = { decision: "deny", policies: [], errors: [] } as const;
    const source = `permit(principal in A::"1", action, resource) when { principal has x };\n permit(${ALL}) when { resource has x };`;
    const report = replay(source, [
      { id: "same", request: cycle, outcome: { ...denied, refused: "invalid_argument" } },
      { id: "other", request: cycle, outcome: { ...denied, refused: "policy_slice_too_large" } },
      { id: "answered", request: requestOf("read"), outcome: { ...denied, refused: "invalid_argument" } },
      { id: "stale", request: requestOf("read"), outcome: { ...denied, reason: "policies_stale" } },
      { id: "mismatch", request: undefined, outcome: { ...denied, reason: "request_mismatch" } },
    ]);
    expect(report).toMatchObject({ replayed: 2, reproduced: 1, unasked: 2, failed: 1, erased: 0 });
    expect(report.differences.map(({ id }) => id)).toEqual(["other", "answered"]);
  });

  test("keeps a bounded number of groups", () => {
    const run = createReplay(authorizer, indexOf(OPEN));
    const outcome: RecordedOutcome = { decision: "deny", reason: "no_permit", policies: [], errors: [] };
    for (let i = 0; i < 1010; i += 1)
      run.take({ id: String(i), request: requestOf("read"), outcome: { ...outcome, policies: [String(i)] } });
    const { groups, ungrouped, changed, differences } = run.report();
    expect([groups.length, ungrouped, changed, differences.length]).toEqual([1000, 10, 1010, 100]);
  });
});

test("a recorded request is the one that was evaluated", () => {
  const shared = [entity(uid("Agent", "a"), [uid("AgentGroup", "g")])];
  const parts = {
    principal: uid("Agent", "a"),
    command: "/x/do",
    resource: uid("R", "r"),
    sharedEntities: shared,
    writContext: { tier: "read" },
    claimed: { a: 1 },
  };
  expect(recordedRequest({ ...parts, resourceEntity: entity(uid("R", "r")) }).entities).toEqual(shared);
  const lying = entity(uid("R", "r"), [uid("Connection", "c")]);
  expect(recordedRequest({ ...parts, resourceEntity: lying })).toEqual({
    principal: uid("Agent", "a"),
    action: uid("Action", "/x/do"),
    resource: uid("R", "r"),
    context: { writ: { tier: "read" }, claimed: { a: 1 } },
    entities: [...shared, lying],
  });
});
