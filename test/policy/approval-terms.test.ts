import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { approvalAnnotationProblems, PLAIN_TERMS, readApprovalTerms } from "#src/policy/approval-terms.ts";

describe("the terms of an approval", () => {
  test("are one person and one use of the call where nobody says otherwise", () => {
    expect(readApprovalTerms([], [])).toEqual(PLAIN_TERMS);
    expect(readApprovalTerms([{ id: "x", note: "y" }], [{}])).toEqual(PLAIN_TERMS);
  });

  test("are what the annotations say", () => {
    const annotations = {
      quorum: "2",
      approvers: "security, owner",
      comment: "required",
      escalate: "10m:admin",
      grant: "uses:10, until:1h, resource",
    };
    expect(readApprovalTerms([annotations], [annotations])).toEqual({
      quorum: 2,
      approvers: [["owner", "security"]],
      comment: true,
      escalation: { seconds: 600, group: "admin" },
      grants: { uses: 10, seconds: 3600, resource: true, run: false },
    });
  });

  test("are the strictest of all that speak", () => {
    const terms = readApprovalTerms(
      [
        { quorum: "2", approvers: "security", escalate: "1m:a" },
        { quorum: "3", approvers: "owner", escalate: "1h:b", comment: "required" },
      ],
      [{ grant: "uses:10,until:1h,resource" }, { grant: "uses:3,until:2h" }],
    );
    expect(terms).toEqual({
      quorum: 3,
      approvers: [["owner"], ["security"]],
      comment: true,
      escalation: { seconds: 3600, group: "b" },
      grants: { uses: 3, seconds: 3600, resource: false, run: false },
    });
    expect(readApprovalTerms([], [{ grant: "run,resource" }, { grant: "run" }])?.grants).toMatchObject({ run: true });
    expect(readApprovalTerms([], [{ grant: "run" }, { grant: "uses:9" }])?.grants).toMatchObject({ run: false });
    const withSilent = readApprovalTerms([], [{ grant: "uses:10,until:1h,resource" }, {}]);
    expect(withSilent?.grants).toEqual(PLAIN_TERMS.grants);
  });

  test.each([
    ["quorum", ["", "0", "11", "two", "1.5", "-1", "02x", " 2"]],
    ["approvers", ["", ",", "A", "a,,b", "a b", "é"]],
    ["comment", ["", "yes", "optional"]],
    ["escalate", ["", "10m", "10m:", ":a", "0m:a", "10x:a", "10m:a:b", "31d:a", "999999d:a"]],
    [
      "grant",
      [
        "",
        "uses",
        "uses:0",
        "uses:1001",
        "uses:x",
        "until:",
        "until:0s",
        "until:31d",
        "forever",
        "once,",
        "uses:1:2",
        "run:1",
        "Run",
      ],
    ],
  ])("refuse a malformed @%s", (name, values) => {
    for (const value of values) {
      expect([value, approvalAnnotationProblems({ [name]: value }).length]).toEqual([value, 1]);
      expect([value, readApprovalTerms([{ [name]: value }], [])]).toEqual([value, undefined]);
    }
  });

  test("look at own names alone, whatever they are", () => {
    expect(approvalAnnotationProblems(Object.create({ quorum: "x" }))).toEqual([]);
    const hostile = JSON.parse('{"__proto__": "x", "constructor": "y"}');
    expect(readApprovalTerms([hostile], [hostile])).toEqual(PLAIN_TERMS);
  });

  test("never widen when another policy speaks, whatever it says", () => {
    const part = fc.constantFrom("once", "resource", "run", "uses:2", "uses:7", "until:5m", "until:2h");
    const annotations = fc.record(
      {
        quorum: fc.integer({ min: 1, max: 10 }).map(String),
        approvers: fc.constantFrom("a", "a,b", "owner"),
        comment: fc.constant("required"),
        grant: fc.uniqueArray(part, { minLength: 1 }).map((parts) => parts.join(",")),
      },
      { requiredKeys: [] },
    );
    const list = fc.array(annotations as fc.Arbitrary<Record<string, string>>, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(list, annotations as fc.Arbitrary<Record<string, string>>, (before, added) => {
        const one = readApprovalTerms(before, before);
        const more = readApprovalTerms([...before, added], [...before, added]);
        if (one === undefined || more === undefined) throw new Error("well-formed annotations were refused");
        expect(more.quorum).toBeGreaterThanOrEqual(one.quorum);
        expect(more.approvers.length).toBeGreaterThanOrEqual(one.approvers.length);
        expect(more.comment || !one.comment).toBe(true);
        expect(more.grants.uses).toBeLessThanOrEqual(one.grants.uses);
        expect(!more.grants.resource || one.grants.resource).toBe(true);
        if (more.grants.seconds !== null) {
          expect(one.grants.seconds).not.toBeNull();
          expect(more.grants.seconds).toBeLessThanOrEqual(one.grants.seconds ?? 0);
        }
      }),
    );
  });
});
