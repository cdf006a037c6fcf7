import { describe, expect, test } from "bun:test";
import { readReport, summarize } from "../../scripts/test-summary.ts";

const REPORT = `<testsuites name="bun test" tests="4" failures="1" skipped="2">
  <testsuite name="a.test.ts" file="a.test.ts">
    <testcase name="p &amp; q > r" classname="d &lt;x&gt;" time="0" file="a.test.ts" line="2" assertions="0" />
    <testcase name="s &quot;q&quot;" file="a.test.ts"><skipped /></testcase>
    <testcase name="later" file="a.test.ts">
      <skipped message="TODO" />
    </testcase>
    <testcase name="f" file="a.test.ts" assertions="1">
      <failure type="AssertionError" message="a &lt;testcase">at a.test.ts:2</failure>
    </testcase>
  </testsuite>
</testsuites>`;

describe("the summary of a test run", () => {
  test("counts what passed and names what did not", () => {
    const { passed, failed, skipped } = readReport(REPORT);
    expect(passed).toBe(1);
    expect(failed).toEqual(["a.test.ts: f"]);
    expect(skipped).toEqual(['a.test.ts: s "q"', "a.test.ts: later"]);
  });

  test("adds reports up", () => {
    expect(summarize([REPORT, REPORT], 1)).toMatchObject({ passed: 2, failed: ["a.test.ts: f", "a.test.ts: f"] });
  });

  test("fails a run without tests, and one that ended badly without a failed test", () => {
    expect(summarize([], 0).failed).toEqual(["no test ran"]);
    const green = '<testcase name="a" file="a.test.ts" />';
    expect(summarize([green], 0).failed).toEqual([]);
    expect(summarize([green], 2).failed).toEqual(["the run ended with status 2, outside of a test"]);
  });
});
